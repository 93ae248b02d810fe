"""What does a changed tag mean? The difference between a person's word and an accident.

Pure: what we last knew and what a settled file now says in, one meaning out. Compared are
folded sets of genres (case, spaces, hyphens, "&"; never aliases), so a change of separator,
of order or of reader is no feedback.
"""

from dataclasses import dataclass
from enum import StrEnum

from core.taxonomy import fold_all

__all__ = ["Kind", "LastKnown", "Meaning", "Origin", "Seen", "interpret", "kind_of_word"]


class Origin(StrEnum):
    """Whose a genre value is."""

    NONE = "none"  # there is no genre, and nobody removed one
    PERSON = "person"  # an edit we saw, a command, an answer in review; also a removed genre
    ARRIVED = "arrived"  # in the file when first seen
    PROGRAM = "program"  # edits that a program seems to have made
    OURS = "ours"


class Kind(StrEnum):
    """What a retag is."""

    CORRECTION = "correction"  # ours → other
    REJECTION = "rejection"  # ours → none
    LABEL = "label"  # none → theirs, theirs → theirs
    CONFIRMATION = "confirmation"  # only by an explicit act
    REVERSION = "reversion"  # back to what stood there before us: a player's database, a restore


@dataclass(frozen=True, slots=True, kw_only=True)
class LastKnown:
    """What we last knew of the file's tag; what stood before only where the genre is ours."""

    genres: tuple[str, ...]
    origin: Origin
    other: str  # digest of the other tags
    before_us: tuple[str, ...] | None = None  # what stood there before our write
    mtime_ns: int | None = None  # the file's; or when we wrote by the clock, if that is later
    was_away: bool = False  # the file vanished in between, or came from elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the settled file says now."""

    genres: tuple[str, ...]
    other: str
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What to record: the feedback, if any, and whose the genre is from now on."""

    origin: Origin
    kind: Kind | None = None
    spelled: bool = False  # the person spells the same genres differently

    @property
    def speaks(self) -> bool:
        """Say whether this would be recorded as a person's doing, and so needs a second look."""
        return self.kind is not None or self.spelled


def interpret(last: LastKnown, seen: Seen) -> Meaning:
    """Return what the change from *last* to *seen* means (same track, tag readable)."""
    if fold_all(last.genres) == fold_all(seen.genres):
        return _same_genres(last, seen)
    if _is_reversion(last, seen):
        return Meaning(kind=Kind.REVERSION, origin=_origin_of_old(seen))
    return Meaning(kind=_kind(last, seen), origin=Origin.PERSON)


def kind_of_word(old: tuple[str, ...], old_origin: Origin, new: tuple[str, ...]) -> Kind | None:
    """Return what an explicit word (command, review, page) is; None where it says nothing."""
    if not new:
        return Kind.REJECTION if old_origin is Origin.OURS and old else None
    if old_origin is Origin.OURS and old:
        same = fold_all(old) == fold_all(new)
        return Kind.CONFIRMATION if same else Kind.CORRECTION
    return Kind.LABEL


def _same_genres(last: LastKnown, seen: Seen) -> Meaning:
    if set(last.genres) == set(seen.genres):
        return Meaning(origin=last.origin)
    return Meaning(origin=Origin.PERSON, spelled=True)


def _is_reversion(last: LastKnown, seen: Seen) -> bool:
    if last.origin is not Origin.OURS or last.before_us is None:
        return False
    if fold_all(seen.genres) != fold_all(last.before_us):
        return False
    older = last.mtime_ns is not None and seen.mtime_ns < last.mtime_ns
    return older or last.was_away or seen.other != last.other


def _origin_of_old(seen: Seen) -> Origin:
    return Origin.ARRIVED if seen.genres else Origin.NONE


def _kind(last: LastKnown, seen: Seen) -> Kind | None:
    if last.origin is Origin.OURS and last.genres:
        return Kind.CORRECTION if seen.genres else Kind.REJECTION
    return Kind.LABEL if seen.genres else None  # a person emptied their own genre
