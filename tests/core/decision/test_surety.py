"""Will the first genre be right? The signs, on numbers that can be done on paper."""

import json

import numpy as np
import pytest

from core.decision.surety import SIGNS, Places, Surety, likely, log_odds, signs, sureness

PLACES = Places(centre=np.zeros(2), width=np.ones(2), genres=np.array([[2.0, 0.0], [0.0, 2.0]]))
WORDS = np.array([0.8, 0.2])


def sign(name: str, scores: np.ndarray, embedding: np.ndarray | None = None) -> float:
    found = signs(scores, np.ones(len(scores)), WORDS, embedding, PLACES)
    return float(found[SIGNS.index(name)])


def surety(**weights: float) -> Surety:
    return Surety(
        centre=np.zeros(len(SIGNS)),
        width=np.ones(len(SIGNS)),
        weights=np.array([weights.get(name, 0.0) for name in SIGNS]),
        bias=0.0,
        places=PLACES,
    )


def test_members_that_contradict_each_other_disagree() -> None:
    """Equal words give nothing, opposite certain ones log 2."""
    same = np.array([[[9.0, 0.0]], [[9.0, 0.0]]])
    opposite = np.array([[[99.0, 0.0]], [[0.0, 99.0]]])

    assert sign("members", same) == pytest.approx(0, abs=1e-9)
    assert sign("members", opposite) == pytest.approx(np.log(2))


def test_segments_disagree_apart_from_members() -> None:
    """One member that changes its mind from segment to segment."""
    scores = np.array([[[99.0, 0.0], [0.0, 99.0]]])

    assert sign("segments", scores) == pytest.approx(np.log(2))
    assert sign("members", scores) == pytest.approx(0, abs=1e-9)


def test_margin_and_audio() -> None:
    """Four to one, and the logarithm of the number of segments."""
    assert sign("margin", np.zeros((1, 1, 2))) == pytest.approx(np.log(4))
    assert sign("audio", np.zeros((1, 8, 2))) == pytest.approx(np.log(8))


def test_distance_is_to_where_the_first_genre_lies() -> None:
    """0 in its direction, 1 across, 2 opposite; 0 where there is no embedding."""
    scores = np.zeros((1, 1, 2))

    assert sign("distance", scores, np.array([5.0, 0.0])) == pytest.approx(0)
    assert sign("distance", scores, np.array([0.0, 3.0])) == pytest.approx(1)
    assert sign("distance", scores, np.array([-1.0, 0.0])) == pytest.approx(2)
    assert sign("distance", scores) == 0


def test_places_are_the_means_of_what_was_learned() -> None:
    """In widths from the centre; a genre without a track is at distance 1 from everything."""
    embedding = np.array([[1.0, 0.0], [3.0, 0.0], [-4.0, 0.0]])

    places = Places.of(embedding, np.array([0, 0, 1]), 3)

    assert places.genres[0, 0] == pytest.approx(2 / embedding[:, 0].std())
    assert places.distance(np.array([9.0, 9.0]), 2) == pytest.approx(1)


def test_a_place_that_never_changes_says_nothing() -> None:
    """Units that were silent for all that was learned are no division by nothing, kept or not."""
    embedding = np.array([[1.0, 0.0, 2e-6], [0.0, 0.0, 0.0]], np.float32)
    places = Places.of(embedding, np.array([0, 1]), 2)
    surety = Surety(
        centre=np.zeros(len(SIGNS)),
        width=np.full(len(SIGNS), 3e-6),
        weights=np.zeros(len(SIGNS)),
        bias=0.0,
        places=places,
    )

    kept = Surety.of(json.loads(json.dumps(surety.document())))

    heard = np.array([1.0, 5.0, 0.0], np.float32)
    assert kept.places is not None
    assert np.isfinite(kept.places.distance(heard, 0))
    assert kept.places.distance(heard, 0) == pytest.approx(places.distance(heard, 0), abs=1e-3)
    assert (kept.width > 0).all()


def test_a_model_that_kept_no_width_is_read_as_if_it_had_one() -> None:
    """An older model rounded small widths away; what it says is a number all the same."""
    document = Surety(
        centre=np.zeros(len(SIGNS)),
        width=np.ones(len(SIGNS)),
        weights=np.zeros(len(SIGNS)),
        bias=0.0,
        places=Places(centre=np.zeros(2), width=np.ones(2), genres=np.eye(2)),
    ).document()
    document["width"][0] = document["places"]["width"][0] = 0.0

    surety = Surety.of(document)

    assert surety.places is not None
    found = surety.places.distance(np.array([1.0, 1.0]), 0)
    assert np.isfinite(sureness(0.9, np.full(len(SIGNS), found), surety))


def test_sureness_starts_from_the_confidence() -> None:
    """Without weights it is the confidence; a sign that weighs moves it the way it says."""
    found = np.array([0.0, 0.0, 0.0, 2.0, 0.0])

    assert sureness(0.8, found, surety()) == pytest.approx(0.8)
    assert sureness(0.8, found, surety(distance=-1.0)) < 0.4
    assert 0 < sureness(1.0, found, surety(distance=-99.0)) < 1
    assert likely(log_odds(np.array(0.3))) == pytest.approx(0.3)


def test_what_a_model_keeps_says_the_same_again() -> None:
    """Through JSON and back; damage is refused."""
    kept = json.loads(json.dumps(surety(distance=-0.5, members=0.25).document()))

    again = Surety.of(kept)

    found = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    assert sureness(0.7, found, again) == pytest.approx(
        sureness(0.7, found, surety(distance=-0.5, members=0.25))
    )
    assert again.places is not None
    with pytest.raises(ValueError, match="signs"):
        Surety.of(kept | {"weights": [1.0]})
