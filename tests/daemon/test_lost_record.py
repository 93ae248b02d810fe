"""A record that is lost, or older than the files: what we wrote never comes back as a word."""

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from core.library import writes
from core.library.backup import back_up, put_back
from tests.puppets import PaperHouse, guess, paper, read_paper


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PaperHouse]:
    made = PaperHouse(tmp_path)
    made.live()
    yield made
    made.close()


@pytest.fixture
def path(house: PaperHouse) -> Path:
    """A file that we tagged."""
    path = house.music / "a.mp3"
    paper(path, "A")
    house.settle()
    return path


def lose(house: PaperHouse) -> None:
    """Lose the record, but not the log, and live on."""
    house.close()
    for part in house.root.glob("library.db*"):
        part.unlink()
    house.begin()
    house.live()


def restore(house: PaperHouse, backup: Path) -> None:
    """Put back an older record, and live on."""
    house.close()
    put_back(house.root / "library.db", backup, house.root / "damaged", house.now())
    house.begin()
    house.live()


def backed_up(house: PaperHouse) -> Path:
    return back_up(house.root / "library.db", house.root / "backups", date(2026, 5, 1))


def test_what_we_wrote_is_ours_to_an_empty_record(house: PaperHouse, path: Path) -> None:
    """Nobody said anything; a correction afterwards is one, and the write can be undone."""
    lose(house)

    row = house.row(path)
    assert (row.origin, row.genres) == ("ours", (guess("A"),))
    assert house.kinds() == []
    paper(path, "A", ("Zydeco",))
    house.settle()
    assert house.kinds() == ["correction"]


def test_our_write_can_be_undone_from_the_log(house: PaperHouse, path: Path) -> None:
    """By its genre; then hands off."""
    lose(house)

    done = house.desk.undo(str(path), house.now(), dry_run=False)
    house.settle()

    assert done.written, done.reason
    assert read_paper(path)["genres"] == []
    assert house.row(path).hands_off


def test_without_record_and_log_a_genre_just_arrived(house: PaperHouse, path: Path) -> None:
    """The weakest of origins: no word, and nothing to learn from."""
    house.witness.path.unlink()

    lose(house)

    assert house.row(path).origin == "arrived"
    assert house.kinds() == []


def test_what_was_undone_stays_undone(house: PaperHouse, path: Path) -> None:
    """Neither an empty nor an older record writes it again."""
    backup = backed_up(house)
    house.desk.undo(str(path), house.now(), dry_run=False)
    house.settle()
    acts: tuple[Callable[[], None], ...] = (
        lambda: lose(house),
        lambda: restore(house, backup),
    )

    for act in acts:
        act()

        assert house.row(path).hands_off
        assert read_paper(path)["genres"] == []
        assert house.kinds() == []


def test_an_older_record_hears_no_person_in_our_write(house: PaperHouse, path: Path) -> None:
    """The backup knows the file without a genre; the log knows whose it is."""
    second = house.music / "b.mp3"
    paper(second, "B")
    house.daemon._rescan()
    house.daemon._steps.fall_due(1e9)  # probed, not written yet
    backup = backed_up(house)
    house.settle()
    assert read_paper(second)["genres"] == [guess("B")]

    restore(house, backup)

    assert house.row(second).origin == "ours"
    assert house.kinds() == []
    assert len(house.done(second)) == 1


def test_a_correction_is_said_once(house: PaperHouse, path: Path) -> None:
    """Its file is met by a record from before it, which the log has told already."""
    backup = backed_up(house)
    paper(path, "A", ("Zydeco",))
    house.settle()

    restore(house, backup)
    house.settle()

    assert house.kinds() == ["correction"]
    assert house.row(path).origin == "person"


def test_a_word_by_command_comes_back(house: PaperHouse, path: Path) -> None:
    """As the person's, with its file."""
    backup = backed_up(house)
    house.desk.tag(str(path), ("Zydeco",), house.now(), dry_run=False)
    house.settle()

    restore(house, backup)

    assert house.kinds() == ["correction"]
    assert (house.row(path).origin, house.row(path).genres) == ("person", ("Zydeco",))


def test_a_file_that_moved_since_is_ours_and_can_be_undone(house: PaperHouse, path: Path) -> None:
    """The log knows it by its old name."""
    moved = house.music / "elsewhere" / "b.mp3"
    moved.parent.mkdir()
    shutil.move(path, moved)
    house.settle()

    lose(house)

    assert house.row(moved).origin == "ours"
    assert house.kinds() == []
    assert house.desk.undo(str(moved), house.now(), dry_run=False).written


def test_a_write_cut_short_at_any_instant_is_never_a_word(tmp_path: Path) -> None:
    """Die at each point of a write and lose the record at once: at worst a genre just arrived."""
    at, met = 0, True
    while met:
        at += 1
        house = PaperHouse(tmp_path / str(at))
        house.live()
        path = house.music / "a.mp3"
        paper(path, "A")
        met = house.live_and_die(at)
        lose(house)
        row = house.row(path)
        said = tuple(read_paper(path)["genres"])
        assert row.genres == said
        assert row.origin in ("ours", "arrived", "none"), f"after dying at point {at}"
        assert house.kinds() == []
        assert writes.open_writes(house.db) == []
        house.close()
    assert at > 10
