"""An album that is dropped is judged as one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlite_utils import Database

from core import registry
from core.library import feedback_log, files, hearings, taxonomy
from core.library.feedback_log import FeedbackRow
from core.library.files import FileRow
from core.library.hearings import HearingRow
from daemon.config import Policy
from daemon.judging.judge import Judge
from daemon.life.listening import Listening
from daemon.life.together import A_WHILE_S
from tests.factories import NOON, file_row
from tests.puppets import FAINT, GENRES, PaperHouse, Worker, guess, paper, read_paper

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


def test_a_verdict_asks_once_what_was_said(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether there is another word or name; an album asks once for all its tracks."""
    members = [heard(house.db, name, 1.0, 0.0, 0.5) for name in "abcd"]
    judge, asked = judging(house), []
    newest_change = taxonomy.newest_change

    def counted(db: Database) -> tuple[int, int, str]:
        asked.append(1)
        return newest_change(db)

    monkeypatch.setattr(taxonomy, "newest_change", counted)
    judge.verdict(*members[0])
    once = len(asked)
    judge.album_verdicts(members)

    assert once == 1
    assert len(asked) == 2


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


# the daemon -------------------------------------------------------------------------------


def faint(*genres: str) -> list[str]:
    """Names for audio of which the model is inclined to hear *genres*, one after another."""
    found: list[str] = []
    for genre in genres:
        names = (f"{genre} {number}{FAINT}" for number in range(999))
        found.append(next(name for name in names if name not in found and guess(name) == genre))
    return found


def drop(house: PaperHouse, audio: list[str], **whose: str) -> list[Path]:
    """Drop files with this audio into one folder; all of one album unless told otherwise."""
    paths = [house.music / "a" / f"{name.strip(FAINT)}.mp3" for name in audio]
    for path, name in zip(paths, audio, strict=True):
        paper(path, name, **(whose or ALBUM))
    return paths


def genres_of(paths: list[Path]) -> list[list[str]]:
    return [read_paper(path)["genres"] for path in paths]


@dataclass(slots=True)
class Stuck(Worker):
    """A worker that never ends with one file."""

    path: str = ""

    def start(self, call: str, arguments: tuple[Any, ...], *rest: Any, **options: Any) -> None:
        if arguments[0] != self.path:
            Worker.start(self, call, arguments, *rest, **options)


def test_an_album_that_is_dropped_gets_one_genre(house: PaperHouse) -> None:
    """Each track waits for the others; tracks of no album get each their own."""
    house.live()
    album = drop(house, faint("Rock", "Rock", "Jazz", "Rock"))
    house.settle()
    loose = drop(house, faint("Rock", "Rock", "Jazz", "Rock", "Jazz", "Jazz")[4:], artist="Bob")
    house.settle()

    assert genres_of(album) == [["Rock"]] * 4
    assert genres_of(loose) == [["Jazz"]] * 2


def test_an_album_with_a_track_that_clearly_differs_is_judged_singly(house: PaperHouse) -> None:
    """There are such albums."""
    clear = next(f"clear {n}" for n in range(99) if guess(f"clear {n}") == "Folk")
    house.live()
    album = drop(house, [*faint("Rock", "Rock", "Rock", "Rock", "Rock"), clear])
    house.settle()

    assert genres_of(album) == [["Rock"]] * 5 + [["Folk"]]


def test_a_late_track_joins_what_was_said(house: PaperHouse) -> None:
    """It follows the album, and nothing that was written is written again."""
    audio = faint("Rock", "Rock", "Rock", "Jazz")
    house.live()
    album = drop(house, audio[:3])
    house.settle()
    late = drop(house, audio[3:])
    house.settle()

    assert genres_of(album + late) == [["Rock"]] * 4
    assert [len(house.done(path)) for path in album] == [1, 1, 1]


def test_no_album_waits_for_ever(house: PaperHouse) -> None:
    """A worker that is stuck with one track holds up the others for a while, and no longer."""
    audio = faint("Rock", "Rock", "Jazz", "Rock")
    stuck = house.music / "a" / f"{audio[3].strip(FAINT)}.mp3"
    house.close()
    house.begin(Stuck(house, path=str(stuck)))
    house.live()
    album = drop(house, audio)
    house.daemon._rescan()
    house.time += 2.0
    for _ in range(20):
        house.step()
    waiting = genres_of(album)
    house.time += A_WHILE_S
    house.work()

    assert waiting == [[], [], [], []]
    assert genres_of(album) == [["Rock"], ["Rock"], ["Rock"], []]


def test_a_person_may_speak_while_an_album_waits(house: PaperHouse) -> None:
    """Their word on a track that waits is noticed at once and stands."""
    audio = faint("Rock", "Rock", "Rock")
    house.close()
    house.begin(Stuck(house, path=str(house.music / "a" / f"{audio[2].strip(FAINT)}.mp3")))
    house.live()
    album = drop(house, audio)
    house.daemon._rescan()
    house.time += 2.0
    for _ in range(20):
        house.step()
    paper(album[0], audio[0], ("Zydeco",), **ALBUM)
    house.settle()

    assert genres_of(album)[:2] == [["Zydeco"], ["Zydeco"]]
    assert house.kinds(album[0]) == ["label"]
    assert house.done(album[0]) == []


def test_an_album_that_waited_is_judged_as_one_after_a_crash(tmp_path: Path) -> None:
    """What was heard is kept, and nobody forgets the others."""
    audio = faint("Rock", "Jazz", "Rock")
    for at in range(40, 200, 31):
        house = PaperHouse(tmp_path / str(at))
        house.live()
        album = drop(house, audio)
        assert house.live_and_die(at)
        house.reborn()

        assert genres_of(album) == [["Rock"]] * 3
        house.close()


def test_a_word_on_one_track_lets_the_unsure_rest_be_judged_together(house: PaperHouse) -> None:
    """They are written as soon as they are sure enough, all the same genre."""
    house.config = replace(house.config, policy=Policy(threshold=0.97))
    house.close()
    house.begin()
    house.live()
    album = drop(house, faint("Rock", "Jazz", "Rock"))
    house.settle()
    before = [house.row(path).state for path in album]
    house.close()
    house.config = replace(house.config, policy=Policy(threshold=0.6))
    house.begin()
    house.live()
    paper(album[0], read_paper(album[0])["audio"], ("Folk",), **ALBUM)
    house.settle()

    assert before == ["not_sure"] * 3
    assert genres_of(album) == [["Folk"]] * 3


def test_many_words_at_once_are_one_reason_to_judge_anew(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else three hundred files of an artist would be judged three hundred times."""
    asked: list[int] = []
    judge_unsure = Listening.judge_unsure

    def counting(listening: Listening, rows: Iterable[FileRow]) -> None:
        asked.append(len(list(rows)))
        judge_unsure(listening, rows)

    monkeypatch.setattr(Listening, "judge_unsure", counting)
    house.config = replace(house.config, policy=Policy(threshold=1.0))
    house.close()
    house.begin()
    house.live()
    audio = faint("Rock", "Jazz", "Rock", "Folk", "Rock", "Jazz")
    album = drop(house, audio)
    house.settle()
    for path, name in zip(album[:4], audio, strict=False):
        paper(path, name, ("Zydeco",), **ALBUM)
    house.settle()

    assert asked == [2]
    assert hearings.verdict_of(house.db, audio[5]).genres[0][0] == "Zydeco"  # type: ignore[union-attr]
