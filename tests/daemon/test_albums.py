"""An album that is dropped is judged as one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from core import registry
from core.library import feedback_log, files, hearings
from core.library.feedback_log import FeedbackRow
from core.library.files import FileRow
from core.library.hearings import HearingRow
from daemon.config import Policy
from daemon.judge import Judge
from tests.factories import NOON, file_row
from tests.puppets import GENRES, PaperHouse

ALBUM = {"artist": "Ann", "album": "One"}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PaperHouse]:
    place = PaperHouse(tmp_path)
    yield place
    place.close()


def judging(house: PaperHouse, policy: Policy | None = None) -> Judge:
    models = registry.Registry(house.models, house.models / "one")
    return Judge(house.db, models, policy or Policy())


def heard(db: Database, name: str, *scores: float, **whose: object) -> tuple[HearingRow, FileRow]:
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
        scores=each,
    )
    row = file_row(f"/m/a/{name}.mp3", fingerprint=name, **{**ALBUM, **whose})
    files.remember_track(db, name, 60.0, NOON)
    files.save_file(db, row, NOON)
    hearings.save_hearing(db, hearing)
    return hearing, row


def first_genres(judge: Judge, members: list[tuple[HearingRow, FileRow]]) -> list[str]:
    found = judge.album_verdicts(members)
    return [found[hearing.fingerprint].genres[0].genre for hearing, _ in members]


def test_the_tracks_of_an_album_get_one_genre(house: PaperHouse) -> None:
    """The doubtful one goes with the rest, and all are surer than each alone."""
    members = [heard(house.db, name, 2.0, 0.0, 0.0) for name in "abc"]
    members.append(heard(house.db, "d", 0.0, 0.5, 0.0))
    judge = judging(house)

    together = judge.album_verdicts(members)

    assert {verdict.genres for verdict in together.values()} == {together["a"].genres}
    assert together["d"].genres[0].genre == "Rock"
    assert together["a"].sure > judge.verdict(*members[0]).sure
    assert together["a"].evidence == "model, 4 tracks of the album together"


def test_a_folder_by_track_and_another_album_stand_apart(house: PaperHouse) -> None:
    """Each is then judged as if it had been dropped alone."""
    members = [heard(house.db, name, 2.0, 0.0, 0.0) for name in "abc"]
    members.append(heard(house.db, "d", 0.0, 0.5, 0.0))
    members.append(heard(house.db, "e", 0.0, 0.5, 0.0, album="Two"))

    by_track = judging(house, Policy(album_by_track=("/m",)))

    assert first_genres(by_track, members) == ["Rock", "Rock", "Rock", "Jazz", "Jazz"]
    assert first_genres(judging(house), members) == ["Rock", "Rock", "Rock", "Rock", "Jazz"]


def test_what_a_person_said_of_one_track_bears_on_the_others(house: PaperHouse) -> None:
    """That track keeps its word, the others follow it, and a refused genre is not given again."""
    members = [heard(house.db, name, 1.0, 0.0, 0.5) for name in "abcd"]
    say(house.db, "a", "correction", "Jazz")
    say(house.db, "d", "rejection")

    found = judging(house).album_verdicts(members)

    assert found["a"].evidence == "your word on this track"
    assert found["b"].genres[0].genre == found["c"].genres[0].genre == "Jazz"
    assert "Rock" not in {item.genre for item in found["d"].genres}


def say(db: Database, fingerprint: str, kind: str, *new: str) -> None:
    row = FeedbackRow(
        path=f"/m/a/{fingerprint}.mp3",
        fingerprint=fingerprint,
        kind=kind,
        old=("Rock",),
        new=new,
        via="retag",
        artist="Ann",
        album="One",
    )
    feedback_log.record_feedback(db, row, NOON)
