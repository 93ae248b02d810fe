"""The first guess of each track, as the daemon and the commands make it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.library.arrivals import ArrivalRow, arrival_of, arrivals
from tests.puppets import PaperHouse, guess, paper


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PaperHouse]:
    """A house in which whatever is guessed is written."""
    made = PaperHouse(tmp_path)
    made.live()
    yield made
    made.close()


def first_of(house: PaperHouse, audio: str) -> ArrivalRow:
    found = arrival_of(house.db, audio)
    assert found is not None
    return found


def test_what_the_daemon_guesses_first_is_kept(house: PaperHouse) -> None:
    """With what was decided by it; neither a correction nor another model changes it."""
    path = house.music / "a.mp3"
    paper(path, "A")
    house.settle()
    kept = first_of(house, "A")
    assert (kept.genre, kept.source, kept.model_version) == (guess("A"), "model", "one")
    assert (kept.decision, kept.met) == ("written", False)

    paper(path, "A", ("Polka",))
    house.settle()
    house.new_model("two")
    house.settle()

    assert house.kinds() == ["correction"]
    assert arrivals(house.db) == [kept]


def test_whether_the_artist_was_named_before_is_kept(house: PaperHouse) -> None:
    """By which new artists and met ones are told apart, for good."""
    for name, artist in (("A", "Nina"), ("B", "Otis")):
        paper(house.music / f"{name}.mp3", name, artist=artist)
    house.settle()
    paper(house.music / "A.mp3", "A", ("Polka",), artist="Nina")
    house.time += 100
    house.settle()
    for name, artist in (("C", "NINA"), ("D", "Otis")):
        paper(house.music / f"{name}.mp3", name, artist=artist)
    house.settle()

    assert [first_of(house, name).met for name in "ABCD"] == [False, False, True, False]


def test_what_is_not_sure_is_kept_as_such(tmp_path: Path) -> None:
    """Whatever is written of it later on, by whichever model."""
    house = PaperHouse(tmp_path, threshold=1.0)
    house.live()
    paper(house.music / "a.mp3", "A")
    house.settle()
    house.new_model("two")
    house.settle()

    kept = first_of(house, "A")
    assert (kept.decision, kept.model_version) == ("not sure", "one")
    house.close()


def test_a_file_that_has_a_genre_is_no_guess(house: PaperHouse) -> None:
    """It is heard for training at most."""
    paper(house.music / "a.mp3", "A", ("Polka",))
    house.settle()

    assert arrivals(house.db) == []


def test_a_command_guesses_too_but_not_in_a_dry_run(tmp_path: Path) -> None:
    """`tag` without a genre judges what nobody judged before; only to look changes nothing."""
    house = PaperHouse(tmp_path)
    path = house.music / "a.mp3"
    paper(path, "A")

    house.desk.tag(str(path), (), house.now(), dry_run=True)
    assert arrivals(house.db) == []

    house.desk.tag(str(path), (), house.now(), dry_run=False)
    assert first_of(house, "A").decision == "written"
    house.close()
