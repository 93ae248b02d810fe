"""Eight labelled tracks a genre and nothing else: the head of the recipe beside regression.

Ten draws from the other four folds for each fold. Both are given the tags as a prior: the
head is drawn towards them, regression's words are multiplied by theirs; its C and how much
the tags count are chosen on artists within the draw. The same draws for both.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import figures, linear
from benchmarks.accuracy.bench import Bench, over_folds
from benchmarks.accuracy.cold import tag_words
from benchmarks.accuracy.store import Arrays
from core.decision.verdict import segment_probabilities
from core.learning.confidence.calibrate import artist_weight, log_loss
from core.learning.ensemble.fitting import Studio
from core.learning.tracks.dataset import split_groups
from core.learning.train import feature_groups

__all__ = ["draws_of", "rows"]

LABELS = 8  # a genre
DRAWS = 10  # a fold; of made-up excerpts two
INNER = 4  # folds within a draw
TAGS_COUNT = (0.0, 1.0, 2.0)  # how much the tags' logits count beside regression's
Words = NDArray[np.float64]
Judge = Callable[[NDArray[np.int64], NDArray[np.int64]], Words]  # labelled, judged -> words


def rows(bench: Bench) -> dict[str, Any]:
    """Return the row of few labels; none without a backbone and its tags."""
    if bench.embedding is None or bench.tags is None:
        return {"left out": "there is no backbone here"}
    draws = _draws(bench)
    key = f"few 2 {LABELS} {draws} {bench.recipe} {bench.identity}"
    rights = bench.store.kept(key, partial(_rights, bench))
    short, groups = bench.short, bench.groups[bench.short]
    head, plain = rights["head"][short], rights["regression"][short]
    ours, gained = figures.interval(head, groups), figures.interval(head - plain, groups)
    figure = {
        "accuracy": figures.rounded(ours),
        "regression and tags": figures.rounded(figures.interval(plain, groups)),
        "difference": figures.rounded(gained),
        "n": len(head),
        "artists": len(np.unique(groups)),
        "draws": draws * len(over_folds(bench.folds)),
    }
    row = figures.held(
        figure,
        must="not below regression and tags",
        met=gained.value >= 0,
        aim=">= 76%",
        reached=ours.value >= 0.76,
    )
    return {f"{LABELS} labels a genre": row}


def draws_of(bench: Bench, fold: int) -> Iterator[NDArray[np.int64]]:
    """Yield places of LABELS short excerpts a genre, none of an artist in *fold*."""
    away = np.isin(bench.groups, bench.groups[bench.folds == fold])
    for number in range(_draws(bench)):
        rng = np.random.default_rng((bench.recipe.seed, fold, number))
        pools = [
            np.flatnonzero(bench.short & ~away & (bench.truth == genre))
            for genre in range(len(bench.genres))
        ]
        yield np.concatenate([rng.permutation(pool)[:LABELS] for pool in pools])


def _draws(bench: Bench) -> int:
    return 2 if bench.data is None else DRAWS


def _rights(bench: Bench) -> Arrays:
    """How often each track is judged rightly [tracks], over the draws, by either."""
    studio = Studio(bench.genres, feature_groups(), bench.recipe, bench.tags)
    judges: dict[str, Judge] = {
        "head": partial(_by_head, bench, studio),
        "regression": partial(_by_regression, bench),
    }
    right = {name: np.zeros(len(bench.tracks)) for name in judges}
    for fold in over_folds(bench.folds):
        judged = np.flatnonzero(bench.short & (bench.folds == fold))
        for labelled in draws_of(bench, fold):
            for name, judge in judges.items():
                said = judge(labelled, judged).argmax(axis=1)
                right[name][judged] += (said == bench.truth[judged]) / _draws(bench)
    return right


def _by_head(
    bench: Bench, studio: Studio, labelled: NDArray[np.int64], judged: NDArray[np.int64]
) -> Words:
    head = studio.head([bench.tracks[i] for i in labelled])
    assert head is not None and bench.embedding is not None
    return segment_probabilities(head.scores(bench.embedding[judged])[None], np.ones(1))


def _by_regression(bench: Bench, labelled: NDArray[np.int64], judged: NDArray[np.int64]) -> Words:
    """By the C and the weight of the tags that do best on artists within the draw."""
    inner = split_groups([bench.tracks[i] for i in labelled], folds=INNER, seed=bench.recipe.seed)
    truth, weight = bench.truth[labelled], artist_weight(bench.groups[labelled])
    losses: dict[tuple[float, float], float] = {}
    for c in linear.STRENGTHS:
        said = np.zeros((2, len(labelled), len(bench.genres)))
        for fold in np.unique(inner):
            held = inner == fold
            said[:, held] = _both(bench, labelled[~held], labelled[held], c)
        losses |= {(c, n): log_loss(_product(said, n), truth, weight) for n in TAGS_COUNT}
    c, count = min(losses, key=lambda choice: losses[choice])
    return _product(_both(bench, labelled, judged, c), count)


def _both(bench: Bench, labelled: NDArray[np.int64], judged: NDArray[np.int64], c: float) -> Words:
    """What regression and what the tags say, [2, judged, G]; their spread is the labelled's."""
    assert bench.embedding is not None and bench.tags is not None
    places = np.concatenate([labelled, judged])
    fitted = np.arange(len(places)) < len(labelled)
    rows = bench.embedding[places]
    said = linear.ridge(rows, bench.truth[places], fitted, c)[~fitted]
    return np.stack([said, tag_words(bench.genres, bench.tags, rows[~fitted], rows[fitted])])


def _product(said: Words, count: float) -> Words:
    """Regression's words times those of the tags, these counting *count*: [2, n, G] to [n, G]."""
    return segment_probabilities(np.log(np.maximum(said, 1e-12)), np.array([1.0, count]))
