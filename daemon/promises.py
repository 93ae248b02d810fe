"""What `status` says of the promise: on what it rests, and what happens meanwhile.

Words and numbers made of the judge's footing; it decides nothing.
"""

from typing import Any

from sqlite_utils import Database

from core import registry
from core.decision.promise import Promise, Source
from core.errors import ModelError
from daemon.config import Policy
from daemon.judge import Judge

__all__ = ["promise_line", "promise_of"]

NOT_YET = "not enough evidence yet"
ASKS = "nothing is written; up to three guesses a file wait in: genrewatch review"


def promise_of(db: Database, models: registry.Registry, policy: Policy) -> dict[str, Any]:
    """Return what `status --json` says of the promise under the model in use.

    A model that cannot say is a "trouble" in it.
    """
    if not isinstance(policy.threshold, str):
        return _document(policy.precision, "your threshold", policy.threshold, None, None)
    try:
        found = Judge(db, models, policy).footing()
    except ModelError as error:
        nothing = _document(policy.precision, NOT_YET, None, None, None)
        return nothing | {"trouble": str(error)}
    rests_on = NOT_YET if found.source is Source.NONE else found.source.value
    return _document(policy.precision, rests_on, found.threshold, found.evidence, found.own)


def promise_line(promise: dict[str, Any]) -> str:
    """Return the same for a person, in one line or two sentences."""
    asked, bar = f"{promise['precision']:.0%} right", promise["threshold"]
    if promise["rests_on"] == "your threshold":
        return f"Promise: none; by your threshold whatever is {bar:.0%} sure is written"
    found = _evidence(promise)
    if promise["rests_on"] == NOT_YET:
        return f"Promise ({asked}): {NOT_YET}{found}. Meanwhile {ASKS}"
    if promise["rests_on"] == Source.LIBRARY.value:
        return f"Promise ({asked}): rests on your library{found}; {bar:.0%} sure is written"
    return (
        f"Promise ({asked}): a start, by the collection that the model was measured on{found}. "
        f"Until your library has answers enough ({promise['own']} so far), only what is in half "
        f"as much doubt is written: {bar:.0%} sure"
    )


def _evidence(promise: dict[str, Any]) -> str:
    if not promise["n"]:
        return ""
    share = f", {promise['coverage']:.0%} of all" if promise["coverage"] else ""
    return (
        f" ({promise['realised']:.0%} of {promise['n']} blind answers right,"
        f" {promise['artists']} artists{share})"
    )


def _document(
    precision: float,
    rests_on: str,
    threshold: float | None,
    evidence: Promise | None,
    own: int | None,
) -> dict[str, Any]:
    return {
        "precision": precision,
        "rests_on": rests_on,
        "threshold": None if threshold is None else round(threshold, 4),
        "n": evidence.n if evidence else 0,
        "artists": evidence.artists if evidence else 0,
        "realised": evidence and _rounded(evidence.realised),
        "coverage": evidence and _rounded(evidence.coverage),
        "own": own or 0,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
