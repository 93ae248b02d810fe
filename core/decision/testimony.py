"""Which of a person's words may say how good the model is?

Only words that nobody chose by what the model had said: names given to music that bore no
word of ours, and answers to random audits. Corrections, confirmations and answers in review
were picked by the person or by us, so they are learned from but set no threshold. Pure.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from core.library.feedback_log import NAMED, FeedbackRow
from core.names import group_of

__all__ = ["AUDIT", "Testimony", "met_artists", "unprompted"]

AUDIT = "audit"
OF_ONE_S_OWN = ("retag", "tag")  # where a person names a genre without having seen a guess


@dataclass(frozen=True, slots=True, kw_only=True)
class Testimony:
    """What a person says a track is, and whose it is."""

    fingerprint: str
    genre: str  # empty where an audit was answered by "not that" alone
    artist: str  # a key; the folder where nobody is named
    refused: str = ""  # the genre that it is not


def unprompted(rows: Iterable[FeedbackRow]) -> tuple[Testimony, ...]:
    """Return the testimonies in all feedback *rows*, the oldest first; the last word counts.

    A track that was audited is one. So is one of which every word is a label that its person
    came up with: a single reaction to a word of ours, and it is none. What a program did to
    many files is no word at all.
    """
    said: dict[str, list[FeedbackRow]] = defaultdict(list)
    for row in rows:
        if row.whose == "person":
            said[row.fingerprint].append(row)
    free = [words for words in said.values() if _is_free(words)]
    return tuple(_testimony(words[-1]) for words in free if words[-1].new or words[-1].old)


def met_artists(rows: Iterable[FeedbackRow], trained: Collection[str]) -> set[str]:
    """Return the artists of whom a model was *trained* on a labelled track.

    *rows* is feedback, *trained* the fingerprints that the model knows. Artists are named as in
    testimonies.
    """
    return {_artist(row) for row in rows if row.fingerprint in trained}


def _is_free(words: list[FeedbackRow]) -> bool:
    if words[-1].via == AUDIT and words[-1].kind == "rejection":
        return True
    if words[-1].kind not in NAMED:
        return False
    audited = any(row.via == AUDIT for row in words)
    return audited or all(row.kind == "label" and row.via in OF_ONE_S_OWN for row in words)


def _testimony(row: FeedbackRow) -> Testimony:
    if row.kind == "rejection":
        return Testimony(
            fingerprint=row.fingerprint, genre="", artist=_artist(row), refused=row.old[0]
        )
    return Testimony(fingerprint=row.fingerprint, genre=row.new[0], artist=_artist(row))


def _artist(row: FeedbackRow) -> str:
    return group_of(row.artist, row.album_artist, row.path)
