"""The watched folders as they come and go: locked, armed for events, looked at on return.

A folder that vanishes, or whose place another takes (a remount, a new disk), gives no more
events; it is armed anew as soon as it is seen again. Knows locks, stat and the watcher.
"""

import os
from typing import Protocol

from sqlite_utils import Database

from core.errors import FolderHeld
from core.library import runs
from daemon.watching.holds import Holds, Place, place_of

__all__ = ["Folders", "unmounted"]

# below these lie mount points, also while nothing is mounted there
MOUNTS = ("/Volumes", "/media", "/mnt", "/run/media")


class Watching(Protocol):
    """What gives hints of a folder."""

    def add(self, folder: str) -> None:
        """Watch *folder* (anew); raises OSError."""


class Folders:
    """What is known of each watched folder while the daemon runs."""

    def __init__(self, db: Database, folders: list[str], watching: Watching) -> None:
        self._db = db
        self._folders = folders
        self._watching = watching
        self._holds = Holds()
        self._places: dict[str, Place | None] = {}
        self._armed: set[str] = set()
        self._notes: dict[str, list[str]] = {}
        self._told: list[str] | None = None
        self.refused: dict[str, FolderHeld] = {}  # what another process holds: left alone
        self.blind: set[str] = set()  # those that give no events

    def begin(self) -> None:
        """Lock and arm the folders that are there; raises FolderHeld where another has one."""
        self._look(paused=False, patient=True)
        for error in self.refused.values():
            raise error

    def look(self, *, paused: bool) -> list[str]:
        """Return the folders that came back since the last look, locked and armed anew.

        While *paused* nothing is locked, so that a volume can be ejected.
        """
        return self._look(paused=paused, patient=False)

    def close(self) -> None:
        """Let go of all locks."""
        self._holds.release_all()

    def _look(self, *, paused: bool, patient: bool) -> list[str]:
        back = [
            folder for folder in self._folders if self._is_back(folder, paused, patient=patient)
        ]
        notes = [note for folder in self._folders for note in self._notes.get(folder, [])]
        if notes != self._told:
            runs.set_setting(self._db, "watch_trouble", notes)
            self._told = notes
        return back

    def _is_back(self, folder: str, paused: bool, *, patient: bool) -> bool:
        place = None if unmounted(folder) else place_of(folder)
        if place != self._places.get(folder):
            self._places[folder] = place
            self._armed.discard(folder)
            self._holds.release(folder)
        if place is None:
            self._notes[folder] = [f"{folder} is not there; it is waited for{_how(folder)}"]
        elif paused:
            self._holds.release(folder)
        elif self._is_ours(folder, patient=patient) and folder not in self._armed:
            self._armed.add(folder)
            self._arm(folder)
            return True
        return False

    def _is_ours(self, folder: str, *, patient: bool) -> bool:
        """Hold the folder, and say whether we may look into it."""
        if folder in self._holds:
            return True
        try:
            note = self._holds.take(folder, self._folders, patient=patient)
        except FolderHeld as error:
            self.refused[folder] = error
            self._notes[folder] = [str(error)]
            self._armed.discard(folder)
            return False
        self.refused.pop(folder, None)
        self._notes[folder] = [note] if note else []
        return True

    def _arm(self, folder: str) -> None:
        self.blind.discard(folder)
        try:
            self._watching.add(folder)
        except OSError as error:
            self.blind.add(folder)
            note = f"{folder} gives no events ({error}); rescans only, see doctor"
            self._notes[folder].append(note)


def unmounted(folder: str) -> bool:
    """Say whether *folder* lies where volumes are mounted and none is mounted there now.

    A folder with something in it on the system's own disk was made there on purpose.
    """
    parent = next((path for path in MOUNTS if folder.startswith(path + "/")), None)
    if parent is None or place_of(parent) is None:
        return False
    below = folder
    while place_of(below) is None:
        below = os.path.dirname(below)  # noqa: PTH120  odd bytes survive
    if _device(below) != _device(parent) or _is_volume(parent):
        return False
    return below != folder or not os.listdir(folder)  # noqa: PTH208


def _how(folder: str) -> str:
    """Tell how to have a folder on this disk whose name looks like that of a mounted volume."""
    if not unmounted(folder):
        return ""
    return ": mount its volume, or put something into it if it shall be on this disk"


def _is_volume(parent: str) -> bool:
    """Say whether the place for mount points is one itself, as /mnt may be.

    macOS links /Volumes to another device than the root, though nothing is mounted on it.
    """
    above = os.path.dirname(parent)  # noqa: PTH120
    return parent != "/Volumes" and _device(parent) != _device(above)


def _device(path: str) -> int:
    return os.stat(path).st_dev  # noqa: PTH116
