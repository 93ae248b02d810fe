"""The note of which model is in use, and of those used before it: one small file.

Replaced atomically, so that whoever reads it finds the note before or the one after. It
knows no model folder, and never decides which model is good.
"""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import ModelError

__all__ = ["VERSION", "Note", "mark", "read", "save"]

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NAME = "champion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """The versions used, the one in use last; and whether the gate chose that one."""

    history: tuple[str, ...] = ()
    proven: bool = False  # False where a person chose it


def mark(root: Path) -> tuple[int, int] | None:
    """Return what changes when another note is saved: a stat is all that asking may cost."""
    try:
        found = (root / NAME).stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino


def read(root: Path) -> Note:
    """Return the note under *root*, an empty one where there is none; raises ModelError."""
    try:
        document = json.loads((root / NAME).read_text("utf-8"))
        named = [version for version in document["history"] if VERSION.fullmatch(version)]
        return Note(history=tuple(named), proven=bool(document.get("proven")))
    except FileNotFoundError:
        return Note()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            "the note of which model is in use is damaged",
            str(root / NAME),
            "run: genrewatch models use VERSION",
        ) from error


def save(root: Path, history: Sequence[str], *, proven: bool = False) -> None:
    """Put a note under *root* in the place of the one before; *root* must be there."""
    target = root / NAME
    fresh = target.with_name(f"{NAME}.new")
    with open(fresh, "w", encoding="utf-8", opener=_private) as stream:
        json.dump({"history": list(history), "proven": proven}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(target)


def _private(path: str, flags: int) -> int:
    """Open for the owner alone, whatever the umask."""
    return os.open(path, flags, 0o600)
