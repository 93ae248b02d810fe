"""What else a person can settle: batches of edits, renames, words that contradict each other.

A read of the record; it asks nobody.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlite_utils import Database

from core.decision.conflicts import Conflict, conflicts
from core.decision.vocabulary import vocabulary
from core.library import batches, evidence, feedback_log, files, taxonomy
from daemon.telling.genres import offered_renames

__all__ = ["Questions", "contradictions", "questions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """How many of each there are."""

    batches: int
    renames: int
    conflicts: int


def questions(db: Database) -> Questions:
    """Return how many questions wait beside those on files."""
    return Questions(
        batches=len(batches.unanswered(db)),
        renames=len(offered_renames(db)),
        conflicts=len(contradictions(db)),
    )


def contradictions(db: Database) -> tuple[Conflict, ...]:
    """Return where people's words contradict each other, the oldest first."""
    heard = evidence.voiced(db)
    embeddings = dict(zip(heard.fingerprints, heard.heard, strict=True))
    said = [row for row in feedback_log.all_feedback(db) if row.whose == "person"]
    names = vocabulary(taxonomy.relations(db), taxonomy.named(db), (), ())
    found = conflicts(said, embeddings, names.key)
    return tuple(one for one in found if one.kind != "two names" or _lie_there(db, one.paths))


def _lie_there(db: Database, paths: Iterable[str]) -> bool:
    """Say whether all of these are files still: one that moved is no second file of its track."""
    rows = (files.file_at(db, path) for path in paths)
    return all(row is not None and row.gone_at is None for row in rows)
