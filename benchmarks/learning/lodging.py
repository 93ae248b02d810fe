"""The daemon as people run it: a process with its workers, real files, nights with a trainer.

Can be lived with as with the house in this process. Answers come from a desk of our own beside
the daemon, as `genrewatch review` has one. Only the shipped model is another, the nights have
no networks, and a person's silence is taken for the end of a sitting after a second.
"""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.learning.library import Clip
from benchmarks.tools.house import House, until
from benchmarks.tools.shipped import instead
from core.library import feedback_log, files, hearings, runs, writes
from core.library.arrivals import ArrivalRow, arrival_of
from core.library.codec import as_time
from core.library.files import FileRow
from core.library.runs import RunRow
from daemon.app import App
from daemon.judging.reconsidering import DONE
from tests.audio import genres_in, retag

__all__ = ["Lodging"]

OPTIONS = {"watch": {"settle_seconds": 0.2}, "workers": {"nice": 0}}
STILL_S = 0.4  # so long nobody must have written to the record for the daemon to be at rest
TICK_S = 2.5  # and so long after a night: the daemon asks every two seconds who is champion
PATIENCE_S = 300.0
NIGHT_S = 600.0
DECIDED = ("tagged", "not_sure", "left", "failed")
# the machine of a benchmark is never idle
ALWAYS = {"nightly": True, "max_load": 1000.0, "on_battery": True}


class Lodging:
    """One library of real files, and the daemon that lives with it in a process of its own."""

    def __init__(
        self,
        root: Path,
        base: Path,
        audio: Mapping[str, Path],
        options: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """Start it under *root* with the model folder *base* and these *options*.

        *audio* is where each track lies, by fingerprint.
        """
        root.mkdir()
        self._options = {**options, **OPTIONS}
        self.nights_s = 0.0  # spent in nights
        self._audio = audio
        self._base = base
        self._aside = root / "aside"
        self._aside.mkdir()
        self._house = House(root, self._options)
        self._daemon = ExitStack()
        self._desk_s = ExitStack()
        self._start()
        app = App(config_flag=str(root / "config.toml"), state_flag=str(self._house.state))
        with instead(base):
            self._desk = self._desk_s.enter_context(app.desk())

    def close(self) -> None:
        """Stop it."""
        self._desk_s.close()
        self._daemon.close()

    # what happens ------------------------------------------------------------------------

    def arrive(self, *clips: Clip) -> None:
        """Let files come, and wait until each is decided."""
        for clip in clips:
            self._drop(clip)
        for clip in clips:
            self._await(clip)

    def retag(self, edit: tuple[Clip, tuple[str, ...]]) -> None:
        """Let a person write a genre into a file with another program."""
        clip, genres = edit
        before = feedback_log.last_feedback_id(self._house.db)
        retag(self.path(clip), genre=genres)
        until(
            lambda: feedback_log.last_feedback_id(self._house.db) > before,
            f"a word on {clip.path}",
            within=PATIENCE_S,
            every=0.02,
        )
        self._rest(STILL_S)

    def answer(self, clip: Clip, genre: str) -> None:
        """Let the person name the genre in review."""
        done = self._desk.tag(
            str(self.path(clip)), (genre,), datetime.now(UTC), dry_run=False, via="review"
        )
        if done.failed:
            raise RuntimeError(f"{clip.path}: {done.reason}")
        self._rest(STILL_S)

    def night(self) -> RunRow:
        """Let the night come: the daemon is started anew and makes up for the one it missed."""
        began = time.monotonic()
        before = runs.last_run(self._house.db)
        self._daemon.close()
        if before is not None:  # a night is a minute of the day, and each has but one
            ended = as_time(before.ended_at or "")
            until(lambda: _this_minute() > ended, "the next minute", within=61.0)
        at = f"{_this_minute().astimezone():%H:%M}"
        self._start(at)
        known = before.id if before else 0
        until(lambda: self._run_id() > known, "the night ends", within=NIGHT_S, every=0.1)
        self._rest(TICK_S)
        self.nights_s += time.monotonic() - began
        found = runs.last_run(self._house.db)
        assert found is not None
        return found

    # what is there -----------------------------------------------------------------------

    def path(self, clip: Clip) -> Path:
        """Return where the file of *clip* lies."""
        return self._house.music / clip.path.removeprefix("/music/")

    def row(self, clip: Clip) -> FileRow:
        """Return the record's row of the file."""
        found = files.file_at(self._house.db, str(self.path(clip)))
        if found is None:
            raise LookupError(f"the daemon does not know {self.path(clip)}")
        return found

    def guessed(self, clip: Clip) -> ArrivalRow:
        """Return the first guess of the clip."""
        found = arrival_of(self._house.db, clip.fingerprint)
        if found is None:
            raise LookupError(f"nothing was guessed of {clip.fingerprint}")
        return found

    def genres(self, clip: Clip) -> tuple[str, ...]:
        """Return what stands in the file, as another program reads it."""
        return tuple(genres_in(self.path(clip)))

    def written(self, clip: Clip) -> list[tuple[str, ...]]:
        """Return the genre lists that we wrote to the file on our own account."""
        rows = writes.writes_at(self._house.db, str(self.path(clip)))
        return [row.new for row in rows if row.origin == "ours" and row.state == "done"]

    @property
    def db(self) -> Any:
        """The record, read beside the daemon."""
        return self._house.db

    # how it works ------------------------------------------------------------------------

    def _start(self, at: str | None = None) -> None:
        """Start the daemon, with its night *at* some minute, if any."""
        wishes = {"nightly": False} if at is None else {"at": at, **ALWAYS}
        training = {**self._options.get("training", {}), **wishes}
        self._house.configure({**self._options, "training": training})
        running = self._house.daemon("benchmarks.tools.shipped", str(self._base))
        self._daemon.enter_context(running)

    def _drop(self, clip: Clip) -> None:
        """Move a file in, tagged as the clip is."""
        made, target = self._aside / Path(clip.path).name, self.path(clip)
        made.write_bytes(self._audio[clip.fingerprint].read_bytes())
        if clip.artist:
            retag(made, artist=clip.artist, album=clip.album)
        target.parent.mkdir(parents=True, exist_ok=True)
        made.replace(target)

    def _await(self, clip: Clip) -> None:
        until(
            lambda: self._is_decided(clip),
            f"{clip.path} is decided",
            within=PATIENCE_S,
            every=0.02,
        )

    def _is_decided(self, clip: Clip) -> bool:
        row = files.file_at(self._house.db, str(self.path(clip)))
        return row is not None and row.state in DECIDED

    def _run_id(self) -> int:
        last = runs.last_run(self._house.db)
        return last.id if last else 0

    def _rest(self, still_s: float) -> None:
        """Wait until nothing is waited for, and for *still_s* nobody wrote."""
        end = time.monotonic() + PATIENCE_S
        last, since = self._state(), time.monotonic()
        while time.monotonic() - since < still_s or any(last[1:]):
            if time.monotonic() > end:
                raise TimeoutError(f"the daemon never comes to rest: {last}")
            time.sleep(0.05)
            now = self._state()
            if now != last:
                last, since = now, time.monotonic()

    def _state(self) -> tuple[int, ...]:
        """What changes with each write of others; then what must be nothing at rest."""
        db = self._house.db
        considered = runs.get_setting(db, DONE) or {"word": 0}
        last = runs.last_run(db)
        model = last.version if last and last.outcome == "promoted" else None
        return (
            runs.data_version(db),
            int(runs.get_setting(db, "queue") or 0),
            len(writes.open_writes(db)),
            len(files.files_in_state(db, "pending")),
            feedback_log.last_feedback_id(db) - considered["word"],
            len(hearings.stale_unsure(db, model, 1)) if model else 0,
        )


def _this_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)
