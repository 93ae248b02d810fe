"""The course of one training: from what each fit starts, and which are finished already.

A finished ensemble is kept by what it was made of, so a night that was killed goes on where it
was. Knows the folds by number; whether they are apart is not its business.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from core.learning.ensemble.fitting import Check, Studio
from core.learning.ensemble.starts import (
    ALL,
    Before,
    as_arrays,
    can_be_kept,
    from_arrays,
    read_arrays,
    save_arrays,
)
from core.learning.nets.members import Ensemble
from core.learning.tracks.dataset import Track

__all__ = ["ALL", "Course", "identity"]

MOST = 12  # finished ensembles kept at most, the newest: twice as many as a night makes


class Course:
    """Trains the ensembles of one training, one after the other."""

    def __init__(
        self,
        before: Mapping[int, Before] | None = None,
        finished: Path | None = None,
        *,
        lends: bool = False,
    ) -> None:
        """Start from *before*, by fold; keep what is finished in the folder *finished*, if any.

        With *lends* the next training may start from this one.
        """
        self._before = before or {}
        self._lends = lends
        self._finished = finished
        self._made: dict[int, Before] = {}

    def ensemble(
        self,
        number: int,
        tracks: Sequence[Track],
        studio: Studio,
        check: Check,
        fitted: Check,
        shares: Mapping[str, float] | None = None,
    ) -> Ensemble:
        """Return the ensemble on *tracks*, of all but the fold *number*; see `Studio.train`."""
        before = self._before.get(number)
        if before is not None and not before.suits(tracks):
            before = None
        given = tracks if before is None else before.teach(tracks, studio.genres)
        place = self._place(given, studio, before, shares)
        made = self._kept(place, studio)
        if made is None:
            more: dict[str, Before] = {} if before is None else {"before": before}
            made = studio.train(given, check, fitted, shares=shares, **more)
        else:
            for _ in range(studio.count(tracks)):
                fitted()
        lessons = frozenset(track.fingerprint for track in tracks)
        self._made[number] = Before(genres=studio.genres, ensemble=made, lessons=lessons)
        self._keep(place, self._made[number])
        return made

    def starts(self) -> dict[int, Before]:
        """Return what the next training may start from; nothing where a member cannot be kept."""
        whole = self._lends and all(can_be_kept(before.ensemble) for before in self._made.values())
        return dict(self._made) if whole else {}

    def forget(self) -> None:
        """Remove what is finished: the training has ended."""
        self._prune(0)

    def _place(
        self,
        tracks: Sequence[Track],
        studio: Studio,
        before: Before | None,
        shares: Mapping[str, float] | None,
    ) -> Path | None:
        """The file of the ensemble that these would make; None where nothing is kept."""
        if self._finished is None:
            return None
        told = f"{studio.genres} {studio.recipe} {studio.tags is not None} {shares}"
        name = identity(tracks, told, before)
        return self._finished / f"{name}.npz"

    def _kept(self, path: Path | None, studio: Studio) -> Ensemble | None:
        held = {} if path is None else read_arrays(path)
        try:
            return from_arrays(held, studio.shape.groups).ensemble if held else None
        except (KeyError, ValueError):  # an older program's; it is trained anew
            return None

    def _keep(self, place: Path | None, made: Before) -> None:
        if place is not None and can_be_kept(made.ensemble) and not place.exists():
            with suppress(OSError):  # one can do without; a full disk is told with the model
                save_arrays(place, as_arrays(made))
                self._prune(MOST)

    def _prune(self, most: int) -> None:
        if self._finished is None or not self._finished.is_dir():
            return
        found = sorted(self._finished.iterdir(), key=lambda path: path.stat().st_mtime)
        for path in found[: max(0, len(found) - most)]:
            path.unlink(missing_ok=True)


def identity(tracks: Sequence[Track], told: str, before: Before | None = None) -> str:
    """Return a name for all that an ensemble is made of: *tracks* to the bit, *told*, *before*."""
    found = hashlib.blake2b(told.encode(), digest_size=16)
    for track in tracks:
        words = (track.fingerprint, track.genre, track.group, repr(track.weight))
        found.update("\0".join(words).encode())
        for values in (track.features, track.embedding, track.taught, *track.copies):
            if values is not None:
                found.update(repr(values.shape).encode() + np.ascontiguousarray(values).tobytes())
    for name, values in sorted(as_arrays(before).items()) if before else ():
        found.update(name.encode() + values.tobytes())
    return found.hexdigest()
