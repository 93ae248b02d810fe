"""Edits of many files in a short time, as the daemon finds them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.library import batches, feedback_log
from daemon.life import meeting
from tests.puppets import PaperHouse, paper

MANY = 22
GENRES = ("Zydeco", "Polka", "Tango")
HOUR = 3600.0


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PaperHouse]:
    """A house whose model is never sure enough to write."""
    place = PaperHouse(tmp_path, threshold=1.0)
    place.live()
    yield place
    place.close()


def edit(house: PaperHouse, *genres: str, apart: float = 1.0, title: str = "") -> list[Path]:
    """Let files arrive, and give them these genres in turn, so many seconds apart."""
    paths = [house.music / f"{number:02}.mp3" for number in range(MANY)]
    for number, path in enumerate(paths):
        paper(path, f"{number:02} audio", title="as it came")
    house.settle()
    for number, path in enumerate(paths):
        given = genres[number % len(genres)]
        paper(path, f"{number:02} audio", (given,), title or "as it came")
        moment = HOUR + number * apart
        os.utime(path, (moment, moment))
    house.settle()
    return paths


def words(house: PaperHouse) -> list[tuple[bool, str]]:
    """Of each word whether it is of a batch, and whose it is."""
    return [(row.batch is not None, row.whose) for row in feedback_log.all_feedback(house.db)]


def test_one_genre_for_many_files_is_a_persons_bulk_edit(house: PaperHouse) -> None:
    """It is one batch, and nobody is asked."""
    edit(house, "Zydeco")

    assert words(house) == [(True, "person")] * MANY
    assert batches.unanswered(house.db) == []


def test_many_genres_at_once_are_a_programs_until_somebody_answers(house: PaperHouse) -> None:
    """Each file is obeyed all the same: its genre is never ours to change."""
    paths = edit(house, *GENRES)

    (asked,) = batches.unanswered(house.db)
    assert (asked.files, set(asked.genres)) == (MANY, set(GENRES))
    assert words(house) == [(True, "program")] * MANY
    assert {house.row(path).origin for path in paths} == {"person"}
    batches.answer(house.db, asked.id, "person", house.now())
    assert words(house) == [(True, "person")] * MANY


def test_other_fields_in_the_same_saves_show_a_program(house: PaperHouse) -> None:
    """A tagger looked the files up and filled in what it found."""
    edit(house, "Zydeco", title="as looked up")

    assert words(house) == [(True, "program")] * MANY


def test_edits_made_while_nobody_watched_count_by_the_files_times(house: PaperHouse) -> None:
    """A week's work that a rescan finds at once is no batch."""
    edit(house, *GENRES, apart=60.0)

    assert words(house) == [(False, "person")] * MANY


def test_words_that_come_back_from_the_log_are_a_batch_again(house: PaperHouse) -> None:
    """A record that was lost learns no more from a program than it did before."""
    edit(house, *GENRES)
    house.witness.settle(house.db)
    house.close()
    for part in house.root.glob("library.db*"):
        part.unlink()
    house.begin()
    meeting.join_batches(house.db)  # as the daemon does when it starts

    assert words(house) == [(True, "program")] * MANY
