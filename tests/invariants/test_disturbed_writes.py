"""Invariant 1 below Python: whatever strikes a whole write, the music is the old or the new.

Short forms of the benchmarks of the same names; `python -m benchmarks NAME` is the whole.
"""

import subprocess
import sys

import pytest

from benchmarks import faults, growth, mover
from benchmarks.tools.points import Points, Unable
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def can_strike(tmp_path):
    """Skip where no call to the system can be struck, and say why."""
    try:
        Points(tmp_path)
    except Unable as error:
        pytest.skip(str(error))


def test_a_fault_at_any_call_of_a_write_or_an_undo_does_no_harm():
    """Two formats, every 13th call; plain mutagen beside it shows that harm would be seen."""
    figures = faults.main(["--formats", "mp3", "flac", "--step", "13"])

    assert figures["bad_ones"] == []
    assert figures["trials"] > 200
    assert all(row[way]["new"] and row[way]["old"] for row in rows(figures) for way in faults.OURS)
    assert figures["naive_bad"] > 0


def test_whatever_another_program_does_meanwhile_stands():
    """Moved, replaced, edited, deleted at each step of a write: nothing lost, nothing left."""
    figures = mover.main(["--formats", "flac", "--trials", "110"])

    assert figures["bad_ones"] == []
    assert figures["trials"] == 110
    assert set(figures["table"]) == set(mover.EXPECTED)


def test_large_pictures_never_enter_the_record():
    """Writes and undos of files with a picture of 5 MB grow the state by some hundred bytes."""
    figures = growth.main(["--formats", "mp3", "flac", "ogg", "m4a", "wav", "--writes", "15"])

    assert figures["writes"] == 15
    assert max(row["bytes_most"] for row in figures["undo_records"].values()) < 10_000
    assert all(row["records"] for row in figures["undo_records"].values())
    assert figures["passed"]


def rows(figures):
    return figures["table"].values()


# --- the striker itself ----------------------------------------------------------------
# run in a process of its own: pytest's has threads, and those do not survive a fork


STRIKER = """
import errno, os, sys
from pathlib import Path
from benchmarks.tools import points as striker
from benchmarks.tools.points import FAIL, KILL, SHORT, STOP, Fault, Hung, Points

root = Path(sys.argv[1])
points, file = Points(root), root / "a"

def work():
    fd = os.open(file, os.O_WRONLY | os.O_CREAT)
    try:
        return os.write(fd, b"12345678")
    finally:
        os.close(fd)

whole = points.run(work)
assert (len(whole.calls), whole.writes, whole.value, whole.struck) == (3, [2], 8, 0), whole
file.unlink()

failed = points.run(work, Fault(name="", act=FAIL, code=errno.ENOSPC), 2)
assert failed.error.errno == errno.ENOSPC and file.read_bytes() == b"", failed

short = points.run(work, Fault(name="", act=SHORT), 2)
assert short.value == 4 and file.read_bytes() == b"1234", short

killed = points.run(work, Fault(name="", act=KILL), 2)
assert killed.killed and file.read_bytes() == b"1234", killed

seen = []
held = points.run(work, STOP, 2, meanwhile=lambda: bool(seen.append(file.read_bytes())))
assert held.value == 8 and seen == [b"1234"] and file.read_bytes() == b"12345678", held
assert points.run(work, Fault(name="", act=KILL), 4).struck == 0

def spin():
    while True:
        pass

striker.LONGEST_S = 0.1
try:
    points.run(spin)
except Hung:
    pass
else:
    raise AssertionError("an endless child was not told")
"""


def test_the_striker_strikes_the_very_call(tmp_path):
    """Counted, failed, cut short, killed, held, ended where it spins: each at the call meant."""
    command = [sys.executable, "-c", STRIKER, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)

    assert run.returncode == 0, run.stderr
