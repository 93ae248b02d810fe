"""What the backbone's tags say of a genre before anybody labelled a track of it.

Its last layer makes 50 tags of the embedding, so a genre that is called like some of them
has weights on the embedding without any label. The head is drawn towards these instead of
towards zero: with few labels it says what the tags say, with many what the labels do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.registry import backbone_file
from core.taxonomy import TAGS, tags_of

__all__ = ["TAGS_FILE", "TagLayer", "tag_layer"]

TAGS_FILE = "tags.npz"  # in the folder of the backbone


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TagLayer:
    """The backbone's last layer before its sigmoid: embedding [200] to tag logits [50]."""

    kernel: NDArray[np.float32]  # [200, 50]
    bias: NDArray[np.float32]  # [50]

    def weights(
        self, genres: Sequence[str], embedding: NDArray[np.float32], width: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Weights [200, G] on an embedding in standard deviations of *width* [200].

        A genre's score is the mean of its tags' logits, each in standard deviations over
        *embedding* [tracks, 200]; a genre that no tag speaks of has zeros.
        """
        logits = embedding @ self.kernel + self.bias
        each = width[:, None] * self.kernel / np.maximum(logits.std(axis=0), 1e-6)
        columns = [_mean(each, tags_of(genre)) for genre in genres]
        return np.stack(columns, axis=1).astype(np.float64)


def tag_layer(folder: Path) -> TagLayer | None:
    """Return the last layer that is kept in the backbone's *folder*, None where none is.

    Raises ModelError where the folder is damaged.
    """
    path = backbone_file(folder).with_name(TAGS_FILE)
    if not path.exists():  # made by an older program; `make setup` makes it anew
        return None
    try:
        with np.load(path, allow_pickle=False) as held:
            return TagLayer(kernel=held["kernel"], bias=held["bias"])
    except (OSError, ValueError, KeyError) as error:
        remedy = "run: python -m core.learning.backbone"
        raise ModelError("the backbone's tags cannot be read", str(path), remedy) from error


def _mean(each: NDArray[np.float32], tags: Sequence[str]) -> NDArray[np.float32]:
    if not tags:
        return np.zeros(len(each), np.float32)
    return np.asarray(each[:, [TAGS.index(tag) for tag in tags]].mean(axis=1))
