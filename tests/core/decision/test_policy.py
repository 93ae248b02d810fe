"""May we write this genre into this file?"""

from dataclasses import replace

import pytest

from core.decision.feedback import Origin
from core.decision.policy import Action, Standing, decide, threshold_of
from core.decision.verdict import GenreConfidence, Verdict
from core.taxonomy import fold


def verdict(confidence: float = 0.95, genre: str = "Jazz") -> Verdict:
    return Verdict(
        genres=(GenreConfidence(genre=genre, confidence=confidence),),
        model_version="m",
        segments=3,
    )


SILENT = Verdict(genres=(), model_version="m", segments=0)
NOBODYS = Standing(genres=(), origin=Origin.NONE)


@pytest.mark.parametrize(
    ("standing", "confidence", "action"),
    [
        (NOBODYS, 0.95, Action.WRITE),
        (NOBODYS, 0.89, Action.NOT_SURE),
        (Standing(genres=("Rock",), origin=Origin.PERSON), 0.99, Action.LEAVE),
        (Standing(genres=(), origin=Origin.PERSON), 0.99, Action.LEAVE),  # cleared is a word too
        (Standing(genres=("Rock",), origin=Origin.ARRIVED), 0.99, Action.LEAVE),
        (Standing(genres=("Rock",), origin=Origin.PROGRAM), 0.99, Action.LEAVE),
        (Standing(genres=("Rock",), origin=Origin.OURS), 0.99, Action.LEAVE),  # only if asked
        (Standing(genres=(), origin=Origin.NONE, hands_off=True), 0.99, Action.LEAVE),
        (Standing(genres=(), origin=Origin.NONE, existing=True), 0.99, Action.LEAVE),
        (Standing(genres=(), origin=Origin.NONE, unwritable="no tags"), 0.99, Action.LEAVE),
        (
            Standing(genres=(), origin=Origin.NONE, rejected=frozenset({fold("Jazz")})),
            0.99,
            Action.NOT_SURE,
        ),
    ],
)
def test_only_an_untouched_file_is_written_and_only_when_sure(
    standing: Standing, confidence: float, action: Action
) -> None:
    """What stands there decides first, the promise between write and not sure."""
    decision = decide(verdict(confidence), standing, threshold=0.9)

    assert decision.action is action
    assert decision.reason


def test_a_name_that_no_promise_covers_is_not_written() -> None:
    """However sure it is: no answers to anything say how often such a name is right."""
    own = replace(verdict(0.99, "Zydeco"), unproven=True)

    decision = decide(own, NOBODYS, threshold=0.9)

    assert (decision.action, decision.genre) == (Action.NOT_SURE, None)
    assert "a new name of yours" in decision.reason
    assert decide(own, NOBODYS, threshold=0.9, guess=True).guessed


@pytest.mark.parametrize(
    ("standing", "said", "written"),
    [
        (NOBODYS, verdict(0.95), False),  # sure enough: no guess
        (NOBODYS, verdict(0.2), True),
        (NOBODYS, replace(verdict(0.2), outside=0.6), None),  # rather none of them
        (NOBODYS, SILENT, None),
        (Standing(genres=(), origin=Origin.NONE, rejected=frozenset({"jazz"})), verdict(0.2), None),
        (Standing(genres=("Rock",), origin=Origin.PERSON), verdict(0.2), None),
        (Standing(genres=(), origin=Origin.PERSON), verdict(0.2), None),
        (Standing(genres=(), origin=Origin.NONE, unwritable="no tags"), verdict(0.2), None),
    ],
)
def test_a_best_guess_is_written_where_it_is_wished_for(
    standing: Standing, said: Verdict, written: bool | None
) -> None:
    """And told apart from what the promise covers; None: nothing is written."""
    decision = decide(said, standing, threshold=0.9, guess=True)

    assert (decision.action is Action.WRITE) is (written is not None)
    assert decision.guessed is (written or False)


def strange(outside: float, *suggested: str) -> Verdict:
    items = tuple(GenreConfidence(genre=genre, confidence=outside / 2) for genre in suggested)
    return replace(verdict(0.99), outside=outside, suggested=items)


@pytest.mark.parametrize(
    ("outside", "suggested", "reason"),
    [
        (0.8, ("House",), "none of the genres it has learned; perhaps House"),
        (0.8, ("House", "Folk"), "none of the genres it has learned; perhaps House or Folk"),
        (0.8, (), "none of the genres it has learned"),
        (0.4, (), "perhaps none of the genres it has learned"),
    ],
)
def test_what_is_of_no_learned_genre_is_not_written(
    outside: float, suggested: tuple[str, ...], reason: str
) -> None:
    """However sure the model is among those that it knows."""
    decision = decide(strange(outside, *suggested), NOBODYS, threshold=0.9, foreign=0.4)

    assert (decision.action, decision.genre, decision.reason) == (Action.NOT_SURE, None, reason)


def test_below_the_limit_the_confidence_decides() -> None:
    """As it does where a model knows nothing of other genres."""
    assert decide(strange(0.39), NOBODYS, threshold=0.9, foreign=0.4).action is Action.WRITE
    assert decide(strange(1.0), NOBODYS, threshold=0.9).action is Action.WRITE


def test_silence_is_not_sure() -> None:
    """There is nothing to judge, and the reason says so."""
    decision = decide(SILENT, NOBODYS, threshold=0.9)

    assert decision.action is Action.NOT_SURE
    assert decision.reason.startswith("silent")


@pytest.mark.parametrize(
    ("setting", "promised", "expected"), [(0.5, 0.8, 0.5), ("promise", 0.8, 0.8)]
)
def test_a_number_overrides_the_promise(
    setting: str | float, promised: float, expected: float
) -> None:
    """The user's number is taken as it is."""
    assert threshold_of(setting, promised) == expected


def test_without_evidence_for_the_promise_nothing_is_sure_enough() -> None:
    """Even certainty is below the threshold then."""
    assert threshold_of("promise", None) > 1


def test_what_the_model_says_of_its_own_word_decides() -> None:
    """A confident word that is probably wrong is not written, and the reason says so."""
    doubted = replace(verdict(0.95), right=0.6)

    decision = decide(doubted, NOBODYS, threshold=0.9)

    assert decision.action is Action.NOT_SURE
    assert "60%" in decision.reason
    assert decide(replace(verdict(0.5), right=0.95), NOBODYS, threshold=0.9).action is Action.WRITE
