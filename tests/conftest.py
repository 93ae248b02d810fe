"""What many tests share: waiting, a trained model, a house with the real daemon in it.

A `house` is a folder of music, a state directory and a configuration of their own, with
the daemon as a process, started as a user starts it. `model` is made once a run by the real
`genrewatch train`; GENREWATCH_TEST_MODELS may name a folder to keep it in.
"""

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from core.library import feedback_log, files, writes
from core.library.feedback_log import FeedbackRow
from core.library.files import FileRow
from core.library.schema import open_library
from core.library.writes import WriteRow
from tests.audio import STYLES, make_audio
from tests.once import made_at, made_once

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 180.0  # for anything that works in the end; a slow machine is no failure
TAKES = 4  # files of each style that the model of the session learns from
MEMORY_GONE_S = 15.0  # until a killed daemon's workers have noticed


class Late(AssertionError):
    """Something did not come about in time."""


def until[T](condition: Callable[[], T], *, within: float = PATIENCE_S, every: float = 0.1) -> T:
    """Poll until *condition* returns something true, and return that."""
    end = time.monotonic() + within
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise Late(f"not within {within:.0f} s; last answer: {found!r}")
        time.sleep(every)


class House:
    """One music folder, one state directory, one daemon."""

    def __init__(self, root: Path, models: Path | None) -> None:
        self.root = root
        self.state = root / "state"
        self.music = root / "music"
        self.config = root / "config.toml"
        self.said = root / "said.txt"
        self.options: dict[str, Any] = {
            "watch.folders": [str(self.music)],
            "watch.settle_seconds": 0.3,
            "policy.threshold": 0.0,  # so that whatever can be heard is tagged
            "training.nightly": False,
        }
        self.music.mkdir()
        self.state.mkdir()
        if models is not None:
            shutil.copytree(models, self.state / "models")
        self.process: subprocess.Popen[bytes] | None = None
        self._db: Database | None = None
        self.configure()

    # the program -------------------------------------------------------------------------

    def configure(self, **options: Any) -> None:
        """Change options, `watch__settle_seconds=2.0`, and write the configuration file."""
        self.options |= {name.replace("__", "."): value for name, value in options.items()}
        tables: dict[str, list[str]] = {}
        for name, value in self.options.items():
            table, _, key = name.partition(".")
            tables.setdefault(table, []).append(f"{key} = {json.dumps(value)}")
        text = "\n".join(f"[{table}]\n" + "\n".join(lines) for table, lines in tables.items())
        self.config.write_text(text + "\n", "utf-8")

    @property
    def command(self) -> list[str]:
        """How the program is called in this house."""
        state = ["--config", str(self.config), "--state-dir", str(self.state)]
        return [sys.executable, "-m", "daemon", *state]

    @property
    def environment(self) -> dict[str, str]:
        """What the program may know of the world: nothing of this user's own."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GENREWATCH_", "XDG_"))}
        return kept | {"HOME": str(self.root), "NO_COLOR": "1", "COLUMNS": "200"}

    def cli(self, *arguments: str | Path, stdin: bytes = b"") -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        done = subprocess.run(
            [*self.command, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            check=False,
            cwd=ROOT,
            env=self.environment,
            timeout=PATIENCE_S * 3,
        )
        out, err = (os.fsdecode(text) for text in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def json(self, *arguments: str | Path) -> Any:
        """Run a command with --json and return the document it prints."""
        done = self.cli(*arguments, "--json")
        assert done.stdout, f"{arguments}: exit {done.returncode}, {done.stderr}"
        return json.loads(done.stdout)

    def status(self) -> dict[str, Any]:
        """Return what `status --json` prints."""
        document: dict[str, Any] = self.json("status")
        return document

    def start(self, *arguments: str, prefix: tuple[str, ...] = ()) -> None:
        """Start the daemon and wait until it knows what lies in its folders."""
        before = self._started_at()
        with self.said.open("ab") as said:
            self.process = subprocess.Popen(
                [*prefix, *self.command, "run", *arguments],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(lambda: self._watches(before))

    def stop(self) -> int:
        """Ask the daemon to end, and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.process = None
        return code

    def kill(self) -> None:
        """Kill the daemon as a power cut would; its workers notice by themselves."""
        assert self.process is not None
        group = self.process.pid
        self.process.kill()
        self.process.wait()
        self.process = None
        until(lambda: not _group_lives(group), within=MEMORY_GONE_S)

    def close_record(self) -> None:
        """Let go of the record, before another takes its place."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def close(self) -> None:
        """End whatever still runs, and show what it said if it died."""
        self.close_record()
        if self.process is not None:
            died = self.process.poll()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            until(lambda: not _group_lives(self.process.pid), within=MEMORY_GONE_S)  # type: ignore[union-attr]
            assert died is None, f"the daemon died with {died}:\n{self.words()}"

    def workers(self) -> list[int]:
        """Return the process ids of the daemon's children that analyse.

        A child has its parent's command line until it starts its own program, and a dead one
        has none: neither is a worker.
        """
        assert self.process is not None
        found = _children(self.process.pid)
        return [pid for pid in found if b"spawn_main" in _command_line(pid)]

    def words(self) -> str:
        """Return what the daemon has printed so far."""
        return self.said.read_text("utf-8", "backslashreplace") if self.said.exists() else ""

    def _started_at(self) -> Any:
        return self._daemon_setting() if (self.state / "library.db").exists() else None

    def _daemon_setting(self) -> Any:
        found = self.db.execute("select value from settings where key = 'daemon'").fetchone()
        return found[0] if found else None

    def _watches(self, before: Any) -> bool:
        assert self.process is not None
        code = self.process.poll()
        assert code is None, f"the daemon ended with {code}:\n{self.words()}"
        if not (self.state / "library.db").exists():
            return False
        with contextlib.suppress(Exception):  # the tables may not be there yet
            if self._daemon_setting() == before:
                return False
            skipped = self.db.execute("select 1 from settings where key = 'skipped'").fetchone()
            folders = [
                files.folder(self.db, f) for f in json.loads(self._daemon_setting())["folders"]
            ]
            return skipped is not None and all(f and f.baseline_at for f in folders)
        return False

    def drop(self, name: str, **options: Any) -> Path:
        """Copy a new file into the watched folder, as a browser or file manager does."""
        source = make_audio(self.root / f"source-{Path(name).name}", **options)
        target = self.music / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        return target

    def tagged(self, name: str, **options: Any) -> Path:
        """Drop a file and wait until we have tagged it."""
        path = self.drop(name, **options)
        self.wait_for(path, "tagged")
        return path

    # what it knows -----------------------------------------------------------------------

    @property
    def db(self) -> Database:
        """The record, to be read beside the program."""
        if self._db is None:
            self._db = open_library(self.state / "library.db")
        return self._db

    def row(self, path: Path | str) -> FileRow | None:
        """Return what the record says of a file."""
        return files.file_at(self.db, str(path))

    def state_of(self, path: Path | str) -> str | None:
        """Return what became of a file; None while nothing has, or it is gone."""
        row = self.row(path)
        return None if row is None or row.state == "pending" or row.gone_at else row.state

    def reason_of(self, path: Path | str) -> str:
        """Return why it is so."""
        row = self.row(path)
        return row.reason if row else ""

    def wait_for(self, path: Path | str, state: str, within: float = PATIENCE_S) -> FileRow:
        """Wait until the file is in *state* and return its row."""
        with self._telling(path):
            until(lambda: self.state_of(path) == state, within=within)
        row = self.row(path)
        assert row is not None
        return row

    def wait_all(self, paths: "list[Path]", within: float = PATIENCE_S * 3) -> dict[Path, str]:
        """Wait until something has become of each file, and return what."""
        until(lambda: all(self.state_of(path) for path in paths), within=within)
        return {path: self.state_of(path) or "" for path in paths}

    def wait_known(self, path: Path) -> None:
        """Wait until the record knows the file as it lies there now."""
        self.wait_until(lambda: self.is_known(path), path)

    def wait_until(self, condition: Callable[[], Any], path: Path | str = "") -> Any:
        """Wait for *condition*; on failure tell what is known of *path* and what was said."""
        with self._telling(path):
            return until(condition)

    def is_known(self, path: Path) -> bool:
        """Say whether the record has the file as it lies there now, and nothing is open."""
        row, found = self.row(path), path.lstat()
        if row is None or row.state == "pending":
            return False
        stamp = row.stamp
        same = (stamp.mtime_ns, stamp.ctime_ns) == (found.st_mtime_ns, found.st_ctime_ns)
        return same and stamp.size == found.st_size

    def feedback(self, path: Path | str | None = None) -> list[FeedbackRow]:
        """Return what was said, of one file or of all."""
        rows = feedback_log.all_feedback(self.db)
        return [row for row in rows if path is None or row.path == str(path)]

    def writes(self, path: Path | str, state: str = "done") -> list[WriteRow]:
        """Return the journal's rows of a file that ended in *state*."""
        return [row for row in writes.writes_at(self.db, str(path)) if row.state == state]

    def rescans(self) -> None:
        """Wait until what is there now has surely been looked at by a rescan.

        A new file without audio in it is set aside by rescans as by events: so the wait is
        for the rescan's interval, twice, measured by a file that only a rescan can notice.
        """
        seconds = float(self.options["watch.rescan_minutes"]) * 60
        end = time.monotonic() + 2 * seconds + 4 * float(self.options["watch.settle_seconds"]) + 1
        until(lambda: time.monotonic() > end, within=end)

    @contextlib.contextmanager
    def _telling(self, path: Path | str) -> Iterator[None]:
        try:
            yield
        except Late as late:
            late.add_note(f"{path}: {self.row(path)}\nfeedback: {self.feedback()}")
            late.add_note(f"the daemon said:\n{self.words()[-2000:]}")
            raise


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `models` folder with one version, trained on takes that no test uses."""

    def make(folder: Path) -> None:
        trained = _train(tmp_path_factory.mktemp("trained"))
        shutil.copytree(trained, folder, dirs_exist_ok=True)

    kept = os.environ.get("GENREWATCH_TEST_MODELS")
    return made_at(Path(kept), make) if kept else made_once(tmp_path_factory, "models", make)


def _train(root: Path) -> Path:
    samples = root / "samples"
    for style in STYLES:
        (samples / style).mkdir(parents=True)
        for take in range(TAKES):
            make_audio(samples / style / f"{take}.flac", style=style, seconds=6.0, seed=900 + take)
    workshop = root / "workshop"
    workshop.mkdir()
    house = House(workshop, None)
    options = ["--augment-factor", "0", "--epochs", "4"]
    done = house.cli("train", "--sample-dir", samples, *options)
    house.close()
    assert done.returncode == 0, done.stderr
    return house.state / "models"


@pytest.fixture
def house(tmp_path: Path, model: Path) -> Iterator[House]:
    """A house with a trained model, its daemon not yet started."""
    made = House(tmp_path, model)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """Fail when a test leaves a thread or a child process behind."""
    threads, children = set(threading.enumerate()), set(_children(os.getpid()))
    yield
    try:
        until(lambda: not _left(threads, children), within=10.0)
    except Late:
        pytest.fail(f"left running: {_left(threads, children)}", pytrace=False)


def _left(threads: set[threading.Thread], children: set[int]) -> list[str]:
    multiprocessing.active_children()  # reaps those that ended
    left = [repr(thread) for thread in threading.enumerate() if thread not in threads]
    for pid in set(_children(os.getpid())) - children:
        name = _command_line(pid)
        if name and b"resource_tracker" not in name:  # which stays for the session
            left.append(f"{pid}: {name.replace(bytes(1), b' ').decode(errors='replace')}")
    return left


def _children(parent: int) -> list[int]:
    """Return the children of a process; nothing where the system has no /proc."""
    found: list[int] = []
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(pid) for pid in task.read_text("ascii").split()]
    return found


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so of zombies
        return False
    return True
