"""Counts over what came of each first guess."""

import pytest

from core.decision import progress
from core.library.arrivals import ArrivalRow
from core.library.progress import Followed


def came(
    guess: str | None = "Rock",
    named: str | None = None,
    *,
    source: str = "model",
    met: bool = False,
    **more: object,
) -> Followed:
    first = ArrivalRow(
        fingerprint="f",
        genre=guess,
        confidence=0.5,
        sure=0.5,
        source=source,
        model_version="one",
        met=met,
        decision="not sure",
        at="2026-05-01T12:00:00.000Z",
    )
    return Followed(first=first, named=named, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("item", "right"),
    [
        (came("Hip Hop", "hip-hop"), True),  # however it is spelled
        (came("Rock", "Jazz"), False),
        (came(None, "Jazz"), False),  # silence named a genre: there was no guess to be right
        (came("Rock", refused=("Rock",)), False),
        (came("Rock", refused=("Jazz",)), None),  # that says nothing of Rock
        (came("Rock"), None),
        (came("Rock", written="Rock"), None),  # left alone is not confirmed
    ],
)
def test_only_a_word_makes_a_guess_right_or_wrong(item: Followed, right: bool | None) -> None:
    """Where nobody spoke, nobody knows."""
    assert progress.was_right(item.first.genre, item) is right


def test_what_is_left_alone_counts_apart() -> None:
    """So that no figure takes silence for a yes without saying so."""
    items = [
        came("Rock", "Rock"),
        came("Rock", "Jazz"),
        came("Rock", written="Rock"),
        came("Rock", written="Rock"),
        came("Rock", written="Jazz"),  # written later, as something else
        came("Rock", written="Rock", undone=True),
        came("Rock"),
    ]

    counted = progress.tally(items)

    assert (counted.files, counted.wrong.of, counted.wrong.hits) == (7, 2, 1)
    assert (counted.silent, counted.unknown) == (2, 3)
    assert counted.wrong.value == 0.5
    assert counted.at_best == 0.25


def test_nothing_has_no_rate() -> None:
    """And every share of it is possible."""
    counted = progress.tally([])

    assert (counted.wrong.value, counted.at_best) == (None, None)
    assert (counted.wrong.low, counted.wrong.high) == (0.0, 1.0)


def test_the_interval_is_clopper_and_pearson_s() -> None:
    """2 of 20 files of 20 artists: 1.2 % to 31.7 %, as tables have it."""
    found = progress.share([True] * 2 + [False] * 18, [str(n) for n in range(20)])

    assert found.low == pytest.approx(0.0123, abs=1e-4)
    assert found.high == pytest.approx(0.3170, abs=1e-4)
    assert found.value == 0.1


def test_many_files_of_one_artist_say_less() -> None:
    """The interval is wider, about the same share; nobody in particular is not one artist."""
    hits = [True] * 5 + [False] * 15
    apart = progress.share(hits, [str(n) for n in range(20)])
    together = progress.share(hits, ["one"] * 20)
    nobody = progress.share(hits, [""] * 20)

    assert together.low < apart.low < 0.25 < apart.high < together.high
    assert nobody == apart


@pytest.mark.parametrize(("files", "size", "count"), [(1, 25, 1), (300, 25, 12), (301, 50, 7)])
def test_time_comes_in_a_dozen_blocks_at_most(files: int, size: int, count: int) -> None:
    """In the order of arrival, the last one perhaps smaller."""
    found = progress.blocks([came()] * files)

    assert len(found) == count
    assert found[0].first == 1
    assert found[-1].last == files == sum(block.tally.files for block in found)
    assert found[0].last == min(size, files)


def test_sources_and_artists_are_told_apart() -> None:
    """The commonest source first."""
    items = [came("Rock", "Jazz")] + [
        came("Rock", "Rock", source="artist and model", met=True) for _ in range(2)
    ]

    assert list(progress.by_source(items)) == ["artist and model", "model"]
    new, met = progress.by_artist(items)
    assert (new.wrong.hits, new.files) == (1, 1)
    assert (met.wrong.hits, met.files) == (0, 2)


def test_genres_are_counted_where_a_person_named_them() -> None:
    """In the person's spelling; guesses that nobody judged count nowhere."""
    items = [came("hip hop", "Hip-Hop"), came("Rock", "Hip-Hop"), came("Rock"), came(None, "Jazz")]

    found = {genre.name: genre for genre in progress.per_genre(items)}

    assert list(found) == ["Hip-Hop", "Jazz", "Rock"]
    hip_hop, rock = found["Hip-Hop"], found["Rock"]
    assert (hip_hop.named, hip_hop.guessed, hip_hop.right) == (2, 1, 1)
    assert (rock.named, rock.guessed, rock.right) == (0, 1, 0)


def test_what_was_written_is_judged_by_what_was_written() -> None:
    """Not by the first guess; the asked ones are a sample that nobody picked."""
    items = [
        came("Rock", "Jazz", written="Jazz"),
        came("Rock", "Jazz", written="Rock", audited=True),
        came("Rock", "Rock", written="Rock", audited=True),
        came("Rock", written="Rock", undone=True),
        came("Rock", "Jazz"),
    ]

    found = progress.written(items)

    assert (found.files, found.changed, found.undone) == (4, 1, 1)
    assert (found.asked.hits, found.asked.of) == (1, 2)
    assert found.at_best == 0.75


def test_names_that_mean_one_genre_are_one() -> None:
    """As the person says they do."""
    same = {"rap": "hiphop"}

    def means(name: str) -> str:
        return same.get(name.lower(), name.lower())

    assert progress.was_right("Rap", came("Rap", "HipHop"), means) is True
    assert [genre.name for genre in progress.per_genre([came("Rap", "HipHop")], means)] == [
        "HipHop"
    ]
