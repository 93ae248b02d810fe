"""May we write this genre into this file?

Pure: a verdict and what stands in the file in, one action out. The user's word is final,
and what we once wrote we change only when asked.
"""

from dataclasses import dataclass
from enum import StrEnum

from core.decision.feedback import Origin
from core.decision.verdict import Verdict
from core.taxonomy import fold

__all__ = ["EVEN", "NEVER", "Action", "Decision", "Standing", "decide", "threshold_of"]

EVEN = 0.5  # beyond it a track is rather of no learned genre than of one
NEVER = 1.01  # above every confidence: without evidence for the promise nothing is written


class Action(StrEnum):
    """What to do with a file."""

    WRITE = "write"
    NOT_SURE = "not sure"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands in the file, and whose it is."""

    genres: tuple[str, ...]  # those that mean something
    origin: Origin
    hands_off: bool = False
    existing: bool = False  # lay there when the folder was first watched
    unwritable: str | None = None  # why this file can take no genre
    rejected: frozenset[str] = frozenset()  # folded genres that a person refused here


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An action and its reason in one sentence; *genre* is what would be written."""

    action: Action
    reason: str
    genre: str | None = None
    guessed: bool = False  # written though the promise does not hold for it


def threshold_of(setting: str | float, promised: float | None) -> float:
    """Return the lowest sureness that may be written.

    *setting* is "promise" or a number; *promised* the threshold that keeps the promise,
    None where there is not enough evidence for one.
    """
    if isinstance(setting, str):
        return NEVER if promised is None else promised
    return setting


def decide(
    verdict: Verdict,
    standing: Standing,
    *,
    threshold: float,
    foreign: float = NEVER,
    write_parent: bool = False,
    guess: bool = False,
) -> Decision:
    """Return what to do with a file, by the verdict on its track.

    A track that is of none of the known genres with at least the probability *foreign* gets none.
    Where the first genre is in doubt and what it belongs to is not, that is offered beside it,
    and with *write_parent* written. With *guess* what is in doubt is written, too, unless it is
    rather of none of them.
    """
    kept = _must_be_left(standing)
    if kept:
        return Decision(action=Action.LEAVE, reason=kept)
    best = verdict.best
    if best is None:
        return Decision(action=Action.NOT_SURE, reason="silent: there is nothing to hear")
    if fold(best.genre) in standing.rejected:
        return Decision(action=Action.NOT_SURE, reason=f"you said that it is not {best.genre}")
    if verdict.outside >= foreign:
        return Decision(action=Action.NOT_SURE, reason=_none_of_them(verdict))
    if verdict.sure >= threshold and not verdict.unproven:
        return _written(best.genre, _sure(verdict), standing)
    parent = _sure_parent(verdict, standing, threshold)
    reason = _unsure(verdict, threshold) + (f"; {parent}" if parent else "")
    if parent and write_parent and verdict.parent:
        return _written(verdict.parent.genre, reason, standing)
    if guess and verdict.outside <= EVEN:
        return _written(best.genre, f"best guess: {reason}", standing, guessed=True)
    return Decision(action=Action.NOT_SURE, reason=reason)


def _written(genre: str, reason: str, standing: Standing, *, guessed: bool = False) -> Decision:
    if standing.unwritable:
        return Decision(action=Action.LEAVE, reason=standing.unwritable, genre=genre)
    return Decision(action=Action.WRITE, reason=reason, genre=genre, guessed=guessed)


def _sure_parent(verdict: Verdict, standing: Standing, threshold: float) -> str:
    """Say what the first genre belongs to where that is sure enough to be written; else ""."""
    parent = verdict.parent
    if parent is None or parent.confidence < threshold or fold(parent.genre) in standing.rejected:
        return ""
    return f"{parent.genre} of some kind at {parent.confidence:.0%}"


def _must_be_left(standing: Standing) -> str | None:
    if standing.hands_off:
        return "undone or put back; left alone until you name it again"
    if standing.origin is Origin.OURS and standing.genres:
        return f"tagged {', '.join(standing.genres)} by us before"
    if standing.origin is Origin.PERSON and not standing.genres:
        return "you removed the genre"
    if standing.genres:
        return f"already has a genre: {', '.join(standing.genres)}"
    if standing.existing:
        return "was there before the folder was watched; ask with: genrewatch tag --existing"
    return None


def _sure(verdict: Verdict) -> str:
    best = verdict.genres[0]
    return f"{best.genre} at {best.confidence:.0%} ({verdict.evidence})"


def _none_of_them(verdict: Verdict) -> str:
    sure = "" if verdict.outside > EVEN else "perhaps "
    others = " or ".join(item.genre for item in verdict.suggested)
    return f"{sure}none of the genres it has learned{f'; perhaps {others}' if others else ''}"


def _unsure(verdict: Verdict, threshold: float) -> str:
    best = verdict.genres[0]
    guess = f"{best.genre} at {best.confidence:.0%}"
    if verdict.unproven:
        return f"{guess}, but a new name of yours, and no evidence yet to keep the promise for it"
    if threshold > 1:
        return f"{guess}, but no evidence yet to keep the promise"
    if verdict.right is not None:
        guess += f", right with a chance of {verdict.right:.0%}"
    return f"{guess}, below the {threshold:.0%} needed"
