"""The real daemon in a house of its own, for the benchmarks that measure it whole."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from core.library.schema import open_library

__all__ = ["House", "until"]

ROOT = Path(__file__).resolve().parents[2]


def until(condition: Callable[[], Any], what: str, *, within: float, every: float = 0.5) -> Any:
    """Poll until *condition* holds and return its answer; raises TimeoutError."""
    end = time.monotonic() + within
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within:.0f} s: {what}")
        time.sleep(every)
    return found


class House:
    """A music folder, a state directory and a configuration under *root*."""

    def __init__(self, root: Path, options: Mapping[str, Mapping[str, Any]]) -> None:
        self.root = root
        self.music = root / "music"
        self.state = root / "state"
        self.music.mkdir()
        self.state.mkdir()
        self.configure(options)
        self._db: Database | None = None

    def configure(self, options: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the configuration, which the program reads when it starts."""
        tables: dict[str, dict[str, Any]] = {
            "watch": {"folders": [str(self.music)]},
            "training": {"nightly": False},
        }
        for table, values in options.items():
            tables.setdefault(table, {}).update(values)
        lines = []
        for table, values in tables.items():
            lines += [f"[{table}]", *(f"{k} = {json.dumps(v)}" for k, v in values.items())]
        (self.root / "config.toml").write_text("\n".join(lines) + "\n", "utf-8")

    @property
    def command(self) -> list[str]:
        """How the program is called in this house."""
        options = ["--config", str(self.root / "config.toml"), "--state-dir", str(self.state)]
        return [sys.executable, "-m", "daemon", *options]

    @property
    def environment(self) -> dict[str, str]:
        """What the program may know: nothing of its user's own."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GENREWATCH_", "XDG_"))}
        return kept | {"HOME": str(self.root)}

    @property
    def db(self) -> Database:
        """The record, read beside the program."""
        if self._db is None:
            self._db = open_library(self.state / "library.db")
        return self._db

    def cli(self, *arguments: str, prefix: Sequence[str] = ()) -> str:
        """Run a command to its end and return what it prints; raises CalledProcessError.

        *prefix* is a program that is to run it, `strace`.
        """
        done = subprocess.run(
            [*prefix, *self.command, *arguments],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
        )
        return done.stdout

    @contextmanager
    def daemon(
        self, module: str = "daemon", *before: str, prefix: Sequence[str] = ()
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """Run the daemon while the block runs, from when it has listed its folder.

        *module* may be one that runs it under other conditions, told by what stands *before*;
        *prefix* is a program that is to run it all, `strace`.
        """
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", module, *before, *self.command[3:], "run"],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            until(lambda: self._is_watching(process), "the daemon watches", within=300)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            self.close()

    def close(self) -> None:
        """Let go of the record."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def states(self) -> dict[str, int]:
        """Return how many files are in each state."""
        return dict(self.db.execute("select state, count(*) from files group by state").fetchall())

    def _is_watching(self, process: "subprocess.Popen[bytes]") -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"the daemon ended with {process.returncode}")
        found = self.db.execute("select count(*) from folders where baseline_at is not null")
        return bool(found.fetchone()[0])
