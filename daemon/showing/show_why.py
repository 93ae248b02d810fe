"""How an explanation looks on a terminal: the track as a bar of letters, then lines.

Prints and nothing else; the words are those of `daemon/judging/why.py`, as on the page.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from textwrap import wrap

from daemon.judging.classification import Classification, SegmentView
from daemon.judging.why import Line, Section, sections
from daemon.showing.show import say

__all__ = ["letters_of", "show_why"]

STEPS = "▁▂▃▄▅▆▇█"
BAR = 12
LABEL = 28
WIDEST = 72  # columns of the timeline


def show_why(found: Classification) -> None:
    """Print the timeline and why the track was judged so."""
    if found.segments:
        _show_timeline(found.segments, found.duration_s)
    for section in sections(found):
        _show_section(section)


def letters_of(genres: Iterable[str]) -> dict[str, str]:
    """Return a letter for each genre: its first that is still free, else a digit, else "?"."""
    letters: dict[str, str] = {}
    for genre in dict.fromkeys(genres):
        own = [letter.upper() for letter in genre if letter.isalnum()]
        free = (letter for letter in [*own, *"123456789"] if letter not in letters.values())
        letters[genre] = next(free, "?")
    return letters


def _show_timeline(segments: Sequence[SegmentView], duration_s: float) -> None:
    best = [segment.genres[0] for segment in segments]
    often = Counter(guess.genre for guess in best)
    letters = letters_of(genre for genre, _ in often.most_common())
    wide = max(1, min(3, WIDEST // len(best)))
    say("  Through the track", bold=True)
    say("    " + "".join(_step(guess.confidence) * wide for guess in best))
    say("    " + "".join(letters[guess.genre] * wide for guess in best))
    first, last = _clock(segments[0].start_s), _clock(duration_s)
    say("    " + first + last.rjust(max(len(last) + 1, wide * len(best) - len(first))))
    legend = (f"{letters[genre]} {genre} in {count}" for genre, count in often.most_common())
    say(f"    {', '.join(legend)} of {len(best)} parts; the higher, the surer")


def _show_section(section: Section) -> None:
    say(f"  {section.title}", bold=True)
    for words in wrap(section.note, WIDEST):
        say(f"    {words}", dim=True)
    for line in section.lines:
        _show_line(line)


def _show_line(line: Line) -> None:
    if line.length is None:
        say(f"    {line.label:<20}{line.text}")
        return
    letter = "░" if line.against else "█"
    bar = letter * round(line.length * BAR)
    say(f"    {_cut(line.label):<{LABEL}}  {bar:<{BAR}}  {line.text}")


def _step(confidence: float) -> str:
    return STEPS[min(len(STEPS) - 1, int(confidence * len(STEPS)))]


def _cut(label: str) -> str:
    return label if len(label) <= LABEL else label[: LABEL - 1] + "…"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
