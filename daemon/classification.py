"""What `classify` and the page show of one file: plain data, the same for both."""

from dataclasses import dataclass

from core.decision.verdict import GenreConfidence

__all__ = ["Classification", "SegmentView"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentView:
    """One segment of the timeline: where it starts, and its three best genres."""

    start_s: float
    genres: tuple[GenreConfidence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """A verdict as shown to a person; writes nothing."""

    path: str
    decision: str  # "write", "not sure", "leave" or "error"
    reason: str
    genres: tuple[GenreConfidence, ...] = ()
    segments: tuple[SegmentView, ...] = ()
    duration_s: float = 0.0
