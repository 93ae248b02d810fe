"""Train a model from labelled tracks: folds, calibration, members, model folder.

`python -m core.learning.train` learns from a folder whose subdirectories are genres. It
speaks JSON lines on stdout (progress, then done or error) and nothing else there. It makes
a model folder and leaves it to others whether that model is used.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.decision.promise import Cases, promise
from core.decision.verdict import calibrate, pool
from core.errors import GenrewatchError, TrainingError
from core.learning.confidence.calibrate import (
    blind_cases,
    cross_fitted,
    fit_calibration,
    longest_calibrated,
)
from core.learning.confidence.doubt import Blind, learn_surety
from core.learning.confidence.weighing import Said, counting, cross_weighted, fit_shares
from core.learning.figures import evaluate
from core.learning.tracks.dataset import (
    Material,
    Track,
    apart,
    dealt,
    embeddings,
    find_samples,
    genres_of,
    group_numbers,
    require_enough,
    stacked,
    without_embeddings,
)
from core.learning.tracks.hearing import Augmentation, Progress, hear_all, heard
from core.registry import backbone_source

if TYPE_CHECKING:  # TensorFlow: processes that only hear, and import this, go without
    from core.decision.beyond import Known
    from core.learning.ensemble.course import Course
    from core.learning.ensemble.export import Trained
    from core.learning.ensemble.fitting import Check, Ensemble, Recipe, Studio
    from core.learning.ensemble.outsiders import Outsiders
    from core.learning.nets.prior import TagLayer

__all__ = [
    "backbone_named",
    "feature_groups",
    "main",
    "pooled_by",
    "said_out_of_fold",
    "scores_of",
    "speak",
    "spoken",
    "tags_in",
    "train",
]

PRECISION = 0.9  # of the promise that a model is described by; the user may ask for another
Say = Callable[[dict[str, Any]], None]


def train(
    tracks: Sequence[Track],
    recipe: "Recipe",
    progress: Progress,
    check: "Check",
    *,
    folds: NDArray[np.integer[Any]] | None = None,
    judged: NDArray[np.bool_] | None = None,
    protocol: str = "",
    tags: "TagLayer | None" = None,
    studio: "Studio | None" = None,
    course: "Course | None" = None,
) -> "Trained":
    """Train on *tracks* and say honestly what that is worth.

    The ensemble gets a head on the embedding where each track has one, else none has.
    *folds* [tracks] says which tracks are predicted together (by default artists are dealt
    by the recipe); *judged* [tracks] picks those that the accuracy is about; *tags* is the
    backbone's last layer, towards which the head is drawn; *studio* is one to use again;
    *course* has what was trained before, to start from, and keeps what is finished.
    Raises TrainingError when there is too little.
    """
    from core.learning.ensemble.course import ALL, Course
    from core.learning.ensemble.export import Trained
    from core.learning.ensemble.fitting import Studio

    require_enough(tracks)
    if embeddings(tracks) is None:  # whichever fold is held out, the members are the same
        tracks = without_embeddings(tracks)
    genres = genres_of(tracks)
    studio = studio or Studio(genres, feature_groups(), recipe, tags)
    groups = group_numbers(tracks)
    if folds is None:
        folds = dealt(tracks, most=recipe.folds, seed=recipe.seed)
    fitted = _counted(progress, (len(np.unique(folds)) + 1) * studio.count(tracks))
    course = course or Course()
    said = said_out_of_fold(tracks, folds, studio, check, fitted, course)
    pooled, shares = cross_weighted(said), fit_shares(said)
    truth = said.truth
    honest = cross_fitted(pooled, truth, groups)
    calibration = fit_calibration(pooled, truth, groups)
    scores, weights = counting(said, shares)
    blind = Blind(
        scores=scores,
        weights=weights,
        words=honest,
        calibration=calibration,
        truth=truth,
        groups=groups,
        folds=folds,
        embedding=embeddings(tracks),
    )
    doubted = learn_surety(blind)
    cases = blind_cases(honest, truth, groups, None if doubted is None else doubted.sure)
    collection = cases.only(np.array([not (t.labelled or t.arrived) for t in tracks]))
    about = np.ones(len(tracks), dtype=bool) if judged is None else judged
    kept = promise(collection, PRECISION)
    strange = _outsiders(tracks, truth, folds, studio, check)
    ensemble = course.ensemble(ALL, tracks, studio, check, fitted, shares)
    return Trained(
        genres=genres,
        ensemble=ensemble,
        tracks=tuple(tracks),
        out_of_fold=honest,
        pooled=pooled,
        folds=folds,
        calibration=calibration,
        promise=kept,
        collection=collection,
        library=cases.only(np.array([track.unprompted for track in tracks])),
        surety=None if doubted is None else doubted.surety,
        longest=longest_calibrated([len(track.features) for track in tracks]),
        accuracy=evaluate.accuracy(honest[about], truth[about], groups[about]),
        protocol=protocol or f"out of fold, {int(folds.max()) + 1} folds apart by artist",
        figures=_figures(honest[about], truth[about], len(genres)),
        shares=shares,
        lessons=said.lessons,
        starts=course.starts(),
        known=_known(strange, _answered(cases, kept.threshold)),
    )


def _outsiders(
    tracks: Sequence[Track],
    truth: NDArray[np.int64],
    folds: NDArray[np.integer[Any]],
    studio: "Studio",
    check: "Check",
) -> "Outsiders | None":
    """Learn what lies beyond the genres; None where there is no backbone to tell."""
    from core.learning.ensemble.outsiders import learn_outsiders

    raw = embeddings(tracks)
    if raw is None or studio.tags is None:
        return None
    return learn_outsiders(raw, truth, folds, studio.genres, studio.tags, studio.recipe, check)


def _known(strange: "Outsiders | None", answered: NDArray[np.bool_]) -> "Known | None":
    from core.learning.ensemble.outsiders import limited

    return None if strange is None else limited(strange, answered)


def _answered(cases: Cases, threshold: float | None) -> NDArray[np.bool_]:
    """Which tracks [n] are rightly written; where nothing may be written, the surer half would."""
    bar = float(np.median(cases.sure)) if threshold is None else threshold
    return np.asarray((cases.sure >= bar) & cases.right)


def said_out_of_fold(
    tracks: Sequence[Track],
    folds: NDArray[np.integer[Any]],
    studio: "Studio",
    check: "Check",
    fitted: "Check",
    course: "Course | None" = None,
) -> Said:
    """Return what every member says of *tracks*, none of them trained on the track's artist."""
    from core.learning.ensemble.course import Course

    course = course or Course()
    numbers, parts = np.unique(folds), []
    kinds: tuple[str, ...] = ()
    lessons: dict[int, frozenset[str]] = {}
    for number in numbers:
        others, held = apart(tracks, folds == number)
        ensemble = course.ensemble(int(number), others, studio, check, fitted)
        kinds = ensemble.kinds
        lessons[int(number)] = frozenset(track.fingerprint for track in others)
        parts.append(ensemble.scores(*stacked(held)))
    counts = np.array([len(track.features) for track in tracks])
    where = np.repeat(folds, counts)
    order = np.concatenate([np.flatnonzero(where == number) for number in numbers])
    return Said(
        scores=np.concatenate(parts, axis=1)[:, np.argsort(order)],
        counts=counts,
        kinds=kinds,
        truth=np.array([studio.genres.index(track.genre) for track in tracks]),
        groups=group_numbers(tracks),
        lessons=lessons,
    )


def _counted(progress: Progress, total: int) -> Callable[[], None]:
    """Return a function that counts networks and reports each."""
    done = count(1)
    progress("training", 0, total)
    return lambda: progress("training", next(done), total)


def pooled_by(ensemble: "Ensemble", tracks: Sequence[Track]) -> NDArray[np.float64]:
    """Return what *ensemble* says of *tracks*, pooled, [tracks, G]: all segments in one go."""
    weights = np.array(ensemble.weights)
    return np.stack([pool(part, weights) for part in scores_of(ensemble, tracks)])


def scores_of(ensemble: "Ensemble", tracks: Sequence[Track]) -> list[NDArray[np.float32]]:
    """Return the raw scores [members, n, G] of each of *tracks*."""
    scores = ensemble.scores(*stacked(tracks))
    return np.split(scores, np.cumsum([len(track.features) for track in tracks])[:-1], axis=1)


def feature_groups() -> tuple[int, ...]:
    """Return how many of the 135 features lie in each block A..H."""
    from core.analysis.features import FEATURES

    blocks = [feature.block for feature in FEATURES]
    return tuple(blocks.count(block) for block in sorted(set(blocks)))


def _figures(
    honest: NDArray[np.float64], truth: NDArray[np.int64], genres: int
) -> dict[str, float]:
    table = evaluate.confusion(honest.argmax(axis=1), truth, genres)
    return {
        "macro_f1": evaluate.macro_f1(table),
        "top_3": evaluate.top_k(honest, truth, 3),
        "calibration_error": evaluate.calibration_error(honest, truth),
    }


# --- the command ----------------------------------------------------------------------------


def speak(message: dict[str, Any]) -> None:
    """Write one JSON line to stdout."""
    sys.stdout.write(json.dumps(message, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def spoken(say: Say) -> Progress:
    """Return a progress that speaks."""
    return lambda stage, done, total: say(
        {"event": "progress", "stage": stage, "done": done, "total": total}
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Train as the arguments say; the last line on stdout is done or error."""
    wishes = _parser().parse_args(argv)
    try:
        done = _train_folder(wishes, speak)
    except GenrewatchError as error:
        speak({"event": "error", "what": error.what, "path": error.path, "remedy": error.remedy})
        return error.exit_code
    speak({"event": "done", **done})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core.learning.train")
    parser.add_argument("--sample-dir", type=Path, required=True, help="genre = subdirectory")
    parser.add_argument("--out", type=Path, required=True, help="where the model folder goes")
    parser.add_argument("--groups", type=Path, help="CSV with the columns file and artist")
    parser.add_argument("--augment-factor", type=int, default=5, help="copies of a file")
    parser.add_argument("--no-advanced-aug", action="store_true", help="plain effects alone")
    parser.add_argument("--epochs", type=int, default=100, help="at most")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--test-file", type=Path, help="a file to classify with the new model")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--version", help="name of the model; default: today's date")
    parser.add_argument("--created", help="ISO 8601 UTC; default: now")
    parser.add_argument("--processes", type=int, default=2, help="that hear files at once")
    parser.add_argument("--backbone", default="none", help='its folder, or "none"')
    parser.add_argument("--heard", type=Path, help="folder that keeps what was heard of the files")
    return parser


def backbone_named(wish: str) -> tuple[str | None, str | None]:
    """Return folder and source of the backbone that --backbone names, None for "none".

    Raises TrainingError where there is no whole backbone in that folder.
    """
    if wish == "none":
        return None, None
    source = backbone_source(Path(wish))
    if source is None:
        remedy = "run: python -m core.learning.backbone (or give --backbone none)"
        raise TrainingError("there is no whole backbone in that folder", wish, remedy)
    return wish, source


def tags_in(folder: str | None, say: Say = speak) -> "TagLayer | None":
    """Return the last layer of the backbone in *folder*; None without one. Raises ModelError.

    Where the backbone is of an older program and has none, that is said: the model will start
    from nothing and cannot tell what is of none of its genres.
    """
    from core.learning.nets.prior import tag_layer

    tags = None if folder is None else tag_layer(Path(folder))
    if folder is not None and tags is None:
        remedy = "run: python -m core.learning.backbone"
        say({"event": "note", "text": f"the backbone is here without its tags; {remedy}"})
    return tags


def _train_folder(wishes: argparse.Namespace, say: Say) -> dict[str, Any]:
    _sensible(wishes)
    samples, note = find_samples(wishes.sample_dir, wishes.groups)
    say({"event": "note", "text": note})
    augmentation = Augmentation(
        factor=wishes.augment_factor, advanced=not wishes.no_advanced_aug, seed=wishes.seed
    )
    backbone, _ = backbone_named(wishes.backbone)
    material = hear_all(
        samples,
        augmentation,
        spoken(say),
        processes=wishes.processes,
        backbone=backbone,
        kept=wishes.heard,
    )
    _say_left_out(material, say)
    return _train_and_write(material, note, wishes, say)


def _train_and_write(
    material: Material, note: str, wishes: argparse.Namespace, say: Say
) -> dict[str, Any]:
    from core.learning.ensemble.export import Paper, write_model
    from core.learning.ensemble.fitting import Recipe, no_check
    from core.learning.nets.networks import use_cores

    use_cores(1)
    backbone, source = backbone_named(wishes.backbone)
    recipe = Recipe(seed=wishes.seed, epochs=wishes.epochs, batch_size=wishes.batch_size)
    trained = train(material.tracks, recipe, spoken(say), no_check, tags=tags_in(backbone))
    now = wishes.created or datetime.now(UTC).isoformat(timespec="seconds")
    paper = Paper(
        version=wishes.version or f"{now[:10]}.1",
        created=now,
        provenance=f"trained by its user on {len(trained.tracks)} files; {note}",
        licence="that of the files it was trained on, which is for its user to know",
        backbone=source,
    )
    folder = write_model(trained, paper, wishes.out)
    metrics = json.loads((folder / "manifest.json").read_text("utf-8"))["metrics"]
    done = {"version": paper.version, "path": str(folder), "metrics": metrics}
    if wishes.test_file:
        done["test"] = _classified(wishes.test_file, trained, backbone)
    return done


def _sensible(wishes: argparse.Namespace) -> None:
    limits = {"augment_factor": 0, "epochs": 1, "batch_size": 1, "processes": 1}
    for name, least in limits.items():
        if getattr(wishes, name) < least:
            flag = name.replace("_", "-")
            raise TrainingError(f"--{flag} is too small", remedy=f"give at least {least}")


def _say_left_out(material: Material, say: Say) -> None:
    for left in material.left_out:
        say({"event": "left_out", "path": left.path, "reason": left.reason})


def _classified(path: Path, trained: "Trained", backbone: str | None) -> list[dict[str, Any]]:
    """Say what the new model hears in *path*, surest first; nothing in silence."""
    _, features, embedding = heard(str(path), backbone)
    if not len(features):
        return []
    track = Track(fingerprint="", genre="", group="", features=features, embedding=embedding)
    pooled = pooled_by(trained.ensemble, [track])[0]
    sure = calibrate(pooled, trained.calibration.temperature, trained.calibration.bias)
    order = np.argsort(-sure)
    return [{"genre": trained.genres[i], "confidence": round(float(sure[i]), 4)} for i in order]


if __name__ == "__main__":
    sys.exit(main())
