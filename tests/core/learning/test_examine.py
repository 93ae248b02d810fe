"""An evaluation on synthetic artists: who is judged, by whom, and what is refused."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import registry
from core.errors import TrainingError
from core.learning import evaluation
from core.learning.ensemble.fitting import Recipe, no_check
from core.learning.evaluation import Place, main, of_library
from core.learning.examine import Bench, examine, in_use
from core.learning.figures.findings import Findings
from core.learning.tracks.dataset import Track, from_replay
from core.library import feedback_log, files, hearings, lessons
from core.library.feedback_log import FeedbackRow
from core.library.hearings import HearingRow
from core.library.lessons import LessonRow
from core.library.schema import open_library
from tests.core.learning.conftest import make_artists, make_embedded
from tests.factories import NOON

QUICK = Recipe(epochs=1, members=0, seed=1)  # linear members alone: the protocol is the same
REPORTED: list[tuple[str, int, int]] = []


def report_to(stage: str, done: int, total: int) -> None:
    REPORTED.append((stage, done, total))


BENCH = Bench(recipe=QUICK, progress=report_to, check=no_check)


@pytest.fixture(scope="module")
def found() -> Findings:
    """One evaluation with an embedding in which the genre can be heard, shared."""
    REPORTED.clear()
    noise = np.random.default_rng(5)
    tracks = tuple(
        replace(track, embedding=(track.embedding + noise.normal(0, 4, 200)).astype(np.float32))
        for track in make_embedded(make_artists(artists=6, each=2))
    )
    about = np.array([not track.group.endswith("artist 0") for track in tracks])
    return examine(tracks, BENCH, subject="a test", judged=about, notes=("a note",))


def test_only_those_asked_for_are_judged(found: Findings) -> None:
    """Six artists of three genres train, five of each are judged."""
    assert (found.summary.n, found.summary.artists) == (30, 15)
    assert found.words.shape == (30, 3)
    assert found.words.sum(axis=1) == pytest.approx(1)
    assert found.confusion.sum() == 30
    assert found.protocol == "out of fold, 5 folds apart by artist"


def test_each_kind_of_member_and_each_block_is_left_out_once(found: Findings) -> None:
    """Both members know something here that the other does not."""
    names = [part.name for part in found.members]

    assert names == ["linear model on the 135 features", "linear head on the embedding"]
    assert all(part.log_loss.value > 0 for part in found.members)
    assert [part.name[0] for part in found.blocks] == list("ABCDEFGH")


def test_the_leak_is_measured_beside(found: Findings) -> None:
    """The same model, the same tracks, random folds: the difference is what the leak gives."""
    leak = found.leak

    assert leak.gain.value == pytest.approx(leak.leaky.value - leak.apart.value)
    assert leak.leaky.value > leak.apart.value


def test_progress_reaches_its_end(found: Findings) -> None:
    """In every stage, and never past it."""
    last = {stage: (done, total) for stage, done, total in REPORTED}

    assert found.notes == ("a note",)
    assert set(last) >= {"leaving out blocks", "measuring the leak"}
    assert all(done == total for done, total in last.values())


@pytest.mark.parametrize(
    ("artists", "each", "words"),
    [
        (3, 3, "too few labelled tracks to say anything: 27 of 30"),
        (3, 4, "too few artists to say anything: 9 of 10"),
    ],
)
def test_too_little_is_refused_with_numbers(artists: int, each: int, words: str) -> None:
    """n of m, and what to do about it."""
    with pytest.raises(TrainingError) as caught:
        examine(make_artists(artists=artists, each=each), BENCH, subject="a test")

    assert caught.value.what == words
    assert "genrewatch review" in (caught.value.remedy or "")


# --- the record -----------------------------------------------------------------------------


def a_record(folder: Path, tracks: Sequence[Track], prompted: Collection[str] = ()) -> Path:
    """Return a record in which a person named the genre of each of *tracks*.

    Those of *prompted* fingerprints as the answer to a word of ours.
    """
    path = folder / "library.db"
    db = open_library(path)
    for track in tracks:
        files.remember_track(db, track.fingerprint, 30.0, NOON)
        hearings.save_hearing(db, heard(track))
        said = FeedbackRow(
            path=f"/m/{track.fingerprint}.mp3",
            fingerprint=track.fingerprint,
            kind="correction" if track.fingerprint in prompted else "label",
            old=("Polka",) if track.fingerprint in prompted else (),
            new=(track.genre,),
            via="tag",
            artist=track.group,
        )
        feedback_log.record_feedback(db, said, NOON)
    db.close()
    return path


def heard(track: Track) -> HearingRow:
    """A hearing of *track* by some model."""
    count = len(track.features)
    return HearingRow(
        fingerprint=track.fingerprint,
        feature_version=1,
        model_version="test-1",
        genres=("Jazz",),
        segments=count,
        track_features=np.zeros((2, 135), np.float32),
        pooled_scores=np.zeros((1, 1), np.float32),
        starts_s=np.zeros(count, np.float32),
        features=track.features,
        scores=np.zeros((1, count, 1), np.float32),
    )


def users_own(tracks: Sequence[Track], how_many: int) -> list[Track]:
    """The first tracks of each artist as music of the user's, known to no model."""
    mine = [replace(t, fingerprint=f"u{t.fingerprint[1:]}", group=f"my {t.group}") for t in tracks]
    return mine[:: len(mine) // how_many]


def test_people_are_believed_about_their_own_library(
    tmp_path: Path, model_dir: Path, some_tracks: tuple[Track, ...]
) -> None:
    """Labels are judged on artist folds; what the model in use carries only helps to train."""
    mine = users_own(some_tracks, 32)
    genre_unknown = replace(mine[0], fingerprint="x" * 32, genre="Chiptune")

    prompted = [track.fingerprint for track in mine[:12]]
    record = a_record(tmp_path, [*mine, genre_unknown], prompted)

    found = of_library(Place(library=record, champion=model_dir), BENCH)

    assert found.summary.n == len(mine)
    assert found.fair is not None
    assert found.fair.n == len(mine) - len(prompted)
    assert f"the {len(some_tracks)} tracks that test-1 carries" in found.protocol
    assert found.notes[0] == "Chiptune is not learned yet: 1 of 8 tracks, 1 of 3 artists"
    assert found.notes[1].startswith("12 of 32 labels answer something that the program had said")
    assert found.in_use is not None
    assert found.in_use.unseen.n == len(mine)


def with_tags(record: Path, tracks: Sequence[Track]) -> None:
    """Let *tracks* be files of a tagged library that were heard."""
    db = open_library(record)
    for turn, track in enumerate(tracks):
        files.remember_track(db, track.fingerprint, 30.0, NOON)
        hearings.save_hearing(db, heard(track))
        row = LessonRow(
            path=f"/t/{track.fingerprint}.mp3",
            tagged=(track.genre,),
            genre=track.genre,
            artist_key=track.group,
            turn=turn,
            fingerprint=track.fingerprint,
            state="heard",
        )
        lessons.set_lessons(db, [row], (), NOON)
    lessons.doubt(db, {tracks[-1].fingerprint: 0.01})
    db.close()


def test_where_people_said_too_little_the_tags_of_a_library_judge(
    tmp_path: Path, model_dir: Path, some_tracks: tuple[Track, ...]
) -> None:
    """As they stand, the doubted too, and it is said whose word the figures are about."""
    mine = users_own(some_tracks, 36)
    record = a_record(tmp_path, mine[:2], ())
    with_tags(record, mine)

    found = of_library(Place(library=record, champion=model_dir), BENCH)

    assert (found.subject, found.summary.n) == (evaluation.TAGS, len(mine) - 2)
    assert "and from your 2 labels" in found.protocol
    assert found.fair is None
    assert found.notes == (
        "2 tracks are labelled by you, too few to judge by, so the tags have to do, as they stand:"
        f" nobody has confirmed them, and 1 of {len(mine) - 2} look wrong",
    )


def test_labels_come_before_tags(some_tracks: tuple[Track, ...]) -> None:
    """Tags only help to train then; where both are too few it is about labels that are missing."""
    people = [replace(track, labelled=True) for track in some_tracks]
    tags = [replace(track, arrived=True) for track in some_tracks]

    assert not evaluation.has_to_judge_by_tags([*people, *tags])
    assert evaluation.has_to_judge_by_tags([*people[:29], *tags])
    with pytest.raises(TrainingError, match="too few labelled tracks to say anything: 3 of 30"):
        evaluation.has_to_judge_by_tags([*people[:3], *tags[:29]])


def test_the_model_in_use_is_never_judged_on_what_it_was_trained_on(
    model_dir: Path, some_tracks: tuple[Track, ...]
) -> None:
    """Nor is an artist new to it of whom it was trained on another track."""
    champion = registry.load(model_dir)
    trained_on, beside = some_tracks[0], replace(some_tracks[1], fingerprint="f" * 32)
    new = replace(some_tracks[2], fingerprint="e" * 32, group="nobody it knows")
    foreign = replace(new, fingerprint="d" * 32, genre="Chiptune")

    found = in_use(champion, [trained_on, beside, new, foreign])

    assert trained_on.fingerprint in champion.fingerprints
    assert found is not None
    assert found.unseen.n == 2
    assert found.new_artists is not None
    assert found.new_artists.n == 1
    assert in_use(champion, [trained_on]) is None
    assert in_use(champion, from_replay(model_dir).tracks) is None


# --- the command ----------------------------------------------------------------------------


def said_by(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_too_few_labels_are_an_error_in_one_sentence(
    tmp_path: Path, model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a record in which nobody said anything."""
    record = a_record(tmp_path, [])

    assert main(["--library", str(record), "--champion", str(model_dir)]) == 1

    assert said_by(capsys)[-1]["what"] == "too few labelled tracks to say anything: 0 of 30"


def test_to_be_told_so_takes_no_training_library() -> None:
    """TensorFlow takes ten seconds to load, so it waits until there is something to train."""
    code = "import sys, core.learning.evaluation; print({'keras', 'tensorflow'} & {*sys.modules})"
    home = Path(__file__).resolve().parents[3]

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "set()"


def test_a_folder_with_few_files_is_refused_before_it_is_heard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two files of two genres; neither is even audio."""
    for genre in ("Jazz", "Rock"):
        (tmp_path / genre).mkdir()
        (tmp_path / genre / "a.mp3").write_bytes(b"no audio")

    assert main(["--sample-dir", str(tmp_path)]) == 1

    assert said_by(capsys)[-1]["what"] == "too few labelled tracks to say anything: 2 of 30"


def test_a_report_without_a_place_is_refused_first(
    tmp_path: Path, model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is read."""
    arguments = ["--library", str(tmp_path / "none.db"), "--champion", str(model_dir)]

    assert main([*arguments, "--report", str(tmp_path / "no" / "folder.html")]) == 1

    assert said_by(capsys)[-1]["what"] == "the report cannot be written there"
    assert not (tmp_path / "none.db").exists()


def test_done_carries_the_findings_and_the_report_is_written(
    tmp_path: Path,
    found: Findings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One document on the last line, one page in the file."""
    monkeypatch.setattr(evaluation, "_found", lambda *_: found)
    target = tmp_path / "report.html"

    assert main(["--library", "x", "--report", str(target), "--created", "2026-05-01"]) == 0

    last = said_by(capsys)[-1]
    assert last["event"] == "done"
    assert last["findings"]["figures"]["n"] == 30  # type: ignore[index]
    assert "Made 2026-05-01." in target.read_text("utf-8")


def test_beyond_its_bounds_it_ends_with_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two networks, as the night does."""

    def endless(_: object, check: Callable[[], None], __: object) -> None:
        for _ in range(100):
            check()
            time.sleep(0.1)

    monkeypatch.setattr(evaluation, "_found", endless)

    assert main(["--library", "x", "--max-memory-mb", "1"]) == 1

    assert said_by(capsys)[-1]["what"] == "it took more than 1 MB of memory"
