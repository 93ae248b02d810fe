"""What SQLite complains of, said in one sentence with what to do about it."""

import shutil
import sqlite3
from pathlib import Path

from core.errors import LibraryError

__all__ = ["RESTORE", "Fault", "told"]

Fault = sqlite3.Error  # whatever the database raises

ROOM = 1 << 20  # bytes that the files beside the record may need
RESTORE = "put a backup in its place with: genrewatch restore"
SENTENCES = {
    sqlite3.SQLITE_CORRUPT: ("the record is damaged", RESTORE),
    sqlite3.SQLITE_NOTADB: ("the record is damaged", RESTORE),
    sqlite3.SQLITE_FULL: ("the disk that holds the record is full", "make room there"),
    sqlite3.SQLITE_READONLY: (
        "the record cannot be written",
        "make its folder writable, or give another with --state-dir",
    ),
    sqlite3.SQLITE_CANTOPEN: ("the record cannot be opened", "check that its folder is writable"),
    sqlite3.SQLITE_BUSY: ("another program holds the record", "end it, or try again"),
    sqlite3.SQLITE_LOCKED: ("another program holds the record", "end it, or try again"),
    sqlite3.SQLITE_IOERR: ("the disk that holds the record fails", "check the disk, then doctor"),
}


def told(error: sqlite3.Error, path: str | None = None) -> LibraryError:
    """Return *error* as one that is told to the user; *path* is that of the record."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # without details
    if code == sqlite3.SQLITE_IOERR and path and _is_full(path):
        code = sqlite3.SQLITE_FULL  # which is what the files beside the record fail of
    what, remedy = SENTENCES.get(code, ("the record cannot be used", None))
    found = LibraryError(f"{what} ({error})", path, remedy)
    found.__cause__ = error
    return found


def _is_full(path: str) -> bool:
    return shutil.disk_usage(Path(path).parent).free < ROOM
