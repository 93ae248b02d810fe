"""What `status` says of the promise: on what it rests, and what happens meanwhile.

Words and numbers made of the judge's footing; it decides nothing. The daemon, which has asked
the model already, leaves them in the record; else a command would ask it of each label anew.
"""

from typing import Any

from sqlite_utils import Database

from core import registry
from core.decision.promise import Footing, Promise, Source
from core.errors import ModelError
from core.library import batches, evidence, runs, taxonomy
from core.registry import Manifest
from daemon.config import Policy
from daemon.judging.judge import Judge

__all__ = ["keep_promise", "promise_line", "promise_of"]

KEPT = "promise"  # setting: what it was made of, and the document
NOT_YET = "not enough evidence yet"
ASKS = "nothing is written; up to three guesses a file wait in: genrewatch review"


def promise_of(db: Database, models: registry.Registry, policy: Policy) -> dict[str, Any]:
    """Return what `status --json` says of the promise under the model in use.

    A model that cannot say is a "trouble" in it.
    """
    if not isinstance(policy.threshold, str):
        return _document(policy.precision, "your threshold", policy.threshold, None, None)
    try:
        kept = runs.get_setting(db, KEPT)
        if kept is not None and kept["of"] == _made_of(db, models.champion(), policy):
            document: dict[str, Any] = kept["document"]
            return document
        return _founded(Judge(db, models, policy).footing(), policy)
    except ModelError as error:
        nothing = _document(policy.precision, NOT_YET, None, None, None)
        return nothing | {"trouble": str(error)}


def keep_promise(db: Database, judge: Judge, policy: Policy) -> None:
    """Leave what *judge* rests the promise on in the record; raises ModelError."""
    if isinstance(policy.threshold, str):
        made_of = _made_of(db, judge.model().manifest, policy)
        document = _founded(judge.footing(), policy)
        runs.set_setting(db, KEPT, {"of": made_of, "document": document})


def _made_of(db: Database, manifest: Manifest, policy: Policy) -> list[Any]:
    """What changes when the document would: the model, the words, what was heard, the options."""
    return [
        manifest.version,
        policy.precision,
        *taxonomy.newest_change(db),
        *batches.newest_change(db),
        *evidence.last_voiced(db),
    ]


def _founded(found: Footing, policy: Policy) -> dict[str, Any]:
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
