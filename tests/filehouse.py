"""A house of real files in one process: real probe, real tag writes, the hearing a puppet.

What is listened to is not the subject, so a track's genre follows from its fingerprint; all
else that a worker does is called as a worker calls it, at once. In memory where there is
room for it, since every commit is synced.
"""

import importlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from core import registry
from core.analysis import Hearing, probe
from core.tags.journal import Writer
from daemon import processes
from daemon.acts import Desk
from tests import puppets
from tests.puppets import GENRES, PaperHouse, Worker

__all__ = ["FileHouse", "in_memory"]


def in_memory() -> Path:
    """Make a new folder, on a disk that costs nothing to sync where there is one."""
    memory = Path("/dev/shm")  # noqa: S108
    return Path(mkdtemp(prefix="genrewatch-", dir=memory if memory.is_dir() else None))


class FileHouse(PaperHouse):
    """One folder of real files, the record of them, and the daemon's steps."""

    def __init__(self, root: Path, heard: Callable[[str], str | None]) -> None:
        self.heard = heard  # fingerprint → the genre heard, None for nothing much
        super().__init__(root, threshold=0.5)

    def now(self) -> datetime:
        """Return the time of day, which the times of real files are compared with."""
        return datetime.now(UTC)

    def begin(self, workers: Any = None) -> None:
        """Start the daemon with a worker that does its work at once."""
        workers = workers or _FileWorker(self)
        super().begin(workers)
        models = registry.Registry(self.models, self.models / "one", backbone=lambda: None)
        command = Writer(pid=-self.lives, started=str(self.lives))
        self.desk = Desk(self.db, models, self.config, workers, writer=command)

    def is_alive(self, writer: Writer) -> bool:
        """Say whether a writer still runs: the daemon of this life does, a command is done."""
        return writer == self.writer


class _FileWorker(Worker):
    """Calls what a worker calls, but for the hearing; may die before and after each call."""

    def _carry_out(self, call: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        self.calls.append(call)
        self.house.point()
        if call == processes.ANALYSE:
            result: Any = _heard(arguments[0], self.house.heard)  # type: ignore[attr-defined]
        else:
            module, _, name = call.partition(":")
            result = getattr(importlib.import_module(module), name)(*arguments, **options)
        self.house.point()
        return result


def _heard(path: str, heard: Callable[[str], str | None]) -> Hearing:
    found = probe(path)
    genre = heard(found.fingerprint)
    scores = np.zeros((1, 1, len(GENRES)), np.float32)
    if genre is not None:
        scores[..., GENRES.index(genre)] = 5.0
    return Hearing(
        fingerprint=found.fingerprint,
        duration_s=found.duration_s,
        feature_version=1,
        model_version="one",
        starts_s=np.zeros(1, np.float32),
        features=np.zeros((1, puppets.FEATURES), np.float32),
        scores=scores,
        genres=GENRES,
        seconds_heard=found.duration_s,
    )
