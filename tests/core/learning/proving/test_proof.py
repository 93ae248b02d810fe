"""The proof that a challenger owes: provenance, words, files, costs, memory."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import registry
from core.decision.verdict import calibrate
from core.errors import ModelError, TrainingError
from core.learning.ensemble.course import Course
from core.learning.ensemble.export import Paper, Trained, write_model
from core.learning.ensemble.fitting import Recipe, no_check
from core.learning.proving import evidence, proof, soundness
from core.learning.proving.evidence import collected, forgotten, met_by, require_apart, says
from core.learning.proving.gate import Evidence, Outcome, Said
from core.learning.proving.proof import Remembered, brought, prove
from core.learning.proving.soundness import Load, against_load, trial
from core.learning.tracks.dataset import Track, from_replay
from core.learning.train import train

Artists = Callable[..., tuple[Track, ...]]
LINEAR = Recipe(members=0, folds=3)  # whatever is trained is trained in no time
PAPER = Paper(
    version="kept-1", created="2026-01-01T00:00:00+00:00", provenance="old songs", licence="none"
)
QUICK = Load(seconds=0.001, peak_mb=60.0, members_mb=2.0)


@pytest.fixture
def copied(model_dir: Path, tmp_path: Path) -> Path:
    """A copy of the model's folder, to be spoilt."""
    return Path(shutil.copytree(model_dir, tmp_path / "challenger"))


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a model costs is taken for granted."""
    monkeypatch.setattr(soundness, "trial", lambda *_: (QUICK, QUICK))


def rewrite(folder: Path, name: str, content: bytes) -> None:
    """Change a file and its hash, as whoever made the folder wrongly would."""
    (folder / name).write_bytes(content)
    manifest = folder / "manifest.json"
    document = json.loads(manifest.read_text("utf-8"))
    document["files"][name] = hashlib.sha256(content).hexdigest()
    manifest.write_text(json.dumps(document), "utf-8")


def test_a_model_is_no_worse_than_itself(model_dir: Path, trained: Trained) -> None:
    """Through the whole proof, its costs measured in processes of their own."""
    champion, replay = registry.load(model_dir), from_replay(model_dir)

    decision = prove(champion, replay, trained, model_dir, Remembered())

    assert decision.outcome is Outcome.PROMOTED, decision.reasons
    assert decision.figures["gain"] == 0.0
    assert decision.figures["newest"] == 0.0


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("hash_too", [False, True])
def test_a_truncated_file_is_refused(
    model_dir: Path, trained: Trained, copied: Path, hash_too: bool
) -> None:
    """By its hash, and where that is right, since nobody can run it."""
    member = (copied / "member-0.tflite").read_bytes()
    if hash_too:
        rewrite(copied, "member-0.tflite", member[: len(member) // 2])
    else:
        (copied / "member-0.tflite").write_bytes(member[: len(member) // 2])

    champion, replay = registry.load(model_dir), from_replay(model_dir)
    decision = prove(champion, replay, trained, copied, Remembered())

    assert decision.outcome is Outcome.REFUSED
    assert ("no LiteRT model" if hash_too else "changed or damaged") in decision.reasons[0]


@pytest.mark.usefixtures("unmeasured")
def test_a_champion_that_cannot_run_stops_the_proof(
    model_dir: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is no merit of the challenger's."""
    broken = replace(QUICK, trouble="it is no model")
    monkeypatch.setattr(soundness, "trial", lambda *_: (broken, QUICK))

    with pytest.raises(ModelError, match="in use cannot be run"):
        prove(registry.load(model_dir), from_replay(model_dir), trained, model_dir, Remembered())


@pytest.mark.usefixtures("unmeasured")
def test_a_calibration_made_too_sure_is_refused(
    model_dir: Path, trained: Trained, copied: Path
) -> None:
    """The confidences that count are those that the folder would give."""
    document = json.loads((copied / "calibration.json").read_text("utf-8"))
    document["temperature"] = 0.01
    rewrite(copied, "calibration.json", json.dumps(document).encode())

    champion, replay = registry.load(model_dir), from_replay(model_dir)
    decision = prove(champion, replay, trained, copied, Remembered())

    assert decision.outcome is Outcome.REFUSED
    assert any("less honest" in reason for reason in decision.reasons)


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        ({"lessons": {}}, "does not say which tracks"),
        ({"folds": "mixed"}, "trained on the artists"),
        ({"lessons": "all"}, "was trained on"),
    ],
)
def test_one_trained_on_what_it_is_judged_by_is_refused(
    model_dir: Path, trained: Trained, spoilt: dict[str, object], reason: str
) -> None:
    """So is one that cannot say what it was trained on, fold by fold."""
    everything = frozenset(track.fingerprint for track in trained.tracks)
    if spoilt.get("folds") == "mixed":
        folds = np.arange(len(trained.tracks)) % 3
        lessons = {
            number: frozenset(
                t.fingerprint for t, f in zip(trained.tracks, folds, strict=True) if f != number
            )
            for number in range(3)
        }
        bad = replace(trained, folds=folds, lessons=lessons)
    else:
        listed = {} if not spoilt["lessons"] else dict.fromkeys(range(9), everything)
        bad = replace(trained, lessons=listed)

    champion, replay = registry.load(model_dir), from_replay(model_dir)
    decision = prove(champion, replay, bad, model_dir, Remembered())

    assert decision.outcome is Outcome.REFUSED
    assert reason in decision.reasons[0]


def test_a_manifest_that_hides_a_track_is_refused(trained: Trained, model_dir: Path) -> None:
    """A list is complete or worth nothing."""
    manifest = registry.load(model_dir)
    hiding = replace(manifest, fingerprints=frozenset(sorted(manifest.fingerprints)[1:]))

    with pytest.raises(TrainingError, match="does not list every track"):
        require_apart(trained, hiding)


def test_a_track_of_an_artist_that_the_champion_knows_is_left_out(
    model_dir: Path, trained: Trained
) -> None:
    """It has not heard the track, but it has heard the artist, so its word would be no fair one."""
    champion, replay = registry.load(model_dir), from_replay(model_dir)
    first, other = trained.tracks[0], trained.tracks[-1]
    names = {first.fingerprint: "a" * 32, other.fingerprint: "b" * 32}
    tracks = tuple(
        replace(
            t, fingerprint=names.get(t.fingerprint, t.fingerprint), labelled=t in (first, other)
        )
        for t in trained.tracks
    )
    alone = tuple(replace(t, group="nobody's") if t.fingerprint == "b" * 32 else t for t in tracks)
    lessons = {
        number: frozenset(names.get(name, name) for name in known)
        for number, known in trained.lessons.items()
    }
    made = replace(trained, tracks=alone, lessons=lessons)
    listed = replace(champion, fingerprints=champion.fingerprints | {"a" * 32, "b" * 32})

    found = collected(champion, replay, made, listed, {})
    taken_back = collected(champion, replay, made, listed, {other.fingerprint: "nobody's"})

    assert len(found.truth) == len(tracks) - 1
    assert found.newest.tolist().count(True) == 1
    assert not taken_back.newest.any()
    assert met_by({"x"}, (), {"x": "A", "y": "B"}) == {"A"}


def test_who_was_trained_without_the_artist_speaks_for_the_champion(
    some_tracks: tuple[Track, ...], tmp_path: Path
) -> None:
    """Its members of a fold, if it kept any, also of an artist that it knows but they do not."""
    made = train(some_tracks, LINEAR, lambda *_: None, no_check, course=Course(lends=True))
    champion = registry.load(write_model(made, PAPER, tmp_path))
    replay = from_replay(champion.folder)
    again = replace(replay.tracks[0], fingerprint="a" * 32, labelled=True)
    newcomer = replace(some_tracks[1], fingerprint="b" * 32, group="a newcomer", labelled=True)
    tracks = (*replay.tracks, again, newcomer)
    trained = train(tracks, LINEAR, lambda *_: None, no_check)
    listed = replace(champion, fingerprints=frozenset(track.fingerprint for track in tracks))
    theirs = dict.fromkeys(made.starts[int(trained.folds[-1])].lessons, "a newcomer")

    alone = collected(champion, replay, trained, listed, {})
    beside = collected(champion, replay, trained, listed, {}, made.starts)
    met = collected(champion, replay, trained, listed, theirs, made.starts)

    assert [found.newest.sum() for found in (alone, beside, met)] == [1, 2, 1]
    before = calibrate(made.pooled[:1], made.calibration.temperature, made.calibration.bias)
    assert beside.champion.probabilities[-2] == pytest.approx(before[0], abs=0.01)
    itself = says(champion, [newcomer])[0]
    assert alone.champion.probabilities[-1] == pytest.approx(itself)
    assert np.abs(beside.champion.probabilities[-1] - itself).max() > 1e-3


def test_what_a_person_said_stays_with_the_memory_on(trained: Trained) -> None:
    """The memory speaks last; a memory that says another genre, or none, is found out."""
    some = trained.tracks[:3]
    words = np.tile(np.eye(3)[1], (3, 1))
    said = {track.fingerprint: "Polka" for track in some}

    assert forgotten(words, trained.genres, some, said) == ()


def test_a_memory_that_forgets_is_found_out(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that lets the model speak last."""
    some = trained.tracks[:2]
    monkeypatch.setattr(evidence, "blend", lambda verdict, _said: verdict)

    lost = forgotten(
        np.tile(np.eye(3)[1], (2, 1)), trained.genres, some, {some[0].fingerprint: "Polka"}
    )

    assert lost == (some[0].fingerprint,)
    assert "1 tracks that you named" in proof._lost(lost)[0]


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (replace(QUICK, seconds=0.3), "300 ms a track"),
        (replace(QUICK, members_mb=90.0), "90 MB on disk"),
        (replace(QUICK, peak_mb=200.0), "200 MB of memory"),
        (replace(QUICK, trouble="it is no model"), "cannot be run: it is no model"),
    ],
)
def test_what_is_slow_or_huge_is_refused(load: Load, reason: str) -> None:
    """Against the champion, measured beside it."""
    assert reason in against_load(QUICK, load)[0]
    assert against_load(QUICK, QUICK) == []


def test_what_is_huge_is_not_even_run(model_dir: Path, trained: Trained, copied: Path) -> None:
    """Its files say enough."""
    (copied / "member-9.tflite").write_bytes(b"\0" * 40 * 2**20)

    in_use, new = trial(model_dir, copied, trained.tracks)

    assert (in_use.trouble, new.trouble) == (None, None)
    assert in_use.seconds > 0 < in_use.peak_mb
    assert against_load(in_use, new)


def test_what_the_tags_brought_is_said_of_the_library_alone(artists: Artists) -> None:
    """Not of the collection beside it; a genre that was unknown before could not be right."""
    tracks = artists(artists=2, each=2)
    genres = ("Jazz", "Metal", "Rock")
    truth = np.eye(3)[[genres.index(track.genre) for track in tracks]]
    evidence = Evidence(
        truth=tuple(track.genre for track in tracks),
        groups=np.repeat(np.arange(6, dtype=np.int32), 2),
        labelled=np.zeros(12, dtype=bool),
        newest=np.zeros(12, dtype=bool),
        champion=Said(genres=genres[:2], probabilities=np.tile([0.4, 0.6], (12, 1))),
        challenger=Said(genres=genres, probabilities=truth),
        arrived=np.arange(12) >= 4,
    )

    figures = brought(evidence)

    assert figures["library_tracks"] == 8
    assert figures["library_artists"] == 4
    assert figures["library_known"] == 0.5
    assert (figures["library_before"], figures["library_after"]) == (0.5, 1.0)
    assert (figures["library_gain"], figures["library_gain_high"]) == (0.5, 1.0)
    assert brought(replace(evidence, arrived=np.zeros(12, dtype=bool))) == {}
