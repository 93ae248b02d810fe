"""Names of one's own, known by how their tracks sound."""

import numpy as np
import pytest

from core.decision.beyond import SIGNS, Known
from core.decision.prototypes import Imprints, imprints, likely, with_own
from core.decision.verdict import GenreConfidence, Verdict
from core.library.evidence import Voiced
from core.taxonomy import fold

D = 4
ROCK, JAZZ, ZOUK = (np.eye(D)[place] * 12 for place in range(3))


def known() -> Known:
    """A model of Rock and Jazz in a space where all genres spread alike."""
    blank = np.zeros(D)
    return Known(
        genres=np.array(["Rock", "Jazz"]),
        others=np.array([]),
        kernel=np.zeros((D, 50)),
        bias=np.zeros(50),
        tag_mean=np.zeros(50),
        tag_deviation=np.ones(50),
        centre=blank,
        width=np.ones(D),
        weights=np.zeros((D, 2)),
        offset=np.zeros(2),
        places=np.stack([ROCK, JAZZ]),
        within=np.eye(D),
        whole=np.eye(D),
        expected=np.zeros((2, 0)),
        deviation=np.zeros(0),
        usual=np.array(0.0),
        outside=np.zeros(1 + len(SIGNS)),
        limit=np.array(1.0),
    )


def voiced(**genres: str) -> Voiced:
    """Tracks that sound like Zouk, by what a person calls them; "-X" for "not X"."""
    return Voiced(
        fingerprints=tuple(genres),
        genres=tuple(genre.removeprefix("-") for genre in genres.values()),
        refused=tuple(genre.startswith("-") for genre in genres.values()),
        heard=np.stack([ZOUK + number for number in range(len(genres))]).astype(np.float32),
        of_one_act=np.ones(len(genres)),
    )


def test_a_name_lies_in_the_middle_of_its_tracks() -> None:
    """However it is spelled; what was refused is none of them, nor is what nobody asked for."""
    said = voiced(a="Zouk", b="zouk", c="-Zouk", d="Rock")

    found = imprints(said, fold, {"zouk"})

    assert found is not None
    assert found.names == ("zouk",)
    assert found.tracks.tolist() == [2]
    assert found.places[0] == pytest.approx(ZOUK + 0.5)
    assert imprints(said, fold, {"tango"}) is None


def test_what_sounds_so_is_likely_so_and_what_does_not_is_not() -> None:
    """The more tracks it rests on, the likelier."""

    def share(heard: np.ndarray, tracks: int) -> float:
        own = Imprints(names=("Zouk",), places=ZOUK[None], tracks=np.array([tracks]))
        return likely(heard, own, known())["Zouk"]

    assert share(ZOUK, 3) > 0.9
    assert share(ROCK, 3) < 0.1
    assert share(ZOUK, 9) > share(ZOUK, 3)


def test_the_learned_share_what_is_left() -> None:
    """And the first of them is as much less sure to be right; a name of one's own is not proven."""
    heard = Verdict(
        genres=(
            GenreConfidence(genre="Rock", confidence=0.75),
            GenreConfidence(genre="Jazz", confidence=0.25),
        ),
        model_version="m",
        segments=1,
        right=0.9,
        outside=0.5,
    )

    little, much = with_own(heard, {"Zouk": 0.2}), with_own(heard, {"Zouk": 0.6})

    assert [item.genre for item in little.genres] == ["Rock", "Jazz", "Zouk"]
    assert little.right == pytest.approx(0.72)
    assert little.outside == pytest.approx(0.4)
    assert [item.genre for item in much.genres] == ["Zouk", "Rock", "Jazz"]
    assert much.right is None
    assert sum(item.confidence for item in much.genres) == pytest.approx(1.0)
