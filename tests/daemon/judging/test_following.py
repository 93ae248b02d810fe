"""What follows from a correction: offered, changed by a yes as one act, never a person's genre."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from core.library import audits, lots, writes
from daemon import processes
from daemon.judging.following import Offer, settle
from daemon.life.undoing import chosen_acts
from daemon.life.writing import Lot
from daemon.review.ask_following import ask_to_follow
from daemon.review.asking import Enough
from daemon.telling.audits import due
from tests.filehouse import in_memory
from tests.puppets import PaperHouse, guess, paper, read_paper


@pytest.fixture
def house() -> Iterator[PaperHouse]:
    root = in_memory()
    made = PaperHouse(root)
    made.live()
    yield made
    made.close()
    shutil.rmtree(root)


def tagged(house: PaperHouse, count: int, artist: str = "Nina") -> list[Path]:
    paths = [house.music / f"{artist}{number:02}.mp3" for number in range(count)]
    for path in paths:
        paper(path, path.name, artist=artist)
    house.settle()
    house.time += 100
    return paths


def retag(house: PaperHouse, path: Path, genre: str) -> None:
    said = read_paper(path)
    paper(path, said["audio"], (genre,), said["title"], artist=said["artist"])
    house.time += 100
    house.settle()


def ask(house: PaperHouse, answers: str) -> tuple[str, tuple[Offer, ...]]:
    with CliRunner().isolation(input=answers) as (out, _, _):
        left = ask_to_follow(house.desk, house.now)
        return out.getvalue().decode(), left


def genres(paths: list[Path]) -> list[str]:
    return [read_paper(path)["genres"][0] for path in paths]


def test_the_other_files_of_the_artist_are_offered_and_follow_as_one_act(
    house: PaperHouse,
) -> None:
    """They stay ours, and one undo takes them all back."""
    first, *others = tagged(house, 6)
    stranger = tagged(house, 1, "Otis")
    before = genres(others)
    retag(house, first, "Zydeco")

    told, left = ask(house, "l\ny\n")
    followed = genres(others)
    rows = [house.row(path) for path in others]
    act = chosen_acts(lots.last_acts(house.db, 1))
    for choice in act:
        house.desk.undo(choice.path, house.now(), dry_run=False, back_to=choice.back_to)

    assert "5 files by Nina that we tagged on the same evidence" in told
    assert f"{before[0]} → Zydeco  {others[0]}" in told
    assert left == ()
    assert followed == ["Zydeco"] * 5
    assert {(row.origin, row.state) for row in rows} == {("ours", "tagged")}
    assert len(act) == 5
    assert genres(others) == before
    assert genres(stranger) == [guess(stranger[0].name)]
    assert house.kinds() == ["correction"]


def test_a_genre_that_a_person_set_is_never_among_them(house: PaperHouse) -> None:
    """Nor one that was there, nor one that was taken back."""
    first, named, undone, *others = tagged(house, 6)
    retag(house, named, "Cajun")
    house.desk.undo(str(undone), house.now(), dry_run=False)
    settle(house.db, house.desk.last_word())
    retag(house, first, "Zydeco")

    [offer] = house.desk.offers()

    assert [row.path for row in offer.files] == [str(path) for path in others]


def test_a_file_that_was_named_after_the_question_is_refused(house: PaperHouse) -> None:
    """Whoever named it last decides."""
    first, second, third = tagged(house, 3)
    retag(house, first, "Zydeco")
    [offer] = house.desk.offers()
    said = read_paper(second)
    paper(second, said["audio"], ("Cajun",), said["title"], artist=said["artist"])
    done = [house.desk.follow(row.path, offer.genre, house.now(), Lot()) for row in offer.files]

    assert [item.failed for item in done] == [True, False]
    assert genres([second, third]) == ["Cajun", "Zydeco"]


@pytest.mark.parametrize(("answers", "again"), [("n\n", False), ("\n", True)])
def test_no_is_final_and_later_is_not(house: PaperHouse, answers: str, again: bool) -> None:
    """What is left is offered the next time; nothing is changed meanwhile."""
    first, *others = tagged(house, 3)
    before = genres(others)
    retag(house, first, "Zydeco")

    _, left = ask(house, answers)

    assert bool(left) is again
    assert bool(house.desk.offers()) is again
    assert genres(others) == before


def test_who_has_enough_is_asked_nothing_more(house: PaperHouse) -> None:
    """Ctrl-C or the end of the input leaves all as it is."""
    first, *others = tagged(house, 3)
    before = genres(others)
    retag(house, first, "Zydeco")

    with pytest.raises(Enough):
        ask(house, "")

    assert house.desk.offers()
    assert genres(others) == before


def test_what_was_settled_is_offered_no_more_until_something_is_said(house: PaperHouse) -> None:
    """A new word asks anew."""
    first, second, *_ = tagged(house, 6)
    retag(house, first, "Zydeco")
    settle(house.db, house.desk.last_word())
    assert house.desk.offers() == ()

    retag(house, second, "Zydeco")

    assert [len(offer.files) for offer in house.desk.offers()] == [4]


def test_a_word_that_an_undo_says_again_is_no_new_word(house: PaperHouse) -> None:
    """It was asked about when it was said."""
    first, *_ = tagged(house, 3)
    retag(house, first, "Zydeco")
    settle(house.db, house.desk.last_word())
    house.desk.tag(str(first), ("Cajun",), house.now(), dry_run=False)
    house.desk.undo(str(first), house.now(), dry_run=False)

    assert house.kinds(first) == ["correction", "label", "label"]
    assert house.desk.offers() == ()


def test_what_is_said_while_it_asks_is_asked_about_next_time(house: PaperHouse) -> None:
    """The daemon goes on while a person answers."""
    first, second, *_ = tagged(house, 6)
    retag(house, first, "Zydeco")
    newest = house.desk.last_word()
    retag(house, second, "Zydeco")

    settle(house.db, newest)

    assert [len(offer.files) for offer in house.desk.offers()] == [4]


def test_a_word_taken_for_an_answer_is_no_new_word(house: PaperHouse) -> None:
    """What was declined when it was said is not offered again because it was drawn."""
    first, *_ = tagged(house, 3)
    retag(house, first, "Zydeco")
    (offer,) = house.desk.offers()
    house.desk.decline(offer)
    settle(house.db, house.desk.last_word())
    audits.record_asked(house.db, house.row(first).fingerprint or "", "random", house.now())

    due(house.db, house.now(), Random(1), 3)

    assert house.kinds(first) == ["correction", "correction"]
    assert house.desk.offers() == ()


def test_under_another_model_the_last_verdict_speaks(house: PaperHouse) -> None:
    """Nothing is heard anew to ask a question."""
    first, *others = tagged(house, 3)
    house.new_model("two")
    house.settle()
    retag(house, first, "Zydeco")

    [offer] = house.desk.offers()

    assert [row.path for row in offer.files] == [str(path) for path in others]


def test_what_a_new_model_would_say_is_offered_and_nothing_is_changed(
    house: PaperHouse,
) -> None:
    """By what was kept: no audio is decoded. A no is final until there is another model."""
    (path,) = tagged(house, 1)
    model = next(
        name for name in ("two", "three", "four") if guess(path.name, name) != guess(path.name)
    )
    house.worker.calls.clear()
    house.new_model(model)
    house.settle()

    [offer] = house.desk.offers()
    before = genres([path])
    _, left = ask(house, "n\n")
    declined = house.desk.offers()
    house.desk.follow(str(path), offer.genre, house.now(), Lot())

    assert (offer.by_model, offer.genre) == (True, guess(path.name, model))
    assert house.worker.calls[0] == processes.SCORE
    assert processes.ANALYSE not in house.worker.calls
    assert before == [guess(path.name)]
    assert (left, declined) == ((), ())
    assert genres([path]) == [offer.genre]


def test_where_the_new_model_says_the_same_nothing_is_offered(house: PaperHouse) -> None:
    """Nor of what a person named."""
    same, other, named = tagged(house, 3)
    house.desk.tag(str(named), ("Zydeco",), house.now(), dry_run=False)
    settle(house.db, house.desk.last_word())
    for model in ("two", "three", "four"):
        house.new_model(model)
        house.settle()

        told = {row.path for offer in house.desk.offers() for row in offer.files}

        differing = {str(p) for p in (same, other) if guess(p.name, model) != guess(p.name)}
        assert told == differing


def test_with_the_option_they_follow_unasked_as_one_act(house: PaperHouse) -> None:
    """At once, and one undo takes them back; what a person named or was there stays."""
    house.config = replace(house.config, policy=replace(house.config.policy, propagate="auto"))
    house.reborn()
    first, second, *others = tagged(house, 6)
    there = house.music / "there.mp3"
    paper(there, "there", ("Rock",), artist="Nina")
    before = genres(others)
    retag(house, first, "Zydeco")
    house.settle()

    followed = genres(others)
    causes = {writes.writes_at(house.db, str(path))[-1].cause for path in others}
    retag(house, second, "Cajun")  # no more said of one than of the other: nothing turns
    unturned = genres(others)
    for choice in chosen_acts(lots.last_acts(house.db, 1)):
        house.desk.undo(choice.path, house.now(), dry_run=False, back_to=choice.back_to)
    house.settle()

    assert followed == ["Zydeco"] * 4
    assert causes == {"propagation"}
    assert unturned == followed
    assert genres(others) == before
    assert genres([first, second, there]) == ["Zydeco", "Cajun", "Rock"]
    assert house.leftovers() == []
