"""What is said by command or page, or of names and batches, bears on files that wait."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.library import batches, feedback_log, hearings
from daemon.cli import cli
from daemon.config import Policy
from daemon.telling import genres
from tests.puppets import FAINT, PaperHouse, guess, paper, read_paper

ALBUM = {"artist": "Ann", "album": "One"}
MANY = 22  # edits at once that are a batch
BROAD = "Electronic"  # says nothing unless a person said it
SURE = 0.6  # so sure is who goes by a person's word on the album


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PaperHouse]:
    """A house whose model is never sure enough to write."""
    place = PaperHouse(tmp_path, threshold=1.0)
    place.live()
    yield place
    place.close()


def faint(*genres: str) -> list[str]:
    """Names for audio of which the model is inclined to hear *genres*, one after another."""
    found: list[str] = []
    for genre in genres:
        names = (f"{genre} {number}{FAINT}" for number in range(999))
        found.append(next(name for name in names if name not in found and guess(name) == genre))
    return found


def drop(house: PaperHouse, *genres: str, **whose: str) -> list[Path]:
    """Drop files that sound faintly like these genres, by default all of one album."""
    paths = [house.music / "a" / f"{name}.mp3" for name in faint(*genres)]
    for path in paths:
        paper(path, path.stem, **(whose or ALBUM))
    house.settle()
    return paths


def anew(house: PaperHouse, threshold: float) -> None:
    """Let the daemon start again, and be as sure from *threshold* on."""
    house.close()
    house.config = replace(house.config, policy=Policy(threshold=threshold))
    house.begin()


def guesses(house: PaperHouse, paths: list[Path]) -> list[str]:
    """What is guessed first of each."""
    found = [hearings.verdict_of(house.db, house.row(path).fingerprint) for path in paths]
    return [verdict.genres[0][0] for verdict in found if verdict is not None]


def written(paths: list[Path]) -> list[list[str]]:
    return [read_paper(path)["genres"] for path in paths]


def command(house: PaperHouse, *arguments: str, answers: str = "") -> str:
    done = CliRunner().invoke(cli, ["--state-dir", str(house.root), *arguments], input=answers)
    assert done.exit_code == 0, done.output
    return done.output


def arrive_many(house: PaperHouse, **whose: str) -> list[Path]:
    paths = [house.music / f"{number:02}.mp3" for number in range(MANY)]
    for path in paths:
        paper(path, f"{path.stem} audio", **whose)
    house.settle()
    return paths


def edit(house: PaperHouse, paths: list[Path], *given: str, **whose: str) -> None:
    """Give files these genres in turn, by their own times within one minute."""
    for number, path in enumerate(paths):
        paper(path, f"{path.stem} audio", (given[number % len(given)],), **whose)
        moment = 3600.0 + int(path.stem)
        os.utime(path, (moment, moment))
    house.settle()


def edit_many(house: PaperHouse, *given: str, **whose: str) -> None:
    """Give many files, as long as they are there, these genres in turn within one minute."""
    edit(house, arrive_many(house, **whose), *given, **whose)


# the daemon -------------------------------------------------------------------------------


def test_a_word_by_command_lets_the_daemon_judge_the_waiting_rest(house: PaperHouse) -> None:
    """Once nobody has said more for a moment, and all tracks of the album alike."""
    album = drop(house, "Rock", "Jazz", "Rock")
    anew(house, SURE)
    house.desk.tag(str(album[0]), ("Folk",), house.now(), dry_run=False)
    house.step()
    at_once = written(album)
    house.work()

    assert at_once == [["Folk"], [], []]
    assert written(album) == [["Folk"]] * 3


def test_a_word_that_came_while_no_daemon_ran_is_not_forgotten(house: PaperHouse) -> None:
    """It is taken up at the next start."""
    album = drop(house, "Rock", "Jazz", "Rock")
    house.desk.tag(str(album[0]), ("Folk",), house.now(), dry_run=False)
    anew(house, SURE)
    house.live()

    assert written(album) == [["Folk"]] * 3


def test_another_name_lets_all_that_waits_be_judged_anew(house: PaperHouse) -> None:
    """In the names of now, by the daemon too."""
    album = drop(house, "Rock", "Jazz", "Rock")
    genres.rename(house.db, "Rock", "Zydeco", house.now())
    house.work()

    assert guesses(house, album) == ["Zydeco"] * 3


def test_an_answer_on_a_batch_lets_all_that_waits_be_judged_anew(house: PaperHouse) -> None:
    """A program's many words hide no guess; once they are the person's they decide."""
    (waiting,) = drop(house, "Jazz", artist="Ann")
    edit_many(house, *[BROAD] * 6, "Polka", artist="Ann")
    before = guesses(house, [waiting])
    (batch,) = batches.unanswered(house.db)
    batches.answer(house.db, batch.id, "person", house.now())
    house.work()

    assert before == ["Jazz"]
    assert guesses(house, [waiting]) == [BROAD]


def test_the_first_words_of_a_batch_are_the_program_s_once_it_is_known(house: PaperHouse) -> None:
    """Until the twenty-first they were taken for a person's; what waits is guessed at anew."""
    (waiting,) = drop(house, "Jazz", artist="Ann")
    paths = arrive_many(house, artist="Ann")
    edit(house, paths[:12], BROAD, artist="Ann")
    before = guesses(house, [waiting])
    edit(house, paths[12:], "Polka", "Tango", artist="Ann")

    assert before == [BROAD]
    assert {word.whose for word in feedback_log.all_feedback(house.db)} == {"program"}
    assert guesses(house, [waiting]) != [BROAD]


def test_what_nobody_changed_is_not_judged_again(house: PaperHouse) -> None:
    """Nor is anything after a word that the daemon read itself."""
    album = drop(house, "Rock", "Jazz", "Rock")
    paper(album[0], album[0].stem, ("Folk",), **ALBUM)
    house.settle()
    times = [hearings.verdict_of(house.db, path.stem).at for path in album[1:]]  # type: ignore[union-attr]
    house.time += 100
    house.work()

    assert times == [hearings.verdict_of(house.db, path.stem).at for path in album[1:]]  # type: ignore[union-attr]


# commands ---------------------------------------------------------------------------------


def test_a_change_of_names_judges_an_album_as_one(house: PaperHouse) -> None:
    """As the daemon does: no track of it falls back to what it sounds like alone."""
    album = drop(house, "Rock", "Jazz", "Rock")
    command(house, "genres", "alias", "Polka", "Tango")

    found = [hearings.verdict_of(house.db, path.stem) for path in album]
    assert guesses(house, album) == ["Rock"] * 3
    assert len({verdict.genres for verdict in found if verdict is not None}) == 1


def test_an_answer_in_review_judges_what_waits_at_once(house: PaperHouse) -> None:
    """Whose a batch was changes what is guessed and asked in the same sitting."""
    (waiting,) = drop(house, "Jazz", artist="Ann")
    edit_many(house, *[BROAD] * 6, "Polka", artist="Ann")

    told = command(house, "review", answers="m\n")

    assert guesses(house, [waiting]) == [BROAD]
    assert f"1  {BROAD}" in told
