"""What else a person can settle: batches of edits, renames, words that contradict each other.

A read of the record; it asks nobody.
"""

from dataclasses import dataclass

from sqlite_utils import Database

from core.decision.conflicts import Conflict, conflicts
from core.decision.vocabulary import vocabulary
from core.library import batches, evidence, feedback_log, taxonomy
from daemon.genres import offered_renames

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
    return conflicts(said, embeddings, names.key)
