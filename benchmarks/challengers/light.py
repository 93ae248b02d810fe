"""The same night at a fraction of the price: trained once, and asked without LiteRT.

What a night does besides (proof, gate, manifest, calibration, replay) stays as it is. Used
where files and costs are not what is tried; those are tried on whole model folders.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from core import registry
from core.decision.verdict import calibrate
from core.learning import nightly
from core.learning.ensemble import export
from core.learning.ensemble.export import Paper, Trained
from core.learning.proving import evidence, proof, soundness
from core.learning.proving.evidence import says
from core.learning.proving.soundness import Load
from core.learning.tracks.dataset import Track
from core.learning.train import pooled_by, train

__all__ = ["Light", "trained_once"]

SAME = Load(seconds=0.001, peak_mb=50.0, members_mb=1.0)
Told = tuple[tuple[str, str, str], ...]

_trained: dict[Told, Trained] = {}


def trained_once(tracks: Sequence[Track], *given: Any, **named: Any) -> Trained:
    """Train on *tracks*, or return what the last training on the same ones made."""
    key = tuple((track.fingerprint, track.genre, track.group) for track in tracks)
    if key not in _trained:
        _trained.clear()
        _trained[key] = train(tracks, *given, **named)
    return _trained[key]


class Light:
    """Model folders without members: what they say is asked of who was trained."""

    def __init__(self) -> None:
        self._made: dict[Path, Trained] = {}

    def write(self, made: Trained, paper: Paper, root: Path) -> Path:
        """Write the folder as ever, but for the networks."""
        with (
            patch.object(export, "_export", lambda _model, target: target.write_bytes(b"")),
            patch.object(export, "_agree", lambda *_: None),
        ):
            folder = export.write_model(made, paper, root)
        self._made[folder] = made
        return folder

    def says(self, model: registry.Manifest, tracks: Sequence[Track]) -> NDArray[np.float64]:
        """Return what a *model* says of *tracks* [tracks, G]."""
        made = self._made.get(model.folder)
        if made is None:
            return says(model, tracks)
        how = registry.load_calibration(model)
        return calibrate(pooled_by(made.ensemble, tracks), how.temperature, np.array(how.bias))

    @contextmanager
    def night(self) -> Iterator[None]:
        """Let nights be light while the block runs."""
        with (
            patch.object(nightly, "write_model", self.write),
            patch.object(proof, "says", self.says),
            patch.object(evidence, "says", self.says),
            patch.object(soundness, "trial", lambda *_: (SAME, SAME)),
        ):
            yield
