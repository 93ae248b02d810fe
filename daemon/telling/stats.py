"""How far it has learned: what `stats` tells, from the record, as data and as JSON.

Nothing is measured here that a person did not say: where nobody spoke, nobody knows.
"""

from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from core import registry
from core.decision import progress
from core.decision.progress import Block, Genre, Share, Tally, Written
from core.decision.vocabulary import vocabulary
from core.library import runs, taxonomy, writes
from core.library.codec import as_time
from core.library.progress import Since, followed, since
from core.library.runs import RunRow
from daemon.config import Policy
from daemon.telling.promises import promise_of

__all__ = ["Night", "Stats", "collect", "stats_json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """The last training, and what changed for files that waited since its model took over."""

    run: RunRow
    since: Since | None  # None: no other model took over


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """All that `stats` shows, to people and to programs."""

    begun: str | None  # when the first guess was kept; None: there is none yet
    all: Tally
    blocks: tuple[Block, ...]
    new_artists: Tally  # nobody had named the artist before
    met_artists: Tally
    sources: dict[str, Tally]
    genres: tuple[Genre, ...]
    at_once: int  # written on arrival
    waited: int  # not sure on arrival
    written: Written  # under the promise
    guessed: Written  # best guesses, of which nothing is promised
    propagated: Written  # tagged on the same evidence as a file that a person corrected
    promise: dict[str, Any]
    night: Night | None


def collect(db: Database, models: registry.Registry, policy: Policy) -> Stats:
    """Gather what came of every first guess."""
    items, means = followed(db), vocabulary(taxonomy.relations(db), (), (), ()).key
    new, met = progress.by_artist(items, means)
    free = [item for item in items if item.cause not in (writes.GUESS, writes.PROPAGATION)]
    return Stats(
        begun=items[0].first.at if items else None,
        all=progress.tally(items, means),
        blocks=progress.blocks(items, means),
        new_artists=new,
        met_artists=met,
        sources=progress.by_source(items, means),
        genres=progress.per_genre(items, means),
        at_once=sum(item.first.decision == "written" for item in items),
        waited=sum(item.first.decision in ("not sure", "guessed") for item in items),
        written=progress.written(free, means),
        guessed=progress.written((i for i in items if i.cause == writes.GUESS), means),
        propagated=progress.written((i for i in items if i.cause == writes.PROPAGATION), means),
        promise=promise_of(db, models, policy),
        night=_night(db),
    )


def stats_json(found: Stats) -> dict[str, Any]:
    """Return the document that `stats --json` prints."""
    return {
        "begun": found.begun,
        "first_guesses": _tally(found.all),
        "over_time": [_block(block) for block in found.blocks],
        "new_artists": _tally(found.new_artists),
        "met_artists": _tally(found.met_artists),
        "sources": {name: _tally(counted) for name, counted in found.sources.items()},
        "genres": [
            {"genre": g.name, "named": g.named, "guessed": g.guessed, "right": g.right}
            for g in found.genres
        ],
        "coverage": {
            "on_arrival": _part(found.at_once, found.at_once + found.waited),
            "by_now": _part(found.written.files, found.at_once + found.waited),
        },
        "promise": found.promise,
        "written": _written(found.written),
        "best_guesses": _written(found.guessed),
        "after_corrections": _written(found.propagated),
        "last_training": found.night and _night_json(found.night),
    }


def _night(db: Database) -> Night | None:
    run = runs.last_run(db)
    if run is None:
        return None
    switched = run.outcome == "promoted" and run.version and run.ended_at
    changed = since(db, run.version or "", as_time(run.ended_at or "")) if switched else None
    return Night(run=run, since=changed)


def _tally(counted: Tally) -> dict[str, Any]:
    return {
        "files": counted.files,
        "named": counted.wrong.of,
        "wrong": counted.wrong.hits,
        "wrong_per_100_named": _per_100(counted.wrong.value),
        "low": _per_100(counted.wrong.low),
        "high": _per_100(counted.wrong.high),
        "left_as_written": counted.silent,
        "wrong_per_100_if_those_are_right": _per_100(counted.at_best),
        "unknown": counted.unknown,
    }


def _block(block: Block) -> dict[str, Any]:
    place = {"first": block.first, "last": block.last, "ended": block.ended}
    return {**place, **_tally(block.tally)}


def _written(counted: Written) -> dict[str, Any]:
    return {
        "files": counted.files,
        "changed": counted.changed,
        "undone": counted.undone,
        "right_at_best": _rounded(counted.at_best),
        "asked": _share(counted.asked),
    }


def _share(counted: Share) -> dict[str, Any]:
    return {
        "of": counted.of,
        "right": counted.hits,
        "share": _rounded(counted.value),
        "low": round(counted.low, 4),
        "high": round(counted.high, 4),
    }


def _night_json(night: Night) -> dict[str, Any]:
    run, changed = night.run, night.since
    return {
        "at": run.ended_at,
        "asked_by": run.asked_by,
        "outcome": run.outcome,
        "reason": run.reason,
        "version": run.version,
        "since": changed
        and {
            "judged_anew": changed.judged,
            "guessed_otherwise_than_on_arrival": changed.differing,
            "written": changed.written,
        },
    }


def _part(count: int, of: int) -> dict[str, Any]:
    return {"files": count, "of": of, "share": round(count / of, 4) if of else None}


def _per_100(value: float | None) -> float | None:
    return None if value is None else round(100 * value, 1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
