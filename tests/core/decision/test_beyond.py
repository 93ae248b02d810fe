"""What lies beyond the learned genres, on a made-up backbone whose tags can be read off."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from core.decision.beyond import (
    OWN,
    SIGNS,
    Known,
    Spread,
    beyond,
    library_spread,
    logistic,
    outside,
    signs,
    tag_means,
    unexpected,
    unlearned,
)
from core.taxonomy import KNOWN, TAGS, fold, tags_of

LEARNED = ("Jazz", "Metal")


@pytest.fixture
def known() -> Known:
    """A model of Jazz and Metal; number i of the embedding is the logit of tag i."""
    others = unlearned(LEARNED)
    kernel = np.zeros((200, 50))
    kernel[:50] = np.eye(50)
    weights = np.zeros((200, 2))
    weights[TAGS.index("jazz"), 0] = weights[TAGS.index("metal"), 1] = 1.0
    return Known(
        genres=np.array(LEARNED),
        others=np.array(others),
        kernel=kernel,
        bias=np.zeros(50),
        tag_mean=np.zeros(50),
        tag_deviation=np.ones(50),
        centre=np.zeros(200),
        width=np.ones(200),
        weights=weights,
        offset=np.zeros(2),
        places=np.stack([heard(jazz=3.0), heard(metal=3.0)]),
        within=np.eye(200),
        whole=np.eye(200),
        expected=np.zeros((2, len(others))),
        deviation=np.ones(len(others)),
        usual=np.array(1.5),
        outside=np.array([0.0, 1.0, 0.1, 0.5]),
        limit=np.array(0.9),
    )


def heard(**tags: float) -> NDArray[np.float64]:
    """An embedding in which these tags are heard."""
    embedding = np.zeros(200)
    for tag, value in tags.items():
        embedding[TAGS.index(tag)] = value
    return embedding


def test_every_known_genre_has_a_tag_called_like_it() -> None:
    """Makeshifts would suggest Reggae wherever it is calm."""
    names = {fold(tag) for tag in TAGS} | {fold("R&B"), fold("Chillout")}

    assert {fold(genre) for genre in KNOWN} <= names
    assert all(tags_of(genre) for genre in KNOWN)


def test_what_a_model_has_learned_is_not_beyond_it() -> None:
    """Whatever the spelling."""
    assert "Jazz" not in unlearned(["jazz", "hip hop"])
    assert "Hip-Hop" not in unlearned(["jazz", "hip hop"])
    assert {"Electronic", "House", "Ambient", "Folk", "Punk", "Soul", "Funk", "Indie", "R&B"} <= {
        *unlearned(["jazz", "hip hop"])
    }


def test_the_tags_of_another_genre_speak_for_none_of_the_learned(known: Known) -> None:
    """House is neither Jazz nor Metal, and is suggested."""
    house, jazz = beyond(heard(House=4.0), known), beyond(heard(jazz=4.0), known)

    assert house.outside > 0.9
    assert jazz.outside < 0.1
    assert [item.genre for item in house.suggested] == ["House"]
    assert not jazz.suggested


def test_no_more_than_two_are_suggested_and_they_share_the_probability(known: Known) -> None:
    """A long list says nothing."""
    found = beyond(heard(House=4.0, folk=9.0, acoustic=9.0, punk=4.5, soul=3.0), known)

    assert [item.genre for item in found.suggested] == ["Folk", "Punk"]
    assert sum(item.confidence for item in found.suggested) <= found.outside


def test_what_is_expected_of_a_learned_genre_suggests_nothing(known: Known) -> None:
    """Where Jazz always sounds of Punk as well, that says nothing new of it."""
    expected = np.zeros((2, len(known.others)))
    expected[0, list(known.others).index("Punk")] = 3.0
    used = replace(known, expected=expected)

    assert [item.genre for item in beyond(heard(jazz=6, punk=3), known).suggested] == ["Punk"]
    assert not beyond(heard(jazz=6, punk=3), used).suggested


def test_a_library_full_of_it_makes_a_tag_common(known: Known) -> None:
    """The spread of the tags changes what is suggested, not how likely it is outside."""
    common = Spread(mean=heard(House=4.0)[:50], deviation=np.ones(50))
    plain, there = (beyond(heard(House=4.0), known, spread) for spread in (None, common))

    assert plain.suggested
    assert not there.suggested
    assert plain.outside == there.outside


def test_what_a_library_has_in_common_moves_the_mean_alone(known: Known) -> None:
    """Another mastering of all of it does; that it is all Metal does not."""
    even = np.stack([heard(jazz=3.0, House=2.0), heard(metal=3.0, House=2.0)] * OWN)
    metal = np.stack([heard(metal=3.0)] * OWN)

    moved = library_spread(even, known).mean
    assert moved[TAGS.index("House")] == pytest.approx(2 * OWN / (OWN + 50))
    assert moved[TAGS.index("metal")] == pytest.approx(0.0, abs=0.2)
    assert library_spread(metal, known).mean == pytest.approx(np.zeros(50), abs=0.2)
    assert library_spread(even[:10], known).mean is known.tag_mean


def test_the_signs_are_columns_and_their_weights_make_a_probability(known: Known) -> None:
    """What training weighs is what use weighs."""
    rows = np.stack([heard(House=4.0), heard(metal=2.0)])

    assert signs(rows, known).shape == (2, len(SIGNS))
    assert outside(rows, known) == pytest.approx(logistic(signs(rows, known), known.outside))


def test_far_from_every_genre_and_from_music_in_general_is_unlike(known: Known) -> None:
    """The second sign grows with the way to the nearest genre, and shrinks with that to all."""
    at_jazz, between = signs(np.stack([heard(jazz=3.0), heard()]), known)[:, 1]

    assert at_jazz == pytest.approx(-9.0)
    assert between == pytest.approx(9.0)


def test_a_genre_is_the_mean_of_its_tags_and_nothing_without_one() -> None:
    """Each column sums to one, that of a genre without a tag to nothing."""
    table = tag_means(["Folk", "Polka"])

    assert table[TAGS.index("folk"), 0] == table[TAGS.index("acoustic"), 0] == 0.5
    assert not table[:, 1].any()


def test_it_is_kept_by_name_as_float32(known: Known) -> None:
    """What was kept judges as before; what lacks a part is refused."""
    kept = known.arrays()

    assert all(values.dtype.kind != "f" or values.dtype == np.float32 for values in kept.values())
    rows = heard(House=4.0)[None]
    assert unexpected(rows, Known.of(kept), known.spread) == pytest.approx(
        unexpected(rows, known, known.spread)
    )
    del kept["limit"]
    with pytest.raises(KeyError, match="limit"):
        Known.of(kept)
