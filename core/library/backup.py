"""Dated copies of the record, and the way back to one of them.

Made by SQLite's own backup, checked, and put in place in one step; the last three days and
one of each of the last four weeks are kept. A record that is put back never deletes the one
that lay there: that is put aside.
"""

import math
import os
import re
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from core.errors import LibraryError
from core.library.faults import Fault, told
from core.tags.copying import sync_directory, sync_file

__all__ = ["Backup", "back_up", "backups", "days_to_keep", "put_back", "trouble_of"]

DAYS, WEEKS, MIGRATIONS = 3, 4, 2  # how many of each are kept
NAME = re.compile(r"library-(\d{4}-\d\d-\d\d)(?:-before-(\d+))?\.db")
ROOM = 2  # a copy is made only where so many times its size are free
BESIDE = ("", "-wal", "-shm")  # SQLite's files beside the record, which belong to it


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """One copy: of a day, or from before the step to schema *before*."""

    path: Path
    day: date
    before: int | None
    size: int


def back_up(library: Path, folder: Path, day: date, *, before: int | None = None) -> Path:
    """Copy the record to *folder* under the name of *day*, and drop copies of no more use.

    Raises LibraryError where that fails or the record is damaged; older copies stay then.
    """
    end = "" if before is None else f"-before-{before}"
    target = folder / f"library-{day.isoformat()}{end}.db"
    scratch = target.with_name(f".{target.name}.tmp")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        _check_room(library, folder)
        _copy(library, scratch)
        scratch.replace(target)
        sync_directory(str(folder))
        _prune(folder)
    except Fault as error:
        raise told(error, str(library)) from error
    except OSError as error:
        raise LibraryError(f"no backup was made ({error.strerror})", str(folder)) from error
    finally:
        for part in BESIDE:
            with suppress(OSError):
                scratch.with_name(scratch.name + part).unlink(missing_ok=True)
    return target


def backups(folder: Path) -> list[Backup]:
    """Return the copies in *folder*, the newest first."""
    found = [made for path in folder.glob("library-*.db") if (made := _backup(path))]
    return sorted(found, key=lambda made: (made.day, made.before or math.inf), reverse=True)


def days_to_keep(days: Iterable[date]) -> set[date]:
    """Return which days' copies to keep: the last ones, and the last of each of some weeks."""
    newest_first = sorted(set(days), reverse=True)
    weeks: dict[tuple[int, int], date] = {}  # by the calendar, or none would ever grow old
    for day in newest_first:
        weeks.setdefault(day.isocalendar()[:2], day)
    return {*newest_first[:DAYS], *list(weeks.values())[:WEEKS]}


def trouble_of(library: Path, *, thorough: bool = False) -> str | None:
    """Return what is wrong with the record, None where it is whole.

    The quick check passes over what the indices say; the thorough one does not.
    """
    try:
        with closing(sqlite3.connect(library)) as db:
            check = "integrity_check" if thorough else "quick_check"
            answer: str = db.execute(f"pragma {check}(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if answer == "ok" else answer


def put_back(library: Path, backup: Path | None, aside: Path, now: datetime) -> Path | None:
    """Put *backup* (None: nothing) in the place of the record; return where that lies now.

    Nobody may have the record open. Raises LibraryError where the disk does not let us.
    """
    kept = aside / f"library-{now:%Y%m%d-%H%M%S-%f}.db"
    scratch = library.with_name(f".{library.name}.tmp")
    try:
        if backup is not None:
            scratch.unlink(missing_ok=True)
            _copy(backup, scratch)
        put_aside = _put_aside(library, kept)
        if backup is not None:
            scratch.replace(library)
        sync_directory(str(library.parent))
    except Fault as error:
        raise told(error, str(backup)) from error
    except OSError as error:
        raise LibraryError(f"it was not put back ({error.strerror})", str(library)) from error
    return kept if put_aside else None


def _put_aside(library: Path, kept: Path) -> bool:
    """Move the record with the files beside it; say whether there was anything."""
    parts = [part for part in BESIDE if library.with_name(library.name + part).exists()]
    if parts:
        kept.parent.mkdir(mode=0o700, exist_ok=True)
    for part in parts:
        library.with_name(library.name + part).replace(kept.with_name(kept.name + part))
    return bool(parts)


def _copy(library: Path, target: Path) -> None:
    """Copy the record, also while others write to it; raises Fault where it is damaged."""
    os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
    with closing(sqlite3.connect(library)) as source, closing(sqlite3.connect(target)) as copy:
        copy.execute("pragma synchronous = off")  # it is synced once, whole
        source.backup(copy)
        answer = copy.execute("pragma quick_check(1)").fetchone()[0]
    if answer != "ok":
        raise LibraryError(f"the record is damaged ({answer})", str(library))
    with target.open("rb") as file:
        sync_file(file)


def _check_room(library: Path, folder: Path) -> None:
    needed = library.stat().st_size * ROOM
    if shutil.disk_usage(folder).free < needed:
        raise LibraryError(
            f"no backup was made, for less than {needed >> 20} MB are free",
            str(folder),
            "make room there",
        )


def _prune(folder: Path) -> None:
    made = backups(folder)
    kept = days_to_keep(one.day for one in made if one.before is None)
    old = [one for one in made if one.before is None and one.day not in kept]
    old += [one for one in made if one.before is not None][MIGRATIONS:]
    for one in old:
        one.path.unlink()


def _backup(path: Path) -> Backup | None:
    found = NAME.fullmatch(path.name)
    if found is None:
        return None
    try:
        day = date.fromisoformat(found[1])
    except ValueError:
        return None
    before = int(found[2]) if found[2] else None
    return Backup(path=path, day=day, before=before, size=path.stat().st_size)
