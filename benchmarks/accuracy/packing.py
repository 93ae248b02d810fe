"""Tracks and trained ensembles as arrays by name, and back: nothing is pickled.

A dataclass becomes the name of its class and its fields, so whatever a track or a member
carries one day comes along. Only dataclasses of the program itself are ever made again.
"""

import importlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from benchmarks.accuracy.store import Arrays

__all__ = ["pack", "unpack"]


def pack(value: Any) -> Arrays:
    """Return *value* as arrays: dataclasses, arrays, collections, plain values."""
    arrays: Arrays = {}
    outline = _outline(value, arrays)
    return {**arrays, "outline": np.array(json.dumps(outline))}


def unpack(arrays: Arrays) -> Any:
    """Return what `pack` was given; raises ValueError for a class that is none of ours."""
    return _made(json.loads(str(arrays["outline"])), arrays)


def _outline(value: Any, arrays: Arrays) -> Any:
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if is_dataclass(value) and not isinstance(value, type):
        held = {f.name: _outline(getattr(value, f.name), arrays) for f in fields(value)}
        return {"class": f"{type(value).__module__}:{type(value).__qualname__}", "fields": held}
    if isinstance(value, tuple | list):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_outline(item, arrays) for item in value]}
    if isinstance(value, frozenset):
        return {"set": sorted(value)}
    if isinstance(value, Mapping):
        return {"pairs": [[key, _outline(item, arrays)] for key, item in value.items()]}
    return value.item() if isinstance(value, np.generic) else value


def _made(outline: Any, arrays: Arrays) -> Any:
    if not isinstance(outline, dict):
        return outline
    if "array" in outline:
        return arrays[outline["array"]]
    if "tuple" in outline:
        return tuple(_made(item, arrays) for item in outline["tuple"])
    if "list" in outline:
        return [_made(item, arrays) for item in outline["list"]]
    if "set" in outline:
        return frozenset(outline["set"])
    if "pairs" in outline:
        return {key: _made(item, arrays) for key, item in outline["pairs"]}
    values = {name: _made(held, arrays) for name, held in outline["fields"].items()}
    return _class(outline["class"])(**values)


def _class(name: str) -> type[Any]:
    module, _, inner = name.partition(":")
    found = getattr(importlib.import_module(module), inner) if module.startswith("core.") else None
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ValueError(f"{name} is no dataclass of the program")
    return found
