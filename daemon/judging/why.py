"""Puts into words why a track was judged so: the same for the terminal and the page.

Pure: a classification with its explanation in, sections of short lines out. How they are
drawn is for those who draw them.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.decision.explain import BlockShare, TagShare
from core.decision.memory import Counts
from core.decision.verdict import GenreConfidence
from daemon.judging.classification import Classification, Explanation, MemberView, Neighbour

__all__ = ["Line", "Section", "document", "sections", "why_json"]

GUESSES = 3
MEMBERS = {
    "transformer": "features, transformer",
    "linear": "features, linear",
    "statistics": "features, mean and spread",
    "sequence": "features, through the track",
    "deeper": "features, deeper",
    "convolution": "features, convolution",
    "both": "features and backbone",
    "embedding": "backbone, linear",
}
BLOCKS = {
    "": "before any feature",
    "A": "timbre",
    "B": "spectral contrast",
    "C": "brightness and noise",
    "D": "dynamics, bass to treble",
    "E": "harmony",
    "F": "drums against melody",
    "G": "tempo and rhythm",
    "H": "pulse",
}
ALIKE_BY = {"backbone": "by the backbone's 200 numbers", "features": "by the 135 features"}
FOOTINGS = {"base": "what the model was measured on", "your library": "answers in your library"}
LARGEST_ODDS = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: what, a bar from 0 to 1 where there is one, and what of it."""

    label: str
    text: str
    length: float | None = None
    against: bool = False  # the bar speaks for another genre than the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Some lines under a heading, and how to read them."""

    title: str
    note: str
    lines: tuple[Line, ...]


def sections(found: Classification) -> tuple[Section, ...]:
    """Return why the track was judged so, in the order in which a verdict comes about."""
    why = found.why
    if why is None:
        return ()
    return tuple(
        section
        for section in (
            _members(why),
            _blocks(why),
            _tags(why),
            _neighbours(why),
            _decided(found, why),
        )
        if section is not None
    )


def document(found: Classification, *, explain: bool = False) -> dict[str, Any]:
    """Return one document of `classify --json`; with *explain* also the timeline, and why.

    Numbers have four digits.
    """
    brief = {
        "path": found.path,
        "genres": [asdict(guess) for guess in found.genres],
        "suggested": [asdict(guess) for guess in found.suggested],
        "outside": found.outside,
        "decision": found.decision,
        "reason": found.reason,
        "segments": len(found.segments),
    }
    explained = {
        "duration_s": found.duration_s,
        "timeline": [asdict(segment) for segment in found.segments],
        "why": why_json(found.why) if found.why else None,
    }
    rounded: dict[str, Any] = _rounded(brief | explained if explain else brief)
    return rounded


def why_json(why: Explanation) -> dict[str, Any]:
    """Return an explanation as JSON has it, likewise."""
    rounded: dict[str, Any] = _rounded(asdict(why))
    return rounded


# one section each ------------------------------------------------------------------------


def _members(why: Explanation) -> Section:
    first = why.alone[0].genre
    agreeing = [member.share for member in why.members if member.says.genre == first]
    lines = [
        Line(
            label=name,
            text=f"{_guess(member.says)}, {member.share:.0%} of the vote",
            length=member.says.confidence,
            against=member.says.genre != first,
        )
        for name, member in zip(_names(why.members), why.members, strict=True)
    ]
    return Section(
        title="What each member of the model says",
        note=f"{len(agreeing)} of {len(lines)} name {first}, with {sum(agreeing):.0%} of the vote. "
        "Each by itself and before calibration, which corrects how sure the whole is.",
        lines=tuple(lines),
    )


def _names(members: Sequence[MemberView]) -> Iterator[str]:
    """Readable names, numbered where a kind is there more than once."""
    often = Counter(member.kind for member in members)
    seen: Counter[str] = Counter()
    for member in members:
        seen[member.kind] += 1
        name = MEMBERS.get(member.kind) or member.kind or "member"
        yield f"{name} {seen[member.kind]}" if often[member.kind] > 1 else name


def _blocks(why: Explanation) -> Section | None:
    if why.blocks is None:
        return None
    first, second = (guess.genre for guess in why.alone[:2])
    largest = max(abs(share.log_odds) for share in why.blocks) or 1.0
    return Section(
        title=f"Which features moved it: {first} against {second}",
        note=f"By the linear model. × 2 for {first}: this alone makes {first} twice as likely "
        f"against {second}; all factors together make its odds.",
        lines=tuple(_block(share, first, second, largest) for share in why.blocks),
    )


def _block(share: BlockShare, first: str, second: str, largest: float) -> Line:
    odds = min(math.exp(min(abs(share.log_odds), 20.0)), LARGEST_ODDS)
    against = share.log_odds < 0
    return Line(
        label=BLOCKS.get(share.block, share.block),
        text=f"× {odds:.3g} for {second if against else first}",
        length=abs(share.log_odds) / largest,
        against=against,
    )


def _tags(why: Explanation) -> Section | None:
    if why.tags is None:
        return None
    known = all(tag.deviations is not None for tag in why.tags)
    order = "against other music" if known else "by their probability"
    return Section(
        title="What the backbone heard",
        note=f"Its tags that stand out most, {order}.",
        lines=tuple(_tag(tag) for tag in why.tags),
    )


def _tag(tag: TagShare) -> Line:
    above = "" if tag.deviations is None else f", {tag.deviations:+.1f} standard deviations"
    return Line(label=tag.tag, text=f"{tag.probability:.0%}{above}", length=tag.probability)


def _neighbours(why: Explanation) -> Section | None:
    if not why.alike_by:
        return None
    lines = tuple(_neighbour(found) for found in why.neighbours)
    note = f"Of what you labelled or what came with a genre, {ALIKE_BY[why.alike_by]}; 1 is equal."
    return Section(
        title="Labelled tracks that sound most alike",
        note=note if lines else "None yet: no track with a genre of yours has been heard.",
        lines=lines,
    )


def _neighbour(found: Neighbour) -> Line:
    return Line(
        label=found.name,
        text=f"{', '.join(found.genres)}, likeness {found.likeness:.2f}",
        length=max(0.0, min(1.0, found.likeness)),
    )


def _decided(found: Classification, why: Explanation) -> Section:
    lines = [
        Line(label="the model alone", text=_guesses(why.alone)),
        Line(label="what you said", text=_said(why)),
    ]
    if guessed := _told(why, lambda counts: _weighed(counts.guessed, why.evidence.spelled)):
        lines.append(Line(label="our own guesses", text=f"{guessed}, which makes it no surer"))
    if why.rests_on != "model":
        lines.append(Line(label="both together", text=_guesses(found.genres)))
    if why.right is not None:
        lines.append(Line(label="chance to be right", text=f"{why.right:.0%}"))
    if why.outside is not None:
        lines.append(Line(label="none of its genres", text=_outside(why)))
    lines += [
        Line(label="needed to write", text=_needed(why)),
        Line(label="so", text=f"{found.decision}: {found.reason}"),
    ]
    return Section(title="How it was decided", note="", lines=tuple(lines))


# words -----------------------------------------------------------------------------------


def _said(why: Explanation) -> str:
    evidence = why.evidence
    if evidence.track is not None:
        return f"this track is {evidence.track}, which is final"
    said = _told(why, lambda counts: _counts(counts, evidence.spelled))
    return said or "nothing yet of this track, its album, its artist or its like"


def _told(why: Explanation, words: Callable[[Counts], str]) -> str:
    """What *words* makes of each source that bears on the track; empty where all are silent."""
    evidence = why.evidence
    sources = (
        ("this album", evidence.album),
        ("this composer", evidence.composer),
        ("this artist", evidence.artist),
        ("tracks that sound alike", evidence.neighbours),
    )
    told = [(name, words(counts)) for name, counts in sources]
    return "; ".join(f"of {name}: {text}" for name, text in told if text)


def _counts(counts: Counts, spelled: Mapping[str, str]) -> str:
    """What was said and refused: "Fado 3 ×, not Pop 1 ×"."""
    refused = {f"not {spelled.get(key, key)}": weight for key, weight in counts.refused.items()}
    return _weighed({**counts.said, **refused}, spelled)


def _weighed(weights: Mapping[str, float], spelled: Mapping[str, str]) -> str:
    """Genres and their weights, the heaviest first, a person's word being 1."""
    ordered = sorted(weights.items(), key=lambda item: -item[1])
    return ", ".join(f"{spelled.get(key, key)} {weight:.2g} ×" for key, weight in ordered)


def _outside(why: Explanation) -> str:
    limit = "" if why.foreign is None else f"; nothing is written from {why.foreign:.0%} on"
    return f"{why.outside or 0:.0%} likely{limit}"


def _needed(why: Explanation) -> str:
    if why.threshold is None:
        return f"not known yet: too little evidence for the promise of {why.promise or 0:.0%}"
    if why.promise is None:
        return f"{why.threshold:.0%}, as it is set"
    by = FOOTINGS.get(why.footing, why.footing)
    return f"{why.threshold:.0%}, so that {why.promise:.0%} of what is written is right, by {by}"


def _guess(guess: GenreConfidence) -> str:
    return f"{guess.genre} {guess.confidence:.0%}"


def _guesses(genres: Sequence[GenreConfidence]) -> str:
    return ", ".join(_guess(guess) for guess in genres[:GUESSES])


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return round(value, 4) if isinstance(value, float) else value
