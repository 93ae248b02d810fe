"""From a classification to what the page draws. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.decision.policy import EVEN
from core.decision.verdict import GenreConfidence
from daemon.judging.classification import Classification, SegmentView
from daemon.judging.why import Section, sections

__all__ = ["Bar", "Result", "Tile", "shown"]

COLOURS = 10  # .c0 … .c9 in page.css
GUESSES = 3
SHOWN_GENRES = 6
MEANING = {
    "write": "Sure enough: in a watched folder this genre would be written into the file.",
    "not sure": "In a watched folder nothing would be written, and the file would wait for review.",
}
SEGMENT_S = 5.0  # how long the last segment is drawn where the duration is unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One genre with its confidence."""

    genre: str
    percent: str
    width: str  # of 100
    colour: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One segment in a drawing 1000 wide and 100 high: placed by time, as high as it is sure."""

    x: str
    width: str
    height: str
    y: str
    colour: int
    time: str
    guesses: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All that the page shows of one file."""

    name: str
    decision: str
    headline: str
    explanation: str
    perhaps: str  # which genres beyond those learned it may be, in a sentence
    bars: tuple[Bar, ...]
    tiles: tuple[Tile, ...]
    legend: tuple[Bar, ...]  # the genres that some segment thinks best
    ticks: tuple[str, ...]
    why: tuple[Section, ...] = ()


def shown(found: Classification) -> Result:
    """Return what to draw of *found*."""
    colours = _colours(found)
    best = {segment.genres[0].genre for segment in found.segments if segment.genres}
    bars = tuple(_bar(guess, colours) for guess in found.genres)
    by_genre = {bar.genre: bar for bar in bars}
    return Result(
        name=found.path,
        decision=found.decision,
        headline=_headline(found),
        explanation=_explanation(found),
        perhaps=_perhaps(found),
        bars=bars[:SHOWN_GENRES],
        tiles=_tiles(found, colours),
        legend=tuple(
            by_genre.get(genre, Bar(genre=genre, percent="", width="0", colour=colour))
            for genre, colour in colours.items()
            if genre in best
        ),
        ticks=tuple(clock(_end(found) * part / 4) for part in range(5)),
        why=sections(found),
    )


def clock(seconds: float) -> str:
    """Return *seconds* as 3:05, or 1:02:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _headline(found: Classification) -> str:
    best = found.genres[0].genre if found.genres else ""
    if found.suggested and found.outside > EVEN:
        best = found.suggested[0].genre if found.decision == "not sure" else best
    return {
        "write": best,
        "not sure": f"Not sure – perhaps {best}" if best else "Not sure",
        "leave": f"{best} – but the file is left as it is" if best else "The file is left as it is",
    }.get(found.decision, "This file cannot be judged")


def _explanation(found: Classification) -> str:
    reason = found.reason.strip()
    if reason and not reason.endswith((".", "!", "?")):
        reason += "."
    if found.decision == "error":  # such a reason goes on from the file's name: "is not audio"
        return f"The reason: {reason}"
    return f"{MEANING.get(found.decision, '')} {reason[:1].upper()}{reason[1:]}".strip()


def _perhaps(found: Classification) -> str:
    names = " or ".join(item.genre for item in found.suggested)
    said = not names or names in found.reason
    return "" if said else f"Perhaps {names}, which is not among the genres it has learned."


def _colours(found: Classification) -> dict[str, int]:
    """Colour the genres by their order in the verdict, then by first appearance."""
    names = [guess.genre for guess in found.genres]
    names += [segment.genres[0].genre for segment in found.segments if segment.genres]
    return {genre: index % COLOURS for index, genre in enumerate(dict.fromkeys(names))}


def _bar(guess: GenreConfidence, colours: dict[str, int]) -> Bar:
    return Bar(
        genre=guess.genre,
        percent=_percent(guess.confidence),
        width=_number(100 * guess.confidence),
        colour=colours[guess.genre],
    )


def _tiles(found: Classification, colours: dict[str, int]) -> tuple[Tile, ...]:
    heard = [segment for segment in found.segments if segment.genres]
    ends = [*(segment.start_s for segment in heard[1:]), _end(found)][: len(heard)]
    scale = 1000 / max(_end(found), 1e-9)
    return tuple(
        _tile(segment, end, scale, colours) for segment, end in zip(heard, ends, strict=True)
    )


def _tile(segment: SegmentView, end: float, scale: float, colours: dict[str, int]) -> Tile:
    best = segment.genres[0]
    height = max(4.0, 100 * best.confidence)
    return Tile(
        x=_number(segment.start_s * scale),
        width=_number(max(0.0, (end - segment.start_s) * scale)),
        height=_number(height),
        y=_number(100 - height),
        colour=colours[best.genre],
        time=clock(segment.start_s),
        guesses=_guesses(segment.genres),
    )


def _guesses(genres: Sequence[GenreConfidence]) -> str:
    return ", ".join(f"{guess.genre} {_percent(guess.confidence)}" for guess in genres[:GUESSES])


def _end(found: Classification) -> float:
    last = found.segments[-1].start_s + SEGMENT_S if found.segments else 0.0
    return found.duration_s or last


def _percent(confidence: float) -> str:
    return "< 1\u00a0%" if 0 < confidence < 0.005 else f"{100 * confidence:.0f}\u00a0%"  # noqa: PLR2004


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
