"""All that was done to one file and said of it, in the order it came about."""

from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from core.library import feedback_log, files, writes
from core.library.feedback_log import FeedbackRow
from core.library.writes import WriteRow

__all__ = ["Event", "history_of"]

REPLACED = "another file of this track lies there now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One write or one word."""

    at: str
    what: str  # "write" or "feedback"
    cause: str  # of a write its cause, of a word what kind it is
    by: str  # whose the genre was from then on, or by what means the person spoke
    old: tuple[str, ...]
    new: tuple[str, ...]
    state: str = "done"  # of a write: "open", "done", "undone" or "failed"
    reason: str = ""
    undoes: str | None = None  # when the write was begun that this one took back

    def as_json(self) -> dict[str, Any]:
        """Return the event as `history --json` shows it."""
        shared: dict[str, Any] = {"at": self.at, "old": list(self.old), "new": list(self.new)}
        if self.what == "feedback":
            return {"what": self.what, **shared, "kind": self.cause, "via": self.by}
        return {
            "what": self.what,
            **shared,
            "cause": self.cause,
            "origin": self.by,
            "state": self.state,
            "reason": self.reason,
            "undoes": self.undoes,
        }


def history_of(db: Database, path: str) -> list[Event]:
    """Return the writes of the file and the words on its track, the oldest first."""
    row = files.file_at(db, path)
    done = writes.writes_at(db, path)
    tracks = {write.fingerprint for write in done} | {row.fingerprint if row else None}
    said = [
        word
        for fingerprint in sorted(filter(None, tracks))
        for word in feedback_log.story_of_track(db, fingerprint)
    ]
    begun = {write.id: write.begun_at for write in done}
    events = [_write(write, begun) for write in done] + [_word(word) for word in said]
    return sorted(events, key=lambda event: event.at)


def _write(row: WriteRow, begun: dict[int, str]) -> Event:
    return Event(
        at=row.begun_at,
        what="write",
        cause=row.cause,
        by=row.origin,
        old=row.old,
        new=row.new,
        state=row.state,
        reason=row.reason or (REPLACED if row.replaced else ""),
        undoes=None if row.undoes is None else begun.get(row.undoes),
    )


def _word(row: FeedbackRow) -> Event:
    return Event(at=row.at, what="feedback", cause=row.kind, by=row.via, old=row.old, new=row.new)
