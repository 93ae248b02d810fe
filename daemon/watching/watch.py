"""Which files concern us, and the hints that the file system gives of them.

A hint says "look here" and nothing more: the truth is a fresh stat and what the file says
once it is still. What events miss, the walk finds.
"""

import fnmatch
import functools
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from core.stamp import Stamp
from core.tags.journal import is_scratch

__all__ = ["Directory", "Entry", "Rules", "Skipped", "Watcher", "entry_of", "look", "walk"]

AUDIO_SUFFIXES = frozenset(
    (
        *(".mp3", ".mp2", ".flac", ".ogg", ".oga", ".opus", ".spx", ".wav", ".wave"),
        *(".m4a", ".m4b", ".m4p", ".mp4a", ".alac", ".aac", ".ac3", ".caf", ".mka"),
        *(".aif", ".aiff", ".aifc", ".wma", ".wv", ".ape", ".mpc", ".mp+", ".ofr", ".ofs"),
        *(".tak", ".tta", ".dsf", ".dff"),
    )
)
EVERYTHING = ("*",)
CONFLICT = ".sync-conflict-"  # of a sync tool, within a name
# folders of other programs, whose files are parts of something, and formats that are not music
NEVER_FOLDERS = (
    "*.logicx",
    "*.band",
    "*.musiclibrary",
    "*.photoslibrary",
    "apple loops",
    "*loop library*",
    "*loop libraries*",
    "automatically add to music*",
    "automatically add to itunes*",
    "_serato_",
    "_serato_backup",
    "pioneer",
    "rekordbox",
    "engine library",
    "audiobooks",
    "audiobook",
    "hörbücher",
)
NEVER_SUFFIXES = frozenset((".m4p", ".m4b"))  # bought with DRM, audiobooks


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file (or a folder that is called like one) that concerns us."""

    path: str
    stamp: Stamp
    is_file: bool
    is_dir: bool
    is_link: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Which names concern us; patterns are shell patterns in lower case, matched without case."""

    include: tuple[str, ...] = EVERYTHING
    exclude: tuple[str, ...] = ()
    skip_known: bool = True
    follow_symlinks: bool = False

    @classmethod
    def of(
        cls, include: Iterable[str], exclude: Iterable[str], *, skip_known: bool, follow: bool
    ) -> Self:
        """Make rules of patterns as the user wrote them."""
        return cls(
            include=tuple(pattern.casefold() for pattern in include),
            exclude=tuple(pattern.casefold() for pattern in exclude),
            skip_known=skip_known,
            follow_symlinks=follow,
        )

    def wants_folder(self, path: str) -> bool:
        """Say whether to enter the folder."""
        name = os.path.basename(path).casefold()  # noqa: PTH119  odd bytes survive
        if name.startswith(".") or self._excluded(path):
            return False
        return not (self.skip_known and _matches(name, NEVER_FOLDERS))

    def wants_file(self, path: str) -> bool:
        """Say whether the file is music that may be complete."""
        return self.wants(os.path.basename(path), path)  # noqa: PTH119

    def wants(self, name: str, path: str) -> bool:
        """Say the same of the file called *name* at *path*; quick, for a walk asks it of all."""
        folded = name.casefold()
        suffix = folded[folded.rfind(".") :]
        if suffix not in AUDIO_SUFFIXES or _is_unfinished(folded):
            return False
        if self.skip_known and suffix in NEVER_SUFFIXES:
            return False
        if self.include == EVERYTHING and not self.exclude:  # as by default
            return True
        return self._matches_path(path, self.include) and not self._excluded(path)

    def is_audio(self, path: str) -> bool:
        """Say whether the name is that of a finished audio file."""
        folded = os.path.basename(path).casefold()  # noqa: PTH119
        return folded[folded.rfind(".") :] in AUDIO_SUFFIXES and not _is_unfinished(folded)

    def _excluded(self, path: str) -> bool:
        return self._matches_path(path, self.exclude)

    def _matches_path(self, path: str, patterns: tuple[str, ...]) -> bool:
        folded = path.casefold()
        name = os.path.basename(folded)  # noqa: PTH119
        return _matches(name, patterns) or _matches(folded, patterns)


@dataclass(slots=True)
class Skipped:
    """What a walk left out by rule, to be counted in `status`."""

    folders: int = 0
    files: int = 0
    scratch: list[str] = field(default_factory=list)  # working copies of tag writes


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """One folder of a walk with what lies in it and concerns us.

    Kept as the system tells it: of 100,000 files that a walk passes, most mean nothing new.
    """

    path: str
    stats: dict[str, os.stat_result]  # by path
    known: Mapping[str, Any]  # by path, what the walker knew of it

    @property
    def entries(self) -> list[Entry]:
        """What lies in it, as the other rooms know it."""
        return [entry_of(path, found) for path, found in self.stats.items()]


def walk(
    root: str,
    rules: Rules,
    skipped: Skipped | None = None,
    known_in: Callable[[str], Mapping[str, Any]] = lambda path: {},
) -> Iterator[Directory]:
    """Yield each folder at or below *root* that may be entered and can be read.

    Of files that are *known_in* a folder it is not asked anew whether they concern us.
    """
    count = skipped or Skipped()
    waiting = [root]
    entered: set[tuple[int, int]] = set()
    while waiting:
        path = waiting.pop()
        known = known_in(path)
        found = _scan(path, rules, known, waiting, count)
        if found is None or (rules.follow_symlinks and not _first_time(path, entered)):
            continue
        yield Directory(path=path, stats=found, known=known)


def look(path: str) -> Entry | None:
    """Return what lies at *path* now, None where nothing does."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return entry_of(path, found)


def entry_of(path: str, found: os.stat_result) -> Entry:
    """Reduce what the system tells of *path* to what concerns us."""
    return Entry(
        path=path,
        stamp=Stamp.of(found),
        is_file=stat.S_ISREG(found.st_mode),
        is_dir=stat.S_ISDIR(found.st_mode),
        is_link=stat.S_ISLNK(found.st_mode),
    )


class Watcher:
    """watchdog's threads, reduced to hints: *hint* is called with each path to look at."""

    def __init__(self, hint: Callable[[str], None]) -> None:
        self._handler = _Handler(hint)
        self._observer: BaseObserver | None = None  # has a thread from the start
        self._watches: dict[str, ObservedWatch] = {}

    def add(self, folder: str) -> None:
        """Watch *folder* and all below it, anew if it was; raises OSError where refused."""
        if self._observer is None:
            self._observer = Observer()
            self._observer.start()
        if folder in self._watches:  # of what lay there before: it gives no events any more
            self._observer.unschedule(self._watches.pop(folder))
        self._watches[folder] = self._observer.schedule(
            self._handler, folder, recursive=True, event_filter=_events()
        )

    def stop(self) -> None:
        """End the threads."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()


class _Handler(FileSystemEventHandler):
    def __init__(self, hint: Callable[[str], None]) -> None:
        self._hint = hint

    def on_any_event(self, event: FileSystemEvent) -> None:
        for path in (event.src_path, event.dest_path):
            if path:
                self._hint(os.fsdecode(path))


def _events() -> list[type[FileSystemEvent]]:
    # opened and closed-no-write would make us look at what we ourselves read, for ever
    wanted: list[type[FileSystemEvent]] = [
        FileCreatedEvent,
        FileClosedEvent,
        FileMovedEvent,
        FileDeletedEvent,
        DirCreatedEvent,
        DirMovedEvent,
        DirDeletedEvent,
    ]
    if sys.platform == "darwin":  # FSEvents knows no "closed"
        wanted.append(FileModifiedEvent)
    return wanted


def _scan(
    path: str, rules: Rules, known: Mapping[str, Any], waiting: list[str], count: Skipped
) -> dict[str, os.stat_result] | None:
    found: dict[str, os.stat_result] = {}
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                is_dir = entry.is_dir(follow_symlinks=rules.follow_symlinks)
                if is_dir:
                    _sort_folder(entry.path, rules, waiting, count)
                if entry.path in known or rules.wants(entry.name, entry.path):
                    _stat(entry, found)
                elif not is_dir and rules.is_audio(entry.path):
                    count.files += 1
                elif is_scratch(entry.name):
                    count.scratch.append(entry.path)
    except OSError:
        return None
    return found


def _sort_folder(path: str, rules: Rules, waiting: list[str], count: Skipped) -> None:
    if rules.wants_folder(path):
        waiting.append(path)
    else:
        count.folders += 1


def _stat(entry: os.DirEntry[str], found: dict[str, os.stat_result]) -> None:
    try:
        found[entry.path] = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # vanished between listing and stat
        return


def _first_time(path: str, entered: set[tuple[int, int]]) -> bool:
    found = os.stat(path)  # noqa: PTH116
    key = (found.st_dev, found.st_ino)
    if key in entered:
        return False
    entered.add(key)
    return True


def _is_unfinished(name: str) -> bool:
    """Say whether the folded *name* of an audio file says that it is not whole yet.

    Downloaders mostly put a suffix of their own behind it, which is none of audio; others a
    tilde or a dot before, as we do.
    """
    return name[0] in ".~" or CONFLICT in name


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return _matcher(patterns).match(name) is not None


@functools.cache
def _matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    # one expression for all patterns: a rescan asks for each of 100,000 names
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns) or r"(?!)")
