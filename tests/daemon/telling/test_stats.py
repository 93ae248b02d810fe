"""What `stats` tells of a house in which something happened."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
from click.testing import CliRunner

from core.errors import ConfigError
from core.library import runs, taxonomy
from core.library.audits import record_answered, record_asked
from core.library.schema import writing
from daemon.showing.plot_stats import plot, write_plot
from daemon.showing.show_stats import NOTHING, in_words, show_stats
from daemon.telling.stats import Stats, collect, stats_json
from tests.puppets import GENRES, PaperHouse, guess, paper


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PaperHouse]:
    """A house in which whatever is guessed is written."""
    made = PaperHouse(tmp_path)
    made.live()
    yield made
    made.close()


def told(house: PaperHouse) -> Stats:
    return collect(house.db, house.desk._judge._models, house.config.policy)


def drop(house: PaperHouse, *names: str) -> None:
    for name in names:
        paper(house.music / f"{name}.mp3", name)
    house.settle()


def other_than(genre: str) -> str:
    return next(name for name in GENRES if name != genre)


def test_a_new_house_has_nothing_to_tell(house: PaperHouse) -> None:
    """It says what to do."""
    found = told(house)

    assert list(in_words(found)) == [NOTHING]
    assert stats_json(found)["first_guesses"]["wrong_per_100_named"] is None
    ElementTree.fromstring(plot(found))  # noqa: S314  our own words


def test_a_correction_makes_one_guess_wrong(house: PaperHouse) -> None:
    """And the file that was left alone is told apart, in words and in JSON."""
    drop(house, "A", "B")
    paper(house.music / "A.mp3", "A", (other_than(guess("A")),))
    house.settle()

    found = told(house)

    document = json.loads(json.dumps(stats_json(found)))
    counted = document["first_guesses"]
    assert (counted["files"], counted["named"], counted["wrong"]) == (2, 1, 1)
    assert (counted["left_as_written"], counted["wrong_per_100_if_those_are_right"]) == (1, 50.0)
    assert (document["written"]["files"], document["written"]["changed"]) == (2, 1)
    assert document["coverage"]["on_arrival"] == {"files": 2, "of": 2, "share": 1.0}
    words = "\n".join(in_words(found))
    assert "you named 1 of them: 1 first guess was wrong" in words
    assert "1 stand as they were written" in words


def test_where_nobody_spoke_no_table_is_shown(house: PaperHouse) -> None:
    """It says that nobody knows yet, and no "0 of 0"."""
    drop(house, "A", "B")

    words = "\n".join(in_words(told(house)))

    assert "nobody knows yet" in words
    assert "0 of 0" not in words
    assert "per 100" not in words
    assert "written on arrival: 2 of 2" in words


def test_parts_of_which_nothing_was_named_say_so(house: PaperHouse) -> None:
    """Beside those of which something was."""
    drop(house, "A", "B")
    paper(house.music / "A.mp3", "A", (other_than(guess("A")),))
    house.settle()

    words = "\n".join(in_words(told(house)))

    assert "artists that you had named: none named" in words
    assert "0 of 0" not in words


def test_names_that_the_person_made_one_are_one(house: PaperHouse) -> None:
    """A guess under the old name is right where the person uses the new one."""
    drop(house, "A")
    paper(house.music / "A.mp3", "A", ("Polka",))
    house.settle()
    assert told(house).all.wrong.hits == 1

    taxonomy.relate(house.db, guess("A"), "alias", "Polka", house.now())

    found = told(house)
    assert (found.all.wrong.hits, found.written.changed) == (0, 0)
    assert [genre.name for genre in found.genres] == ["Polka"]


def test_best_guesses_are_told_apart(tmp_path: Path) -> None:
    """They count as first guesses, and nowhere against the promise."""
    house = PaperHouse(tmp_path, threshold=1.0)
    house.config = replace(
        house.config, policy=replace(house.config.policy, when_unsure="best guess")
    )
    house.begin()
    house.live()
    drop(house, "A", "B")
    paper(house.music / "A.mp3", "A", (other_than(guess("A")),))
    house.settle()

    found = told(house)

    assert (found.guessed.files, found.guessed.changed) == (2, 1)
    assert (found.written.files, found.at_once, found.waited) == (0, 0, 2)
    assert found.all.wrong.hits == 1
    assert "Best guesses, of which nothing is promised" in list(in_words(found))
    house.close()


def test_answers_to_questions_are_held_against_the_promise(house: PaperHouse) -> None:
    """Those of tracks that were drawn, however they were answered; and no other words."""
    drop(house, "A", "B", "C")
    for name in "AB":
        record_asked(house.db, name, "first writes", house.now())
        record_answered(house.db, name, house.now())
    for name in "ABC":
        genre = other_than(guess(name)) if name == "B" else guess(name)
        house.desk.tag(
            str(house.music / f"{name}.mp3"), (genre,), house.now(), dry_run=False, via="audit"
        )

    asked = told(house).written.asked

    assert (asked.of, asked.hits) == (2, 1)


def test_an_undone_write_is_neither_right_nor_wrong(house: PaperHouse) -> None:
    """Nobody said what it is instead."""
    drop(house, "A")
    house.desk.undo(str(house.music / "A.mp3"), house.now(), dry_run=False)

    found = told(house)

    assert (found.all.silent, found.all.unknown, found.written.undone) == (0, 1, 1)


def test_what_last_night_changed_is_told(tmp_path: Path) -> None:
    """A file that waited is judged anew, and is written once the new model is sure enough."""
    house = PaperHouse(tmp_path, threshold=1.0)
    house.live()
    drop(house, "A", "B", "C", "D")
    house.time += 60
    run = runs.begin_run(house.db, "night", house.now())
    runs.end_run(house.db, run, "promoted", "better", house.now(), version="two")
    house.time += 60
    house.new_model("two")
    house.settle()

    night = told(house).night

    assert night is not None
    assert night.since is not None
    differing = sum(guess(name, "two") != guess(name) for name in "ABCD")
    assert differing, "the two models of paper agree on everything"
    assert (night.since.judged, night.since.differing, night.since.written) == (4, differing, 0)
    assert "judged anew, of what it was not sure of: 4 files" in "\n".join(in_words(told(house)))

    house.config = replace(house.config, policy=replace(house.config.policy, threshold=0.0))
    house.reborn()
    for name in "AB":
        house.desk.tag(str(house.music / f"{name}.mp3"), (), house.now(), dry_run=False)
    house.desk.undo(str(house.music / "A.mp3"), house.now(), dry_run=False)

    night = told(house).night
    assert night is not None
    assert night.since is not None
    assert night.since.written == 1  # what was taken back is not written
    house.close()


def test_the_picture_stands_alone(house: PaperHouse, tmp_path: Path) -> None:
    """Well-formed, without script or address, with every text escaped."""
    drop(house, "A", "B")
    paper(house.music / "A.mp3", "A", ("<Punk & Co>",))
    house.settle()

    write_plot(told(house), str(tmp_path / "far.svg"))

    drawn = (tmp_path / "far.svg").read_text("utf-8")
    root = ElementTree.fromstring(drawn)  # noqa: S314  our own words
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "<Punk & Co>" in texts
    assert "script" not in drawn
    assert drawn.count("http") == 1


def test_a_picture_is_an_svg(house: PaperHouse, tmp_path: Path) -> None:
    """Under no other name, which a viewer would not understand."""
    with pytest.raises(click.UsageError, match=r"ends in \.svg"):
        write_plot(told(house), str(tmp_path / "far.png"))
    with pytest.raises(ConfigError, match="cannot be written"):
        write_plot(told(house), str(tmp_path / "no" / "far.svg"))

    assert not (tmp_path / "far.png").exists()


def test_months_of_files_take_no_time(house: PaperHouse) -> None:
    """Read in a few questions, however many files there are."""
    many = 20_000
    with writing(house.db):
        house.db.conn.executemany(
            "insert into tracks (fingerprint, duration_s, first_seen_at) values (?, 6, '')",
            ((f"f{n}",) for n in range(many)),
        )
        house.db.conn.executemany(
            "insert into arrivals values (?, 'Rock', .5, .5, 'model', 'one', 0, 'written', ?)",
            ((f"f{n}", (house.now() + timedelta(seconds=n)).isoformat()) for n in range(many)),
        )
    statements: list[str] = []
    house.db.conn.set_trace_callback(statements.append)

    found = told(house)

    assert found.all.files == many
    assert len(found.blocks) == 10
    assert len(statements) < 10


def test_no_tag_breaks_the_picture_or_steers_the_terminal(house: PaperHouse) -> None:
    """Whatever stands in a file may be named a genre."""
    drop(house, "A")
    paper(house.music / "A.mp3", "A", ("Ro\x1b[31m<script>&\x00\u202e",))
    house.time += 100
    house.settle()

    found = told(house)

    picture = plot(found)
    ElementTree.fromstring(picture)  # noqa: S314  our own words
    assert "\x1b" not in picture
    assert "<script>" not in picture
    with CliRunner().isolation() as (out, _, _):
        show_stats(found)
        assert b"\x1b[31m" not in out.getvalue()
