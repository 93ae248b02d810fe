"""Why a track was judged so, on the shipped model and a real record."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sqlite_utils import Database

from core.decision.beyond import Known
from core.decision.explain import BlockShare
from core.library import feedback_log, files, hearings
from core.library.feedback_log import FeedbackRow
from core.library.hearings import HearingRow
from core.library.schema import open_library
from core.registry import Registry, base_dir
from core.taxonomy import TAGS
from daemon.cli import cli
from daemon.config import Policy
from daemon.judging.classification import Classification, Explanation
from daemon.judging.explain import explanation
from daemon.judging.judge import Judge
from daemon.judging.why import Section, sections, why_json
from daemon.showing.show_why import letters_of, show_why
from tests.audio import make_audio
from tests.factories import NOON, file_row

POLICY = Policy(empty_values=("Unknown",))


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_library(tmp_path / "library.db")


@pytest.fixture
def judge(db: Database, tmp_path: Path) -> Judge:
    return Judge(db, Registry(tmp_path / "models", base_dir(backbone=False)), Policy())


def heard(judge: Judge, fingerprint: str = "f0", towards: int = 5, **changes: object) -> HearingRow:
    """Two segments that all members take for the same genre, with tags and an embedding."""
    manifest = judge.model().manifest
    scores = np.zeros((len(manifest.weights), 2, len(manifest.genres)), np.float32)
    scores[:, :, towards] = 4
    tags = np.full(50, 0.01, np.float32)
    tags[TAGS.index("jazz")] = 0.7
    row = HearingRow(
        fingerprint=fingerprint,
        feature_version=1,
        model_version=manifest.version,
        genres=manifest.genres,
        segments=2,
        track_features=np.zeros((2, 135), np.float32),
        pooled_scores=scores.mean(axis=1),
        starts_s=np.array([1, 6], np.float32),
        features=np.zeros((2, 135), np.float32),
        scores=scores,
        embedding=np.eye(200, dtype=np.float32)[0],
        tags=tags,
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def labelled(db: Database, judge: Judge, name: str, genre: str, along: list[float]) -> None:
    """A track whose embedding begins with *along*, and whose tag names *genre*."""
    embedding = np.zeros(200, np.float32)
    embedding[: len(along)] = along
    files.remember_track(db, name, 10.0, NOON)
    hearings.save_hearing(db, heard(judge, name, embedding=embedding))
    row = file_row(f"/m/{name}.mp3", fingerprint=name, genres=(genre,), origin="person")
    files.save_file(db, row, NOON)


def knows(genres: tuple[str, ...]) -> Known:
    """Of an embedding along the first axis: sad, by two standard deviations."""
    kernel = np.zeros((200, 50))
    kernel[0, TAGS.index("sad")] = 3.0
    return Known(
        weights=np.zeros((200, len(genres))),
        genres=np.array(genres),
        others=np.array(["folk"]),
        kernel=kernel,
        bias=np.zeros(50),
        tag_mean=np.ones(50),
        tag_deviation=np.ones(50),
        centre=np.zeros(200),
        width=np.ones(200),
        offset=np.zeros(len(genres)),
        places=np.zeros((len(genres), 200)),
        within=np.eye(200),
        whole=np.eye(200),
        expected=np.zeros((len(genres), 1)),
        deviation=np.ones(1),
        usual=np.array(9.0),
        outside=np.zeros(4),
        limit=np.array(0.75),
    )


def why_of(db: Database, judge: Judge, hearing: HearingRow, **changes: object) -> Explanation:
    row = file_row("/m/f0.mp3", fingerprint="f0", **changes)
    verdict = judge.verdict(hearing, row)
    why = explanation(db, judge, hearing, row, verdict, policy=POLICY)
    assert why is not None
    return why


def told(why: Explanation) -> dict[str, Section]:
    found = Classification(path="a", decision="not sure", reason="a reason", why=why)
    return {section.title: section for section in sections(found)}


def test_nearest_are_other_peoples_labels_only(db: Database, judge: Judge) -> None:
    """The track itself, and one that came as "Unknown", are no neighbours."""
    labelled(db, judge, "f0", "Jazz", [1.0])
    labelled(db, judge, "far", "Rock", [0.1, 1.0])
    labelled(db, judge, "near", "Bebop", [1.0, 0.1])
    labelled(db, judge, "nameless", "unknown", [1.0])

    why = why_of(db, judge, heard(judge))

    assert [(found.name, found.genres) for found in why.neighbours] == [
        ("near.mp3", ("Bebop",)),
        ("far.mp3", ("Rock",)),
    ]
    assert why.neighbours[0].likeness > 0.99


def test_every_member_is_named_with_its_word(db: Database, judge: Judge) -> None:
    """Several of a kind are numbered; the shares of the vote are all of it."""
    why = why_of(db, judge, heard(judge))
    lines = told(why)["What each member of the model says"].lines

    assert [line.label for line in lines] == [
        "features, transformer 1",
        "features, transformer 2",
        "features, transformer 3",
        "features, linear",
    ]
    assert all("Jazz" in line.text for line in lines)
    assert sum(member.share for member in why.members) == pytest.approx(1)


def test_what_was_said_of_the_artist_is_told(db: Database, judge: Judge) -> None:
    """With how often, and what became of the verdict by it."""
    for number in range(3):
        word = FeedbackRow(
            path=f"/m/{number}.mp3", fingerprint=f"o{number}", kind="label", old=(),
            new=("Fado",), via="tag", artist="Ann",
        )  # fmt: skip
        feedback_log.record_feedback(db, word, NOON)

    why = why_of(db, judge, heard(judge), artist="Ann")
    lines = {line.label: line.text for line in told(why)["How it was decided"].lines}

    assert lines["what you said"] == "of this artist: Fado 3 ×"
    assert lines["the model alone"].startswith("Jazz")
    assert "both together" in lines


def test_what_was_only_guessed_is_not_called_said(db: Database, judge: Judge) -> None:
    """Our own tags and guesses speak, too; nobody said them."""
    for number in range(3):
        name = f"o{number}"
        files.remember_track(db, name, 10.0, NOON)
        row = file_row(f"/m/{name}.mp3", fingerprint=name, genres=("Fado",), origin="ours")
        files.save_file(db, replace(row, state="tagged", artist="Ann"), NOON)

    why = why_of(db, judge, heard(judge), artist="Ann")
    lines = {line.label: line.text for line in told(why)["How it was decided"].lines}

    assert lines["what you said"].startswith("nothing yet")
    assert lines["our own guesses"] == "of this artist: Fado 0.36 ×, which makes it no surer"


def test_without_anything_said_or_labelled_it_says_so(db: Database, judge: Judge) -> None:
    """No line is left empty."""
    said = told(why_of(db, judge, heard(judge)))
    lines = {line.label: line.text for line in said["How it was decided"].lines}

    assert lines["what you said"].startswith("nothing yet")
    assert said["Labelled tracks that sound most alike"].note.startswith("None yet")
    assert said["What the backbone heard"].lines[0].label == "jazz"


def test_without_a_backbone_no_tags_are_told(db: Database, judge: Judge) -> None:
    """Nor likeness, where the model keeps nothing to compare the features by."""
    why = why_of(db, judge, heard(judge, tags=None, embedding=None))

    assert why.tags is None
    assert "What the backbone heard" not in told(why)


def test_tags_stand_out_against_what_the_model_learned_from(db: Database, judge: Judge) -> None:
    """By what its embedding makes of them; and how likely it is of no learned genre is told."""
    genres = judge.model().manifest.genres
    judge.model().known = knows(genres)

    why = why_of(db, judge, heard(judge))
    said = told(why)

    assert why.tags is not None
    assert (why.tags[0].tag, why.tags[0].deviations) == ("sad", pytest.approx(2.0))
    assert "+2.0 standard deviations" in said["What the backbone heard"].lines[0].text
    lines = {line.label: line.text for line in said["How it was decided"].lines}
    assert lines["none of its genres"] == "50% likely; nothing is written from 75% on"


def test_silence_needs_no_explanation(db: Database, judge: Judge) -> None:
    """There is nothing to explain."""
    silent = heard(judge, segments=0, scores=np.zeros((4, 0, 10), np.float32))
    row = file_row()

    assert explanation(db, judge, silent, row, judge.verdict(silent, row), policy=POLICY) is None


def test_a_promise_without_evidence_is_told(db: Database, judge: Judge) -> None:
    """Where nothing is written yet, no threshold is made up."""
    why = replace(why_of(db, judge, heard(judge)), threshold=None)
    lines = {line.label: line.text for line in told(why)["How it was decided"].lines}

    assert lines["needed to write"].startswith("not known yet")


def test_what_the_threshold_rests_on_is_told(db: Database, judge: Judge) -> None:
    """The collection, the library, or the person who set it."""
    why = replace(why_of(db, judge, heard(judge)), threshold=0.8, promise=0.9, footing="base")
    texts = [
        {line.label: line.text for line in told(found)["How it was decided"].lines}
        for found in (why, replace(why, footing="your library"), replace(why, promise=None))
    ]

    assert [text["needed to write"] for text in texts] == [
        "80%, so that 90% of what is written is right, by what the model was measured on",
        "80%, so that 90% of what is written is right, by answers in your library",
        "80%, as it is set",
    ]


def test_the_chance_to_be_right_is_told_where_the_model_says_it(db: Database, judge: Judge) -> None:
    """It is what the threshold is held against."""
    why = replace(why_of(db, judge, heard(judge)), right=0.72)
    lines = {line.label: line.text for line in told(why)["How it was decided"].lines}

    assert lines["chance to be right"] == "72%"


def test_factors_say_whom_they_speak_for(db: Database, judge: Judge) -> None:
    """As odds, since these multiply; the longest bar is the largest factor."""
    blocks = (
        BlockShare(block="G", log_odds=float(np.log(2))),
        BlockShare(block="A", log_odds=-0.1),
    )
    why = replace(why_of(db, judge, heard(judge)), blocks=blocks)
    first, second = (guess.genre for guess in why.alone[:2])

    rhythm, timbre = told(why)[f"Which features moved it: {first} against {second}"].lines

    assert (rhythm.label, rhythm.text, rhythm.length) == ("tempo and rhythm", f"× 2 for {first}", 1)
    assert timbre.against
    assert timbre.text.endswith(second)


def test_json_holds_plain_numbers(db: Database, judge: Judge) -> None:
    """Nothing that JSON has no word for."""
    labelled(db, judge, "near", "Bebop", [1.0, 0.1])

    document = json.loads(json.dumps(why_json(why_of(db, judge, heard(judge)))))

    assert document["members"][0]["says"]["genre"] == "Jazz"
    assert document["neighbours"][0]["likeness"] == pytest.approx(0.995, abs=1e-3)


def test_each_genre_of_the_timeline_has_a_letter_of_its_own() -> None:
    """Rock and Reggae, and genres that share all letters."""
    letters = letters_of(["Rock", "Reggae", "R", "Rock", "O"])

    assert letters == {"Rock": "R", "Reggae": "E", "R": "1", "O": "O"}


def test_the_timeline_is_as_long_as_the_track_is_heard(
    db: Database, judge: Judge, capsys: pytest.CaptureFixture[str]
) -> None:
    """One step and one letter a part, with the clock below."""
    hearing = heard(judge)
    found = Classification(
        path="a", decision="write", reason="", segments=judge.segments(hearing), duration_s=65.0
    )

    show_why(found)

    lines = capsys.readouterr().out.splitlines()
    assert [line.strip() for line in lines[1:3]] == ["██████", "JJJJJJ"]
    assert lines[3].split() == ["0:01", "1:05"]
    assert "J Jazz in 2 of 2 parts" in lines[4]


def test_the_command_explains_real_audio(tmp_path: Path) -> None:
    """As one JSON document, with the model that needs no backbone."""
    song = make_audio(tmp_path / "a.mp3", "mp3", seconds=6)
    config = tmp_path / "config.toml"
    config.write_text('[model]\nbackbone = "none"\n', "utf-8")
    base = ["--config", str(config), "--state-dir", str(tmp_path / "state")]

    document = CliRunner().invoke(cli, [*base, "classify", "--explain", "--json", str(song)])

    found = json.loads(document.stdout)[0]
    assert len(found["timeline"]) == found["segments"] > 0
    assert len(found["why"]["members"]) == 4
    assert found["why"]["tags"] is None
