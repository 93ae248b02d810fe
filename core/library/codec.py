"""How values look in the record: paths as bytes, lists as JSON, times as ISO 8601 UTC."""

import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

__all__ = ["as_list", "as_time", "list_json", "path_bytes", "path_text", "time_text"]

PATHS = (sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())  # as os.fsdecode has it


def path_bytes(path: str) -> bytes:
    """Return the bytes the file system knows; odd ones travel as surrogates in *path*."""
    return os.fsencode(path)


def path_text(path: bytes) -> str:
    """Undo path_bytes; quick, for a rescan asks it of all that is known."""
    return path.decode(*PATHS)


def list_json(values: Sequence[str]) -> str:
    """Return a JSON list of texts."""
    return json.dumps(list(values), ensure_ascii=False)


def as_list(text: str) -> tuple[str, ...]:
    """Undo list_json."""
    return tuple(json.loads(text))


def time_text(moment: datetime) -> str:
    """Return *moment* (aware) as ISO 8601 UTC in milliseconds, so that texts sort as times."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_time(text: str) -> datetime:
    """Undo time_text."""
    return datetime.fromisoformat(text)
