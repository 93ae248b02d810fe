"""How good are we on this music? The command behind `genrewatch evaluate`.

`python -m core.learning.evaluation` judges by people's labels in the record, where they are too
few by the tags that a library came with, or by a folder whose subdirectories are genres. It
speaks JSON lines on stdout (progress, then done or error) and writes one report if asked; it
changes neither the record nor any model.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core import registry
from core.errors import GenrewatchError, TrainingError
from core.learning.ensemble.limits import bounded
from core.learning.figures import findings, report
from core.learning.figures.findings import Findings
from core.learning.tracks.dataset import (
    LABEL_WEIGHT,
    LESSON_WEIGHT,
    Sample,
    Track,
    find_samples,
    from_labels,
    from_replay,
    is_telling,
    require_enough,
    require_telling,
    weighed,
    with_lessons,
)
from core.learning.tracks.hearing import Augmentation, hear_all
from core.learning.tracks.sampling import sampled
from core.learning.train import backbone_named, speak, spoken, tags_in
from core.library import hearings, lessons
from core.library.schema import open_library

if TYPE_CHECKING:  # TensorFlow: whoever has too few labels is told so without
    from core.learning.examine import Bench

__all__ = ["main", "of_library", "of_samples"]

BESIDE = (
    "; beside {them} each model learns from the {n} tracks that {version} carries, whose"
    " artists are known by number alone"
)
AND_TAGS = ", and from the tags of {n} tracks of your library, which count less"
LABELS, TAGS = "your labels", "the tags that your library came with"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the record and the model in use are."""

    library: Path
    champion: Path
    backbone: str | None = None  # sha256 of the weights of the one that there is


def of_library(place: Place, bench: "Bench") -> Findings:
    """Evaluate as the night would learn: on people's labels, or on a library's tags.

    The tags are judged by only where the labels are too few; else they help to train. Raises
    TrainingError where both are too few, ModelError where a model is damaged.
    """
    from core.learning.examine import examine, in_use
    from core.learning.nightly import as_replayed, comparable, learnable, merged, read_record

    champion, replay = registry.load(place.champion), from_replay(place.champion)
    comparable(champion, replay, place.backbone)
    labels, told = read_record(place.library, champion.genres)
    words = from_labels(labels, weight=LABEL_WEIGHT, unprompted=told["unprompted"])
    spoken_of = with_lessons(weighed(words, told["doubtful"]), told["lessons"])
    heard, waiting = as_replayed(spoken_of, champion)
    said, unlearned = learnable(heard, champion.genres)
    by_tags = has_to_judge_by_tags(said)
    tracks = sampled(merged(replay.tracks, said))
    judged = np.array([track.arrived if by_tags else track.labelled for track in tracks])
    return examine(
        tracks,
        bench,
        subject=TAGS if by_tags else LABELS,
        protocol=_beside(tracks, champion.version, by_tags=by_tags),
        judged=judged,
        fair=np.array([track.unprompted or track.arrived for track in tracks]),
        champion=in_use(champion, [t for t, mine in zip(tracks, judged, strict=True) if mine]),
        notes=(*waiting, *unlearned, *(_taken(said) if by_tags else _biased(said))),
    )


def has_to_judge_by_tags(said: Sequence[Track]) -> bool:
    """Say whether people *said* too little to judge by, so that the tags of a library have to do.

    Raises TrainingError where they are too few as well.
    """
    people, tags = [t for t in said if t.labelled], [t for t in said if t.arrived]
    if is_telling(people) or not is_telling(tags):
        require_telling(people)
        return False
    return True


def _beside(tracks: Sequence[Track], version: str, *, by_tags: bool) -> str:
    """Say from what else than what it is judged on each model learns."""
    labels, tags = sum(t.labelled for t in tracks), sum(t.arrived for t in tracks)
    them = "them" if by_tags else "your labels"
    beside = BESIDE.format(them=them, n=len(tracks) - labels - tags, version=version)
    if by_tags:
        return beside + (f", and from your {labels} labels" if labels else "")
    return beside + (AND_TAGS.format(n=tags) if tags else "")


def _spoken_of(library: Path) -> tuple[Track, ...]:
    """Read whatever has a genre by somebody's word or tag; quick, and without TensorFlow.

    Opened and closed here, so that no lock outlives it.
    """
    from core.analysis.features import FEATURE_VERSION

    db = open_library(library)
    try:
        labels = hearings.labels(db, FEATURE_VERSION)
        taught = lessons.learned(db, FEATURE_VERSION)
    finally:
        db.close()
    return with_lessons(from_labels(labels, weight=LABEL_WEIGHT), taught)


def _taken(said: Sequence[Track]) -> tuple[str, ...]:
    """Say what the tags are worth that had to be judged by."""
    tags = [track for track in said if track.arrived]
    doubted = sum(track.weight < LESSON_WEIGHT for track in tags)
    note = (
        f"{_by_people(said)} tracks are labelled by you, too few to judge by, so the tags have"
        f" to do, as they stand: nobody has confirmed them, and {doubted} of {len(tags)} look wrong"
    )
    return (note,)


def _by_people(said: Sequence[Track]) -> int:
    """Return how many tracks a person named."""
    return sum(track.labelled for track in said)


def _biased(said: Sequence[Track]) -> tuple[str, ...]:
    """Say which of the labels are no fair sample of the library."""
    people = _by_people(said)
    prompted = sum(track.labelled and not track.unprompted for track in said)
    note = (
        f"{prompted} of {people} labels answer something that the program had said; such"
        " tracks were picked for that, so they are no fair sample of the library"
    )
    return (note,) if prompted else ()


def of_samples(
    samples: Sequence[Sample], note: str, wishes: argparse.Namespace, bench: "Bench"
) -> Findings:
    """Evaluate on *samples*, as `train` would learn from them; raises TrainingError.

    *note* says how their artists are known.
    """
    from core.learning.examine import examine

    backbone, _ = backbone_named(wishes.backbone)
    augmentation = Augmentation(factor=wishes.augment_factor, seed=wishes.seed)
    material = hear_all(
        samples,
        augmentation,
        bench.progress,
        processes=wishes.processes,
        backbone=backbone,
        kept=wishes.heard,
    )
    for left in material.left_out:
        speak({"event": "left_out", "path": left.path, "reason": left.reason})
    return examine(material.tracks, bench, subject=str(wishes.sample_dir), notes=(note,))


def main(argv: Sequence[str] | None = None, ready: Callable[[], None] = lambda: None) -> int:
    """Evaluate as the arguments say; the last line on stdout is done or error.

    *ready* is called before anything is trained. Beyond its time or memory it ends with a reason.
    """
    wishes = _parser().parse_args(argv)
    try:
        _require_writable(wishes.report)
        with bounded(seconds=wishes.max_minutes * 60, memory_mb=wishes.max_memory_mb) as check:
            found = _found(wishes, check, ready)
        _write(wishes.report, report.page(found, created=_created(wishes)))
    except GenrewatchError as error:
        speak({"event": "error", "what": error.what, "path": error.path, "remedy": error.remedy})
        return error.exit_code
    speak({"event": "done", "findings": findings.as_json(found)})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core.learning.evaluation")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--library", type=Path, help="the record")
    source.add_argument("--sample-dir", type=Path, help="genre = subdirectory")
    parser.add_argument("--champion", type=Path, help="folder of the model in use; with --library")
    parser.add_argument("--groups", type=Path, help="CSV with the columns file and artist")
    parser.add_argument("--augment-factor", type=int, default=5, help="copies of each file")
    parser.add_argument("--report", type=Path, help="where to write the report")
    parser.add_argument("--epochs", type=int, help="at most; default: as when training")
    parser.add_argument("--members", type=int, help="networks of a kind; likewise")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2, help="that hear files at once")
    parser.add_argument("--backbone", default="none", help='its folder, or "none"')
    parser.add_argument("--heard", type=Path, help="folder that keeps what was heard of the files")
    parser.add_argument("--max-minutes", type=float, default=inf)
    parser.add_argument("--max-memory-mb", type=float, default=inf)
    parser.add_argument("--created", help="ISO 8601 UTC; default: now")
    return parser


def _found(
    wishes: argparse.Namespace, check: Callable[[], None], ready: Callable[[], None]
) -> Findings:
    if wishes.library is None:
        samples, note = find_samples(wishes.sample_dir, wishes.groups)
        require_telling(samples)
        require_enough(samples)
        ready()
        return of_samples(samples, note, wishes, _bench(wishes, check))
    has_to_judge_by_tags(_spoken_of(wishes.library))
    ready()
    _, source = backbone_named(wishes.backbone)
    place = Place(library=wishes.library, champion=wishes.champion, backbone=source)
    return of_library(place, _bench(wishes, check))


def _bench(wishes: argparse.Namespace, check: Callable[[], None]) -> "Bench":
    from core.learning.ensemble.fitting import Recipe
    from core.learning.examine import Bench

    folder, _ = backbone_named(wishes.backbone)
    changed = {"epochs": wishes.epochs, "members": wishes.members}
    given = {name: value for name, value in changed.items() if value is not None}
    return Bench(
        recipe=Recipe(seed=wishes.seed, **given),
        progress=spoken(speak),
        check=check,
        tags=tags_in(folder),
    )


def _created(wishes: argparse.Namespace) -> str:
    return str(wishes.created or datetime.now(UTC).isoformat(timespec="seconds"))


def _require_writable(target: Path | None) -> None:
    """Say before an hour's work, not after it, that the report has no place."""
    if target is not None and (target.is_dir() or not target.parent.is_dir()):
        what = "the report cannot be written there"
        raise TrainingError(what, str(target), "name a file in a folder that exists")


def _write(target: Path | None, page: str) -> None:
    if target is None:
        return
    try:
        target.write_text(page, encoding="utf-8")
    except OSError as error:
        what = f"the report cannot be written ({error.strerror})"
        raise TrainingError(what, str(target), "name another file") from error


def _alone() -> None:
    """Let every other process go first, and train on one core or on a GPU that can be believed."""
    from core.learning.ensemble.limits import step_back, use_best_device
    from core.learning.nets.networks import use_cores

    step_back()
    use_cores(1)
    use_best_device()


if __name__ == "__main__":
    sys.exit(main(ready=_alone))
