"""Runs a model folder's ensemble by LiteRT: features of segments in, raw scores out.

Never imports TensorFlow; one thread; a folder is verified and loaded once per process.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from core.analysis.features import FEATURE_VERSION, FEATURES
from core.errors import ModelError
from core.registry import Manifest, load

__all__ = ["Ensemble", "ensemble"]

_REMEDY = "go back with `genrewatch models rollback`"
_RUNS_BADLY = (RuntimeError, ValueError)  # what LiteRT raises, whatever went wrong


class Ensemble:
    """The members of one model folder, ready to score."""

    def __init__(self, folder: Path) -> None:
        self.manifest: Manifest = load(folder)
        if self.manifest.feature_version != FEATURE_VERSION:
            what = f"expects features of version {self.manifest.feature_version}"
            raise ModelError(f"{what}, we have {FEATURE_VERSION}", str(folder), "train it anew")
        self._folder = folder
        self._members = [self._member(file) for file in _files(folder)]

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Raw scores f32 [members, n, genres] of *features* f32 [n, 135]; raises ModelError."""
        genres = len(self.manifest.genres)
        scores = np.zeros((len(self._members), len(features), genres), dtype=np.float32)
        if features.ndim != 2 or features.shape[1] != len(FEATURES):  # noqa: PLR2004
            raise ModelError(f"needs {len(FEATURES)} features a segment, got {features.shape}")
        if len(features):
            for row, member in zip(scores, self._members, strict=True):
                row[:] = self._run(member, features, genres)
        if not np.isfinite(scores).all():
            raise ModelError("gives scores that are no numbers", str(self._folder), _REMEDY)
        return scores

    def _member(self, file: str) -> Any:
        try:
            return Interpreter(model_path=str(self._folder / file), num_threads=1)
        except _RUNS_BADLY as error:
            raise ModelError(f"{file} is no LiteRT model", str(self._folder), _REMEDY) from error

    def _run(self, member: Any, features: NDArray[np.float32], genres: int) -> NDArray[np.float32]:
        try:
            place = member.get_input_details()[0]["index"]
            member.resize_tensor_input(place, features.shape)
            member.allocate_tensors()
            member.set_tensor(place, np.ascontiguousarray(features, dtype=np.float32))
            member.invoke()
            scores: NDArray[np.float32] = member.get_tensor(member.get_output_details()[0]["index"])
        except _RUNS_BADLY as error:
            raise ModelError("a member failed to run", str(self._folder), _REMEDY) from error
        if scores.shape != (len(features), genres):
            what = f"a member gives {scores.shape} scores for {len(features)} x {genres}"
            raise ModelError(what, str(self._folder), _REMEDY)
        return scores


def _files(folder: Path) -> list[str]:
    """The members' file names in order, from the manifest that `load` has verified."""
    document = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return [member["file"] for member in document["members"]]


@lru_cache(maxsize=4)
def ensemble(folder: str) -> Ensemble:
    """Load the model folder at *folder*, once per process. Raises ModelError.

    A version's folder never changes, so its path is enough to know it by.
    """
    return Ensemble(Path(folder))
