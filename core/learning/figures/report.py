"""One page that shows all that an evaluation found: findings in, HTML out.

Pure. The page stands alone: no script, no request, not even for a font; its policy forbids
them all. Everything that comes from a person or a file is escaped. It shows what did not
help as plainly as what did.
"""

from collections.abc import Callable, Sequence
from html import escape

import numpy as np

from core.drawing import COLOURS, MARKS, percent
from core.learning.figures import charts, findings
from core.learning.figures.charts import points
from core.learning.figures.evaluate import Figure, Summary
from core.learning.figures.findings import Brings, Findings, InUse, Leak

__all__ = ["page"]

LAYOUT = """
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 50rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.02em;
  overflow-wrap: anywhere; }
h2 { margin: 0 0 0.25rem; font-size: 1.25rem; letter-spacing: -0.01em; }
p { margin: 0.25rem 0 0.75rem; overflow-wrap: anywhere; }
.quiet, figcaption { color: var(--quiet); }
section, .cards div { background: var(--card); border: 1px solid var(--line);
  border-radius: 0.75rem; }
section { margin-top: 1rem; padding: 1.25rem 1.5rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr));
  gap: 0.75rem; margin: 1.25rem 0 0; }
.cards div { padding: 0.875rem 1rem; }
.cards dt { color: var(--quiet); font-size: 0.875rem; }
.cards dd { margin: 0; } .cards .big { font-size: 1.625rem; font-weight: 650; line-height: 1.3;
  letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.cards small { color: var(--quiet); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 1.5rem; }
figure, .wide { margin: 0; overflow-x: auto; }
figure.broad svg { min-width: 34rem; }
.key { display: inline-block; width: 0.75rem; height: 0.75rem; border-radius: 2px; }
.key.mark { background: var(--accent); } .key.second { background: var(--second); }
table { width: 100%; border-collapse: collapse; font-size: 0.9375rem; }
th, td { padding: 0.375rem 0.75rem 0.375rem 0; border-top: 1px solid var(--line);
  text-align: left; vertical-align: top; }
thead th { border-top: 0; color: var(--quiet); font-weight: 600; }
tbody th { min-width: 8rem; font-weight: 600; } td { font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; }
.leaky { color: var(--problem); font-weight: 700; letter-spacing: 0.04em; }
ul { margin: 0; padding-left: 1.25rem; }
@media print { section { break-inside: avoid; } }
"""
HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
"""
MEANING = {
    "accuracy": ("First genre right", "share of tracks"),
    "top_3": ("Among the first three", "share of tracks"),
    "macro_f1": ("Macro-F1", "mean F1 over the genres, each counting the same"),
    "ece": ("Calibration error", "how far the stated confidence is from the truth, in five bins"),
    "ece_floor": ("… by chance alone", "what perfect confidences would show on as many tracks"),
    "slope": ("Calibration slope", "honest is 1, less is too sure, more too timid (Cox 1958)"),
    "nll": ("Log loss", "surprise at the truth, in nats; lower is better"),
    "brier": ("Brier score", "squared distance from the truth, 0 to 2; lower is better"),
    "aurc": ("Area under risk-coverage", "mean error if the surest come first; lower is better"),
}
SHARES = ("accuracy", "top_3")  # shown in percent
LEAKY = findings.LEAKY
NUMBERS = tuple("0123456789[+−")  # how a cell begins that must not be broken
ON_THE_LINE = (
    "On the dashed line, 80 % sure means right 80 times in 100; below it, it is too sure. Each"
    " dot is a fifth of the tracks."
)
THE_SUREST = (
    "If only the surest answers are given, how many of them are wrong. What lies below the dashed"
    " line keeps a promise of 90 %, in hindsight."
)


def page(found: Findings, *, created: str) -> str:
    """Return the whole report on *found* as one HTML document; *created* is shown as it is."""
    title = f"How good genrewatch is on {found.subject}"
    parts = [
        _header(found, title, created),
        _cards(found.summary),
        *_pictures(found),
        _section("All figures", "", _table(found.summary)),
        _fair(found.fair),
        *_parts(found),
        _in_use(found.in_use),
        _leak(found.leak),
        _notes(found.notes),
    ]
    head = (
        f"{HEAD}<title>{escape(title)}</title>\n<style>{COLOURS}{MARKS}{LAYOUT}</style>\n</head>\n"
    )
    return f"{head}<body><main>\n{'\n'.join(filter(None, parts))}\n</main></body>\n</html>\n"


def _header(found: Findings, title: str, created: str) -> str:
    about = f"{found.summary.n} tracks of {found.summary.artists} artists"
    protocol = f"{about}, {found.protocol}. Intervals are 95 %, by artist. Made {created[:10]}."
    heading = f"<h1>{escape(title)}</h1><p>{escape(_lead(found.summary))}</p>"
    return f'<header>{heading}<p class="quiet">{escape(protocol)}</p></header>'


def _lead(summary: Summary) -> str:
    return (
        f"Of 100 tracks by artists that it has never met, the first genre is right for"
        f" {100 * summary.accuracy.value:.0f}, and the right one is among the first three for"
        f" {100 * summary.top_3.value:.0f}."
    )


def _cards(summary: Summary) -> str:
    shown = [
        ("First genre right", percent(summary.accuracy.value), _range(summary.accuracy, percent)),
        ("Among the first three", percent(summary.top_3.value), _range(summary.top_3, percent)),
        (
            "Confidence off by",
            percent(max(0.0, summary.ece_excess)),
            f"beyond the {percent(summary.ece_floor.value)} that chance makes",
        ),
        ("Calibration slope", f"{summary.slope.value:.2f}", _range(summary.slope, "{:.2f}".format)),
    ]
    boxes = "".join(
        f'<div><dt>{name}</dt><dd class="big">{value}</dd><dd><small>{more}</small></dd></div>'
        for name, value, more in shown
    )
    return f'<dl class="cards">{boxes}</dl>'


def _table(summary: Summary) -> str:
    rows = [
        (name, *_value(getattr(summary, field), field in SHARES), means)
        for field, (name, means) in MEANING.items()
    ]
    return _rows(("figure", "value", "95 %", "what it is"), rows)


def _value(figure: Figure, share: bool) -> tuple[str, str]:
    form = percent if share else "{:.3f}".format
    return form(figure.value), _range(figure, form)


def _fair(summary: Summary | None) -> str:
    if summary is None:
        return ""
    words = (
        "Corrections and answers in review were picked because of what the program had said, so"
        " they are no fair sample of your library. These are the labels that you came up with"
        " yourself."
    )
    columns = ("judged on", "tracks", "first genre right", "among the first three")
    return _section("On a fair sample", words, _rows(columns, [_judged("a fair sample", summary)]))


def _judged(name: str, one: Summary) -> tuple[str, str, str, str]:
    return (
        name,
        f"{one.n} of {one.artists} artists",
        f"{percent(one.accuracy.value)} {_range(one.accuracy, percent)}",
        f"{percent(one.top_3.value)} {_range(one.top_3, percent)}",
    )


def _pictures(found: Findings) -> list[str]:
    said = (found.words, found.truth)
    bins = charts.reliability(findings.reliability(*said, found.groups))
    curve = charts.risk(findings.curve(*said))
    table = found.confusion
    there = np.flatnonzero(table.sum(axis=0) + table.sum(axis=1))
    names = [found.genres[i] for i in there]
    matrix = charts.confusion(table[np.ix_(there, there)], names)
    genres = findings.per_genre(names, table[np.ix_(there, there)])
    best = sorted(genres, key=lambda genre: (genre.recall is None, -(genre.recall or 0)))
    key = (
        '<p class="quiet"><span class="key mark"></span> recall: share of its tracks that were'
        ' found. <span class="key second"></span> precision: share of the guesses that were'
        " right.</p>"
    )
    return [
        _section(
            "What is taken for what",
            "A row is a true genre, a column a guess; the diagonal is right. The fuller a cell,"
            " the more of its row lies there.",
            _figure(matrix),
        ),
        _section("Genre by genre", "", f"{key}{_figure(charts.genre_bars(best))}"),
        _pair(
            ("Is the confidence honest?", ON_THE_LINE, bins),
            ("Does it doubt its errors?", THE_SUREST, curve),
        ),
    ]


def _pair(*halves: tuple[str, str, str]) -> str:
    parts = "".join(
        f"<div><h2>{title}</h2>{_figure(picture, 'half')}<p class='quiet'>{words}</p></div>"
        for title, words, picture in halves
    )
    return f'<section class="pair">{parts}</section>'


def _parts(found: Findings) -> list[str]:
    members = _brought(
        "What each member brings",
        "The ensemble against the ensemble without that member, on the same tracks. To the right"
        " of the dashed line it helps; an interval that crosses the line shows nothing.",
        found.members,
    )
    blocks = _brought(
        "What each block of features brings",
        "The linear model on all 135 features against the same model trained without the block,"
        " on the same artist folds. Blocks overlap: one that is not missed may still say much."
        " Of twenty such comparisons one seems to show something by chance alone.",
        found.blocks,
    )
    return [members, blocks]


def _brought(title: str, words: str, parts: Sequence[Brings]) -> str:
    if not parts:
        return ""
    rows = [
        (
            part.name,
            f"{points(part.accuracy.value)} {_range(part.accuracy, points)}",
            f"{_signed(part.log_loss.value)} {_range(part.log_loss, _signed)}",
            part.judgement,
        )
        for part in parts
    ]
    columns = ("part", "accuracy, points", "log loss saved, nats", "judgement")
    picture = _figure(charts.forest(parts, title))
    return _section(title, words, f"{picture}{_useless(parts)}{_rows(columns, rows)}")


def _useless(parts: Sequence[Brings]) -> str:
    names = [part.name for part in parts if part.judgement == findings.NOTHING]
    hurtful = [part.name for part in parts if part.judgement.startswith("hurts")]
    said = [("Not shown to help", names), ("Hurts", hurtful)]
    return "".join(f"<p>{how}: {escape(', '.join(some))}.</p>" for how, some in said if some)


def _in_use(model: InUse | None) -> str:
    if model is None:
        return ""
    judged = [("labels it was not trained on", model.unseen)]
    if model.new_artists is not None:
        judged.append(("those of artists that you had not labelled before", model.new_artists))
    rows = [_judged(name, one) for name, one in judged]
    columns = ("judged on", "tracks", "first genre right", "among the first three")
    words = f"{model.version}, by itself: what your words change at once is left out."
    return _section("The model in use", words, _rows(columns, rows))


def _leak(leak: Leak) -> str:
    rows = [
        ("no artist on both sides", percent(leak.apart.value), _range(leak.apart, percent), ""),
        ("artists on both sides", percent(leak.leaky.value), _range(leak.leaky, percent), LEAKY),
    ]
    words = (
        f"The same model ({leak.model}) with folds dealt over tracks instead of artists. It then"
        " recognises artists, not genres:"
        f" {points(leak.gain.value)} points {_range(leak.gain, points)} that no new artist would"
        " give. Shown only to say what such figures are worth."
    )
    columns = ("folds", "first genre right", "95 %", "")
    return _section("What a leak would be worth", words, _rows(columns, rows))


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return _section("Notes", "", f"<ul>{items}</ul>")


# --- pieces ---------------------------------------------------------------------------------


def _section(title: str, words: str, body: str) -> str:
    said = f'<p class="quiet">{escape(words)}</p>' if words else ""
    return f"<section><h2>{escape(title)}</h2>{said}{body}</section>"


def _figure(picture: str, kind: str = "broad") -> str:
    return f'<figure class="{kind}">{picture}</figure>'


def _rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "".join(f"<tr>{_row(row)}</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _row(cells: Sequence[str]) -> str:
    first = f'<th scope="row">{escape(cells[0])}</th>'
    return first + "".join(_cell(words) for words in cells[1:])


def _cell(words: str) -> str:
    kind = "leaky" if words == LEAKY else "number" if words[:1] in NUMBERS else "words"
    return f'<td class="{kind}">{escape(words)}</td>'


def _range(figure: Figure, form: Callable[[float], str]) -> str:
    low, high = form(figure.low), form(figure.high)
    if low.endswith(" %"):
        return f"[{low.removesuffix(' %')}–{high}]"
    return f"[{low} to {high}]" if low[0] in "+−" else f"[{low}–{high}]"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
