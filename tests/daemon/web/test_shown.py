"""What the page draws, from classifications alone."""

from dataclasses import replace

import pytest

from core.decision.verdict import GenreConfidence
from daemon.judging.classification import Classification, SegmentView
from daemon.web.shown import clock, shown


def segment(start_s: float, **genres: float) -> SegmentView:
    return SegmentView(
        start_s=start_s,
        genres=tuple(
            GenreConfidence(genre=genre, confidence=confidence)
            for genre, confidence in genres.items()
        ),
    )


def found(
    *segments: SegmentView, decision: str = "write", duration_s: float = 100.0, **genres: float
) -> Classification:
    return Classification(
        path="a.mp3",
        decision=decision,
        reason="",
        genres=segment(0, **genres).genres,
        segments=segments,
        duration_s=duration_s,
    )


def test_tiles_reach_to_the_next_and_the_last_to_the_end() -> None:
    """Placed by time in a drawing 1000 wide; the height is the confidence."""
    result = shown(found(segment(5, jazz=0.5), segment(60, rock=0.8), jazz=0.6, rock=0.4))

    assert [(tile.x, tile.width, tile.height, tile.y) for tile in result.tiles] == [
        ("50", "550", "50", "50"),
        ("600", "400", "80", "20"),
    ]


def test_colours_are_the_same_in_bars_tiles_and_legend() -> None:
    """A genre keeps its colour; the legend names only those that some segment thinks best."""
    result = shown(found(segment(5, rock=0.5), jazz=0.6, rock=0.3, pop=0.1))

    assert [bar.colour for bar in result.bars] == [0, 1, 2]
    assert result.tiles[0].colour == 1
    assert [(bar.genre, bar.colour) for bar in result.legend] == [("rock", 1)]


def test_segment_genre_outside_the_verdict_still_has_a_colour() -> None:
    """Memory may leave a genre out of the verdict that a segment heard."""
    result = shown(found(segment(5, polka=0.5), jazz=1.0))

    assert [(bar.genre, bar.colour) for bar in result.legend] == [("polka", 1)]


def test_unknown_duration_ends_after_the_last_segment() -> None:
    """No division by nothing."""
    result = shown(found(segment(0, jazz=1.0), duration_s=0.0, jazz=1.0))

    assert (result.tiles[0].width, result.ticks[-1]) == ("1000", "0:05")


@pytest.mark.parametrize(
    ("decision", "headline"),
    [
        ("write", "jazz"),
        ("not sure", "Not sure – perhaps jazz"),
        ("leave", "jazz – but the file is left as it is"),
        ("error", "This file cannot be judged"),
    ],
)
def test_headline_says_the_decision(decision: str, headline: str) -> None:
    """In plain words."""
    assert shown(found(decision=decision, jazz=1.0)).headline == headline


def test_what_was_not_learned_is_suggested_in_words() -> None:
    """It leads only where the track is rather of no learned genre."""
    house = GenreConfidence(genre="house", confidence=0.5)
    strange = replace(found(decision="not sure", jazz=0.9), suggested=(house,), outside=0.8)

    assert shown(strange).headline == "Not sure – perhaps house"
    assert shown(strange).perhaps == "Perhaps house, which is not among the genres it has learned."
    assert shown(replace(strange, outside=0.3)).headline == "Not sure – perhaps jazz"
    assert not shown(replace(strange, suggested=())).perhaps


def test_silent_file_has_no_guess() -> None:
    """Nothing heard, nothing drawn."""
    result = shown(found(decision="not sure"))

    assert (result.headline, result.bars, result.tiles) == ("Not sure", (), ())


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (65.4, "1:05"), (3725, "1:02:05")])
def test_times_are_read_as_on_a_player(seconds: float, text: str) -> None:
    """Minutes and seconds, hours where there are some."""
    assert clock(seconds) == text
