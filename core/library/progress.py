"""What became of each first guess: what a person said of the track, what we wrote into it.

A read for `stats`; it judges nothing. Words count that a person said; what a program did and
what a restore put back do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from core.library.arrivals import COLUMNS, ArrivalRow, as_arrival
from core.library.codec import as_list, time_text
from core.library.feedback_log import NAMED

__all__ = ["Followed", "Since", "followed", "since"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A first guess and what came of it."""

    first: ArrivalRow
    named: str | None = None  # the genre in a person's last word on the track
    refused: tuple[str, ...] = ()  # or what that word says it is not
    audited: bool = False  # it was drawn to be asked about, and answered
    artist: str = ""  # key of the artist, where the person said something
    written: str | None = None  # what we wrote first
    cause: str | None = None  # of that write
    written_at: str | None = None
    undone: bool = False  # it was taken back


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What changed for files that were not sure since a model took over."""

    judged: int  # that it has judged anew
    differing: int  # of them with another first genre than on arrival
    written: int  # that waited before and were written since


def followed(db: Database) -> list[Followed]:
    """Return every first guess with what came of it, the oldest first."""
    first = ", ".join(f"arrivals.{column}" for column in COLUMNS.split(", "))
    rows = db.execute(
        f"""
        select {first},
            word.kind, word.old, word.new, word.artist_key,
            audits.answered_at is not null,
            ours.new, ours.cause, ours.begun_at, ours.state
        from arrivals
        left join audits on audits.fingerprint = arrivals.fingerprint
        left join feedback as word on word.id = (
                select max(words.id)
                from words
                where words.fingerprint = arrivals.fingerprint and words.kind != 'reversion'
            )
        left join tag_writes as ours on ours.id = (
                select min(id)
                from tag_writes
                where fingerprint = arrivals.fingerprint
                    and origin = 'ours'
                    and undoes is null
                    and state in ('done', 'undone')
            )
        order by arrivals.at, arrivals.rowid
        """
    )
    return [_followed(row) for row in rows]


def since(db: Database, version: str, moment: datetime) -> Since:
    """Return what changed for files that waited when the model *version* took over at *moment*."""
    row = db.execute(
        """
        with waiting as (
            select arrivals.fingerprint, arrivals.genre
            from arrivals
            where arrivals.at < :moment and arrivals.decision = 'not sure'
        ),
        judged as (
            select waiting.genre, json_extract(verdicts.genres, '$[0][0]') as now
            from waiting
            join verdicts using (fingerprint)
            where verdicts.model_version = :version and verdicts.at >= :moment
        )
        select
            (select count(*) from judged),
            (select count(*) from judged where now is not genre),
            (
                select count(distinct fingerprint)
                from tag_writes
                join waiting using (fingerprint)
                where origin = 'ours' and undoes is null and state = 'done' and begun_at >= :moment
            )
        """,
        {"version": version, "moment": time_text(moment)},
    ).fetchone()
    return Since(judged=row[0], differing=row[1], written=row[2])


def _followed(row: Sequence[Any]) -> Followed:
    width = len(COLUMNS.split(", "))
    kind, old, new, artist, audited, wrote, cause, wrote_at, state = row[width:]
    said, written = as_list(new or "[]"), as_list(wrote or "[]")
    return Followed(
        first=as_arrival(row[:width]),
        named=said[0] if kind in NAMED and said else None,
        refused=as_list(old) if kind == "rejection" else (),
        audited=bool(audited),
        artist=artist or "",
        written=written[0] if written else None,
        cause=cause,
        written_at=wrote_at,
        undone=state == "undone",
    )
