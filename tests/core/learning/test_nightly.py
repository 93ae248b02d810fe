"""The night: what people said and replay in, promoted or refused or skipped out."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from core import registry
from core.analysis.features import FEATURE_VERSION
from core.errors import TrainingError
from core.learning import nightly
from core.learning.ensemble.fitting import Recipe, Studio, no_check
from core.learning.ensemble.limits import Pace, TooSlow, bounded, step_difference
from core.learning.nightly import Night, Request, learnable, merged, night
from core.learning.proving.gate import Outcome
from core.learning.tracks.dataset import LABEL_WEIGHT, Track, from_labels, from_lessons, from_replay
from core.learning.tracks.hearing import Progress
from core.library import feedback_log, files, hearings
from core.library.feedback_log import FeedbackRow
from core.library.hearings import HearingRow
from core.library.schema import open_library
from tests.factories import NOON


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Said:
    """A label as the library gives it."""

    fingerprint: str
    genre: str
    group: str
    features: np.ndarray
    embedding: np.ndarray | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taught(Said):
    """A lesson as the library gives it."""

    doubted: bool = False


HOME = Path(__file__).resolve().parents[3]


def silent(_stage: str, _done: int, _total: int) -> None:
    """Report to nobody."""


def said(tracks: Sequence[Track], genre: str | None = None) -> list[Said]:
    """Return the user's word on *tracks*: their genre, or *genre*."""
    return [
        Said(
            fingerprint=track.fingerprint[:16] + "f" * 16,
            genre=genre or track.genre,
            group=f"user {track.group}",
            features=track.features,
        )
        for track in tracks
    ]


@pytest.fixture(scope="module")
def champion(model_dir: Path) -> Path:
    """The model in use."""
    return model_dir


def spend(
    champion: Path,
    labels: Sequence[Said],
    version: str,
    *,
    force: bool = False,
    unprompted: frozenset[str] = frozenset(),
    lessons: Sequence[Taught] = (),
    progress: Progress = silent,
    finished: Path | None = None,
) -> Night:
    """Spend a short night."""
    request = Request(
        champion=champion,
        out=champion.parent,
        version=version,
        created="2026-01-02",
        epochs=2,
        members=1,
        force=force,
        unprompted=unprompted,
        lessons=lessons,
        finished=finished,
    )
    return night(request, labels, progress, no_check)


def test_nothing_said_is_skipped(champion: Path) -> None:
    """No label, no training."""
    outcome = spend(champion, [], "skipped")

    assert outcome.outcome is Outcome.SKIPPED
    assert not (champion.parent / "skipped").exists()


def test_good_labels_make_a_challenger(champion: Path, some_tracks: tuple[Track, ...]) -> None:
    """It is written with its evidence, whatever the gate says; its replay holds the labels."""
    labels = said(some_tracks[::6])
    outcome = spend(
        champion, labels, "night-1", unprompted=frozenset({labels[0].fingerprint, "unheard"})
    )

    manifest = registry.load(champion.parent / "night-1")
    assert outcome.outcome in (Outcome.PROMOTED, Outcome.REFUSED)
    assert outcome.reason
    assert outcome.metrics is not None
    assert "library_after" not in outcome.metrics
    assert outcome.metrics["tracks"] == len(some_tracks) + len(labels)
    assert outcome.metrics["labels"] == len(labels)
    assert manifest.provenance.endswith("on top of: old songs")
    assert sum(t.labelled for t in from_replay(manifest.folder).tracks) == len(labels)
    calibration = registry.load_calibration(manifest)
    assert len(calibration.library.sure) == 1  # the rest was prompted, and proves nothing
    assert calibration.collection is not None
    assert len(calibration.collection.sure) == len(some_tracks)
    again = spend(manifest.folder, labels, "night-2")
    assert (again.outcome, again.reason) == (
        Outcome.SKIPPED,
        "the model in use knows all that was said",
    )


def test_killed_at_the_gate_it_is_not_trained_again(
    champion: Path, some_tracks: tuple[Track, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is finished waits until the gate has spoken, and is gone then."""
    labels = said(some_tracks[1::6])

    def struck(stage: str, _done: int, _total: int) -> None:
        if stage == "gate":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spend(champion, labels, "struck", progress=struck, finished=tmp_path)
    monkeypatch.setattr(Studio, "train", lambda *_, **__: pytest.fail("it is trained again"))
    outcome = spend(champion, labels, "again", finished=tmp_path)

    assert outcome.version == "again"
    assert not list(tmp_path.iterdir())


def test_tags_of_a_library_teach_but_promise_nothing(
    champion: Path, some_tracks: tuple[Track, ...]
) -> None:
    """They are replayed as what they are; a person's word on the same track takes their place."""
    taught = [
        Taught(
            fingerprint=track.fingerprint[:16] + "e" * 16,
            genre=track.genre,
            group=f"library {track.group}",
            features=track.features,
            doubted=number == 1,
        )
        for number, track in enumerate(some_tracks[::8])
    ]
    label = replace(said(some_tracks[:1])[0], fingerprint=taught[0].fingerprint)

    outcome = spend(champion, [label], "library-1", lessons=taught)

    manifest = registry.load(champion.parent / "library-1")
    replayed = {track.fingerprint: track for track in from_replay(manifest.folder).tracks}
    assert outcome.metrics is not None
    assert outcome.metrics["labels"] == 1
    assert outcome.metrics["library_tracks"] == len(taught) - 1
    assert 0 <= outcome.metrics["library_after_low"] <= outcome.metrics["library_after"] <= 1
    assert "1 tracks labelled by its user and the tags of 11 in its" in manifest.provenance
    assert sum(track.arrived for track in replayed.values()) == len(taught) - 1
    assert replayed[label.fingerprint].labelled
    calibration = registry.load_calibration(manifest)
    assert calibration.collection is not None
    assert len(calibration.collection.sure) == len(some_tracks)
    assert not calibration.library.sure
    again = spend(manifest.folder, [label], "library-2", lessons=taught)
    assert again.outcome is Outcome.SKIPPED


def test_a_doubted_tag_weighs_less_than_any_word() -> None:
    """A person's word counts three times a tag's, and that three times a suspicious one's."""
    row = np.zeros((1, 135), np.float32)
    lesson = Taught(fingerprint="f", genre="Rock", group="", features=row)

    weights = [
        from_labels([lesson], weight=LABEL_WEIGHT)[0].weight,
        from_lessons([lesson])[0].weight,
        from_lessons([replace(lesson, doubted=True)])[0].weight,
    ]

    assert weights == pytest.approx([2.0, 0.6, 0.18])


def test_poison_is_refused(champion: Path, some_tracks: tuple[Track, ...]) -> None:
    """Labels that call all Jazz Metal and the reverse do not go live."""
    swapped = {"Jazz": "Metal", "Metal": "Jazz", "Rock": "Rock"}
    labels = [replace(label, genre=swapped[label.genre]) for label in said(some_tracks)]

    outcome = spend(champion, labels, "poisoned")

    assert outcome.outcome is Outcome.REFUSED


def test_a_torn_manifest_is_refused_with_its_reason(
    champion: Path, some_tracks: tuple[Track, ...]
) -> None:
    """What is damaged on disk before the gate ends the night in words, not in a crash."""

    def tear(stage: str, _done: int, _total: int) -> None:
        if stage == "gate":
            manifest = champion.parent / "torn" / "manifest.json"
            manifest.write_bytes(manifest.read_bytes()[:100])

    outcome = spend(champion, said(some_tracks), "torn", progress=tear)

    assert outcome.outcome is Outcome.REFUSED
    assert outcome.reason


def test_a_genre_needs_tracks_and_artists(artists: object) -> None:
    """Eight tracks of three artists; until then it is left out, and said so."""
    few = from_labels(said(artists(artists=2, each=8), "Chiptune")[:16], weight=2.0)  # type: ignore[operator]
    many = from_labels(said(artists(artists=4, each=2), "Chiptune"), weight=2.0)  # type: ignore[operator]

    assert learnable(few[:7], ("Jazz",)) == (
        (),
        ("Chiptune is not learned yet: 7 of 8 tracks, 1 of 3 artists",),
    )
    assert len(learnable(many, ("Jazz",))[0]) == len(many)


def test_spelling_is_the_champions(artists: object) -> None:
    """ "hip hop" and "Hip-Hop" are one genre."""
    labels = from_labels(said(artists(), "hip hop"), weight=2.0)  # type: ignore[operator]

    kept, _ = learnable(labels, ("Hip-Hop", "Jazz"))

    assert {track.genre for track in kept} == {"Hip-Hop"}


def test_a_word_replaces_the_replay(some_tracks: tuple[Track, ...]) -> None:
    """Once, with the person's genre, and the artist's other tracks in the same group."""
    word = replace(some_tracks[0], genre="Rock", group="user", labelled=True)

    tracks = merged(some_tracks, [word])

    assert len(tracks) == len(some_tracks)
    assert [t.genre for t in tracks if t.fingerprint == word.fingerprint] == ["Rock"]
    assert sum(t.group == "user" for t in tracks) == 4


def test_a_label_taken_back_is_gone(some_tracks: tuple[Track, ...]) -> None:
    """What a person once said comes from the library anew or not at all."""
    old = [replace(track, labelled=True) for track in some_tracks[:10]]

    assert len(merged([*old, *some_tracks[10:]], old[:3])) == len(some_tracks) - 7


def test_a_champion_with_secrets_is_no_evidence(
    champion: Path, some_tracks: tuple[Track, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was trained on a track without an out-of-fold word stops the night."""
    manifest = registry.load(champion)
    hiding = replace(manifest, fingerprints=manifest.fingerprints | {"e" * 32})
    monkeypatch.setattr(registry, "load", lambda _folder: hiding)

    with pytest.raises(TrainingError, match="trained on 1 of the tracks"):
        spend(champion, said(some_tracks[:3]), "never")


def stopped_by(check: Callable[[], None], within: float = 20.0) -> str:
    """Poll *check* until it raises and return why."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            check()
        except TrainingError as error:
            return error.what
        time.sleep(0.05)
    return "nothing stopped it"


def test_time_is_bounded() -> None:
    """The check raises soon after the time is up, with the reason."""
    with bounded(seconds=0.0, memory_mb=1e9) as check:
        assert stopped_by(check) == "it took longer than 0 minutes"


def test_memory_is_bounded() -> None:
    """One megabyte is less than any interpreter takes."""
    with bounded(seconds=1e6, memory_mb=1.0) as check:
        assert stopped_by(check) == "it took more than 1 MB of memory"


def test_a_device_agrees_with_itself() -> None:
    """The comparison that decides on a GPU, between the CPU and the CPU."""
    assert step_difference("/CPU:0", "/CPU:0") == 0.0


def test_the_command_says_what_came_of_it(champion: Path, tmp_path: Path) -> None:
    """On a record in which nobody said anything: skipped, exit 0, JSON lines alone."""
    open_library(tmp_path / "library.db").close()
    command = [sys.executable, "-m", "core.learning.nightly", "--version", "n", "--created", "c"]
    command += ["--library", str(tmp_path / "library.db"), "--champion", str(champion)]
    command += ["--out", str(tmp_path)]

    ran = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)

    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == 0, ran.stderr
    assert (lines[-1]["event"], lines[-1]["outcome"]) == ("done", "skipped")
    assert lines[-1]["reason"] == "nobody said anything yet"


def test_a_slow_machine_trains_without_networks() -> None:
    """After the first of 18 it is known how long all would take; what may take any time may."""
    now = iter([0.0, 10.0, 110.0, 0.0, 0.0, 99.0])
    told: list[int] = []
    slow = Pace(lambda _stage, done, _total: told.append(done), 1000.0, lambda: next(now))

    slow("training", 0, 18)
    with pytest.raises(TooSlow):
        slow("training", 1, 18)
    quick = Pace(lambda *_: None, 2000.0, lambda: next(now))
    quick("training", 0, 18)
    quick("training", 1, 18)

    assert told == [0, 1]


def test_where_networks_take_too_long_there_are_fewer(
    champion: Path, some_tracks: tuple[Track, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One, then none; and never one where none was asked for."""
    asked: list[int] = []

    def slow(_tracks: object, recipe: Recipe, *_: object, **__: object) -> str:
        asked.append(recipe.members)
        if recipe.members:
            raise TooSlow("its networks would take too long")
        return "trained"

    monkeypatch.setattr(nightly, "train", slow)
    request = Request(champion=champion, out=champion, version="v", created="2026-01-02")
    for members in (3, 0):
        wanted = replace(request, members=members)
        trained, _ = nightly._challenger(wanted, some_tracks, {}, silent, no_check)
        assert trained == "trained"

    assert asked == [3, 1, 0, 0]


def test_the_record_is_read_as_of_one_instant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A correction that comes meanwhile must not stand as the answer that nobody prompted."""
    path = tmp_path / "library.db"
    db = open_library(path)
    files.remember_track(db, "f", 6.0, NOON)
    hearings.save_hearing(db, heard("f"))
    word = FeedbackRow(
        path="/m/a.mp3", fingerprint="f", kind="label", old=(), new=("Jazz",), via="retag"
    )
    feedback_log.record_feedback(db, word, NOON)
    unprompted = nightly.testimony.unprompted

    def interrupted(rows: Sequence[FeedbackRow]) -> object:
        feedback_log.record_feedback(db, replace(word, kind="correction", new=("Rock",)), NOON)
        return unprompted(rows)

    monkeypatch.setattr(nightly.testimony, "unprompted", interrupted)

    labels, told = nightly.read_record(path, ("Jazz", "Rock"))

    assert told["unprompted"] == {"f"}
    assert [label.genre for label in labels] == ["Jazz"]


def heard(fingerprint: str) -> HearingRow:
    return HearingRow(
        fingerprint=fingerprint,
        feature_version=FEATURE_VERSION,
        model_version="m",
        genres=("Jazz",),
        segments=1,
        track_features=np.zeros((2, 135), np.float32),
        pooled_scores=np.zeros((1, 1), np.float32),
        features=np.zeros((1, 135), np.float32),
    )
