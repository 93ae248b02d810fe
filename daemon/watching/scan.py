"""Compare the watched folders with the record: what is new, changed or gone.

Knows the disk and the record, no lifecycle. An absent or emptied folder that held files is
a lost mount, never "all deleted".
"""

import functools
import itertools
import os
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlite_utils import Database

from core.errors import ConfigError
from core.library import files, runs
from core.library.files import AT_REST, FileRow, Noted
from core.library.schema import writing
from core.stamp import Stamp
from core.tags import journal
from daemon.config import Watch
from daemon.watching.folders import unmounted
from daemon.watching.watch import Directory, Entry, Rules, Skipped, entry_of, look, walk

__all__ = ["Found", "Gone", "Scan", "is_on_lost_mount", "rules_of"]

log = structlog.get_logger(__name__)

AT_ONCE = 1000  # files recorded in one transaction when a folder is first listed


def rules_of(watch: Watch) -> Rules:
    """Return which names concern us."""
    return Rules.of(
        watch.include, watch.exclude, skip_known=watch.skip_known, follow=watch.follow_symlinks
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file that lies there, and whether the record must take note of it."""

    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """Files that the record knows and that are there no more."""

    paths: tuple[str, ...]


class Scan:
    """The watched folders, as the disk and the record see them."""

    def __init__(
        self, db: Database, folders: list[str], rules: Rules, now: Callable[[], datetime]
    ) -> None:
        self._db = db
        self.folders = folders
        self._rules = rules
        self._now = now
        self._skipped: dict[str, Skipped] = {}  # by folder, as of its last walk
        self.refused: Container[str] = ()  # folders that another process watches

    def begin(self) -> None:
        """Make the folders that were never watched and are absent; record that all are watched.

        One that was watched before and is absent is a lost mount: made anew, it would be
        taken for the folder, and what comes back later for new music. Raises ConfigError.
        """
        for folder in self.folders:
            if files.folder(self._db, folder) is None:
                if unmounted(folder):  # made now, it would be hidden below its volume
                    continue
                _make(folder)
            files.watch_folder(self._db, folder, self._now())

    def all(self) -> Iterator[Found | Gone]:
        """Yield whatever differs from the record in any folder."""
        for folder in self.folders:
            yield from self.folder(folder)

    def folder(self, folder: str) -> Iterator[Found | Gone]:
        """Yield whatever differs from the record in this watched folder."""
        self._skipped[folder] = Skipped()
        yield from self._folder(folder, self._skipped[folder])
        self._tell_skipped()

    def at(self, path: str) -> Iterator[Found | Gone]:
        """Yield what differs from the record at *path*, if it concerns us."""
        folder = self.folder_of(path)
        if folder is None or folder in self.refused or not self._may_enter(path, folder):
            return
        entry = look(path)
        if entry is None:
            yield from self._missing(path)
        elif entry.is_dir:
            yield from self._inside(entry)
        elif self._rules.wants_file(path):
            yield from self._one(entry)

    def unread(self, limit: int) -> Iterator[Found | Gone]:
        """Yield files that lay there when their folder was first watched and wait to be read."""
        for folder in self.folders:
            for path in files.unread_in(self._db, folder, limit):
                entry = look(path)
                if entry is None:
                    yield from self._missing(path)
                elif self._rules.wants_file(path):
                    yield Found(entry=entry)
                else:  # excluded since it was listed
                    yield Gone(paths=(path,))

    def folder_of(self, path: str) -> str | None:
        """Return the watched folder that *path* lies in."""
        return _folder_of(self.folders, path)

    def is_on_lost_mount(self, path: str) -> bool:
        """Say whether *path* cannot be told gone because its whole folder is."""
        return is_on_lost_mount(self._db, self.folders, path)

    def _folder(self, folder: str, skipped: Skipped) -> Iterator[Found | Gone]:
        if folder in self.refused:
            return
        if not _is_present(self._db, folder):
            log.warning("folder absent or emptied; taken for unmounted", folder=folder)
            return
        known = files.folder(self._db, folder)
        if known is None or known.baseline_at is None:
            self._take_baseline(folder)
        missing = set(files.known_dirs(self._db, folder))

        def known_in(path: str) -> dict[str, Noted]:
            return files.files_in_dir(self._db, path) if path in missing else {}

        for directory in walk(folder, self._rules, skipped, known_in):
            missing.discard(directory.path)
            self._sweep(skipped)
            yield from self._compare(directory)
        for lost in missing:
            yield from self._missing(lost)

    def _take_baseline(self, folder: str) -> None:
        """List what lies there now: it is read, never written unasked.

        In parts, so that neither memory nor the write lock is held for a whole library. Cut
        short, it is taken up again: what came meanwhile then counts as what lay there.
        """
        found = (
            (path, Stamp.of(stat))
            for directory in walk(folder, self._rules)
            for path, stat in directory.stats.items()
        )
        while part := list(itertools.islice(found, AT_ONCE)):
            with writing(self._db):
                files.add_existing(self._db, part, self._now())
        with writing(self._db):
            files.finish_baseline(self._db, folder, self._now())

    def _sweep(self, skipped: Skipped) -> None:
        """Clear working copies away before the files beside: one may get its old genre back."""
        journal.sweep(self._db, skipped.scratch)
        skipped.scratch.clear()

    def _compare(self, directory: Directory) -> Iterator[Found | Gone]:
        known, stats = directory.known, directory.stats
        for path, stat in stats.items():
            seen = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, AT_REST)
            if known.get(path) != seen and self._rules.wants_file(path):
                yield from self._one(entry_of(path, stat))
        gone = tuple(path for path in known if path not in stats)
        if gone:
            yield Gone(paths=gone)

    def _tell_skipped(self) -> None:
        counts = {
            "folders": sum(skipped.folders for skipped in self._skipped.values()),
            "files": sum(skipped.files for skipped in self._skipped.values()),
        }
        if runs.get_setting(self._db, "skipped") != counts:
            runs.set_setting(self._db, "skipped", counts)

    def _inside(self, entry: Entry) -> Iterator[Found | Gone]:
        if self._rules.wants_folder(entry.path):
            known_in = functools.partial(files.files_in_dir, self._db)
            skipped = Skipped()
            for directory in walk(entry.path, self._rules, skipped, known_in):
                self._sweep(skipped)
                yield from self._compare(directory)
        if self._rules.wants_file(entry.path):  # a folder that is called like a file
            yield from self._one(entry)

    def _one(self, entry: Entry) -> Iterator[Found]:
        if _differs(entry, files.file_at(self._db, entry.path)):
            yield Found(entry=entry)

    def _missing(self, path: str) -> Iterator[Gone]:
        if self.is_on_lost_mount(path):
            return
        rows = files.files_gone_or_here(self._db, path)
        gone = [row.path for row in rows if not row.gone_at and not os.path.lexists(row.path)]
        if gone:
            yield Gone(paths=tuple(gone))

    def _may_enter(self, path: str, folder: str) -> bool:
        parent = os.path.dirname(path)  # noqa: PTH120
        while len(parent) > len(folder):
            if not self._rules.wants_folder(parent):
                return False
            parent = os.path.dirname(parent)  # noqa: PTH120
        return True


def is_on_lost_mount(db: Database, folders: Iterable[str], path: str) -> bool:
    """Say whether *path* lies in one of the watched *folders* that is away as a whole."""
    folder = _folder_of(folders, path)
    return folder is not None and not _is_present(db, folder)


def _make(folder: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103  odd bytes survive
    except OSError as error:
        what = f"the folder cannot be made ({error.strerror})"
        raise ConfigError(what, folder, "make it, or name another to watch") from error


def _folder_of(folders: Iterable[str], path: str) -> str | None:
    return next((f for f in folders if path == f or path.startswith(f + "/")), None)


def _is_present(db: Database, folder: str) -> bool:
    if unmounted(folder):
        return False
    try:
        with os.scandir(folder) as entries:
            if next(entries, None) is not None:
                return True
    except OSError:
        return False
    return not files.known_dirs(db, folder)


def _differs(entry: Entry, row: FileRow | None) -> bool:
    """Say whether the file is new, changed, or was left unfinished.

    What waits in the backlog is taken up by it, whatever it is by then.
    """
    if row is None or row.gone_at is not None:
        return True
    return not row.is_unread and (row.stamp != entry.stamp or row.state == "pending")
