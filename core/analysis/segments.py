"""Which parts of a track are heard: the plan of segments, contexts and windows.

Pure arithmetic on lengths. Everything lies on one grid of hops, so that segments which
overlap share their spectra. It knows no file and no decoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = [
    "FRAME",
    "HOP",
    "MAX_SEGMENTS",
    "RATE",
    "Plan",
    "Span",
    "frames_in",
    "plan_segments",
    "union",
]

RATE = 22_050  # Hz; everything is analysed at this rate, in mono
FRAME = 2048  # samples under one window of the Fourier transform
HOP = 512  # samples from one frame to the next
MAX_SEGMENTS = 24

_SEGMENT_FRAMES = 212  # 110,080 samples, the whole frames that fit into 5 s
_CONTEXT_FRAMES = 427  # 220,160 samples, the whole frames that fit into 10 s
_MIN_STEP_S = 2.5  # segments overlap by half at most
_EDGE = 0.05  # share of the track left out at each end: fades, applause, leading silence


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Samples [start, stop) of the track at RATE."""

    start: int
    stop: int

    @property
    def frames(self) -> int:
        """Whole frames that fit in, at least one (what is too short is padded)."""
        return frames_in(self.stop - self.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The segments of a track, the context of each for rhythm, and the union to decode.

    All segments have one length and all contexts have one length.
    """

    segments: tuple[Span, ...]
    contexts: tuple[Span, ...]
    windows: tuple[Span, ...]


def frames_in(samples: int) -> int:
    """Return how many whole frames fit into *samples*, at least one."""
    return max(1, 1 + (samples - FRAME) // HOP)


def plan_segments(duration_s: float) -> Plan:
    """Spread up to 24 segments of 5 s evenly over 5-95 % of a track of *duration_s* seconds.

    Each has the 10 s around it as context, moved inwards at the ends of the track. A track
    shorter than a segment is one segment, its own context.
    """
    total = max(1, round(duration_s * RATE))
    segment = _length(_SEGMENT_FRAMES)
    if total <= segment:
        whole = Span(start=0, stop=total)
        return Plan(segments=(whole,), contexts=(whole,), windows=(whole,))
    context = _length(min(_CONTEXT_FRAMES, frames_in(total)))
    segments = [Span(start=s, stop=s + segment) for s in _starts(total, segment)]
    contexts = [_around(s, context, total) for s in segments]
    return Plan(segments=tuple(segments), contexts=tuple(contexts), windows=union(contexts))


def _length(frames: int) -> int:
    return (frames - 1) * HOP + FRAME


def _starts(total: int, segment: int) -> list[int]:
    first, last = _EDGE * total, (1 - _EDGE) * total - segment
    if last <= first:
        return [_on_grid((total - segment) / 2)]
    count = min(MAX_SEGMENTS, 1 + int((last - first) / (_MIN_STEP_S * RATE)))
    return [_on_grid(s) for s in np.linspace(first, last, count)]


def _around(segment: Span, context: int, total: int) -> Span:
    centre = (segment.start + segment.stop) / 2
    start = _on_grid(min(max(centre - context / 2, 0), total - context))
    return Span(start=start, stop=start + context)


def _on_grid(sample: float) -> int:
    return int(sample) // HOP * HOP


def union(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Return what *spans*, ordered by their start, cover together."""
    merged = [spans[0]]
    for span in spans[1:]:
        if span.start <= merged[-1].stop:
            merged[-1] = Span(start=merged[-1].start, stop=max(span.stop, merged[-1].stop))
        else:
            merged.append(span)
    return tuple(merged)
