"""What `classify` and the page show of one file: plain data, the same for both."""

from dataclasses import dataclass

from core.decision.explain import BlockShare, TagShare
from core.decision.memory import Evidence
from core.decision.verdict import GenreConfidence

__all__ = ["Classification", "Explanation", "MemberView", "Neighbour", "SegmentView"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentView:
    """One segment of the timeline: where it starts, and its three best genres."""

    start_s: float
    genres: tuple[GenreConfidence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """What one member of the model says by itself, and its share of the vote."""

    kind: str  # as the manifest has it
    share: float
    says: GenreConfidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A labelled track that sounds alike."""

    path: str
    name: str  # artist and title where they are known, else the file's name
    genres: tuple[str, ...]
    likeness: float  # cosine


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a track was judged so; None stands for what is not known of this model or track."""

    alone: tuple[GenreConfidence, ...]  # the model's own word, before anybody else's
    members: tuple[MemberView, ...]
    blocks: tuple[BlockShare, ...] | None  # for the first genre of *alone* against the second
    tags: tuple[TagShare, ...] | None
    neighbours: tuple[Neighbour, ...]
    alike_by: str  # what the neighbours were compared by: "backbone", "features" or ""
    evidence: Evidence
    rests_on: str  # the verdict's evidence: "model", or who else spoke
    right: float | None  # chance that the first genre is right, where the model says it
    outside: float | None  # how likely it is of none of the learned genres, where it can tell
    foreign: float | None  # from which *outside* on nothing is written; None: from none
    threshold: float | None  # of what is written; None for want of evidence
    promise: float | None  # precision that the threshold is to keep; None: it was set by hand
    footing: str  # what the threshold rests on: "base", "your library" or "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """A verdict as shown to a person; writes nothing."""

    path: str
    decision: str  # "write", "not sure", "leave" or "error"
    reason: str
    genres: tuple[GenreConfidence, ...] = ()
    segments: tuple[SegmentView, ...] = ()
    duration_s: float = 0.0
    why: Explanation | None = None  # only where it was asked for
    outside: float = 0.0  # how likely it is of none of the genres that the model learned
    suggested: tuple[GenreConfidence, ...] = ()  # genres beyond those, never written
