"""Who may go live: evidence in, decision out."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import TrainingError
from core.learning.figures import evaluate
from core.learning.proving.gate import (
    Evidence,
    Outcome,
    Said,
    against_finished,
    compare,
    loss_by_chance,
    require_unseen,
    with_more_against,
)

GENRES = ("Jazz", "Metal", "Rock")
Truth = NDArray[np.int64]


def words(truth: Truth, accuracy: float, *, seed: int, sure: float = 0.7) -> NDArray[np.float64]:
    """Return probabilities that are right with *accuracy* and say *sure* each time."""
    rng = np.random.default_rng(seed)
    right = rng.random(len(truth)) < accuracy
    guess = np.where(right, truth, (truth + rng.integers(1, 3, len(truth))) % 3)
    said = np.full((len(truth), 3), (1 - sure) / 2)
    said[np.arange(len(truth)), guess] = sure
    return said


def evidence(
    champion: NDArray[np.float64],
    challenger: NDArray[np.float64],
    truth: Truth,
    labelled: NDArray[np.bool_] | None = None,
    newest: NDArray[np.bool_] | None = None,
) -> Evidence:
    """Bring both models' words into the gate's form, three tracks an artist."""
    none = np.zeros(len(truth), dtype=bool)
    return Evidence(
        truth=tuple(GENRES[i] for i in truth),
        groups=(np.arange(len(truth)) // 3).astype(np.int32),
        labelled=none if labelled is None else labelled,
        newest=none if newest is None else newest,
        champion=Said(genres=GENRES, probabilities=champion),
        challenger=Said(genres=GENRES, probabilities=challenger),
    )


TRUTH = np.arange(600) % 3


def test_an_equal_challenger_is_promoted() -> None:
    """Not worse is enough."""
    same = words(TRUTH, 0.7, seed=1)

    assert compare(evidence(same, same, TRUTH)).outcome is Outcome.PROMOTED


def test_a_better_challenger_is_promoted() -> None:
    """With the figures in the reason."""
    decision = compare(evidence(words(TRUTH, 0.6, seed=1), words(TRUTH, 0.7, seed=2), TRUTH))

    assert decision.outcome is Outcome.PROMOTED
    assert "held-out tracks" in decision.reasons[0]


@pytest.mark.parametrize("seed", range(5))
def test_a_worse_challenger_is_refused(seed: int) -> None:
    """Ten points less do not slip through, and the reason says how much."""
    bad = words(TRUTH, 0.6, seed=100 + seed)

    decision = compare(evidence(words(TRUTH, 0.7, seed=seed), bad, TRUTH))

    assert decision.outcome is Outcome.REFUSED
    assert "points less often, and with chance allowed for perhaps" in decision.reasons[0]
    assert "(at most 3 less are let through)" in decision.reasons[0]


def test_poisoned_labels_are_refused() -> None:
    """A challenger that learned one genre as another loses that genre."""
    good = words(TRUTH, 0.75, seed=1)
    poisoned = good.copy()
    poisoned[TRUTH == 2] = poisoned[TRUTH == 2][:, [2, 1, 0]]

    decision = compare(evidence(good, poisoned, TRUTH))

    assert decision.outcome is Outcome.REFUSED
    assert any("Rock" in reason for reason in decision.reasons)


def test_what_the_user_said_may_not_get_worse() -> None:
    """Better on the collection but worse on this user's labels is not better."""
    labelled = np.arange(600) < 60
    champion = words(TRUTH, 0.7, seed=1)
    challenger = words(TRUTH, 0.8, seed=2)
    champion[labelled] = np.eye(3)[TRUTH[labelled]]
    challenger[labelled] = np.eye(3)[(TRUTH[labelled] + (np.arange(60) % 12 == 0)) % 3]

    decision = compare(evidence(champion, challenger, TRUTH, labelled))

    assert decision.outcome is Outcome.REFUSED
    assert any("you labelled" in reason for reason in decision.reasons)


def test_dishonest_confidences_are_refused() -> None:
    """As often right, but always sure of it."""
    champion = words(TRUTH, 0.7, seed=1, sure=0.7)
    boastful = words(TRUTH, 0.7, seed=1, sure=0.99)

    decision = compare(evidence(champion, boastful, TRUTH))

    assert any("less honest" in reason for reason in decision.reasons)


@pytest.mark.parametrize(
    ("lost", "won", "chance"),
    [(0, 0, 0.5), (1, 0, 0.25), (5, 0, 0.015625), (3, 3, 0.5), (7, 3, 0.11328125)],
)
def test_loss_by_chance_is_the_table_s(lost: int, won: int, chance: float) -> None:
    """McNemar's mid-p, by hand: half of the observed outcome, all of the worse ones."""
    was = np.array([True] * lost + [False] * won + [True])
    now = np.array([False] * lost + [True] * won + [True])
    each = np.arange(len(was), dtype=np.int32)

    assert loss_by_chance(was, now, each) == pytest.approx(chance)


def test_an_artist_loses_once() -> None:
    """However many tracks of his: they stand or fall together."""
    was, now = np.ones(12, dtype=bool), np.zeros(12, dtype=bool)
    one, two = np.zeros(12, dtype=np.int32), np.repeat([0, 1], 6).astype(np.int32)

    assert loss_by_chance(was, now, one) == pytest.approx(0.25)
    assert loss_by_chance(was, now, two) == pytest.approx(0.125)


def test_a_label_lost_by_chance_keeps_nobody_out() -> None:
    """Two right answers fewer on forty labels is luck, not a worse model."""
    labelled = np.arange(600) < 40
    champion, challenger = words(TRUTH, 0.7, seed=1), words(TRUTH, 0.7, seed=1)
    wrong = np.flatnonzero(labelled)[:4]
    champion[wrong[:2]] = np.eye(3)[TRUTH[wrong[:2]]]
    challenger[wrong[:2]] = np.eye(3)[(TRUTH[wrong[:2]] + 1) % 3]

    decision = compare(evidence(champion, challenger, TRUTH, labelled))

    assert decision.figures["labels_right_challenger"] < decision.figures["labels_right_champion"]
    assert decision.outcome is Outcome.PROMOTED


def test_the_newest_words_count_by_themselves() -> None:
    """Thirty older labels won do not hide ten newest ones lost."""
    labelled = np.arange(600) < 60
    newest = np.arange(600) < 20
    champion, challenger = words(TRUTH, 0.7, seed=1), words(TRUTH, 0.7, seed=1)
    right, wrong = np.eye(3)[TRUTH], np.eye(3)[(TRUTH + 1) % 3]
    champion[:10], challenger[:10] = right[:10], wrong[:10]
    champion[20:60], challenger[20:60] = wrong[20:60], right[20:60]

    decision = compare(evidence(champion, challenger, TRUTH, labelled, newest))

    assert decision.outcome is Outcome.REFUSED
    assert len(decision.reasons) == 1
    assert "of 20 tracks that you labelled since the last training" in decision.reasons[0]


def test_a_reason_names_n_the_bound_and_the_margin() -> None:
    """Whoever reads it can check it."""
    same = words(TRUTH, 0.7, seed=1)

    reason = compare(evidence(same, same, TRUTH)).reasons[0]

    assert reason.endswith(
        "600 held-out tracks by 200 artists (n of one count as √n), the one before on 70.7%: +0.0%,"
        " and with chance allowed for at least +0.0% (-3% is let through)"
    )


def test_a_model_spoilt_at_the_end_is_found_out() -> None:
    """Finished, it must know what it was trained on at least as well as before it knew it."""
    before, good = words(TRUTH, 0.7, seed=1), words(TRUTH, 0.95, seed=2)
    collapsed = good.copy()
    collapsed[TRUTH == 2] = collapsed[TRUTH == 2][:, [2, 1, 0]]

    assert against_finished(good, before, TRUTH, GENRES) == []
    assert "right on 3" in against_finished(words(TRUTH, 0.33, seed=3), before, TRUTH, GENRES)[0]
    mostly = np.where((np.arange(600) % 9 == 0)[:, None], collapsed, good)
    mostly[(TRUTH == 2) & (np.arange(600) < 450)] = np.eye(3)[0]
    assert "of the Rock" in against_finished(mostly, mostly, TRUTH, GENRES)[0]
    assert "no number" in against_finished(good * np.nan, before, TRUTH, GENRES)[0]


def test_more_against_a_winner_refuses_it() -> None:
    """Its praise is no reason then."""
    same = words(TRUTH, 0.7, seed=1)
    won = compare(evidence(same, same, TRUTH))

    assert with_more_against(won, []) is won
    lost = with_more_against(won, ["it is slow"])
    assert (lost.outcome, lost.reasons) == (Outcome.REFUSED, ("it is slow",))
    assert with_more_against(lost, ["it is huge"]).reasons == ("it is slow", "it is huge")


def test_few_tracks_decide_nothing() -> None:
    """Ten tracks cannot tell two models apart, so the champion stays."""
    few = TRUTH[:10]

    decision = compare(evidence(words(few, 0.5, seed=1), words(few, 1.0, seed=2), few))

    assert decision.outcome is Outcome.REFUSED
    assert "too few" in decision.reasons[0]


def lacking_metal(both: Evidence) -> Evidence:
    """The same where the champion has never heard of Metal."""
    lacking = both.champion.probabilities[:, [0, 2]]
    return replace(both, champion=Said(genres=("Jazz", "Rock"), probabilities=lacking))


def test_a_new_genre_does_not_hide_a_loss() -> None:
    """However much is gained by it: what was known before is looked at by itself."""
    new = np.where(np.arange(600) < 300, 1, TRUTH)  # half of all is Metal, unknown to one
    challenger = np.where((new == 1)[:, None], np.eye(3)[1], words(TRUTH, 0.6, seed=2))

    decision = compare(lacking_metal(evidence(words(TRUTH, 0.8, seed=1), challenger, new)))

    assert decision.figures["gain_low"] > 0
    assert decision.outcome is Outcome.REFUSED
    assert any("of genres that the one in use knows" in reason for reason in decision.reasons)


def test_a_new_genre_is_worth_what_it_brings() -> None:
    """What little the others lose, so that it may well be chance, is made good."""
    truth = np.where(np.arange(600) < 48, 1, np.arange(600) % 2 * 2)
    right, wrong = np.eye(3)[truth], np.eye(3)[2 - truth]
    champion = np.where((np.arange(600) % 5 == 0)[:, None], wrong, right)
    challenger = champion.copy()
    lost, won = np.arange(60, 580, 13), np.arange(65, 425, 12)  # 40 and 30
    champion[lost], challenger[lost] = right[lost], wrong[lost]
    champion[won], challenger[won] = wrong[won], right[won]
    challenger[:40] = right[:40]
    alone = np.arange(600) >= 48

    decision = compare(lacking_metal(evidence(champion, challenger, truth)))
    without = compare(evidence(champion[alone], challenger[alone], truth[alone]))

    assert without.figures["gain_low"] < -0.03
    assert decision.outcome is Outcome.PROMOTED, decision.reasons


def test_a_champion_that_knows_hardly_any_genre_can_be_replaced() -> None:
    """Where nearly all tracks are of genres that it lacks, there still is enough to go by."""
    truth = np.where(np.arange(600) < 580, 1, 0)

    decision = compare(
        lacking_metal(evidence(words(truth, 0.7, seed=1), words(truth, 0.7, seed=2), truth))
    )

    assert decision.outcome is Outcome.PROMOTED, decision.reasons


def test_what_people_corrected_does_not_hide_a_loss() -> None:
    """They correct what is wrong, so there the one in use is wrong by their choice."""
    answers = np.arange(600) < 150
    champion, challenger = words(TRUTH, 0.8, seed=1), words(TRUTH, 0.72, seed=2)
    champion[answers] = np.eye(3)[(TRUTH[answers] + 1) % 3] * 0.7 + 0.1
    both = evidence(champion, challenger, TRUTH, answers)

    assert compare(both).outcome is Outcome.PROMOTED
    decision = compare(replace(both, answers=answers))

    assert decision.outcome is Outcome.REFUSED
    assert len(decision.reasons) == 1
    assert "450 tracks that answer no word of ours" in decision.reasons[0]


def test_honesty_lost_by_chance_keeps_nobody_out() -> None:
    """Sixty tracks cannot tell three points of calibration from luck, but they can tell thirty."""
    few = TRUTH[:60]
    champion = words(few, 0.7, seed=2)

    lucky = compare(evidence(champion, words(few, 0.7, seed=2, sure=0.85), few))
    boastful = compare(evidence(champion, words(few, 0.7, seed=2, sure=0.99), few))

    assert lucky.figures["calibration_error_gain"] > 0.02
    assert lucky.outcome is Outcome.PROMOTED, lucky.reasons
    assert any("less honest" in reason for reason in boastful.reasons)


def test_words_on_training_tracks_are_no_evidence() -> None:
    """A track from the manifest counts only with an out-of-fold prediction."""
    require_unseen(["a", "b"], {"b", "c"}, out_of_fold={"b"})

    with pytest.raises(TrainingError, match="trained on 1 of the tracks"):
        require_unseen(["a", "b"], {"b", "c"}, out_of_fold=set())


@pytest.mark.parametrize("trained_on", [None, []])
def test_a_model_without_its_list_is_no_evidence(trained_on: list[str] | None) -> None:
    """It might have heard every track."""
    with pytest.raises(TrainingError, match="does not say which tracks"):
        require_unseen(["a"], trained_on, out_of_fold=())


@pytest.mark.parametrize("order", [1, -1])
def test_a_larger_excess_that_may_be_chance_hides_no_smaller_one_that_is_none(
    monkeypatch: pytest.MonkeyPatch, order: int
) -> None:
    """Members held out and the finished model are both asked, and each may be refused."""
    found = iter([(0.025, 0.05), (0.03, 0.2)][::order])
    monkeypatch.setattr(evaluate, "calibration_change", lambda *_: next(found))
    same = words(TRUTH, 0.7, seed=1)

    decision = compare(replace(evidence(same, same, TRUTH), deployed=same))

    assert decision.outcome is Outcome.REFUSED
    assert "+0.025" in " ".join(decision.reasons)
