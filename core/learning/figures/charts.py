"""Pictures of findings as inline SVG, drawn with the marks of `core.drawing`."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.drawing import across, dot, line, percent, picture, rect, text
from core.learning.figures.findings import Bin, Brings, Genre

__all__ = ["confusion", "forest", "genre_bars", "points", "reliability", "risk"]

WIDE = 720  # of a picture that fills the page
HALF = 350  # of one of two side by side
DARK = 0.55  # share from which a cell is so full that its number must be light
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def points(gain: float) -> str:
    """Return a difference of shares in points, with its sign."""
    return f"{100 * gain:+.1f}".replace("-", "−")


# --- confusion ------------------------------------------------------------------------------


def confusion(table: NDArray[np.int64], genres: Sequence[str]) -> str:
    """Draw *table* [G true, G guessed]: the fuller a cell, the more of its row lies there."""
    left, top = 130, 104
    cell = min(52, (WIDE - left) // len(genres))
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    body = [across(left + cell * (i + 0.5), top - 8, name) for i, name in enumerate(genres)]
    for row, name in enumerate(genres):
        y = top + cell * row
        body.append(text(left - 10, y + cell / 2 + 4, name, anchor="end"))
        for column, guess in enumerate(genres):
            number, part = int(table[row, column]), float(share[row, column])
            told = f"{number} of {int(table[row].sum())} {name} tracks taken for {guess}"
            body.append(_cell(left + cell * column, y, cell, number, part, told, row == column))
    size = (left + cell * len(genres) + 2, top + cell * len(genres) + 28)
    middle = left + cell * len(genres) / 2
    body.append(text(middle, size[1] - 6, "what was guessed", kind="quiet", anchor="middle"))
    right = int(np.trace(table))
    told = f"{right} of {int(table.sum())} tracks lie on the diagonal, where the guess is right."
    return picture("Confusion matrix", told, size, body)


def _cell(
    x: float, y: float, size: int, number: int, share: float, told: str, diagonal: bool
) -> str:
    kind = "cell own" if diagonal else "cell"
    box = f'<rect class="ground" x="{x + 1}" y="{y + 1}" width="{size - 2}" height="{size - 2}"/>'
    fill = rect(x + 1, y + 1, size - 2, size - 2, kind, told, opacity=share)
    ink = "light" if share > DARK else "ink"
    middle = x + size / 2
    words = text(middle, y + size / 2 + 4, str(number), kind=ink, anchor="middle")
    return box + fill + (words if number else "")


# --- how honest, how selective --------------------------------------------------------------


def reliability(bins: Sequence[Bin]) -> str:
    """Draw the stated confidence of each bin against the share that was right."""
    body = [*_grid("stated confidence", "share right"), line(_at(0, 0), _at(1, 1), "ideal")]
    for one in bins:
        told = (
            f"{one.n} tracks, {percent(one.confidence)} sure on average:"
            f" {percent(one.right.value)} right"
            f" [{percent(one.right.low)} to {percent(one.right.high)}]"
        )
        ends = _at(one.confidence, one.right.low), _at(one.confidence, one.right.high)
        body += [line(*ends, "whisker"), dot(_at(one.confidence, one.right.value), told)]
    told = "; ".join(f"{percent(b.confidence)} sure, {percent(b.right.value)} right" for b in bins)
    return picture("Reliability diagram", told, (HALF, HALF), body)


def risk(curve: NDArray[np.float64], promised: float = 0.9) -> str:
    """Draw the share wrong among the answered (axis y) over the share answered (axis x)."""
    limit, worst = 1 - promised, float(curve[:, 1].max())
    top = min(top for top in (0.2, 0.4, 1.0) if top >= worst)
    body = [*_grid("share answered, the surest first", "share wrong", top)]
    body.append(line(_at(0, limit / top), _at(1, limit / top), "ideal"))
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_at(x, y / top) for x, y in curve.tolist()))
    body.append(f'<polyline class="curve" points="{places}"/>')
    where = _at(0, limit / top + 0.02)
    body.append(text(where[0] + 6, where[1], f"{limit:.0%} wrong", kind="quiet"))
    told = f"Of all that is answered, {percent(float(curve[-1, 1]))} is wrong. " + " ".join(
        f"Of the surest {share:.0%}, {percent(_risk_at(curve, share))}." for share in TICKS[1:-1]
    )
    return picture("Risk-coverage curve", told, (HALF, HALF), body)


def _risk_at(curve: NDArray[np.float64], share: float) -> float:
    row = min(int(np.searchsorted(curve[:, 0], share)), len(curve) - 1)
    return float(curve[row, 1])


def _at(x: float, y: float) -> tuple[float, float]:
    """Where the point (x, y) of the unit square lies in a half-wide picture."""
    return 46 + 284 * x, 298 - 284 * y


def _grid(across: str, upward: str, top: float = 1.0) -> list[str]:
    lines = [line(_at(0, tick), _at(1, tick), "rule") for tick in TICKS]
    lines += [line(_at(tick, 0), _at(tick, 1), "rule") for tick in TICKS]
    for tick in TICKS:
        (x, low), (left, y) = _at(tick, 0), _at(0, tick)
        lines.append(text(x, low + 18, f"{tick:.0%}", kind="quiet", anchor="middle"))
        lines.append(text(left - 6, y + 4, f"{tick * top:.0%}", kind="quiet", anchor="end"))
    lines.append(text(_at(0.5, 0)[0], HALF - 12, across, kind="quiet", anchor="middle"))
    return [*lines, text(_at(0, 0)[0] + 6, _at(0, 1)[1] + 14, upward, kind="quiet")]


# --- bars and intervals ---------------------------------------------------------------------


def genre_bars(genres: Sequence[Genre]) -> str:
    """Draw recall and precision of each genre, with what they rest on."""
    left, full, step = 130, 300, 40
    body: list[str] = []
    for row, genre in enumerate(genres):
        y = step * row + 6
        body.append(text(left - 10, y + 18, genre.name, anchor="end"))
        body += _bar(left, y, full, genre.recall, f"of {genre.n} tracks found", "mark")
        shown = f"of {genre.guessed} guesses right"
        body += _bar(left, y + 15, full, genre.precision, shown, "second")
    told = "; ".join(_told(genre) for genre in genres)
    return picture("Recall and precision of each genre", told, (WIDE, step * len(genres)), body)


def _bar(x: int, y: int, full: int, share: float | None, words: str, kind: str) -> list[str]:
    told = f"none {words}" if share is None else f"{percent(share)} {words}"
    return [
        rect(x, y, full, 12, "ground"),
        rect(x, y, full * (share or 0.0), 12, kind, told),
        text(x + full + 10, y + 10, told, kind="quiet"),
    ]


def _told(genre: Genre) -> str:
    recall = "no track" if genre.recall is None else f"{percent(genre.recall)} found"
    precise = "never guessed" if genre.precision is None else f"{percent(genre.precision)} right"
    return f"{genre.name}: {recall}, {precise}"


def forest(parts: Sequence[Brings], title: str) -> str:
    """Draw what each part brings in accuracy, with its interval around nothing."""
    left, right, step = 230, 420, 26
    reach = max(0.01, *(max(abs(p.accuracy.low), abs(p.accuracy.high)) for p in parts))

    def place(gain: float) -> float:
        return (left + right) / 2 + (right - left) / 2 * gain / reach

    height = step * len(parts) + 8
    body = [line((place(0), 0), (place(0), height), "ideal")]
    for row, part in enumerate(parts):
        y, gain = step * row + 16, part.accuracy
        told = f"{points(gain.value)} points [{points(gain.low)} to {points(gain.high)}]"
        body.append(text(left - 12, y + 4, part.name, anchor="end"))
        body.append(line((place(gain.low), y), (place(gain.high), y), "whisker"))
        body.append(dot((place(gain.value), y), f"{part.name}: {told}"))
        body.append(text(right + 14, y + 4, f"{points(gain.value)} points, {part.judgement}"))
    told = "; ".join(f"{p.name}: {points(p.accuracy.value)} points, {p.judgement}" for p in parts)
    return picture(title, told, (WIDE, height), body)
