"""Marks of inline SVG, for whoever draws a picture: figures in, markup out; all text is escaped.

Colours are variables, so that one picture serves light and dark. Each picture has a title and
a description for those who do not see it, each mark may have a title of its own. It knows no
file, no script and no address.
"""

from collections.abc import Iterable
from html import escape

__all__ = [
    "COLOURS", "MARKS", "across", "alone", "dot", "line", "percent", "picture", "rect", "text",
]  # fmt: skip

COLOURS = """
:root { color-scheme: light dark;
  --ground: #f6f5f2; --card: #fff; --text: #1f2328; --quiet: #5d6570; --line: #d9d8d3;
  --accent: #2f5fd0; --on-accent: #fff; --track: #eceae5; --problem: #a32020; --second: #c98a1b; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #15171b; --card: #1e2126; --text: #e8e9eb; --quiet: #a3abb6; --line: #363b43;
  --accent: #8fb0ff; --on-accent: #10131a; --track: #2a2e35; --problem: #ff9a94; --second: #e0b04c;
} }
"""
MARKS = """
svg { display: block; width: 100%; height: auto; margin: 0 auto; font: 13px system-ui, sans-serif; }
.ink { fill: var(--text); } svg .quiet { fill: var(--quiet); font-size: 12px; }
.light { fill: var(--on-accent); } .ground { fill: var(--track); } .cell { fill: var(--accent); }
.own { stroke: var(--accent); stroke-width: 1.5; stroke-opacity: 0.8; }
.mark { fill: var(--accent); } .second { fill: var(--second); }
.rule { stroke: var(--line); } .ideal { stroke: var(--quiet); stroke-dasharray: 4 4; }
.whisker { stroke: var(--accent); stroke-width: 2; stroke-opacity: 0.65; }
.curve { fill: none; stroke: var(--accent); stroke-width: 2.5; stroke-linejoin: round; }
"""


def percent(share: float) -> str:
    """Return *share* as people read it: 74.5 %."""
    return f"{100 * share:.1f} %"


def picture(title: str, told: str, size: tuple[float, float], body: Iterable[str]) -> str:
    """Return an svg element of *size* with *body* in it; *told* is what it shows, in words."""
    name = "".join(letter for letter in title.casefold() if letter.isalnum())  # one a page
    return (
        f'<svg viewBox="0 0 {size[0]} {size[1]}" role="img" aria-labelledby="{name}t {name}d"'
        f' style="max-width:{size[0] / 16}rem">'
        f'<title id="{name}t">{_plain(title)}</title><desc id="{name}d">{_plain(told)}</desc>'
        f"{''.join(body)}</svg>"
    )


def alone(title: str, told: str, size: tuple[float, float], body: Iterable[str]) -> str:
    """Return the same as a whole SVG file, which brings its own colours and ground."""
    ground = f'<rect width="{size[0]}" height="{size[1]}" fill="var(--card)"/>'
    style = f"<style>{COLOURS}{MARKS}</style>{ground}"
    drawn = picture(title, told, size, [style, *body])
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def text(
    x: float, y: float, words: str, *, kind: str = "ink", anchor: str = "start", most: int = 48
) -> str:
    """Return *words* at a place, cut where they are more than *most* letters."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{_plain(_short(words, most))}</text>'


def across(x: float, y: float, words: str) -> str:
    """Return *words* that rise from a place."""
    turned = f'transform="translate({x:.1f} {y:.1f}) rotate(-45)"'
    return f'<text class="ink" {turned}>{_plain(_short(words, 15))}</text>'


def _plain(words: str) -> str:
    """*words* as markup, with what no picture may hold (XML 1.0) or show made visible."""
    return escape(
        "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in words)
    )


def _short(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"


def rect(
    x: float,
    y: float,
    width: float,
    height: float,
    kind: str,
    told: str = "",
    opacity: float | None = None,
) -> str:
    """Return a box of a *kind* that MARKS colours, with a title where *told* has words."""
    faint = "" if opacity is None else f' fill-opacity="{opacity:.3f}"'
    inner = f"<title>{_plain(told)}</title>" if told else ""
    size = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{kind}" {size} rx="2"{faint}>{inner}</rect>'


def line(start: tuple[float, float], end: tuple[float, float], kind: str) -> str:
    """Return a line from *start* to *end*."""
    ends = f'x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"'
    return f'<line class="{kind}" {ends}/>'


def dot(place: tuple[float, float], told: str, kind: str = "mark") -> str:
    """Return a dot with a title."""
    middle = f'cx="{place[0]:.1f}" cy="{place[1]:.1f}"'
    return f'<circle class="{kind}" {middle} r="5"><title>{_plain(told)}</title></circle>'
