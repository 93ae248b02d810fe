"""Which of our writes a person means when they take something back, and until when.

Chooses and forgets; the writes themselves are carried out at the desk. What a person
changed since is never among what is taken back: the journal refuses that.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlite_utils import Database

from core.errors import ConfigError, WriteRefused
from core.library import lots, writes
from core.library.feedback_log import FeedbackRow
from core.library.files import FileRow
from core.library.lots import Acts
from core.library.writes import WriteRow
from daemon.config import Tags

__all__ = [
    "Choice",
    "chosen",
    "chosen_acts",
    "chosen_at",
    "chosen_since",
    "forget",
    "forgettable",
    "moment_of",
    "standing_down_to",
    "undo_trouble",
]

SPANS = {
    "s": "seconds", "sec": "seconds", "second": "seconds",
    "m": "minutes", "min": "minutes", "minute": "minutes",
    "h": "hours", "hour": "hours",
    "d": "days", "day": "days",
    "w": "weeks", "week": "weeks",
}  # fmt: skip
SPAN = re.compile(r"(\d+)\s*([a-z]+?)s?(?:\s+ago)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A file, and the earliest of our writes to it that is to be taken back, or a refusal."""

    path: str
    back_to: int | None = None  # None is the last alone
    refusal: int | None = None  # the word "not this" in place of a write


def chosen(rows: Iterable[WriteRow]) -> list[Choice]:
    """Return one choice a file for these writes, the file written last comes first."""
    earliest: dict[str, int] = {}
    for row in rows:
        earliest[row.path] = min(row.id, earliest.get(row.path, row.id))
    return [Choice(path=path, back_to=write) for path, write in earliest.items()]


def chosen_acts(acts: Acts) -> list[Choice]:
    """Return the choices that take back all that these acts wrote and refused."""
    return [*chosen(acts.writes), *map(_refused, acts.refusals)]


def chosen_since(db: Database, moment: datetime) -> list[Choice]:
    """Return the choices that take back all that was written and refused since *moment*."""
    refusals = lots.refusals_since(db, moment)
    return [*chosen(writes.writes_since(db, moment)), *map(_refused, refusals)]


def chosen_at(db: Database, path: str) -> Choice:
    """Return the last of what was written to a file, or refused for it."""
    write, refusal = writes.newest_standing_write(db, path), lots.newest_refusal(db, path)
    if refusal is not None and (write is None or refusal.at > write.begun_at):
        return _refused(refusal)
    return Choice(path=path)


def _refused(word: FeedbackRow) -> Choice:
    return Choice(path=word.path, refusal=word.id)


def standing_down_to(db: Database, file: FileRow, back_to: int | None) -> list[WriteRow]:
    """Return the standing writes of a file down to *back_to*, or the last, the latest first.

    What was done to other music at the same path is none of them. Raises WriteRefused where
    nothing is left.
    """
    standing = writes.standing_writes_at(db, file.path)
    ours = [row for row in standing if row.fingerprint == file.fingerprint]
    if not ours:
        raise WriteRefused(
            "other music lies there now, so there is nothing of ours to take back", file.path
        )
    return ours[:1] if back_to is None else [row for row in ours if row.id >= back_to]


def moment_of(text: str, now: datetime) -> datetime:
    """Return the moment that a person names: "2 hours", "yesterday", "2026-05-01T12:00".

    Without a time zone it is local time. Raises ConfigError where no moment is named.
    """
    said = text.strip().casefold()
    midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    if said in ("today", "yesterday"):
        return midnight if said == "today" else midnight - timedelta(days=1)
    span = SPAN.fullmatch(said)
    try:
        if span and span[2] in SPANS:
            return now - timedelta(**{SPANS[span[2]]: int(span[1])})
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError) as error:
        remedy = 'give it as "2 hours", "yesterday" or "2026-05-01T12:00"'
        raise ConfigError(f"{text!r} is no time", None, remedy) from error


def forgettable(db: Database, paths: Iterable[str], before: datetime | None) -> list[WriteRow]:
    """Return the writes of these files, or from *before* a moment, that keep an undo record."""
    rows = [row for path in paths for row in writes.writes_at(db, path) if row.state == "done"]
    if before is not None:
        rows = writes.writes_before(db, before)
    return [row for row in rows if row.undo_size]


def forget(db: Database, rows: Iterable[WriteRow]) -> int:
    """Drop these undo records and return how many bytes that frees."""
    freed = 0
    for row in rows:
        writes.forget_undo(db, row.id)
        freed += row.undo_size
    return freed


def undo_trouble(db: Database, tags: Tags) -> str | None:
    """Say why nothing may be written now: there is no room for what would take it back."""
    if writes.undo_bytes(db) < tags.undo_mb * 10**6:
        return None
    return (
        f"what takes our writes back has reached its bound of {tags.undo_mb} MB, so nothing is "
        "written; raise tags.undo_mb, or: genrewatch undo --forget --before TIME"
    )
