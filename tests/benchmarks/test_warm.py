"""The benchmark of a tagged library: its sides, its wrong tags, its figures."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import warm
from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.made_up import made_up, quick
from benchmarks.accuracy.store import Store
from benchmarks.learning.library import half
from core.decision.arrived import Wishes, clean


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Made-up excerpts."""
    return made_up(Store(tmp_path_factory.mktemp("kept")), quick(), artists=8, each=4)


def test_no_artist_is_tagged_and_judged(bench: Bench) -> None:
    """Base, tagged and judged are three sides."""
    side = half(bench, 3)

    taught, held = warm._split(side)

    sides = [{clip.who for clip in part} for part in (taught, held)]
    sides.append({track.group for track in side.base})
    assert all(sides)
    assert sum(map(len, sides)) == len(set.union(*sides))


def test_every_spelling_is_cleaned_to_the_genre_or_says_nothing(bench: Bench) -> None:
    """What was made wrong is known by its track, and by nothing else."""
    side = half(bench, 3)
    case = replace(warm.CASES["half tagged"], wrong=0.5)
    tags, wrong = warm._tags(side.library, case, side)
    truth = {clip.path: clip for clip in side.library}
    known = tuple(sorted({clip.genre for clip in side.library}))

    taught = clean(tags, Wishes(known=known, empty=warm.NOTHING, broad=("Electronic",)))

    assert 0 < len(wrong) < len(tags)
    assert len(taught.lessons) > 0.8 * len(tags)
    for item in taught.lessons:
        clip = truth[item.path]
        assert (item.genre != clip.genre) == (clip.fingerprint in wrong)


def test_figures_pair_what_was_before_with_what_is_after() -> None:
    """With n, artists and interval; how many of the wrong tags were found stands beside."""
    run = {
        "before": np.array([True, False, False, True]),
        "after": np.array([True, True, False, True]),
        "artist": np.array(["a", "b", "b", "c"]),
        "new": np.array([False, True, False, False]),
        "known": np.array([True, True, True, True]),
        "wrong": np.array([True, True, False]),
        "doubted": np.array([True, False, True]),
    }

    found = warm._figures([run, run])

    assert (found["judged"], found["artists"], found["lessons"]) == (8, 3, 6)
    assert (found["before"]["value"], found["after"]["value"]) == (50.0, 75.0)
    assert found["gain"]["value"] == 25.0
    assert found["gain_on_its_own_genres"]["value"] == 100.0
    assert (found["of_those_frequent_enough"], found["right_on_those"]["value"]) == (2, 100.0)
    assert (found["found"], found["doubted_rightly"]) == (0.5, 0.5)
