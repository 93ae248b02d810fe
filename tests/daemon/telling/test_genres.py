"""`genrewatch genres` as a person meets it, and what a change of names does to judging."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from sqlite_utils import Database

from core import registry
from core.decision.beyond import Known
from core.decision.policy import Action
from core.errors import ConfigError
from core.library import taxonomy
from core.library.feedback_log import FeedbackRow, record_feedback
from core.library.files import FileRow, file_at, remember_track, save_file
from core.library.hearings import HearingRow, save_hearing
from core.library.schema import open_library
from daemon.cli import cli
from daemon.config import Policy
from daemon.judging.judge import Judge
from daemon.telling.genres import alias, parent
from tests.factories import NOON, file_row
from tests.puppets import GENRES, PaperHouse

BASE = next((Path(__file__).parents[3] / "core" / "base").glob("base-?"))  # with a backbone


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def db(state: Path) -> Database:
    return open_library(state / "library.db")


def run(state: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--state-dir", str(state), "genres", *arguments])


def say(db: Database, track: str, genre: str, *, old: str = "", artist: str = "Ann") -> None:
    """Let a person give a track a genre, in its tag."""
    remember_track(db, track, 60.0, NOON)
    path, whose = f"/m/{track}.mp3", {"artist": artist}
    save_file(
        db, file_row(path, fingerprint=track, genres=(genre,), origin="person", **whose), NOON
    )
    row = FeedbackRow(
        path=path,
        fingerprint=track,
        kind="label",
        old=(old,) if old else (),
        new=(genre,),
        via="retag",
        **whose,
    )
    record_feedback(db, row, NOON)


def listed(state: Path) -> dict[str, dict[str, object]]:
    document = json.loads(run(state, "--json").stdout)
    return {item["genre"]: item for item in document["genres"]}


def test_a_name_of_one_s_own_says_what_it_waits_for(state: Path, db: Database) -> None:
    """First to be suggested, then to be learned."""
    say(db, "f1", "Zouk")
    assert listed(state)["Zouk"]["stage"] == (
        "to be suggested from 3 tracks by 2 artists (1 by 1 so far)"
    )
    say(db, "f2", "Zouk")
    say(db, "f3", "Zouk", artist="Bob")

    found = listed(state)
    assert found["Zouk"]["origin"] == "yours"
    assert found["Zouk"]["stage"] == (
        "suggested; to be learned from 8 tracks by 3 artists (3 by 2 so far)"
    )
    assert found["Rock"]["origin"] == "model"
    assert "Zouk" in run(state).stdout


def test_a_merge_names_the_files_and_changes_none(state: Path, db: Database) -> None:
    """What belonged to the old name belongs to the new one; the counts are of both."""
    say(db, "f1", "Trance")
    say(db, "f2", "Techno")
    run(state, "parent", "Goa", "Trance")

    result = run(state, "merge", "Trance", "Techno")

    row = file_at(db, "/m/f1.mp3")
    assert result.exit_code == 0
    assert "/m/f1.mp3" in result.stdout
    assert 'genrewatch tag --genre "Techno" FILE' in result.stdout
    assert row is not None and row.genres == ("Trance",)
    assert listed(state)["Techno"]["files"] == 2
    assert listed(state)["Techno"]["aliases"] == ["Trance"]
    assert listed(state)["Goa"]["parent"] == "Techno"
    assert "Trance" not in listed(state)


@pytest.mark.parametrize("how", ["alias", "merge", "rename", "parent"])
@pytest.mark.parametrize("nothing", ["", " ", "-", "Ro\nck", "\x1b[31mRock", "\udcff"])
def test_what_could_stand_in_no_tag_is_no_name(state: Path, how: str, nothing: str) -> None:
    """Every guess of that genre would be written so."""
    for pair in ((nothing, "Rock"), ("Rock", nothing)):
        result = run(state, how, *pair)

        assert isinstance(result.exception, ConfigError)
        assert "is no name of a genre" in str(result.exception)
    assert "also" not in run(state).stdout


def test_a_rename_is_offered_until_it_is_made(state: Path, db: Database) -> None:
    """Ten tracks that were Hip-Hop are Rap now."""
    for number in range(10):
        say(db, f"f{number}", "Rap", old="Hip-Hop")

    assert 'genrewatch genres rename "Hip-Hop" "Rap"' in run(state).stdout
    assert run(state, "rename", "Hip-Hop", "Rap").exit_code == 0
    assert "genres rename" not in run(state).stdout
    assert listed(state)["Rap"]["origin"] == "model"


def test_a_rename_to_another_spelling_is_no_alias(state: Path, db: Database) -> None:
    """It is written so from now on."""
    run(state, "rename", "Hip-Hop", "hip hop")

    assert taxonomy.relations(db) == []
    assert "hip hop" in listed(state)


@pytest.mark.parametrize(
    "arguments",
    [
        ("alias", "Hip-Hop", "hip hop"),  # one genre already
        ("alias", "Rap", "Hip-Hop"),  # the other way round
        ("merge", "Rap", "Hip-Hop"),
        ("parent", "Rock", "Rock"),
        ("parent", "Rock", "Grunge"),  # which belongs to Punk, and that to Rock
        ("forget", "Jazz"),  # of which nothing was said
        ("alias", "Jazz"),
    ],
)
def test_what_cannot_be_is_refused(state: Path, arguments: tuple[str, ...]) -> None:
    """With exit code 2, and nothing is changed."""
    for said in (("alias", "Hip-Hop", "Rap"), ("parent", "Punk", "Rock")):
        assert run(state, *said).exit_code == 0
    assert run(state, "parent", "Grunge", "Punk").exit_code == 0
    before = listed(state)

    result = CliRunner().invoke(cli, ["--state-dir", str(state), "genres", *arguments])

    assert result.exit_code != 0
    assert listed(state) == before


def test_what_was_said_of_a_name_can_be_taken_back(state: Path, db: Database) -> None:
    """Alias and parent alike."""
    run(state, "alias", "Hip-Hop", "Rap")

    assert "Hip-Hop means Rap" in run(state, "forget", "hip-hop").stdout
    assert taxonomy.relations(db) == []


# judging ---------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PaperHouse]:
    place = PaperHouse(tmp_path)
    yield place
    place.close()


def judging(house: PaperHouse, policy: Policy | None = None) -> Judge:
    models = registry.Registry(house.models, house.models / "one")
    return Judge(house.db, models, policy or Policy(threshold=0.6))


def heard(
    db: Database,
    name: str,
    *scores: float,
    artist: str = "Eve",
    embedding: NDArray[np.float32] | None = None,
) -> tuple[HearingRow, FileRow]:
    """A track that was heard, with the model's *scores* for Rock, Jazz and Folk."""
    each = np.array(scores, np.float32)[None, None]
    hearing = HearingRow(
        fingerprint=name,
        feature_version=1,
        model_version="one",
        genres=GENRES,
        segments=1,
        track_features=np.zeros((2, 135), np.float32),
        pooled_scores=each[:, 0],
        embedding=np.ones(200, np.float32) if embedding is None else embedding,
        scores=each,
    )
    row = file_row(f"/m/{name}.mp3", fingerprint=name, artist=artist)
    remember_track(db, name, 60.0, NOON)
    save_hearing(db, hearing)
    return hearing, row


def test_the_next_file_of_an_artist_has_the_new_name_at_once(house: PaperHouse) -> None:
    """One word is enough for the artist; who merely sounds so is not called so by it."""
    heard(house.db, "f1", 1.0, 0.0, 0.0, artist="Ann")
    say(house.db, "f1", "Zouk")
    judge = judging(house)

    same = judge.verdict(*heard(house.db, "f2", 1.0, 0.0, 0.0, artist="Ann"))
    other = judge.verdict(*heard(house.db, "f3", 1.0, 0.0, 0.0, artist="Bob"))

    assert same.genres[0].genre == "Zouk"
    assert "Zouk" not in [item.genre for item in other.genres]


def test_a_new_name_is_suggested_by_its_sound_and_not_written(house: PaperHouse) -> None:
    """From three tracks of two artists on."""
    for name, artist in (("f1", "Ann"), ("f2", "Ann"), ("f3", "Bob")):
        heard(house.db, name, 0.0, 0.0, 0.0, artist=artist)
        say(house.db, name, "Zouk", artist=artist)
    new = heard(house.db, "f4", 0.0, 0.0, 0.0)
    judge = judging(house, Policy(precision=0.5))

    verdict = judge.verdict(*new)
    decision = judge.decide(verdict, new[1])

    assert verdict.genres[0].genre == "Zouk"
    assert verdict.unproven
    assert decision.action is Action.NOT_SURE
    assert "a new name of yours" in decision.reason


def test_a_new_name_is_known_by_how_its_tracks_sound(house: PaperHouse) -> None:
    """Beside what the model learned, in the space in which its genres spread alike."""
    judge = judging(house, Policy(precision=0.5))
    known = Known.of(registry.load_beyond(registry.load(BASE)) or {})
    judge.model().known = known
    middle = known.places.mean(axis=0)
    away = (middle + 9 * (known.places[0] - middle)).astype(np.float32)
    for name, artist in (("f1", "Ann"), ("f2", "Ann"), ("f3", "Bob")):
        heard(house.db, name, 0.0, 0.0, 0.0, artist=artist, embedding=away)
        say(house.db, name, "Zouk", artist=artist)

    alike = judge.verdict(*heard(house.db, "f4", 1.0, 0.0, 0.0, embedding=away))
    other = judge.verdict(*heard(house.db, "f5", 1.0, 0.0, 0.0, embedding=middle))

    assert alike.genres[0].genre == "Zouk"
    assert alike.unproven
    assert alike.evidence == "tracks of yours that sound alike"
    assert other.genres[0].genre == "Rock"
    assert other.genres[-1].genre == "Zouk"


def test_what_was_corrected_to_an_alias_was_not_refused(house: PaperHouse) -> None:
    """Rock became Stoner, and Stoner means Rock: then it is Rock, by the person's own word."""
    hearing, row = heard(house.db, "f1", 9.0, 0.0, 0.0)
    correction = FeedbackRow(
        path=row.path,
        fingerprint="f1",
        kind="correction",
        old=("Rock",),
        new=("Stoner",),
        via="tag",
    )
    record_feedback(house.db, correction, NOON)
    alias(house.db, "Stoner", "Rock", NOON)

    assert judging(house).verdict(hearing, row).genres[0].genre == "Rock"


def test_what_a_doubtful_genre_belongs_to_is_offered_beside_it(house: PaperHouse) -> None:
    """And written where the person wants it so."""
    for name in ("Jazz", "Folk"):
        parent(house.db, name, "Acoustic", NOON)
    new = heard(house.db, "f1", -9.0, 0.1, 0.0)
    offers, writes = judging(house), judging(house, Policy(threshold=0.6, write_parent=True))

    offered = offers.decide(offers.verdict(*new), new[1])
    written = writes.decide(writes.verdict(*new), new[1])

    assert offered.action is Action.NOT_SURE
    assert "Acoustic of some kind at 100%" in offered.reason
    assert (written.action, written.genre) == (Action.WRITE, "Acoustic")
