"""When is a file still? Time is a number here."""

from daemon.life.settle import Settling
from tests.factories import stamp

A, B = "/m/a.mp3", "/m/b.mp3"


def due(settling: Settling, now: float) -> list[str]:
    return [path for path, _ in settling.due(now)]


def test_a_file_falls_due_once_after_the_settle_time() -> None:
    """Not before, and not twice."""
    settling = Settling(5.0)
    settling.arm(A, stamp(), 0.0)

    assert due(settling, 4.9) == []
    assert due(settling, 5.0) == [A]
    assert due(settling, 99.0) == []


def test_each_change_starts_the_time_over() -> None:
    """A slow download is waited for as long as it takes."""
    settling = Settling(5.0)
    for second in range(100):
        settling.arm(A, stamp(size=second), float(second))
        assert due(settling, float(second)) == []

    assert due(settling, 104.0) == [A]


def test_repeated_hints_without_a_change_do_not_delay() -> None:
    """Events come in bursts; only the stamp tells a change."""
    settling = Settling(5.0)
    settling.arm(A, stamp(), 0.0)
    settling.arm(A, stamp(), 4.0)

    assert due(settling, 5.0) == [A]


def test_rearming_waits_a_full_time_more() -> None:
    """The second look at a retag comes a settle time later, changed or not."""
    settling = Settling(5.0)
    settling.arm(A, stamp(), 0.0)
    settling.rearm(A, stamp(), 4.0)

    assert due(settling, 8.0) == []
    assert due(settling, 9.0) == [A]


def test_the_next_to_fall_due_is_known() -> None:
    """So that the loop sleeps until then."""
    settling = Settling(5.0)
    assert settling.next_due() is None
    settling.arm(A, stamp(), 0.0)
    settling.arm(B, stamp(), 1.0)
    settling.arm(A, stamp(size=2), 3.0)

    assert settling.next_due() == 6.0
    settling.drop(B)
    assert settling.next_due() == 8.0
    assert A in settling
    assert len(settling) == 1
