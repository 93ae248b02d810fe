"""Runs a model folder's ensemble by LiteRT: features (and the embedding) in, raw scores out.

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

# The inputs of a member: segments one by one unless it is one of these. What judges a whole
# track takes all its segments at once, its mean embedding, or both.
EMBEDDING, TRACK, BOTH = "embedding", "track", "track+embedding"
_REMEDY = "go back with `genrewatch models rollback`"
_NO_EMBEDDING = (  # by the one remedy the other is kept
    "choose one that needs no backbone with `genrewatch models use VERSION`, or run `make setup` "
    'and do not set backbone = "none" under [model]'
)
_RUNS_BADLY = (RuntimeError, ValueError)  # what LiteRT raises, whatever went wrong


class Ensemble:
    """The members of one model folder, ready to score."""

    def __init__(self, folder: Path) -> None:
        self.manifest: Manifest = load(folder)
        if self.manifest.feature_version != FEATURE_VERSION:
            what = f"expects features of version {self.manifest.feature_version}"
            raise ModelError(f"{what}, we have {FEATURE_VERSION}", str(folder), "train it anew")
        self._folder = folder
        self._inputs, files = _members(folder)
        self._members = [self._member(file) for file in files]

    def score(
        self, features: NDArray[np.float32], embedding: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Raw scores f32 [members, n, genres] of *features* f32 [n, 135]; raises ModelError.

        A member that judges the whole track says the same of each segment; where one judges
        its mean *embedding* f32 [200] and there is none, that is a ModelError.
        """
        genres = len(self.manifest.genres)
        scores = np.zeros((len(self._members), len(features), genres), dtype=np.float32)
        if features.ndim != 2 or features.shape[1] != len(FEATURES):  # noqa: PLR2004
            raise ModelError(f"needs {len(FEATURES)} features a segment, got {features.shape}")
        if len(features):
            for row, member, wanted in zip(scores, self._members, self._inputs, strict=True):
                row[:] = self._run(member, self._given(wanted, features, embedding), genres)
        if not np.isfinite(scores).all():
            raise ModelError("gives scores that are no numbers", str(self._folder), _REMEDY)
        return scores

    def _given(
        self, wanted: str, features: NDArray[np.float32], embedding: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.float32], ...]:
        """Return what a member takes, in the order of the names of its inputs."""
        if wanted == EMBEDDING:
            return (self._of_track(embedding),)
        if wanted == BOTH:
            return (self._of_track(embedding), features[None])
        return (features[None] if wanted == TRACK else features,)

    def _of_track(self, embedding: NDArray[np.float32] | None) -> NDArray[np.float32]:
        if embedding is None:
            what = "the model hears with the backbone, and there is no embedding of this track"
            raise ModelError(what, str(self._folder), _NO_EMBEDDING)
        return embedding[None]

    def _member(self, file: str) -> Any:
        try:
            return Interpreter(model_path=str(self._folder / file), num_threads=1)
        except _RUNS_BADLY as error:
            raise ModelError(f"{file} is no LiteRT model", str(self._folder), _REMEDY) from error

    def _run(
        self, member: Any, given: tuple[NDArray[np.float32], ...], genres: int
    ) -> NDArray[np.float32]:
        try:
            places = sorted(member.get_input_details(), key=lambda place: str(place["name"]))
            for place, values in zip(places, given, strict=True):
                member.resize_tensor_input(place["index"], values.shape)
            member.allocate_tensors()
            for place, values in zip(places, given, strict=True):
                single = np.ascontiguousarray(values, dtype=np.float32)
                member.set_tensor(place["index"], single)
            member.invoke()
            scores: NDArray[np.float32] = member.get_tensor(member.get_output_details()[0]["index"])
        except _RUNS_BADLY as error:
            raise ModelError("a member failed to run", str(self._folder), _REMEDY) from error
        if scores.shape != (len(given[0]), genres):
            what = f"a member gives {scores.shape} scores for {len(given[0])} x {genres}"
            raise ModelError(what, str(self._folder), _REMEDY)
        return scores


def _members(folder: Path) -> tuple[list[str], list[str]]:
    """What each member judges, and its file, in order, from the manifest that `load` verified."""
    members = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["members"]
    return [member.get("input", "") for member in members], [member["file"] for member in members]


@lru_cache(maxsize=4)
def ensemble(folder: str) -> Ensemble:
    """Load the model folder at *folder*, once per process. Raises ModelError.

    A version's folder never changes, so its path is enough to know it by.
    """
    return Ensemble(Path(folder))
