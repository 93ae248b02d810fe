"""A trainer that does as $PUPPET says: it stands in for a night that ends one way or another.

Run as `python -m tests.puppet_trainer` with the options of `core.learning.nightly`; what
it "trains" is a copy of the champion under the new name.
"""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    """Make the challenger, or half of it, and say what came of it."""
    parser = argparse.ArgumentParser()
    for name in ("champion", "out"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--version")
    wishes, _ = parser.parse_known_args()
    how = os.environ["PUPPET"]
    if how == "does not start":
        raise ModuleNotFoundError("no such library")
    say({"event": "progress", "stage": "training", "done": 0, "total": 1})
    folder = wishes.out / wishes.version
    if how != "dies at once":
        make(wishes.champion, folder, wishes.version, damaged=how == "promotes a damaged model")
    if how.startswith("dies"):
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "hangs":
        time.sleep(600)
    if how == "says nothing":
        return
    if how == "raises":
        raise RuntimeError("no such luck")
    outcome = "promoted" if how.startswith("promotes") else how
    if how == "promotes what is not there":
        (folder / "manifest.json").unlink()
    say({"event": "done", "outcome": outcome, "reason": "as told", "version": wishes.version})


def make(champion: Path, folder: Path, version: str, *, damaged: bool) -> None:
    """Copy the champion under another name."""
    folder.mkdir()
    document = json.loads((champion / "manifest.json").read_text("utf-8"))
    document["version"] = version
    (folder / "manifest.json").write_text(json.dumps(document), "utf-8")
    for name in document["files"]:
        (folder / name).write_bytes((champion / name).read_bytes() + b" " * damaged)


def say(message: dict[str, object]) -> None:
    """Write one line as a trainer does."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
