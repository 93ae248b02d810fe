"""The whole night, top to bottom: what people said, replay, training, gate, outcome.

`python -m core.learning.nightly` reads the library and the champion, trains a challenger
from nothing (so that its out-of-fold words are honest), and says whether it may go live.
It changes neither the library nor which model is used.
"""

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from core import registry
from core.decision import conflicts, memory, testimony
from core.decision.vocabulary import LEARNED, as_taught, vocabulary
from core.errors import GenrewatchError, TrainingError
from core.learning.ensemble.course import Course
from core.learning.ensemble.export import Paper, Trained, write_model
from core.learning.ensemble.fitting import Check, Recipe
from core.learning.ensemble.limits import Pace, TooSlow, bounded, step_back, use_best_device
from core.learning.ensemble.starts import STARTS, Before, load_starts
from core.learning.nets.prior import TagLayer
from core.learning.proving import gate
from core.learning.proving.gate import Outcome
from core.learning.proving.proof import Remembered, prove
from core.learning.tracks.dataset import (
    LABEL_WEIGHT,
    Label,
    Lesson,
    Replay,
    Track,
    from_labels,
    from_replay,
    weighed,
    with_lessons,
    without_embeddings,
)
from core.learning.tracks.hearing import Progress
from core.learning.tracks.sampling import sampled
from core.learning.train import backbone_named, feature_groups, speak, spoken, tags_in, train
from core.library import evidence, feedback_log, hearings, lessons, taxonomy
from core.library.feedback_log import FeedbackRow
from core.library.schema import open_library, reading
from core.names import Keys
from core.taxonomy import fold

__all__ = [
    "Night",
    "Request",
    "as_replayed",
    "comparable",
    "learnable",
    "main",
    "merged",
    "night",
    "read_record",
]

NOBODY_SPOKE = "nobody said anything yet"
NETWORKS_SHARE = 0.7  # of a night's time; the rest is for all that is not networks
ORIGIN = ", on top of: "  # before the provenance of the model that it all began with


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the night is to do."""

    champion: Path
    out: Path
    version: str
    created: str
    seed: int = 1
    epochs: int = 100
    members: int = 3
    force: bool = False  # train although the champion knows all labels already
    backbone: str | None = None  # sha256 of the weights of the one that there is
    tags: TagLayer | None = None  # its last layer
    unprompted: frozenset[str] = frozenset()  # labelled tracks that may bear on the promise
    doubtful: frozenset[str] = frozenset()  # those of which the words contradict each other
    remembered: Remembered = field(default_factory=Remembered)
    lessons: Sequence[Lesson] = ()  # what the tags of a library say
    seconds: float | None = None  # that its networks may take; None: as long as they like
    finished: Path | None = None  # where what is finished waits, should this be killed


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What came of it."""

    outcome: Outcome
    reason: str
    version: str | None = None
    metrics: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()


def night(request: Request, labels: Sequence[Label], progress: Progress, check: Check) -> Night:
    """Train a challenger on the champion's replay and *labels* and hold it to the gate.

    Raises TrainingError where the training cannot be done; the champion then stays.
    """
    champion = registry.load(request.champion)
    replay = from_replay(request.champion)
    comparable(champion, replay, request.backbone)
    heard, note = as_replayed(_said(request, labels), champion)
    said, notes = learnable(heard, champion.genres)
    notes = (*note, *notes)
    if not said:
        spoken_of = labels or request.lessons
        reason = "nothing of what was said can be learned yet" if spoken_of else NOBODY_SPOKE
        return Night(outcome=Outcome.SKIPPED, reason=reason, notes=notes)
    if not request.force and _knows_all(replay, said):
        reason = "the model in use knows all that was said"
        return Night(outcome=Outcome.SKIPPED, reason=reason, notes=notes)
    before = load_starts(request.champion / STARTS, feature_groups())
    tracks = sampled(merged(replay.tracks, said))
    trained, course = _challenger(request, tracks, before, progress, check)
    folder = _written(request, champion, trained)
    notes = (*notes, *_slowness(request, trained))
    metrics = json.loads((folder / "manifest.json").read_text("utf-8"))["metrics"]
    progress("gate", 0, 1)
    decision = prove(champion, replay, trained, folder, request.remembered, before)
    course.forget()  # not before: killed while it is written or proven, it is not trained again
    return Night(
        outcome=decision.outcome,
        reason="; ".join(decision.reasons),
        version=request.version,
        metrics={**metrics, **decision.figures},
        notes=notes,
    )


def _said(request: Request, labels: Sequence[Label]) -> tuple[Track, ...]:
    said = from_labels(labels, weight=LABEL_WEIGHT, unprompted=request.unprompted)
    return with_lessons(weighed(said, request.doubtful), request.lessons)


# --- what is learned from -------------------------------------------------------------------


def as_replayed(
    said: Sequence[Track], champion: registry.Manifest
) -> tuple[tuple[Track, ...], tuple[str, ...]]:
    """Return the labelled tracks that were heard as the *champion* hears, and notes.

    Under one with a backbone, tracks heard without wait until they are heard anew: with them
    no member could judge the embedding.
    """
    if champion.backbone is None:
        return without_embeddings(said), ()
    kept = tuple(track for track in said if track.embedding is not None)
    missing = len(said) - len(kept)
    note = f"{missing} of {len(said)} labelled tracks were heard without the backbone and must wait"
    return kept, (note,) if missing else ()


def learnable(
    said: Sequence[Track], known: Sequence[str]
) -> tuple[tuple[Track, ...], tuple[str, ...]]:
    """Return the labelled tracks whose genre can be learned, spelled one way, and notes.

    A genre that the champion does not know needs 8 tracks of 3 artists; until then the
    memory alone serves it.
    """
    spelled = {fold(genre): genre for genre in known}
    by_genre: dict[str, list[Track]] = defaultdict(list)
    for track in said:
        by_genre[fold(track.genre)].append(track)
    kept: list[Track] = []
    notes: list[str] = []
    for name, tracks in by_genre.items():
        genre = spelled.get(name) or Counter(track.genre for track in tracks).most_common(1)[0][0]
        artists = len({track.group for track in tracks})
        if name in spelled or (len(tracks) >= LEARNED.tracks and artists >= LEARNED.artists):
            kept += [replace(track, genre=genre) for track in tracks]
        else:
            notes.append(
                f"{genre} is not learned yet: {len(tracks)} of {LEARNED.tracks} tracks,"
                f" {artists} of {LEARNED.artists} artists"
            )
    return tuple(kept), tuple(notes)


def merged(replayed: Sequence[Track], said: Sequence[Track]) -> tuple[Track, ...]:
    """Return *replayed* and *said* as one: a person's word on a track replaces the replay's.

    Labels that a person gave before come from the library anew, so that one taken back is
    gone, and so do the tags that it came with. Where a replayed track was named again, its
    whole group is that artist's.
    """
    then = {track.fingerprint: track.fold for track in replayed}
    words = {t.fingerprint: replace(t, fold=then.get(t.fingerprint, t.fold)) for t in said}
    artist = {t.group: words[t.fingerprint].group for t in replayed if t.fingerprint in words}
    kept = [
        replace(track, group=artist.get(track.group, track.group))
        for track in replayed
        if track.fingerprint not in words and not (track.labelled or track.arrived)
    ]
    return (*kept, *words.values())


def comparable(champion: registry.Manifest, replay: Replay, backbone: str | None) -> None:
    """Raise TrainingError unless *replay* was heard as we hear, with this *backbone* if any."""
    from core.analysis.features import FEATURE_VERSION

    if champion.feature_version != FEATURE_VERSION:
        raise TrainingError(
            f"the model in use has features of version {champion.feature_version}, we have"
            f" {FEATURE_VERSION}, so its replay cannot be used",
            remedy="use the shipped model",
        )
    if champion.backbone not in (None, backbone):
        raise TrainingError(
            "the model in use needs a backbone that is not here",
            remedy="run `make setup`, or use a model that needs none",
        )
    heard = [track.fingerprint for track in replay.tracks]
    gate.require_unseen(heard, champion.fingerprints, out_of_fold=heard)
    gate.require_unseen(sorted(champion.fingerprints), champion.fingerprints, out_of_fold=heard)


def _knows_all(replay: Replay, said: Sequence[Track]) -> bool:
    """Say whether the champion was trained on just these words."""
    then = {(t.fingerprint, t.genre) for t in replay.tracks if t.labelled or t.arrived}
    return then == {(t.fingerprint, t.genre) for t in said}


# --- the challenger -------------------------------------------------------------------------


def _challenger(
    request: Request,
    tracks: Sequence[Track],
    before: Mapping[int, Before],
    progress: Progress,
    check: Check,
) -> tuple[Trained, Course]:
    fewer = [members for members in (1, 0) if members < request.members]
    for members in (request.members, *fewer):
        recipe = Recipe(seed=request.seed, epochs=request.epochs, members=members)
        course = Course(before, request.finished, lends=True)
        pace = Pace(progress, request.seconds if members else None)
        try:
            trained = train(tracks, recipe, pace, check, tags=request.tags, course=course)
        except TooSlow:
            continue
        return trained, course
    raise TrainingError("the members without networks have no pace to be too slow at")


def _slowness(request: Request, trained: Trained) -> tuple[str, ...]:
    """Say whether it had no time for networks."""
    if not request.members or "transformer" in trained.shares:
        return ()
    return ("the machine is too slow for networks tonight, so the new model has none",)


def _written(request: Request, champion: registry.Manifest, trained: Trained) -> Path:
    origin = champion.provenance.partition(ORIGIN)[2] or champion.provenance
    labelled = sum(track.labelled for track in trained.tracks)
    arrived = sum(track.arrived for track in trained.tracks)
    tags = f" and the tags of {arrived} in its user's library" if arrived else ""
    paper = Paper(
        version=request.version,
        created=request.created,
        provenance=f"{labelled} tracks labelled by its user{tags}{ORIGIN}{origin}",
        licence=champion.licence,
        backbone=champion.backbone,
    )
    return write_model(trained, paper, request.out)


# --- the command ----------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Spend the night; the last line on stdout says what came of it."""
    wishes = _parser().parse_args(argv)
    step_back()
    _, device = use_best_device()
    speak({"event": "note", "text": device})
    limits = {"seconds": wishes.max_minutes * 60, "memory_mb": wishes.max_memory_mb}
    try:
        with bounded(**limits) as check:
            learned = registry.load(wishes.champion).genres
            labels, told = read_record(wishes.library, learned)
            request = replace(_request(wishes), **told)
            result = night(request, labels, spoken(speak), check)
    except GenrewatchError as error:
        result = Night(outcome=Outcome.FAILED, reason=error.reason)
    for note in result.notes:
        speak({"event": "note", "text": note})
    speak({"event": "done", **asdict(result)})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core.learning.nightly")
    parser.add_argument("--library", type=Path, required=True, help="the record")
    parser.add_argument("--champion", type=Path, required=True, help="folder of the model in use")
    parser.add_argument("--out", type=Path, required=True, help="where the model folder goes")
    parser.add_argument("--version", required=True, help="name of the new model")
    parser.add_argument("--created", required=True, help="ISO 8601 UTC")
    parser.add_argument("--max-minutes", type=float, default=30)
    parser.add_argument("--max-memory-mb", type=float, default=2048)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--members", type=int, default=Recipe().members)
    parser.add_argument("--finished", type=Path, help="folder that keeps what is finished")
    parser.add_argument("--force", action="store_true", help="even with nothing new")
    parser.add_argument("--backbone", default="none", help='its folder, or "none"')
    return parser


def _request(wishes: argparse.Namespace) -> Request:
    folder, source = backbone_named(wishes.backbone)
    return Request(
        champion=wishes.champion,
        out=wishes.out,
        version=wishes.version,
        created=wishes.created,
        seed=wishes.seed,
        epochs=wishes.epochs,
        members=wishes.members,
        force=wishes.force,
        finished=wishes.finished,
        seconds=NETWORKS_SHARE * wishes.max_minutes * 60,
        backbone=source,
        tags=tags_in(folder),
    )


def read_record(library: Path, learned: Sequence[str]) -> tuple[Sequence[Label], dict[str, Any]]:
    """Read what people said, and what else of the record a request wants.

    Genres are named as the champion *learned* them, where an alias means the same.

    Opened and closed here, so that no lock outlives it.
    """
    from core.analysis.features import FEATURE_VERSION

    db = open_library(library)
    try:
        with reading(db):  # a word said meanwhile is wholly there, or not at all
            return _read(db, learned, FEATURE_VERSION)
    finally:
        db.close()


def _read(
    db: Database, learned: Sequence[str], version: int
) -> tuple[Sequence[Label], dict[str, Any]]:
    rows = feedback_log.all_feedback(db)
    names = vocabulary(taxonomy.relations(db), (), (), learned)
    taught = lessons.learned(db, version)
    heard = evidence.voiced(db)
    alike = dict(zip(heard.fingerprints, heard.heard, strict=True))
    found = conflicts.conflicts(rows, alike, lambda name: fold(as_taught(name, learned, names)))
    told = {
        "unprompted": frozenset(item.fingerprint for item in testimony.unprompted(rows)),
        "doubtful": conflicts.doubtful(found),
        "lessons": [replace(item, genre=as_taught(item.genre, learned, names)) for item in taught],
        "remembered": _remembered(db, rows, taught),
    }
    labels = hearings.labels(db, version)
    return [replace(item, genre=as_taught(item.genre, learned, names)) for item in labels], told


def _remembered(db: Database, rows: Sequence[FeedbackRow], taught: Sequence[Lesson]) -> Remembered:
    """Whose each track is that was ever named or taught, and what the memory gives those named."""
    named = {row.fingerprint: hearings.whose(row) for row in rows}
    told = {name: memory.recall(db, name, Keys()).track for name in named}
    return Remembered(
        artists={**{item.fingerprint: item.group for item in taught}, **named},
        words={name: genre for name, genre in told.items() if genre},
    )


if __name__ == "__main__":
    sys.exit(main())
