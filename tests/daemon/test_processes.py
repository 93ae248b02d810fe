"""Real workers that die, hang and raise, and a trainer that speaks in lines."""

import os
import signal
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import pytest

from core.errors import TrainingError, WorkerError
from core.tags.journal import Writer
from daemon import processes
from daemon.processes import Workers, is_alive, run_trainer, this_process


@pytest.fixture
def workers():
    with Workers(idle_seconds=0.2, nice=0) as pool:
        yield pool


def test_a_result_comes_back(workers: Workers) -> None:
    """By dotted name, with arguments and options."""
    assert workers.call("os.path:basename", "/m/a.mp3", timeout=30) == "a.mp3"


def test_a_worker_that_is_killed_costs_its_job_only(workers: Workers) -> None:
    """The next job gets a new one."""
    with pytest.raises(WorkerError, match="crashed"):
        workers.call("os:abort", timeout=30)

    assert workers.call("os.path:basename", "/m/a.mp3", timeout=30) == "a.mp3"


def test_a_worker_that_is_killed_while_idle_costs_nothing(workers: Workers) -> None:
    """The system may kill any process to free memory; the next job gets a new one."""
    pid = workers.call("os:getpid", timeout=30)
    os.kill(pid, signal.SIGKILL)
    end = monotonic() + 10
    while is_running(pid) and monotonic() < end:
        sleep(0.05)
    sleep(0.2)  # the executor notices on a thread of its own

    assert workers.call("os.path:basename", "/m/a.mp3", timeout=30) == "a.mp3"


def test_a_worker_that_hangs_before_its_time_has_come_is_ended(workers: Workers) -> None:
    """A deadline that is over before the worker process has even started."""
    with pytest.raises(WorkerError, match="too long"):
        workers.call("time:sleep", 60, timeout=0.0)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_that_hangs_is_ended(workers: Workers) -> None:
    """Its job took too long."""
    workers.call("os:getpid", timeout=30)

    with pytest.raises(WorkerError, match="too long"):
        workers.call("time:sleep", 60, timeout=0.3)


def test_our_errors_come_through_and_others_are_told(workers: Workers) -> None:
    """A bug is one sentence, too."""
    with pytest.raises(WorkerError, match="ZeroDivisionError"):
        workers.call("operator:truediv", 1, 0, timeout=30)


def test_an_overdue_job_is_ended_by_the_loop(workers: Workers) -> None:
    """The asynchronous way that the daemon takes."""
    outcome = []
    workers.start(
        "time:sleep", (60,), {}, deadline=monotonic() + 1, done=lambda *got: outcome.append(got)
    )
    end = monotonic() + 30
    while not outcome and monotonic() < end:
        workers.end_overdue(monotonic())
        sleep(0.05)

    assert isinstance(outcome[0][1], WorkerError)
    workers.settle(monotonic())
    assert workers.free()


def test_an_idle_worker_leaves(workers: Workers) -> None:
    """So that 100 MB are not held for nothing."""
    pid = workers.call("os:getpid", timeout=30)
    workers.settle(monotonic() + 1)

    assert not is_alive(Writer(pid=pid, started="x"))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_worker_never_outlives_its_parent(tmp_path: Path) -> None:
    """SIGKILL of the daemon leaves no worker behind."""
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent("""
            from daemon.processes import Workers
            import time
            if __name__ == "__main__":
                workers = Workers(nice=0)
                print(workers.call("os:getpid", timeout=30), flush=True)
                time.sleep(60)
        """)
    )
    import subprocess

    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    end = monotonic() + 15
    while monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        sleep(0.05)
    pytest.fail("the worker is still there")


def test_this_process_is_alive_and_another_life_of_its_pid_is_not() -> None:
    """A pid alone would be taken for someone else's after a reboot."""
    me = this_process()

    assert is_alive(me)
    assert me.boot
    assert not is_alive(replace(me, boot="another boot"))
    assert not is_alive(replace(me, started="another start"))
    assert not is_alive(replace(me, boot=""))
    assert not is_alive(Writer(pid=2**22 + 1, started=""))


TRAINER = """
import json, sys, time
print("stray output of some library")
print(json.dumps({"event": "progress", "done": 1}), flush=True)
if "fail" in sys.argv: print(json.dumps({"event": "error", "what": "no data", "remedy": "add"}))
if "die" in sys.argv: print("last words", file=sys.stderr); sys.exit(3)
if "hang" in sys.argv: time.sleep(60)
print(json.dumps({"event": "done", "said": sys.stdin.read()}))
"""


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "pretend_trainer.py").write_text(TRAINER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "pretend_trainer"


def test_a_trainer_speaks_in_json_lines(trainer: str) -> None:
    """Other output is passed over."""
    messages = list(run_trainer(trainer, [], stdin="hello", seconds=30))

    assert messages == [{"event": "progress", "done": 1}, {"event": "done", "said": "hello"}]


@pytest.mark.parametrize(
    ("how", "seconds", "words"),
    [("fail", 30.0, "no data; add"), ("die", 30.0, "last words"), ("hang", 1.0, "longer than")],
)
def test_a_trainer_that_fails_is_one_reason(
    trainer: str, how: str, seconds: float, words: str
) -> None:
    """Whether it says so, dies, or never ends."""
    with pytest.raises(TrainingError, match=words):
        list(run_trainer(trainer, [how], seconds=seconds))


def test_numeric_libraries_get_one_thread_unless_told_otherwise() -> None:
    """The user's own setting stays."""
    environ = {"OMP_NUM_THREADS": "4"}
    processes.one_thread_each(environ)

    assert environ["OMP_NUM_THREADS"] == "4"
    assert environ["OPENBLAS_NUM_THREADS"] == "1"
