"""When is a file still? Pure: takes now, knows no clock and no disk.

Each change re-arms the timer; nothing is ever given up. Since all timers run equally
long, the order of arming is the order of falling due.
"""

from collections.abc import Iterator

from core.stamp import Stamp

__all__ = ["Settling"]


class Settling:
    """The files that are waited for."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._armed: dict[str, tuple[Stamp, float]] = {}

    def arm(self, path: str, stamp: Stamp, now: float) -> None:
        """Wait for *path*, last seen as *stamp*; start over if it changed since."""
        armed = self._armed.get(path)
        if armed is None or armed[0] != stamp:
            self._armed.pop(path, None)
            self._armed[path] = (stamp, now + self._seconds)

    def rearm(self, path: str, stamp: Stamp, now: float) -> None:
        """Wait for *path* a full time more, changed or not."""
        self._armed.pop(path, None)
        self.arm(path, stamp, now)

    def drop(self, path: str) -> None:
        """Wait no more for *path*."""
        self._armed.pop(path, None)

    def due(self, now: float) -> Iterator[tuple[str, Stamp]]:
        """Yield and forget each path whose time is up, with the stamp it was armed with."""
        while self._armed:
            path, (stamp, due) = next(iter(self._armed.items()))
            if due > now:
                return
            del self._armed[path]
            yield path, stamp

    def next_due(self) -> float | None:
        """Return when the next file falls due, None where none is waited for."""
        return next((due for _, due in self._armed.values()), None)

    def stamps(self) -> Iterator[Stamp]:
        """Yield what each file that is waited for was last seen as."""
        return (stamp for stamp, _ in self._armed.values())

    def __len__(self) -> int:
        return len(self._armed)

    def __contains__(self, path: str) -> bool:
        return path in self._armed
