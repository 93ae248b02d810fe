"""Who else may write to a folder, and what its file system cannot do: for the check-up.

Looks at names, sizes and processes; reads no music. The one thing it makes are two empty
dot files, gone at once, to try what swapping and locking do on a file system.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core.tags.journal import is_scratch
from core.tags.swap import NotHere, exchange
from daemon.watching.volumes import Volume, volume_of

__all__ = ["Survey", "other_writers", "place_trouble", "room_trouble", "survey", "taggers"]

ROOM = 64 << 20  # beside a copy of the largest file: tag blocks, and the disk's own book-keeping
MANY = 3  # names told of a kind

# what programs that keep folders the same on several machines leave in them
MARKERS = {
    ".stfolder": "Syncthing",
    ".stversions": "Syncthing",
    ".dropbox": "Dropbox",
    ".dropbox.cache": "Dropbox",
    ".tmp.drivedownload": "Google Drive",
    ".tmp.driveupload": "Google Drive",
    ".owncloudsync.log": "Nextcloud",
    ".849C9593-D756-4E56-8D6E-42412F2A707B": "OneDrive",
    ".sync": "Resilio Sync",
}
FOLDED = {marker.casefold(): who for marker, who in MARKERS.items()}
PARTS = {  # and parts of the path that they choose
    "com~apple~clouddocs": "iCloud Drive",
    "mobile documents": "iCloud Drive",
    "dropbox": "Dropbox",
    "onedrive": "OneDrive",
    "google drive": "Google Drive",
    "nextcloud": "Nextcloud",
}
NAMES = (
    (re.compile(r"\..*\.icloud"), "iCloud Drive"),
    (re.compile(r"\.(_)?sync_[0-9a-f]+\.db(-wal|-shm)?"), "Nextcloud"),
)
CONFLICT = re.compile(
    r".*\.sync-conflict-\d{8}-\d{6}.*"  # Syncthing
    r"|.*\(.*conflicted copy.*\).*"  # Dropbox, Nextcloud
    r"|.*\(conflict(ed)? .*\).*"
    r"|.*_conflict-\d{8}-\d{6}.*"  # ownCloud
)
TAGGERS = {
    "picard": "MusicBrainz Picard",
    "beet": "beets",
    "puddletag": "puddletag",
    "kid3": "Kid3",
    "easytag": "EasyTAG",
    "exfalso": "Ex Falso",
    "quodlibet": "Quod Libet",
    "mp3tag.exe": "Mp3tag",
    "lidarr": "Lidarr",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What the names in a folder and below it say."""

    scratch: tuple[str, ...]  # working copies of some genrewatch
    conflicts: tuple[str, ...]  # copies that a sync program made of one file
    syncers: tuple[str, ...]  # the sync programs that are at home here
    largest: int  # bytes of the largest file


def survey(folder: str) -> Survey:
    """Walk *folder* and sort its names."""
    scratch, conflicts, syncers, largest = [], [], set(_named_by_path(folder)), 0
    for path, name, size in _entries(folder):
        syncers |= _named_by(name)
        largest = max(largest, size)
        if is_scratch(name):
            scratch.append(path)
        elif CONFLICT.fullmatch(name):
            conflicts.append(path)
    for above in Path(folder).parents:
        syncers |= {who for marker, who in MARKERS.items() if (above / marker).exists()}
    return Survey(
        scratch=tuple(scratch),
        conflicts=tuple(conflicts),
        syncers=tuple(sorted(syncers)),
        largest=largest,
    )


def other_writers(found: Survey, ours: Collection[str]) -> list[str]:
    """Return what shows that another machine writes there; *ours* are our own working copies."""
    told = []
    foreign = [path for path in found.scratch if path not in ours]
    if foreign:
        told.append(
            f"working copies of another genrewatch lie there ({_some(foreign)}): let one machine "
            "alone tag this folder, then delete them"
        )
    if found.conflicts:
        told.append(
            f"two machines changed the same files ({_some(found.conflicts)}): keep the right copy "
            "of each, and let one machine alone tag this folder"
        )
    return told


def room_trouble(folder: str, largest: int) -> str | None:
    """Return a sentence where a copy of the largest file has no room."""
    free, needed = shutil.disk_usage(folder).free, largest + ROOM
    if free >= needed:
        return None
    return f"{free >> 20} MB are free, and a write may need {needed >> 20}: make room"


def place_trouble(folder: str) -> list[str]:
    """Return what the file system of *folder* cannot do, tried out there."""
    told = []
    if volume_of(folder) is Volume.FAR:
        told.append("a network folder: what other machines change is found by rescans only")
    one, other = (os.path.join(folder, f".genrewatch-doctor-{os.getpid()}-{n}") for n in "ab")  # noqa: PTH118
    try:
        for name in (one, other):
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        told += _tried(one, other, folder)
    except OSError as error:
        told.append(f"no file can be made there ({error.strerror})")
    finally:
        for name in (one, other):
            with suppress(OSError):
                os.unlink(name)  # noqa: PTH108  odd bytes survive
    return told


def taggers(proc: Path) -> list[str]:
    """Return the tag editors that run now, by the names of processes below *proc*."""
    running = set()
    for file in proc.glob("[0-9]*/comm"):
        with suppress(OSError):
            running.add(file.read_text("utf-8", "replace").strip().casefold())
    return sorted(TAGGERS[name] for name in running & TAGGERS.keys())


def _tried(one: str, other: str, folder: str) -> Iterator[str]:
    try:
        exchange(one, other)
    except NotHere:
        yield "files cannot change places in one step there: an edit made in that instant is lost"
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        pass  # held by a daemon: so it can be locked
    except OSError:
        yield "it cannot be locked there: see to it that nothing else watches it"
    finally:
        os.close(fd)


def _entries(folder: str) -> Iterator[tuple[str, str, int]]:
    """Yield path, folded name and size of everything below *folder*."""
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    is_dir = entry.is_dir(follow_symlinks=False)
                    if is_dir:
                        waiting.append(entry.path)
                    size = 0 if is_dir else entry.stat(follow_symlinks=False).st_size
                    yield entry.path, entry.name.casefold(), size
        except OSError:  # vanished or closed to us: what can be read says enough
            continue


def _named_by(name: str) -> set[str]:
    found = {who for pattern, who in NAMES if pattern.fullmatch(name)}
    return found | ({FOLDED[name]} if name in FOLDED else set())


def _named_by_path(folder: str) -> Iterator[str]:
    for part in folder.casefold().split("/"):
        yield from (who for start, who in PARTS.items() if part.startswith(start))


def _some(paths: Collection[str]) -> str:
    names = [path.rpartition("/")[2] for path in sorted(paths)]
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return ", ".join(names[:MANY]) + more
