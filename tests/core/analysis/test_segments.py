"""The plan of segments is even, on the grid, bounded, and works for any length."""

import itertools

import pytest

from core.analysis.segments import FRAME, HOP, RATE, Span, frames_in, plan_segments

LENGTHS = (0.0, 0.01, 0.5, 1.0, 2.0, 4.99, 5.0, 5.5, 6.0, 9.0, 10.0, 30.0, 65.0, 240.0, 10_800.0)


@pytest.mark.parametrize(
    ("seconds", "segments"),
    [(1, 1), (5, 1), (5.6, 1), (8, 1), (8.5, 2), (30, 9), (70, 24), (240, 24), (10_800, 24)],
)
def test_short_tracks_have_fewer_segments(seconds, segments):
    """A segment starts at most every 2.5 s, and there are 24 at most."""
    assert len(plan_segments(seconds).segments) == segments


@pytest.mark.parametrize("seconds", LENGTHS)
def test_everything_lies_inside_the_track_and_on_the_grid(seconds):
    """Segments lie in their contexts, contexts in the windows, windows in the track."""
    plan = plan_segments(seconds)
    total = max(1, round(seconds * RATE))

    assert len(plan.contexts) == len(plan.segments) >= 1
    for segment, context in zip(plan.segments, plan.contexts, strict=True):
        assert segment.start % HOP == context.start % HOP == 0
        assert context.start <= segment.start < segment.stop <= context.stop
        assert any(w.start <= context.start and context.stop <= w.stop for w in plan.windows)
    assert plan.windows[0].start >= 0
    assert plan.windows[-1].stop <= total


def test_segments_spread_evenly_over_the_middle_ninety_percent():
    """The first starts at 5 %, the last ends at 95 %, the steps are equal."""
    plan = plan_segments(240)
    starts = [segment.start for segment in plan.segments]
    steps = [later - earlier for earlier, later in itertools.pairwise(starts)]

    assert starts[0] == pytest.approx(0.05 * 240 * RATE, abs=HOP)
    assert plan.segments[-1].stop == pytest.approx(0.95 * 240 * RATE, abs=HOP)
    assert max(steps) - min(steps) <= HOP


def test_segment_and_context_are_the_frames_of_five_and_ten_seconds():
    """Whole frames only, so the lengths are a little less than 5 and 10 s."""
    plan = plan_segments(100)

    assert {s.frames for s in plan.segments} == {frames_in(5 * RATE)} == {212}
    assert {c.frames for c in plan.contexts} == {frames_in(10 * RATE)} == {427}


def test_context_is_moved_inwards_at_the_ends_of_the_track():
    """The first segment of a short track has its ten seconds all the same."""
    plan = plan_segments(30)

    assert plan.contexts[0] == Span(start=0, stop=426 * HOP + FRAME)
    assert plan.contexts[-1].stop <= 30 * RATE


def test_windows_do_not_overlap_where_contexts_do():
    """What two contexts share is decoded once."""
    for seconds in (30, 240, 600, 3600):
        windows = plan_segments(seconds).windows
        assert all(a.stop < b.start for a, b in itertools.pairwise(windows))
    assert len(plan_segments(30).windows) == 1
    assert len(plan_segments(3600).windows) == 24
