"""A power cut at any instant: each step of a write is on disk before the next begins."""

import shutil

import pytest

from benchmarks import order

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_each_step_of_a_write_is_on_disk_before_the_next() -> None:
    """Journal, copy, undo record, exchange, folder, close, removal: traced in a real run."""
    figures = order.main(["--files", "5", "--commands", "2"])

    assert figures["bad_ones"] == []
    assert figures["writes_seen"] == figures["writes_done"] == 9


def test_a_step_out_of_order_is_noticed() -> None:
    """The exchange before the copy was on disk, and a step that never came, are told."""
    seen = {
        step: order.Event(start=at, end=at + 0.5, call="") for at, step in enumerate(order.STEPS)
    }
    whole = order.Course(path=b"a", scratch=b"b", seen=seen)
    late = order.Event(start=4.2, end=4.4, call="")

    assert whole.fault() == ""
    assert order.Course(path=b"a", scratch=b"b", seen=seen | {order.STEPS[2]: late}).fault() == (
        "undo record on disk before copy on disk"
    )
    del seen[order.STEPS[5]]
    assert order.Course(path=b"a", scratch=b"b", seen=seen).fault() == "folder on disk: not seen"
