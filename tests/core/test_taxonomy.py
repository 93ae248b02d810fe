"""When are two spellings one genre?"""

import pytest

from core.taxonomy import fold, fold_all, meaningful, spell


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hip-Hop", "hip hop"),
        ("R&B", "R & B"),
        ("Drum & Bass", "drum and bass"),
        ("Nu\u2010Metal", "Nu-Metal"),
        ("ELECTRONIC", "Electronic"),
    ],
)
def test_case_spaces_hyphens_and_ampersands_do_not_count(one: str, other: str) -> None:
    """Such spellings fold to the same."""
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("R&B", "R&B/Soul"), ("Rock", "Hard Rock"), ("Techno", "Techno (Peak Time / Driving)")],
)
def test_a_subgenre_never_merges_with_its_parent(one: str, other: str) -> None:
    """A slash or a further word makes another genre."""
    assert fold(one) != fold(other)


def test_order_and_repeats_do_not_count() -> None:
    """Lists are compared as folded sets; blanks are nothing."""
    assert fold_all(["Jazz", "Rock", "jazz"]) == fold_all(["rock", "JAZZ", " "])


def test_values_that_mean_nothing_are_empty() -> None:
    """Unknown is no genre, Unknown beside Jazz is Jazz."""
    assert meaningful(["unknown", " "], ["Unknown"]) == ()
    assert meaningful(["unknown", "Jazz"], ["Unknown"]) == ("Jazz",)


def test_the_persons_spelling_wins() -> None:
    """A genre of the model is written as the person writes it."""
    assert spell("Hip-Hop", {fold("hip hop"): "HipHop"}) == "HipHop"
    assert spell("Jazz", {}) == "Jazz"
