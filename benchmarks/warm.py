"""What a tagged library teaches: `python -m benchmarks warm [--data DIR] [--only CASE]`.

Half of the artists trains what the program ships, the others are a library of which half of
the artists is tagged, some of it wrongly and in many spellings. The program's own code cleans
the tags, doubts some and trains; it is judged on the artists that are not tagged.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.heard import heard_bench, say
from benchmarks.accuracy.made_up import made_up, quick
from benchmarks.accuracy.store import Arrays, Store, cache_dir, digest
from benchmarks.learning.library import Clip, Half, half
from core.analysis.features import FEATURE_VERSION
from core.decision.arrived import Tagged, Wishes
from core.learning.ensemble.fitting import Recipe, Studio
from core.learning.figures import evaluate
from core.learning.lessons import look_among
from core.learning.nets.members import Ensemble
from core.learning.nets.networks import use_cores
from core.learning.nightly import learnable
from core.learning.tracks.dataset import Track, from_lessons, genres_of
from core.learning.train import feature_groups, pooled_by
from core.library import files, hearings, lessons
from core.library.hearings import HearingRow
from core.library.lessons import Learned
from core.library.schema import open_library
from daemon.config import Policy
from daemon.learning.learning_from import Reading, choose, queue_up

__all__ = ["main", "measure"]

HALVES = 10
WRONG = 0.08  # share of the tags that name another genre
EMPTY = 0.05  # share that says nothing
OWN = 3  # genres that the base has not learned, where the library has some of its own
NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
CODE = (
    *("core.learning.train", "core.learning.ensemble.fitting", "core.learning.nightly"),
    *("core.learning.lessons", "core.decision.arrived", "daemon.learning.learning_from"),
)
NOTHING = ("Other", "Unknown", "<Unknown>")
MARGIN = -0.03  # as the gate has it
Fitted = tuple[tuple[str, ...], Ensemble]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One way to meet a tagged library."""

    wrong: float = WRONG
    doubting: bool = True
    own: int = 0  # genres that the base has not learned


CASES: Mapping[str, Case] = {
    "half tagged": Case(),
    "three genres of its own": Case(own=OWN),
    "wrong tags not looked for": Case(doubting=False),
}


def main(argv: Sequence[str]) -> dict[str, Any]:
    """Measure all cases, or those that --only names, and return the figures."""
    wishes = _parser().parse_args(argv)
    use_cores(1)
    names = wishes.only or tuple(CASES)
    if wishes.short:
        with tempfile.TemporaryDirectory() as room:
            bench = made_up(Store(Path(room)), quick(), artists=8, each=4)
            measure(bench, names, (0,))
    else:
        seeds = range(wishes.first, wishes.first + wishes.halves)
        figures = measure(heard_bench(wishes.data, Store(wishes.cache)), names, seeds)
    if wishes.short or wishes.only or wishes.halves != HALVES or wishes.first:
        sys.exit(0)  # and the last whole result stays as it is
    return figures


def measure(bench: Bench, names: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """Return the figures of the cases of *names* over the halves of *seeds*, each also swapped."""
    figures: dict[str, Any] = {
        "protocol": "half of the artists trains the base, half of the others is tagged, the rest"
        " is judged; no artist is on two sides; intervals by artist",
        "halves": 2 * len(seeds),
        "recipe": "the linear members of the program's ensemble, which its head on the embedding"
        " leads; no transformers, no gate",
    }
    for name in names:
        runs = []
        for seed in seeds:
            for swapped in (False, True):
                runs.append(_kept(bench, CASES[name], half(bench, seed, swapped)))
                say(f"{name}, half {seed}{'b' if swapped else 'a'}: {_so_far(runs[-1])}")
        figures[name] = _figures(runs)
        print(f"{name}: {figures[name]}")
    figures["passed"] = all(figures[name]["met"] for name in names)
    return figures


# --- one library ----------------------------------------------------------------------------


def _kept(bench: Bench, case: Case, side: Half) -> Arrays:
    names = digest(*(clip.fingerprint for clip in side.library))
    key = f"warm {case} {bench.identity} {side.name} {names} {bench.tags is not None}"
    return bench.store.kept(key, lambda: _warmed(bench, case, side), code=CODE)


def _warmed(bench: Bench, case: Case, side: Half) -> Arrays:
    """Live through one library: learn from its tagged half, judge the other, before and after."""
    side = _without(side, _own_genres(side, case.own))
    taught, held = _split(side)
    tags, wrong = _tags(taught, case, side)
    cold = _fitted(bench, side.base)
    learned, doubted = _learned(bench, case, side, tags, taught)
    said, _ = learnable(from_lessons(learned), genres_of(side.base))
    warm = _fitted(bench, (*side.base, *said))
    names = [item.fingerprint for item in learned]
    return {
        "before": _right(cold, held),
        "after": _right(warm, held),
        "artist": np.array([clip.who for clip in held]),
        "new": np.array([clip.genre not in genres_of(side.base) for clip in held]),
        "known": np.array([clip.genre in warm[0] for clip in held]),  # when it is warm
        "wrong": np.isin(names, wrong),
        "doubted": np.isin(names, doubted),
    }


def _fitted(bench: Bench, tracks: Sequence[Track]) -> Fitted:
    """The linear members of the program's ensemble, trained on *tracks*, and their genres."""
    genres = genres_of(tracks)
    studio = Studio(genres, feature_groups(), Recipe(members=0), bench.tags)
    return genres, studio.train(tracks)


def _own_genres(side: Half, count: int) -> frozenset[str]:
    genres = sorted({clip.genre for clip in side.library})
    rng = np.random.default_rng([side.seed, int(side.swapped), 3])
    return frozenset(rng.permutation(genres)[: min(count, len(genres) // 3)].tolist())


def _without(side: Half, genres: frozenset[str]) -> Half:
    """The same half, the base of which never met *genres*."""
    kept = np.array([track.genre not in genres for track in side.base])
    base = tuple(track for track, stays in zip(side.base, kept, strict=True) if stays)
    return replace(side, base=base, judged=side.judged[kept])


def _split(side: Half) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """The clips of the artists that are tagged, and those of the others."""
    artists = sorted({clip.who for clip in side.library})
    rng = np.random.default_rng([side.seed, int(side.swapped), 1])
    tagged = set(rng.permutation(artists)[: len(artists) // 2].tolist())
    inside = tuple(clip for clip in side.library if clip.who in tagged)
    return inside, tuple(clip for clip in side.library if clip.who not in tagged)


def _tags(
    taught: Sequence[Clip], case: Case, side: Half
) -> tuple[tuple[Tagged, ...], tuple[str, ...]]:
    """How the clips are tagged, and which fingerprints wrongly."""
    rng = np.random.default_rng([side.seed, int(side.swapped), 2])
    genres = sorted({clip.genre for clip in side.library})
    found, wrong = [], []
    for clip in taught:
        genre = clip.genre
        if rng.random() < case.wrong:
            genre = str(rng.choice([name for name in genres if name != genre]))
            wrong.append(clip.fingerprint)
        value = str(rng.choice(NOTHING)) if rng.random() < EMPTY else _spelled(genre, rng)
        found.append(Tagged(path=clip.path, genres=(value,), artist=clip.artist or clip.who))
    return tuple(found), tuple(wrong)


def _spelled(genre: str, rng: np.random.Generator) -> str:
    """One of the ways in which people write a genre."""
    ways = (genre, genre, genre, genre.upper(), genre.lower(), genre.replace("-", " "))
    joined = (f"{genre}/Soul", f"{genre}; Soundtrack", f"Electronic, {genre}")
    return str(rng.choice([*ways, *joined]))


def _learned(
    bench: Bench, case: Case, side: Half, tags: Sequence[Tagged], taught: Sequence[Clip]
) -> tuple[list[Learned], list[str]]:
    """Clean, hear (from what is kept), doubt: what is learned, and which of it is doubted."""
    clips = {clip.path: clip for clip in taught}
    known, policy = genres_of(side.base), Policy()
    wishes = Wishes(known=known, empty=policy.empty_values, broad=policy.broad_genres)
    choice = choose(Reading(files=tuple(tags), unread=()), wishes, len(tags))
    with tempfile.TemporaryDirectory() as room:
        db = open_library(Path(room) / "library.db")
        queue_up(db, choice, ["/"], NOON)
        for lesson in choice.sample:
            _hear(db, lesson.path, clips[lesson.path].track)
        doubted = _doubt(bench, side, db) if case.doubting else []
        learned = lessons.learned(db, FEATURE_VERSION)
        db.close()
    return learned, doubted


def _doubt(bench: Bench, side: Half, db: Database) -> list[str]:
    said = from_lessons(lessons.learned(db, FEATURE_VERSION))
    kept, _ = learnable(said, genres_of(side.base))
    found = look_among((*side.base, *kept), bench.tags)
    lessons.doubt(db, {doubt.fingerprint: doubt.probability for doubt in found})
    return [doubt.fingerprint for doubt in found]


def _hear(db: Database, path: str, track: Track) -> None:
    """Keep what was heard of the clip, as `learn` does of a file."""
    summary = np.stack([track.features.mean(axis=0), track.features.std(axis=0)])
    row = HearingRow(
        fingerprint=track.fingerprint,
        feature_version=FEATURE_VERSION,
        model_version="base-1",
        genres=(),
        segments=len(track.features),
        track_features=summary,
        pooled_scores=np.zeros((0, 0), np.float32),
        embedding=track.embedding,
        features=track.features,
    )
    files.remember_track(db, track.fingerprint, 30.0, NOON)
    hearings.save_hearing(db, row)
    lessons.mark_heard(db, path, track.fingerprint, NOON)


def _right(model: Fitted, held: Sequence[Clip]) -> NDArray[np.bool_]:
    """Whether the model's first genre is the clip's, [held]."""
    genres, ensemble = model
    first = pooled_by(ensemble, [clip.track for clip in held]).argmax(axis=1)
    return np.array([genres[n] == clip.genre for n, clip in zip(first, held, strict=True)])


# --- figures --------------------------------------------------------------------------------


def _figures(runs: Sequence[Arrays]) -> dict[str, Any]:
    whole = {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}
    _, groups = np.unique(whole["artist"], return_inverse=True)
    right = {name: whole[name].astype(float) for name in ("before", "after")}
    gain = _span(right["before"], right["after"], groups)
    new = whole["new"]
    wrong, doubted = whole["wrong"], whole["doubted"]
    return {
        "judged": len(groups),
        "artists": int(groups.max()) + 1,
        "lessons": len(wrong),
        "before": _span(np.zeros(len(groups)), right["before"], groups),
        "after": _span(np.zeros(len(groups)), right["after"], groups),
        "gain": gain,
        **_of_new(right, groups, new, whole["known"]),
        "wrong_tags": int(wrong.sum()),
        "doubted": int(doubted.sum()),
        "doubted_rightly": _share(wrong & doubted, doubted),
        "found": _share(wrong & doubted, wrong),
        "met": gain["low"] >= 100 * MARGIN,
    }


def _of_new(
    right: Mapping[str, NDArray[np.float64]],
    groups: NDArray[np.int64],
    new: NDArray[np.bool_],
    known: NDArray[np.bool_],
) -> dict[str, Any]:
    """The same of genres that the base had not learned, and of the others.

    Some of these are too rare in the library to be learned; those that are not stand apart.
    """
    if not new.any():
        return {}
    apart = new & known
    return {
        "gain_on_its_own_genres": _span(right["before"][new], right["after"][new], groups[new]),
        "gain_on_the_others": _span(right["before"][~new], right["after"][~new], groups[~new]),
        "of_its_own_genres": int(new.sum()),
        "of_those_frequent_enough": int(apart.sum()),
        "right_on_those": _span(np.zeros(apart.sum()), right["after"][apart], groups[apart])
        if apart.any()
        else None,
    }


def _span(
    old: NDArray[np.float64], new: NDArray[np.float64], groups: NDArray[np.int64]
) -> dict[str, float]:
    """In per cent: *new* less *old*, with 95 % over artists."""
    found = evaluate.difference(old, new, groups)
    return {end: round(100 * getattr(found, end), 1) for end in ("value", "low", "high")}


def _share(some: NDArray[np.bool_], of: NDArray[np.bool_]) -> float | None:
    return round(float(some.sum() / of.sum()), 3) if of.any() else None


def _so_far(run: Arrays) -> str:
    return f"{run['before'].mean():.3f} -> {run['after'].mean():.3f}, n = {len(run['before'])}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks warm")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", action="append", choices=tuple(CASES), help="this case alone")
    parser.add_argument("--halves", type=int, default=HALVES)
    parser.add_argument("--first", type=int, default=0, help="seed of the first half")
    parser.add_argument("--cache", type=Path, default=cache_dir(), help="where results are kept")
    parser.add_argument("--short", action="store_true", help="on made-up excerpts, in seconds")
    return parser
