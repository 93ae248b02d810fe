"""Audits over paper files and the real record: what is asked, and what is made of the answers."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from core.decision.auditing import Why
from core.decision.feedback import Kind
from core.decision.testimony import unprompted
from core.library import audits as record
from core.library import batches, feedback_log, lots
from daemon.config import Policy
from daemon.judging.judge import Judge
from daemon.life import meeting
from daemon.life.undoing import chosen_acts
from daemon.review.ask_audits import ask_audits, numbers
from daemon.review.asking import Enough
from daemon.telling.audits import Audit, count_due, due
from tests.filehouse import in_memory
from tests.puppets import PaperHouse, guess, paper, read_paper

COUNT = 25


@pytest.fixture
def house() -> Iterator[PaperHouse]:
    root = in_memory()
    made = PaperHouse(root)
    made.live()
    yield made
    made.close()
    shutil.rmtree(root)


@pytest.fixture
def songs(house: PaperHouse) -> list[Path]:
    return dropped(house, COUNT)


def dropped(house: PaperHouse, count: int, named: str = "s") -> list[Path]:
    paths = [house.music / f"{named}{number:02}.mp3" for number in range(count)]
    for path in paths:
        paper(path, path.name)
    house.settle()
    return paths


def asked(house: PaperHouse, a_week: int = 3) -> tuple[Audit, ...]:
    return due(house.db, house.now(), Random(1), a_week)


def answered(house: PaperHouse, answers: str) -> str:
    with CliRunner().isolation(input=answers) as (out, _, _):
        with suppress(Enough):
            ask_audits(asked(house), house.desk, house.now, lambda item: ("Rock", "Jazz"), {})
        return out.getvalue().decode()


def said_blind(house: PaperHouse) -> dict[str, str]:
    told = unprompted(feedback_log.all_feedback(house.db))
    return {item.fingerprint: item.genre for item in told}


def test_enter_confirms_every_one(house: PaperHouse, songs: list[Path]) -> None:
    """Words of the person's that the promise may rest on; files stay as they are."""
    before = [path.read_bytes() for path in songs]
    assert count_due(house.db, house.now(), 3) == COUNT

    told = answered(house, "\n")

    assert "noted for 25 files" in told
    assert said_blind(house) == {path.name: guess(path.name) for path in songs}
    assert set(house.kinds()) == {"confirmation"}
    assert [path.read_bytes() for path in songs] == before
    assert {house.row(path).origin for path in songs} == {"person"}
    assert asked(house) == ()
    assert count_due(house.db, house.now(), 3) == 0


@pytest.mark.usefixtures("songs")
def test_the_wrong_ones_are_asked_about(house: PaperHouse) -> None:
    """By a name, by a guess, or by not knowing; all of it one act."""
    songs = [Path(item.row.path) for item in asked(house)]  # in the order of writing
    first = [guess(path.name) for path in songs[:3]]

    answered(house, "1 2, 3\nZydeco\n1\n\n")

    told = said_blind(house)
    other = next(genre for genre in ("Rock", "Jazz") if genre != first[1])
    assert [told[path.name] for path in songs[:4]] == ["Zydeco", other, "", guess(songs[3].name)]
    assert [read_paper(path)["genres"] for path in songs[:3]] == [["Zydeco"], [other], [first[2]]]
    assert house.kinds(songs[2]) == ["rejection"]
    act = chosen_acts(lots.last_acts(house.db, 1))
    assert len(act) == COUNT
    (refusal,) = (choice.refusal for choice in act if choice.refusal is not None)
    assert asked(house) == ()
    house.desk.withdraw(refusal, house.now(), dry_run=False)
    assert [item.row.path for item in asked(house)] == [str(songs[2])]


@pytest.mark.usefixtures("songs")
def test_who_ends_at_the_second_question_has_answered_the_first(house: PaperHouse) -> None:
    """Else only what is right would count, and the promise rest on that."""
    first = [Path(item.row.path).name for item in asked(house)][:2]

    answered(house, "1 2\n")

    told = said_blind(house)
    assert len(told) == COUNT
    assert [told[name] for name in first] == ["", ""]


@pytest.mark.usefixtures("songs")
def test_not_that_counts_against_the_promise(house: PaperHouse) -> None:
    """Though nobody knows what it is: the model must be asked about each, right or wrong."""
    answered(house, "1\n\n")

    judge = Judge(house.db, house.daemon._models, Policy())
    found = judge.footing()

    assert (found.own, found.evidence.n) == (COUNT, COUNT)
    assert found.evidence.realised == (COUNT - 1) / COUNT


def test_what_was_named_after_it_was_asked_about_stays(
    house: PaperHouse, songs: list[Path]
) -> None:
    """Enter says that our genre is right, not that the one given since in an editor is wrong."""
    found = asked(house)
    paper(songs[0], songs[0].name, ("Zydeco",))
    paper(songs[1], songs[1].name, ())

    with CliRunner().isolation(input="\n"):
        ask_audits(found, house.desk, house.now, lambda item: (), {})

    assert read_paper(songs[0])["genres"] == ["Zydeco"]
    assert read_paper(songs[1])["genres"] == []
    assert asked(house) == ()
    assert (said_blind(house)[songs[0].name], said_blind(house)[songs[1].name]) == ("Zydeco", "")


def test_a_word_taken_for_an_answer_is_of_its_act(house: PaperHouse, songs: list[Path]) -> None:
    """Else one bulk edit would count as many words, and a program's as a person's."""
    for song in songs:
        paper(song, song.name, ("Zydeco",))
    house.time += 100
    house.settle()

    asked(house)

    rows = feedback_log.all_feedback(house.db)
    assert [row.via for row in rows] == ["retag"] * COUNT + ["audit"] * COUNT
    assert len({row.batch for row in rows}) == 1
    assert rows[0].batch is not None
    assert len(batches.all_edits(house.db)) == COUNT
    batches.answer(house.db, rows[0].batch, "program", house.now())
    assert said_blind(house) == {}


@pytest.mark.usefixtures("songs")
@pytest.mark.parametrize("typed", ["²", "①", "x", "9", "\x1b[D", "--"])
def test_a_slip_of_a_key_names_nothing(house: PaperHouse, typed: str) -> None:
    """Nor does it end the review: a French keyboard has a key for the first, beside that of 1."""
    (first, *_) = [Path(item.row.path) for item in asked(house)]

    answered(house, f"{typed}x\n1\n{typed}\nZydeco\n")

    assert read_paper(first)["genres"] == ["Zydeco"]
    assert len(said_blind(house)) == COUNT


@pytest.mark.usefixtures("songs")
def test_later_leaves_them_to_be_asked(house: PaperHouse) -> None:
    """The same ones."""
    answered(house, "s\n")

    assert house.kinds() == []
    assert len(asked(house)) == COUNT


def test_what_was_corrected_meanwhile_is_no_less_asked(
    house: PaperHouse, songs: list[Path]
) -> None:
    """Its correction is the answer, or only what is right would be asked about."""
    paper(songs[0], songs[0].name, ("Zydeco",))
    paper(songs[1], songs[1].name, ())
    house.time += 100
    house.settle()

    found = asked(house)

    assert len(found) == COUNT - 2
    assert said_blind(house) == {songs[0].name: "Zydeco", songs[1].name: ""}


def test_what_was_said_before_we_wrote_is_no_answer(house: PaperHouse, songs: list[Path]) -> None:
    """It was about another guess."""
    before = house.now() - timedelta(days=1)
    said = meeting.word(house.row(songs[0]), Kind.REJECTION, old=("Polka",), new=(), via="review")
    feedback_log.record_feedback(house.db, said, before)

    assert len(asked(house)) == COUNT
    assert said_blind(house) == {}


def test_of_music_that_is_gone_nobody_is_asked(house: PaperHouse, songs: list[Path]) -> None:
    """Nor of what lies at its path now as if it were that."""
    found = {item.row.fingerprint for item in asked(house)}
    assert len(found) == COUNT
    paper(songs[0], "other music")
    songs[1].unlink()
    house.time += 100
    house.settle()

    left = {item.row.fingerprint for item in asked(house) if item.why is Why.FIRST}

    assert left == found - {songs[0].name, songs[1].name}


def test_what_was_taken_back_is_asked_about_by_itself(house: PaperHouse, songs: list[Path]) -> None:
    """An undo is no answer yet; Enter for all the others confirms nothing of it."""
    house.desk.undo(str(songs[0]), house.now(), dry_run=False)

    told = answered(house, "\nZydeco\n")

    assert "was taken back. What is it?" in told
    assert said_blind(house)[songs[0].name] == "Zydeco"
    assert read_paper(songs[0])["genres"] == ["Zydeco"]
    assert len(said_blind(house)) == COUNT


def test_later_ones_are_drawn_by_chance_from_what_was_written_last_week(
    house: PaperHouse, songs: list[Path]
) -> None:
    """And stay drawn until they are answered."""
    answered(house, "\n")
    house.time += timedelta(days=10).total_seconds()
    later = dropped(house, 8, "t")

    found = asked(house)

    assert len(found) == 3
    assert {Path(item.row.path) for item in found} <= set(later)
    assert asked(house) == found
    assert [item.why for item in record.asked(house.db)].count("random") == 3


def test_a_guess_is_no_promise(house: PaperHouse) -> None:
    """Only what the threshold let through is asked about."""
    house.db.execute("update tag_writes set cause = 'guess'")
    dropped(house, 3)
    house.db.execute("update tag_writes set cause = 'guess'")

    assert record.promised(house.db) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", ()), ("3", (3,)), ("3, 1;3", (3, 1)), ("9", None), ("0", None), ("Rock", None)],
)
def test_numbers_are_read_strictly(text: str, expected: tuple[int, ...] | None) -> None:
    """A slip of a key is no answer."""
    assert numbers(text, 5) == expected
