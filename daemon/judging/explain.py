"""Gathers why a track was judged so: the model's members, what moved them, what it resembles.

Reads the record, the hearing and the model's folder; decides nothing and writes nothing.
Who asks gets plain data; `daemon/judging/why.py` puts it into words.
"""

import zipfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from core.decision.beyond import Known
from core.decision.explain import (
    BlockShare,
    Linear,
    TagShare,
    by_block,
    nearest,
    opinions,
    telling_tags,
)
from core.decision.verdict import GenreConfidence, Verdict
from core.errors import ModelError
from core.library import hearings
from core.library.files import FileRow
from core.library.hearings import HearingRow, Labelled
from core.registry import Manifest
from core.taxonomy import TAGS, meaningful
from daemon.config import Policy
from daemon.judging.classification import Explanation, MemberView, Neighbour
from daemon.judging.judge import Judge, Model

__all__ = ["explanation", "linear_of"]

Floats = NDArray[np.floating[Any]]

MOST_TAGS = 6
MOST_NEIGHBOURS = 5


def explanation(
    db: Database,
    judge: Judge,
    hearing: HearingRow,
    row: FileRow,
    verdict: Verdict,
    *,
    policy: Policy,
) -> Explanation | None:
    """Return why the *hearing* of the file was judged as *verdict* says; None of silence.

    Raises ModelError where the model's folder is damaged.
    """
    if hearing.scores is None or hearing.segments == 0:
        return None
    model = judge.model()
    alone = judge.by_model(hearing).genres
    linear = linear_of(model.manifest)
    by, neighbours = _neighbours(db, hearing, linear, policy.empty_values)
    threshold, foreign = judge.threshold(), judge.foreign()
    return Explanation(
        alone=alone,
        members=_members(hearing, hearing.scores, model),
        blocks=_blocks(hearing, alone, linear),
        tags=_tags(hearing, model.known),
        neighbours=neighbours,
        alike_by=by,
        evidence=judge.evidence(hearing, row),
        rests_on=verdict.evidence,
        right=verdict.right,
        outside=verdict.outside if model.known and hearing.embedding is not None else None,
        foreign=foreign if foreign <= 1 else None,
        threshold=threshold if threshold <= 1 else None,
        promise=policy.precision if isinstance(policy.threshold, str) else None,
        footing=judge.footing().source.value,
    )


def _members(hearing: HearingRow, scores: Floats, model: Model) -> tuple[MemberView, ...]:
    shares = model.weights / model.weights.sum()
    said = opinions(scores, hearing.genres)
    return tuple(
        MemberView(kind=kind, share=float(share), says=word)
        for kind, share, word in zip(model.manifest.kinds, shares, said, strict=True)
    )


def _blocks(
    hearing: HearingRow, alone: Sequence[GenreConfidence], linear: Linear | None
) -> tuple[BlockShare, ...] | None:
    if linear is None or hearing.features is None or len(alone) < 2:  # noqa: PLR2004
        return None
    first, second = (hearing.genres.index(guess.genre) for guess in alone[:2])
    return by_block(hearing.features, linear, first, second)


def _tags(hearing: HearingRow, known: Known | None) -> tuple[TagShare, ...] | None:
    """The tags that say most; against the tracks that the model learned from, where it knows."""
    if hearing.tags is None:
        return None
    if known is None or hearing.embedding is None:
        return telling_tags(hearing.tags, TAGS, None, MOST_TAGS)
    odds = hearing.embedding @ known.kernel + known.bias
    usual = (known.tag_mean, known.tag_deviation)
    return telling_tags(1 / (1 + np.exp(-odds)), TAGS, usual, MOST_TAGS)


# what it resembles -----------------------------------------------------------------------


def _neighbours(
    db: Database, hearing: HearingRow, linear: Linear | None, empty_values: tuple[str, ...]
) -> tuple[str, tuple[Neighbour, ...]]:
    """What it was compared by, and the labelled tracks most like it."""
    rows = [
        row
        for row in hearings.labelled(db, hearing.feature_version)
        if row.fingerprint != hearing.fingerprint and meaningful(row.genres, empty_values)
    ]
    if hearing.embedding is not None:
        known = [(row, row.embedding) for row in rows if row.embedding is not None]
        found = _alike(hearing.embedding, [own for _, own in known], [row for row, _ in known])
        return "backbone", found
    if linear is None:
        return "", ()
    means = [hearing.track_features[0], *(row.track_features[0] for row in rows)]
    own, *others = linear.squashed(np.stack(means))
    return "features", _alike(own, others, rows)


def _alike(
    own: Floats, others: Sequence[Floats], rows: Sequence[Labelled]
) -> tuple[Neighbour, ...]:
    if not rows:
        return ()
    found = nearest(own, np.stack(others), MOST_NEIGHBOURS)
    return tuple(_neighbour(rows[place], likeness) for place, likeness in found)


def _neighbour(row: Labelled, likeness: float) -> Neighbour:
    named = " – ".join(part for part in (row.artist, row.title) if part)
    return Neighbour(
        path=row.path,
        name=named or row.path.rpartition("/")[2],
        genres=row.genres,
        likeness=likeness,
    )


# the linear member in plain numbers ------------------------------------------------------


@lru_cache(maxsize=1)
def _linear_in(folder: Path, name: str) -> Linear:
    """Read the linear member; a version's folder never changes, so its path is enough."""
    try:
        with (folder / name).open("rb") as stream, np.load(stream, allow_pickle=False) as held:
            blocks = tuple(str(block) for block in held["blocks"])
            numbers = {key: held[key] for key in held.files if key != "blocks"}
        return Linear(**numbers, blocks=blocks)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        what = "the model's linear member cannot be read"
        raise ModelError(what, str(folder), "use another version") from error


def linear_of(manifest: Manifest) -> Linear | None:
    """Return the linear member of a verified model; None where its folder keeps none.

    Raises ModelError.
    """
    return _linear_in(manifest.folder, manifest.linear) if manifest.linear else None
