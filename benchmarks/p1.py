"""The whole road on artists never heard (P1): `python -m benchmarks p1 [--data DIR] [--fold N]`.

For each of five artist folds: an empty state directory, the program's own `train` on the
other four (short and long excerpts, artists by --groups), the real daemon on an empty
folder, the fifth fold's short excerpts dropped in without tags. Counted is the first genre
of every excerpt, written or not; beside it what folds over clips would claim (LEAKY).
"""

import argparse
import csv
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.fits import refuse_known
from benchmarks.accuracy.linear import random_folds, regression_words
from benchmarks.tools.house import House, until
from benchmarks.tools.timing import machine
from core.analysis import probe
from core.learning.base import Piece, hear_excerpts, pieces
from core.learning.ensemble.fitting import Recipe
from core.learning.figures import evaluate
from core.learning.tracks.dataset import genres_of, group_numbers
from core.library import files, hearings
from daemon.backbone import open_models
from daemon.config import Model
from tests.audio import genres_in

FLOOR = 0.45
SETTLE_S = 0.3  # the default waits longer for each file; it changes no verdict
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the program said of one excerpt of an artist that it never heard."""

    piece: Piece
    words: dict[str, float]  # genre → confidence; empty where it could not be judged
    written: tuple[str, ...]  # the genres that stand in the file, as another program reads them


def main(argv: Sequence[str]) -> dict[str, Any]:
    """Measure P1 end to end and return the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks p1")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--fold", type=int, action="append", help="only this one, as a trial")
    parser.add_argument("--augment-factor", default="5")
    parser.add_argument("--epochs", default="100")
    parser.add_argument("--no-leaky", action="store_true", help="leave the LEAKY figure out")
    wishes = parser.parse_args(argv)
    if not (wishes.data / "splits" / "artist_folds.csv").exists():
        print(f"skipped: there is no labelled music in {wishes.data}")
        sys.exit(0)  # and the last result stays as it is
    listed = pieces(wishes.data)
    train_options = ["--augment-factor", wishes.augment_factor, "--epochs", wishes.epochs]
    folds = sorted({piece.fold for piece in listed})
    answers: list[Answer] = []
    for fold in wishes.fold or folds:
        answers += _fold(listed, fold, train_options)
    figures = _figures(answers, whole=not wishes.fold)
    if not wishes.no_leaky:
        figures |= _leaky(wishes.data)
    for name, figure in figures.items():
        print(f"{name}: {figure}")
    return figures


# one fold -----------------------------------------------------------------------------------


def _fold(listed: Sequence[Piece], fold: int, options: Sequence[str]) -> list[Answer]:
    """Train, drop, wait, read; everything that was learned is thrown away afterwards."""
    known = [piece for piece in listed if piece.fold != fold]
    asked = [piece for piece in listed if piece.fold == fold and piece.short]
    with tempfile.TemporaryDirectory() as room:
        house = House(Path(room), {"watch": {"settle_seconds": SETTLE_S}})
        samples, groups = _samples(Path(room), known)
        started = time.monotonic()
        house.cli("train", "--sample-dir", str(samples), "--groups", str(groups), *options)
        trained = time.monotonic() - started
        _refuse(house, asked)
        with house.daemon():
            found = _answers(house, asked)
    right = sum(_first(answer) == answer.piece.sample.genre for answer in found)
    took = time.monotonic() - started
    print(f"fold {fold}: {right} of {len(found)} right; {trained:.0f} of {took:.0f} s for training")
    return found


def _samples(room: Path, known: Sequence[Piece]) -> tuple[Path, Path]:
    """Lay out a folder as a user would: genre = subdirectory, and a list of who made what."""
    samples, groups = room / "samples", room / "groups.csv"
    with groups.open("w", newline="", encoding="utf-8") as lines:
        table = csv.writer(lines)
        table.writerow(["file", "artist"])
        for piece in known:
            name = f"{piece.clip}.{'short' if piece.short else 'long'}.flac"
            place = samples / piece.sample.genre / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(Path(piece.sample.path).resolve())
            table.writerow([str(place.relative_to(samples)), piece.sample.group])
    return samples, groups


def _refuse(house: House, asked: Sequence[Piece]) -> None:
    """Raise where the model that will judge was trained on an excerpt that is asked about."""
    manifest = open_models(house.state / "models", Model()).champion()
    refuse_known([probe(piece.sample.path).fingerprint for piece in asked], manifest.fingerprints)


def _answers(house: House, asked: Sequence[Piece]) -> list[Answer]:
    dropped = []
    for number, piece in enumerate(asked):  # under a name that tells nothing
        path = house.music / f"{number:04}.flac"
        shutil.copyfile(piece.sample.path, path)
        dropped.append(path)
    until(
        lambda: sum(n for s, n in house.states().items() if s != "pending") == len(dropped),
        "all excerpts are judged",
        within=120 + 10 * len(dropped),
    )
    return [_answer(house, piece, path) for piece, path in zip(asked, dropped, strict=True)]


def _answer(house: House, piece: Piece, path: Path) -> Answer:
    row = files.file_at(house.db, str(path))
    verdict = hearings.verdict_of(house.db, row.fingerprint) if row else None
    words = dict(verdict.genres) if verdict else {}
    return Answer(piece=piece, words=words, written=tuple(genres_in(path)))


def _first(answer: Answer) -> str | None:
    return max(answer.words, key=lambda genre: answer.words[genre], default=None)


# all folds ----------------------------------------------------------------------------------


def _figures(answers: Sequence[Answer], *, whole: bool) -> dict[str, Any]:
    genres = sorted({answer.piece.sample.genre for answer in answers})
    truth = np.array([genres.index(answer.piece.sample.genre) for answer in answers])
    words = np.array([[a.words.get(genre, 0.0) for genre in genres] for a in answers])
    names = sorted({answer.piece.sample.group for answer in answers})
    groups = np.array([names.index(a.piece.sample.group) for a in answers], dtype=np.int32)
    figures = {
        "protocol": "P1 end to end: 2-3 s excerpts, fault-filtered, artist folds, pooled",
        "first genre": _accuracy(words, truth, groups),
        "written": _written(answers),
        "not judged": sum(not answer.words for answer in answers),
        "floor": FLOOR,
        "machine": machine(),
    }
    if whole:
        figures["picture"] = str(_draw(words, truth, genres))
    figures["passed"] = figures["first genre"]["accuracy"] >= FLOOR
    return figures


def _accuracy(
    words: NDArray[np.float64], truth: NDArray[np.int64], groups: NDArray[np.int32]
) -> dict[str, Any]:
    found = evaluate.accuracy(words, truth, groups)
    return {
        "accuracy": round(found.value, 4),
        "interval_95": [round(found.low, 4), round(found.high, 4)],
        "n": found.n,
        "artists": found.artists,
    }


def _written(answers: Sequence[Answer]) -> dict[str, Any]:
    """Of what the default promise wrote by itself: how much, and how much of it is right."""
    told = [answer for answer in answers if answer.written]
    right = sum(answer.written == (answer.piece.sample.genre,) for answer in told)
    return {
        "n": len(told),
        "coverage": round(len(told) / len(answers), 4),
        "precision": round(right / len(told), 4) if told else None,
    }


def _draw(words: NDArray[np.float64], truth: NDArray[np.int64], genres: Sequence[str]) -> Path:
    table = evaluate.confusion(words.argmax(axis=1), truth, len(genres))
    share = np.diag(table).sum() / table.sum()
    title = f"Dropped files of artists never heard: {share:.1%} of {table.sum()} right"
    target = RESULTS / "p1.png"
    evaluate.draw_confusion(table, genres, title, target)
    return target.relative_to(RESULTS.parent.parent)


def _leaky(data: Path) -> dict[str, Any]:
    """What the same features seem worth when an artist stands on both sides of the split."""
    recipe = Recipe()
    excerpts = hear_excerpts(data, lambda *_: None, seed=recipe.seed, factor=0)
    genres = genres_of(excerpts.tracks)
    truth = np.array([genres.index(track.genre) for track in excerpts.tracks])[excerpts.short]
    groups = group_numbers(excerpts.tracks)[excerpts.short]
    mixed = random_folds(excerpts.clips, 5, seed=recipe.seed)
    ways = {
        "for comparison: regression alone, folds over artists": excerpts.folds,
        "LEAKY: regression alone, folds over clips": mixed,
    }
    return {
        name: _accuracy(
            regression_words(excerpts.tracks, folds, recipe)[excerpts.short], truth, groups
        )
        for name, folds in ways.items()
    }
