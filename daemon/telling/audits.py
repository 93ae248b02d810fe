"""The audits that are due: drawn once, kept in the record until they are answered.

What a person named or refused of their own accord meanwhile is taken as the answer. Asks
nobody.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from sqlite_utils import Database

from core.decision.auditing import Why, drawable, drawn
from core.decision.feedback import Origin
from core.decision.testimony import AUDIT
from core.library import audits, feedback_log, files
from core.library.codec import time_text
from core.library.feedback_log import FeedbackRow
from core.library.files import FileRow
from core.library.schema import writing

__all__ = ["Audit", "count_due", "due"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """A track that a person is asked about: what we wrote, and the file as it is now."""

    row: FileRow
    genre: str  # that we wrote
    written_at: datetime
    why: Why
    taken_back: bool  # our genre stands there no more, though nobody named another


def due(db: Database, now: datetime, rng: Random, a_week: int) -> tuple[Audit, ...]:
    """Return what a person is to be asked, drawing anew where it is time; none at 0 *a_week*."""
    with writing(db):
        why, fresh = drawn(audits.promised(db), audits.asked(db), now, rng, a_week)
        for item in fresh:
            audits.record_asked(db, item.fingerprint, why.value, now)
        _take_answers(db, now)
    return tuple(_open(db)) if a_week else ()


def count_due(db: Database, now: datetime, a_week: int) -> int:
    """Return how many tracks `due` would ask about, drawing none."""
    _, fresh, count = drawable(audits.promised(db), audits.asked(db), now, a_week)
    waiting = [item for item in _open(db) if _word_since(db, item) is None] if a_week else []
    return min(len(fresh), count) + len(waiting)


def _open(db: Database) -> Iterable[Audit]:
    """The tracks that were drawn and wait for an answer, those whose file is there."""
    written = {item.fingerprint: item for item in audits.promised(db)}
    for item in audits.asked(db):
        if item.answered or item.fingerprint not in written:
            continue
        ours = written[item.fingerprint]
        row = files.file_at(db, ours.path)
        if row is None or row.gone_at or row.fingerprint != ours.fingerprint:
            continue
        stands = row.origin == Origin.OURS and row.genres == ours.genres
        yield Audit(
            row=row,
            genre=ours.genres[0],
            written_at=ours.at,
            why=Why(item.why),
            taken_back=not stands,
        )


def _take_answers(db: Database, now: datetime) -> None:
    """Let what a person said of a drawn track be the answer, so that no error is left out."""
    for item in list(_open(db)):
        word = _word_since(db, item)
        if word is not None:
            # the same word once more: of the same act, and no edit of its own
            said = replace(word, old=word.old or (item.genre,), via=AUDIT, edited_ns=None)
            feedback_log.record_feedback(db, said, now)
            audits.record_answered(db, word.fingerprint, now)


def _word_since(db: Database, item: Audit) -> FeedbackRow | None:
    """What a person last said of the track after we wrote; None where nothing is said of it."""
    said = feedback_log.feedback_of_track(db, item.row.fingerprint or "")
    begun = time_text(item.written_at)
    since = [
        row for row in said if row.at >= begun and row.kind != "reversion" and row.whose == "person"
    ]
    if not since:
        return None
    last = since[-1]
    speaks = last.kind in feedback_log.NAMED or (last.kind == "rejection" and last.old)
    return last if speaks else None
