"""A large library at rest: `python -m benchmarks library [--files 100000] [--rounds 7]`.

Files that the record knows lie in albums of twelve. Looking at them all anew, and starting
(events asked for, then the same look), are compared with a bare walk that stats each file; and
the real daemon is started on them for its memory.
"""

import argparse
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from benchmarks.storm import Memory
from benchmarks.tools.house import House, until
from benchmarks.tools.timing import in_turns, machine, ratio, table
from core.library import files, runs
from core.library.files import FileRow
from core.library.schema import writing
from core.stamp import Stamp
from daemon.config import Watch
from daemon.watching.scan import Scan, rules_of
from daemon.watching.watch import Watcher

AN_ALBUM, ALBUMS_OF_AN_ARTIST = 12, 5
MOST_TIMES, AIM_TIMES = 3.0, 1.5
SETTLED_S = 10.0  # until the daemon has done all that a start does


def main(argv: list[str]) -> dict[str, Any]:
    """Measure and return the figures; `passed` tells whether both ratios keep the limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks library")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    wishes = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as room:
        house = House(Path(room), {"model": {"backbone": "none"}})
        _fill(house, wishes.files)
        figures = {"files": wishes.files, **_compare(house, wishes.rounds), **_resident(house)}
    kept = max(figures["rescan"]["median"], figures["start"]["median"]) <= MOST_TIMES
    limits = {"limit_times": MOST_TIMES, "aim_times": AIM_TIMES}
    return {**figures, **limits, "machine": machine(), "passed": kept}


def bare_walk(folder: str) -> int:
    """List and stat all files at or below *folder*, and do no more."""
    waiting, count = [folder], 0
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    entry.stat(follow_symlinks=False)
                    count += 1
    return count


def _compare(house: House, rounds: int) -> dict[str, Any]:
    folder, db = str(house.music), house.db
    sides = {
        "bare walk": lambda: bare_walk(folder),
        "rescan": lambda: _rescan(db, folder),
        "start": lambda: _start(db, folder),
    }
    times = in_turns(sides, rounds=rounds)
    print(table(times, base="bare walk"))
    compared = {name: ratio(times[name], times["bare walk"]) for name in ("rescan", "start")}
    return {**compared, "times": {name: side.as_dict() for name, side in times.items()}}


def _rescan(db: Database, folder: str) -> None:
    scan = Scan(db, [folder], rules_of(Watch()), _now)
    found = list(scan.folder(folder))
    assert not found, f"{len(found)} files are not as the record knows them"


def _start(db: Database, folder: str) -> None:
    watcher = Watcher(lambda path: None)
    watcher.add(folder)
    _rescan(db, folder)
    watcher.stop()


def _resident(house: House) -> dict[str, Any]:
    """Start the real daemon and see how large it is once it has looked at everything."""
    runs.set_setting(house.db, "skipped", None)  # what a look at the folders records anew
    started = time.monotonic()
    with house.daemon() as process, Memory(process.pid) as memory:
        until(lambda: runs.get_setting(house.db, "skipped"), "all is looked at", within=300)
        looked = time.monotonic() - started
        time.sleep(SETTLED_S)
    return {"daemon_seconds_until_all_was_looked_at": round(looked, 1), **memory.figures()}


def _fill(house: House, count: int) -> None:
    """Make the files, and let the record know them as read."""
    print(f"making {count} files", file=sys.stderr)
    db, now = house.db, _now()
    with writing(db):
        files.watch_folder(db, str(house.music), now)
        for number in range(count):
            files.save_file(db, _row(house.music, number), now)
        files.finish_baseline(db, str(house.music), now)


def _row(music: Path, number: int) -> FileRow:
    album, track = divmod(number, AN_ALBUM)
    artist = album // ALBUMS_OF_AN_ARTIST
    folder = music / f"Artist {artist:05}" / f"Album {album:05}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{track + 1:02} A title of some length.mp3"
    path.write_bytes(b"%d" % number)
    return FileRow(
        path=str(path),
        stamp=Stamp.of(path.lstat()),
        state="left",
        genres=("Rock",),
        origin="arrived",
        other="0" * 32,
        artist=f"Artist {artist:05}",
        album=f"Album {album:05}",
        title="A title of some length",
        reason="already has a genre: Rock",
        existing=True,
        head=f"{number:032x}",
        volume=path.lstat().st_dev,
    )


def _now() -> datetime:
    return datetime.now(UTC)
