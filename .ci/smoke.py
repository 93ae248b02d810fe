"""The program as a newcomer starts it: `make run`, one dropped file, its verdict, the end.

Prints what happened; exits 1 at the first thing that is not as it should be. Run from the
root of the checkout, by the checkout's own Python.
"""
# ruff: noqa: S101, S607  a check of ours, which takes make and ps from PATH

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.audio import make_audio

START_S = 120.0
VERDICT_S = 120.0
STOP_S = 10.0

Process = subprocess.Popen[str]


class Screen:
    """What a process prints, kept while it is passed on."""

    def __init__(self, process: Process) -> None:
        self.text = ""
        self._process = process
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.text += line
            print(f"    {line}", end="", flush=True)


def wait_until(what: str, condition: Any, within: float, process: Process) -> float:
    """Poll until *condition* holds; return how long it took."""
    start = time.monotonic()
    while not condition():
        if process.poll() is not None:
            sys.exit(f"smoke: make run ended with {process.returncode} before: {what}")
        if time.monotonic() - start > within:
            sys.exit(f"smoke: not within {within:.0f} s: {what}")
        time.sleep(0.25)
    return time.monotonic() - start


def status(environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [".venv/bin/genrewatch", "status", "--json"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode not in (0, 3):
        sys.exit(f"smoke: status --json exited {done.returncode}: {done.stderr}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def judged(document: dict[str, Any]) -> bool:
    if document["failed"]:
        sys.exit(f"smoke: the file failed: {document['failed']}")
    return bool(document["tagged"] + document["not_sure"] == 1)


def child_of(parent: int) -> int:
    """Return the process that make runs: the program itself."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    children = [pid for pid, ppid in pairs if ppid == parent]
    if len(children) != 1:
        sys.exit(f"smoke: make runs {len(children)} processes, not one")
    return children[0]


def smoke(root: Path) -> None:
    folder = root / "dropped music"
    folder.mkdir()
    environment = {**os.environ, "GENREWATCH_STATE_DIR": str(root / "state")}
    process = subprocess.Popen(
        ["make", "run", f"FOLDER={folder}"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        follow(process, Screen(process), root, folder, environment)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def follow(
    process: Process, screen: Screen, root: Path, folder: Path, environment: dict[str, str]
) -> None:
    took = wait_until(
        "it says that it is watching", lambda: "watching" in screen.text.lower(), START_S, process
    )
    print(f"smoke: watching after {took:.1f} s")
    song = make_audio(root / "song.mp3", style="techno", seconds=30.0)
    song.rename(folder / song.name)
    took = wait_until(
        "the dropped file is judged", lambda: judged(status(environment)), VERDICT_S, process
    )
    document = status(environment)
    counts = {name: document[name] for name in ("tagged", "not_sure", "left", "pending")}
    print(f"smoke: judged after {took:.1f} s: {counts}")
    start = time.monotonic()
    os.kill(child_of(process.pid), signal.SIGTERM)
    try:
        code = process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        sys.exit(f"smoke: still there {STOP_S:.0f} s after SIGTERM")
    if code != 0:
        sys.exit(f"smoke: exit code {code} after SIGTERM")
    print(f"smoke: ended cleanly {time.monotonic() - start:.1f} s after SIGTERM")
    if status(environment)["running"]:
        sys.exit("smoke: status says running after the end")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        smoke(Path(temporary))
