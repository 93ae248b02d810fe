"""When is each watched folder looked at anew? Pure: takes now, knows no clock and no disk.

Near folders by the clock. A share and a disk that sleeps at most one hundredth of the time;
a sleeping disk that would tell us of changes, and did not, once in a long while.
"""

from dataclasses import dataclass

from daemon.watching.volumes import Volume

__all__ = ["Rescans"]

SHARE = 100  # of the time that a look takes, before the next one


@dataclass(slots=True)
class _Folder:
    due: float = 0.0
    at_last: float = 0.0  # due even if nothing is heard of it
    heard: bool = False  # events came since the last look


class Rescans:
    """The watched folders and when each is due."""

    def __init__(self, folders: list[str], every_s: float, quiet_s: float) -> None:
        self._every_s = every_s
        self._quiet_s = quiet_s
        self._folders = {folder: _Folder() for folder in folders}

    def due(self, now: float) -> list[str]:
        """Return the folders whose time has come."""
        return [path for path, folder in self._folders.items() if now >= _moment(folder)]

    def next_due(self) -> float:
        """Return when the next folder's time comes."""
        return min((_moment(folder) for folder in self._folders.values()), default=float("inf"))

    def heard(self, path: str) -> None:
        """Note that an event came from the folder."""
        if path in self._folders:
            self._folders[path].heard = True

    def done(self, path: str, started: float, now: float, volume: Volume, *, tells: bool) -> None:
        """Note a look at the folder; *tells*: it gives events."""
        pause = self._every_s
        if volume is not Volume.NEAR:
            pause = max(pause, SHARE * (now - started))
        quiet = volume is Volume.SLEEPY and tells
        wait = max(pause, self._quiet_s) if quiet else pause
        self._folders[path] = _Folder(due=now + pause, at_last=now + wait)

    def arrived(self, path: str, now: float) -> None:
        """Note that the folder came back: it is due at once."""
        self._folders[path] = _Folder(due=now, at_last=now)

    def all_due(self, moment: float) -> None:
        """Let every folder be due at *moment*, at the latest."""
        for folder in self._folders.values():
            folder.due, folder.at_last = min(folder.due, moment), min(folder.at_last, moment)


def _moment(folder: _Folder) -> float:
    return folder.due if folder.heard else folder.at_last
