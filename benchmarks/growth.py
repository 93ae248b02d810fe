"""What the record grows by: `python -m benchmarks growth [--writes 10000] [--minutes 10]`.

Files with pictures of 5 MB, in every format that takes one, are written, put back and
written again, the program's own way. The undo records must not hold the pictures: the aim
is less than 100 MB for 10,000 writes. What does not fit into the time is not done, and said.
"""

import argparse
import os
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from sqlite_utils import Database

from benchmarks.tools.saving import Here, quick_disk
from benchmarks.tools.timing import machine
from core.decision.feedback import Origin
from core.library import files, writes
from core.library.files import FileRow
from core.library.schema import open_library
from core.library.witness import Witness
from core.stamp import Stamp
from daemon import processes
from daemon.config import Config
from daemon.life.writing import Pen, carry_out
from tests.audio import ALL_FORMATS, make_audio, retag, suffix
from tests.tagging import fill

MOST_MB = 100.0
OF_WRITES = 10_000
GENRES = ("Techno (Peak Time / Driving)", "R&B/Soul", "Jazz", "140 / Deep Dubstep / Grime")


def main(argv: list[str]) -> dict[str, Any]:
    """Write and undo, measure the state, return the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks growth")
    parser.add_argument("--writes", type=int, default=OF_WRITES)
    parser.add_argument("--minutes", type=float, default=10.0, help="stop after so long")
    parser.add_argument("--picture-mb", type=float, default=5.0)
    parser.add_argument("--formats", nargs="+", choices=ALL_FORMATS, default=list(ALL_FORMATS))
    parser.add_argument("--room", default=quick_disk(), help="where the files lie (in memory)")
    wishes = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=wishes.room, prefix="growth-") as folder:
        figures = Growth(Path(folder), wishes.formats, int(wishes.picture_mb * 1e6)).measure(
            wishes.writes, wishes.minutes * 60
        )
    _show(figures)
    return figures | {"picture_mb": wishes.picture_mb, "machine": machine()}


class Growth:
    """A record, and in each format one file with a large picture."""

    def __init__(self, folder: Path, formats: list[str], size: int) -> None:
        self.state = folder / "state"
        self.paths = {fmt: _make(folder, fmt, size) for fmt in formats}
        self.db = open_library(self.state / "library.db")
        self.now = lambda: datetime.now(UTC)
        files.remember_track(self.db, "f1", 1.0, self.now())
        for path in self.paths.values():
            files.save_file(self.db, _row(path), self.now())
        self.pen = Pen(
            self.db,
            Config(),
            writer=processes.this_process(),
            now=self.now,
            witness=Witness(self.state / "witness.jsonl").recorder(self.db),
        )

    def measure(self, wanted: int, seconds: float) -> dict[str, Any]:
        """Write until *wanted* writes are done or the time is over."""
        before, end, done = self._size(), time.monotonic() + seconds, 0
        names = list(self.paths)
        with Progress(console=Console(stderr=True)) as bar:
            line = bar.add_task("writes", total=wanted)
            while done < wanted and time.monotonic() < end:
                self._write(self.paths[names[done % len(names)]], done // len(names))
                done += 1
                bar.advance(line)
        grown = self._size() - before
        with closing(self.db.conn):
            return _figures(done, grown, self._by_format(), wanted)

    def _write(self, path: Path, turn: int) -> None:
        """Write, write again, then take the second back, and so on."""
        row = files.file_at(self.db, str(path))
        assert row is not None
        past = writes.newest_standing_write(self.db, str(path))
        if turn % 3 == 2 and past is not None:
            carry_out(self.pen.undo(row, past), Here())
            return
        genre = next(g for g in GENRES[turn % 4 :] + GENRES if (g,) != row.genres)
        carry_out(self.pen.write(row, (genre,), Origin.OURS, "drop"), Here())

    def _size(self) -> int:
        self.db.execute("pragma wal_checkpoint(truncate)").fetchall()
        return sum(file.stat().st_size for file in self.state.rglob("*") if file.is_file())

    def _by_format(self) -> dict[str, dict[str, float]]:
        return {fmt: _undo_bytes(self.db, path) for fmt, path in self.paths.items()}


def _undo_bytes(db: Database, path: Path) -> dict[str, float]:
    found = db.execute(
        "select count(*), avg(length(undo)), max(length(undo)) from tag_writes "
        "where path = ? and undo is not null",
        [os.fsencode(path)],
    ).fetchone()
    return {"records": found[0], "bytes_mean": round(found[1] or 0, 1), "bytes_most": found[2] or 0}


def _figures(
    done: int, grown: int, by_format: dict[str, dict[str, float]], wanted: int
) -> dict[str, Any]:
    a_write = grown / done
    return {
        "writes": done,
        "writes_wanted": wanted,
        "grown_mb": round(grown / 1e6, 2),
        "bytes_a_write": round(a_write),
        "mb_for_10000": round(a_write * OF_WRITES / 1e6, 1),
        "limit_mb": MOST_MB,
        "undo_records": by_format,
        "passed": a_write * OF_WRITES < MOST_MB * 1e6,
    }


def _make(folder: Path, fmt: str, size: int) -> Path:
    music = folder / "music"
    music.mkdir(exist_ok=True)
    path = make_audio(music / f"{fmt}{suffix(fmt)}", fmt, seconds=2.0, artist="A", title="T")
    fill(path, cover=size)
    retag(path, genre="Old", v2_version=3 if fmt == "mp3" else 4)
    return path


def _row(path: Path) -> FileRow:
    return FileRow(
        path=str(path),
        stamp=Stamp.of(path.lstat()),
        state="pending",
        fingerprint="f1",
        genres=("Old",),
        origin="ours",
    )


def _show(figures: dict[str, Any]) -> None:
    print(f"{'format':9}{'undo records':>13}{'bytes, mean':>13}{'most':>9}")
    for fmt, row in figures["undo_records"].items():
        print(f"{fmt:9}{row['records']:13}{row['bytes_mean']:13.0f}{row['bytes_most']:9}")
    print(f"\n{figures['writes']} of {figures['writes_wanted']} writes and undos: ", end="")
    print(f"the state grew by {figures['grown_mb']} MB, {figures['bytes_a_write']} bytes each; ")
    print(f"10,000 would be {figures['mb_for_10000']} MB (limit {figures['limit_mb']:.0f})")
