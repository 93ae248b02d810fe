"""Results on disk, so that a run that was cut off goes on where it was.

A result is known by its name, by the arguments in that name, and by the source of all
modules that made it: whatever changes one of these makes it anew. Never holds code.
"""

import ast
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Store", "cache_dir", "digest", "source_of"]

ROOT = Path(__file__).parents[2]
Arrays = dict[str, NDArray[Any]]

# Whatever judges imports one of these, so their sources are all that a verdict hangs on.
LEARNING = ("core.learning.train", "core.learning.ensemble.fitting", "core.decision.verdict")


class Store:
    """A folder of results."""

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        """Keep results in *folder*; with *fresh* what stood there before is not read."""
        self.folder = folder
        self._fresh = fresh
        self._made: set[Path] = set()

    def kept[T](self, key: str, make: Callable[[], T], *, code: Sequence[str] = LEARNING) -> T:
        """Return what is kept under *key*, or make and keep it.

        *key* names every argument of *make*, *code* the modules whose source (with all that
        they import of ours) it hangs on. Kept are either arrays by name, or what JSON can say
        (tuples come back as lists).
        """
        stem = self.folder / digest(key, source_of(tuple(code)))
        for path in (stem.with_suffix(".npz"), stem.with_suffix(".json")):
            if path.exists() and (path in self._made or not self._fresh):
                return _read(path)  # type: ignore[no-any-return]
        made = make()
        self._made.add(_write(stem, made))
        return made


def cache_dir() -> Path:
    """Return where results are kept unless told otherwise (XDG)."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "genrewatch-benchmarks" / "accuracy"


def digest(*parts: str | bytes) -> str:
    """Return a name for *parts* that tells any two apart."""
    found = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        found.update(len(raw).to_bytes(8, "big") + raw)
    return found.hexdigest()[:32]


@cache
def source_of(modules: tuple[str, ...]) -> str:
    """Return the digest of the source of *modules* and of all modules of core they import."""
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = _file_of(name)
        if path is None or name in found:
            continue
        found[name] = path
        waiting += _imported(path)
    return digest(*(part for name in sorted(found) for part in (name, found[name].read_bytes())))


def _file_of(name: str) -> Path | None:
    place = ROOT.joinpath(*name.split("."))
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file():
            return path
    return None


def _imported(path: Path) -> list[str]:
    """Every module of ours that the source at *path* names, inside functions too."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.startswith("core.")]


def _read(path: Path) -> Any:
    if path.suffix == ".json":
        return json.loads(path.read_text("utf-8"))
    with np.load(path, allow_pickle=False) as held:
        return {name: held[name] for name in held.files}


def _write(stem: Path, value: Any) -> Path:
    """Write *value* whole or not at all; return where."""
    arrays = isinstance(value, dict) and all(isinstance(v, np.ndarray) for v in value.values())
    path = stem.with_suffix(".npz" if arrays and value else ".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with scratch.open("wb") as file:
        if path.suffix == ".npz":
            np.savez(file, **value)
        else:
            file.write(json.dumps(value).encode())
    scratch.replace(path)
    return path
