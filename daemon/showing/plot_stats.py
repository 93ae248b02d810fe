"""`stats` as one picture: how often the first guess was wrong, over time, by source, by genre.

A whole SVG file that loads nothing; the figures are those that `stats` prints.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import click

from core.decision.progress import Block, Genre, Tally
from core.drawing import alone, dot, line, rect, text
from core.errors import ConfigError
from daemon.telling.stats import Stats

__all__ = ["plot", "write_plot"]

WIDE, EDGE = 720, 24
LEFT, RIGHT = 200, 440  # where bars begin and end
PLOT = (60, 64, 690, 300)  # left, top, right, bottom of what is over time
STEP = 28  # from bar to bar
TITLE = "Wrong first guesses per 100 files, in the order they came"
TOPS = (0.2, 0.4, 0.6, 1.0)  # highest shares that the axis may end at


def write_plot(found: Stats, path: str) -> None:
    """Write the picture to *path*.

    Raises click.UsageError for a name that is no SVG's, ConfigError where it cannot be written.
    """
    if not path.lower().endswith(".svg"):
        raise click.UsageError("the picture is an SVG; give it a name that ends in .svg")
    try:
        Path(path).write_text(plot(found), "utf-8")
    except OSError as error:
        what = f"the picture cannot be written ({error.strerror})"
        raise ConfigError(what, path, "name a file in a folder that is there") from error


def plot(found: Stats) -> str:
    """Return the picture as a whole SVG file."""
    body, y = [*_over_time(found.blocks)], PLOT[3] + 70
    for title, rows in (
        ("Wrong first guesses per 100 files that you named", _tallies(found)),
        ("Share of your files of a genre whose first guess was right", _genres(found.genres)),
    ):
        body += [text(EDGE, y, title, most=len(title)), *_bars(rows, y + 14)]
        y += 14 + STEP * len(rows) + 40
    return alone("How far genrewatch has learned", _told(found), (WIDE, y - 20), body)


# --- over time ------------------------------------------------------------------------------


def _over_time(blocks: Sequence[Block]) -> Iterable[str]:
    highest = max([block.tally.wrong.value or 0.0 for block in blocks], default=0.0)
    top = next(top for top in TOPS if top >= highest)
    files = max([block.last for block in blocks], default=1)
    yield text(EDGE, 28, TITLE, most=len(TITLE))
    yield _legend()
    yield from _axes(top, files, [0, *(block.last for block in blocks)])
    named = [(block, block.tally.wrong.value) for block in blocks]
    at_best = [(block, block.tally.at_best) for block in blocks]
    for block in blocks:
        if block.tally.wrong.of:
            yield line(
                _place(block, block.tally.wrong.low, top, files),
                _place(block, min(block.tally.wrong.high, top), top, files),
                "whisker",
            )
    yield from _curve(at_best, ("ideal", "second"), top, files)
    yield from _curve(named, ("curve", "mark"), top, files)


def _curve(
    values: Sequence[tuple[Block, float | None]], kinds: tuple[str, str], top: float, files: int
) -> Iterable[str]:
    known = [(block, share) for block, share in values if share is not None]
    places = [_place(block, share, top, files) for block, share in known]
    yield from (line(one, other, kinds[0]) for one, other in pairwise(places))
    for (block, share), place in zip(known, places, strict=True):
        told = f"files {block.first} to {block.last}: {100 * share:.0f} per 100"
        yield dot(place, told, kinds[1])


def _place(block: Block, share: float, top: float, files: int) -> tuple[float, float]:
    left, upper, right, lower = PLOT
    middle = (block.first + block.last) / 2
    return left + (right - left) * middle / files, lower - (lower - upper) * share / top


def _axes(top: float, files: int, places: Iterable[int]) -> Iterable[str]:
    left, upper, right, lower = PLOT
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = lower - (lower - upper) * part
        yield line((left, y), (right, y), "rule")
        yield text(left - 8, y + 4, f"{100 * top * part:.0f}", kind="quiet", anchor="end")
    for place in places:
        x = left + (right - left) * place / files
        yield text(x, lower + 18, str(place), kind="quiet", anchor="middle")


def _legend() -> str:
    first = rect(EDGE, 38, 10, 10, "mark") + text(
        EDGE + 16, 47, "of the files that you named [95 %]", kind="quiet"
    )
    return f"{first}{rect(290, 38, 10, 10, 'second')}" + text(
        306, 47, "if all that stand as they were written are right", kind="quiet"
    )


# --- bars -----------------------------------------------------------------------------------

Row = tuple[str, float | None, str]  # a name, a share, and what it is a share of


def _tallies(found: Stats) -> list[Row]:
    artists = {"new artists": found.new_artists, "artists you had named": found.met_artists}
    return [_tally(name, counted) for name, counted in {**artists, **found.sources}.items()]


def _tally(name: str, counted: Tally) -> Row:
    wrong = counted.wrong
    return name, wrong.value, f"{wrong.hits} wrong of {wrong.of}"


def _genres(genres: Iterable[Genre]) -> list[Row]:
    return [
        (genre.name, genre.right / genre.named, f"{genre.right} right of {genre.named}")
        for genre in genres
        if genre.named
    ]


def _bars(rows: Iterable[Row], top: float) -> Iterable[str]:
    for number, (name, share, told) in enumerate(rows):
        y = top + STEP * number
        yield text(LEFT - 10, y + 13, name, anchor="end")
        yield rect(LEFT, y + 2, RIGHT - LEFT, 14, "ground")
        yield rect(LEFT, y + 2, (RIGHT - LEFT) * (share or 0.0), 14, "mark", told)
        number_shown = "" if share is None else f"{100 * share:.0f}: "
        yield text(RIGHT + 12, y + 13, f"{number_shown}{told}", kind="quiet")


def _told(found: Stats) -> str:
    wrong = found.all.wrong
    share = f", {100 * wrong.value:.0f} per 100" if wrong.value is not None else ""
    return (
        f"Of {found.all.files} files you named {wrong.of}; the first guess was wrong for"
        f" {wrong.hits} of these{share}."
    )
