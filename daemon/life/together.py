"""Tracks that were heard and wait for the rest of their album, so that it is judged as one.

Knows no record and no clock of its own; what it remembers may be lost at any instant, for
what was heard is kept. Nothing waits without bound.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from core.decision.album import Album

__all__ = ["A_WHILE_S", "Together"]

A_WHILE_S = 60.0  # so long after the last of its tracks was heard, an album waits for no other


@dataclass(slots=True)
class _Waiting:
    """The tracks of one album that were heard."""

    due: float
    paths: dict[str, None] = field(default_factory=dict)  # in the order in which they came


class Together:
    """The albums that wait, each for those of its tracks that are still on their way."""

    def __init__(self) -> None:
        self._albums: dict[Album, _Waiting] = {}
        self._of: dict[str, Album] = {}

    def hold(self, path: str, album: Album, now: float) -> None:
        """Let the file at *path*, which was heard, wait for the others of its *album*."""
        self.drop(path)
        waiting = self._albums.setdefault(album, _Waiting(due=0.0))
        waiting.due = now + A_WHILE_S
        waiting.paths[path] = None
        self._of[path] = album

    def is_held(self, path: str) -> bool:
        """Say whether the file waits for its album."""
        return path in self._of

    def drop(self, path: str) -> None:
        """Let a file wait no more."""
        album = self._of.pop(path, None)
        if album is not None:
            self._albums[album].paths.pop(path)
            if not self._albums[album].paths:
                del self._albums[album]

    def take(self, now: float, is_awaited: Callable[[Album], bool]) -> list[list[str]]:
        """Return the albums that wait no more, as their files, and hold them no longer.

        *is_awaited* says whether more of an album is on its way.
        """
        ready = [
            album
            for album, waiting in self._albums.items()
            if waiting.due <= now or not is_awaited(album)
        ]
        taken = [list(self._albums[album].paths) for album in ready]
        for path in (path for paths in taken for path in paths):
            self.drop(path)
        return taken

    def next_due(self) -> float | None:
        """Return when the next album has waited long enough."""
        return min((waiting.due for waiting in self._albums.values()), default=None)
