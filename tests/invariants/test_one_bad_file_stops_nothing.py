"""Invariant 5: a file that crashes or hangs its worker is set aside, and the next one is fine.

Real worker processes die by the means a decoder has: an abort, a segmentation fault, a
kill, a hang, an exhausted memory, an odd exception, a result that cannot be sent.
"""

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from daemon import processes
from daemon.life import meeting
from daemon.processes import Workers
from tests.puppets import PaperHouse, _hearing, _probe, guess, paper, read_paper

DIES_OF = "dies.mp3"


class _Odd(Exception):
    """An exception that cannot be unpickled."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)


def _dive(depth: int) -> int:
    return _dive(depth + 1)


def _devour() -> int:
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    return len(bytearray(4 << 30))


ENDS: dict[str, Callable[[], Any]] = {
    "abort": os.abort,
    "segmentation fault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda: os._exit(0),
    "hang": lambda: sleep(600),
    "recursion": lambda: _dive(0),
    "memory": _devour,
    "odd exception": lambda: (_ for _ in ()).throw(_Odd("a", "b")),
    "a result that cannot be sent": lambda: lambda: None,
    "exit by exception": sys.exit,
}


def probe(path: str, **_: Any) -> Any:
    """Probe paper, unless its name says how to end."""
    return _ended(path, "probe") or _probe(path)


def analyse(path: str, folder: str, backbone: str | None = None) -> Any:
    """Hear paper, unless its name says how to end."""
    return _ended(path, "analyse") or _hearing(path, folder, embedded=backbone is not None)


def _ended(path: str, when: str) -> Any:
    title = read_paper(path)["title"]
    at, _, how = title.partition(": ")
    if at != when:
        return None
    with tried(path).open("a", encoding="utf-8") as log:
        log.write("x")
    return ENDS[how]()


def tried(path: Path | str) -> Path:
    """Return where it is noted how often a bad file was tried."""
    return Path(f"{path}.tries")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PaperHouse]:
    """A house of paper with a real worker process."""
    here = "tests.invariants.test_one_bad_file_stops_nothing"
    monkeypatch.setattr(processes, "PROBE", f"{here}:probe")
    monkeypatch.setattr(processes, "ANALYSE", f"{here}:analyse")
    monkeypatch.setattr(processes, "PREPARE", "tests.puppets:prepare")
    monkeypatch.setattr(processes, "TAKE_PLACE", "tests.puppets:take_place")
    monkeypatch.setattr(processes, "is_alive", lambda writer: True)  # as we are
    made = PaperHouse(tmp_path)
    made.config = replace(made.config, workers=replace(made.config.workers, timeout_seconds=30.0))
    made.close()
    with Workers(count=1, nice=0) as workers:
        made.begin(workers)
        made.live()
        yield made
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("when", "how"), [("probe", "kill"), ("probe", "hang"), *(("analyse", how) for how in ENDS)]
)
def test_a_worker_may_end_in_any_way(house: PaperHouse, when: str, how: str) -> None:
    """The bad file has a one-sentence reason; the good ones before and after have a genre."""
    bad = house.music / "m.mp3"
    paper(bad, "bad", title=f"{when}: {how}")
    good = [house.music / name for name in ("a.mp3", "z.mp3")]
    for path in good:
        paper(path, path.stem)

    house.daemon._rescan()
    live_until(house, lambda: all(known(house, path) for path in (bad, *good)))

    row = house.row(bad)
    assert row.state == "failed"
    assert row.reason
    assert "\n" not in row.reason
    assert {house.row(path).state for path in good} == {"tagged"}
    assert {path.stem: read_paper(path)["genres"] for path in good} == {
        path.stem: [guess(path.stem)] for path in good
    }


def test_a_file_that_failed_is_not_tried_for_ever(house: PaperHouse) -> None:
    """It is looked at again when it changes, and then gets its genre."""
    path = house.music / "m.mp3"
    paper(path, "M", title="analyse: kill")
    house.daemon._rescan()
    live_until(house, lambda: known(house, path))
    reason = house.row(path).reason
    for _ in range(3):
        house.daemon._rescan()
        live_for(house, 0.2)
    assert (house.row(path).state, house.row(path).reason) == ("failed", reason)

    paper(path, "M")
    house.daemon._rescan()
    live_until(house, lambda: house.row(path).state == "tagged")

    assert read_paper(path)["genres"] == [guess("M")]


def test_a_file_that_shows_a_fault_of_ours_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a step stumbles over twice is set aside with its reason; the others get their genre."""
    house = PaperHouse(tmp_path)
    house.live()
    house.daemon._begun = True
    meet = meeting.meet_probe

    def stumble(db: Any, path: str, *given: Any) -> Any:
        if path.endswith("m.mp3"):
            raise ZeroDivisionError
        return meet(db, path, *given)

    monkeypatch.setattr(meeting, "meet_probe", stumble)
    paths = [house.music / f"{name}.mp3" for name in "amz"]
    for path in paths:
        paper(path, path.stem)

    for _ in range(6):
        house.daemon._guarded(house.settle)
        house.time += 10

    assert [house.row(path).state for path in paths] == ["tagged", "failed", "tagged"]
    assert "fault of this program" in house.row(paths[1]).reason
    house.daemon._watcher.stop()
    house.close()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["probe: segmentation fault", "analyse: memory"])
def test_a_file_that_killed_its_worker_twice_is_left_alone_over_restarts(
    house: PaperHouse, how: str
) -> None:
    """One more try, then none: not by rescans, not by the next start; only when it is named."""
    path = house.music / "m.mp3"
    paper(path, "M", title=how)
    house.daemon._rescan()
    live_until(house, lambda: known(house, path))
    assert tried(path).stat().st_size == 2

    with Workers(count=1, nice=0) as workers:
        house.close()
        house.begin(workers)
        house.live()
        for _ in range(3):
            live_for(house, 0.2)
        assert tried(path).stat().st_size == 2
        assert house.row(path).state == "failed"

        done = house.desk.tag(str(path), (), house.now(), dry_run=False)

    assert done.failed
    assert tried(path).stat().st_size == 3


def known(house: PaperHouse, path: Path) -> bool:
    found = house.db.execute(
        "select 1 from files where path = ? and state not in ('pending')", [os.fsencode(path)]
    ).fetchone()
    return found is not None


def live_until(house: PaperHouse, condition: Callable[[], bool], within: float = 400.0) -> None:
    """Let real time and the house's time pass until *condition* holds."""
    end = monotonic() + within
    while not condition():
        assert monotonic() < end, "not in time"
        live_for(house, 0.05)


def live_for(house: PaperHouse, seconds: float) -> None:
    house.time += seconds
    house.step()
    house.daemon._jobs.tend()
    house.daemon._rescan()  # sees our own writes
    sleep(seconds)
