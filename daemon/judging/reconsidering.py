"""Which waiting files are to be judged anew, and when: after words, names, answers on batches.

A word that the daemon read in a file bears on its own music, in a moment; one by command or
page likewise, once nobody has said more for a while. Another name, or another answer to whose
a batch is, bears on all that waits. Up to where that was done is kept, so that nothing said
while no daemon ran is missed. It judges nothing itself.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from sqlite_utils import Database

from core.errors import ModelError
from core.library import batches, feedback_log, files, runs, taxonomy
from core.library.files import FileRow
from core.library.keys import keys_in
from core.library.schema import writing
from core.names import Keys
from daemon.judging.anew import by_album
from daemon.judging.judge import Judge

__all__ = ["Reconsidering"]

log = structlog.get_logger(__name__)

A_MOMENT_S = 1.0  # between two judgements of what words bear on: a person edits many files at once
QUIET_S = 15.0  # a command that writes to many files is let end before we write to the rest
AT_ONCE = 20  # files that are judged before the daemon looks at its messages again
DONE = "judged anew after"  # setting: the newest word, and the names and batches of then


class Reconsidering:
    """Collects what bears on waiting files and has *judge_unsure* judge these, a few at a time."""

    def __init__(
        self,
        db: Database,
        judge: Judge,
        judge_unsure: Callable[[Iterable[FileRow]], None],
        clock: Callable[[], float],
    ) -> None:
        self._db = db
        self._judge = judge
        self._judge_unsure = judge_unsure
        self._clock = clock
        self._said: dict[Keys, float] = {}  # whose music words were about, and until when to wait
        self._by_others: dict[Keys, None] = {}  # likewise, by command or page
        self._all = False  # that waits
        self._quiet_due: float | None = None
        self._own: set[int] = set()  # words that the daemon read itself
        self._left: deque[list[str]] = deque()  # albums that are to be judged, as their files
        self._kept: dict[str, Any] | None = runs.get_setting(db, DONE)
        self._seen = self._kept or self._now()

    def remember_word(self, keys: Keys, word: int) -> None:
        """Have what a *word* that was read in a file bears on judged anew in a moment."""
        self._own.add(word)
        self._said.setdefault(keys, self._clock() + A_MOMENT_S)

    def look(self) -> None:
        """Take note of what was said and named since this was last asked."""
        now = self._now()
        if now != self._seen:
            self._take_in(now)
        if now != self._kept and self.next_due() is None:
            runs.set_setting(self._db, DONE, now)
            self._kept = now

    def next_due(self) -> float | None:
        """Return when something is to be judged anew."""
        if self._left:
            return self._clock()
        due = (next(iter(self._said.values()), None), self._quiet_due)
        return min((moment for moment in due if moment is not None), default=None)

    def go_on(self) -> None:
        """Judge what is due, a few files at most of what all that waits comes to."""
        now = self._clock()
        if self._quiet_due is not None and self._quiet_due <= now:
            self._take_up()
        said = next(iter(self._said.values()), None)
        if said is not None and said <= now:
            whose, self._said = self._said, {}
            self._judge_now(
                {row.path: row for keys in whose for row in files.unsure_sharing(self._db, keys)}
            )
        elif self._left:
            self._judge_now(self._few())

    def _now(self) -> dict[str, Any]:
        return {
            "word": feedback_log.last_feedback_id(self._db),
            "names": list(taxonomy.newest_relation(self._db)),
            "batches": list(batches.newest_answer(self._db)),
        }

    def _take_in(self, now: dict[str, Any]) -> None:
        others = [
            keys_in(row)
            for row in feedback_log.feedback_after(self._db, self._seen["word"])
            if row.id not in self._own
        ]
        self._own.clear()
        self._by_others |= dict.fromkeys(others)
        otherwise = any(now[what] != self._seen[what] for what in ("names", "batches"))
        self._all = self._all or otherwise
        self._seen = now
        if others or otherwise:
            self._quiet_due = self._clock() + QUIET_S

    def _take_up(self) -> None:
        """Turn what others said, and named, into what is to be judged."""
        if self._all:
            waiting = files.files_in_state(self._db, "not_sure")
            self._left = deque(
                [row.path for row in album] for album in by_album(self._judge, waiting)
            )
        else:
            self._said = {**dict.fromkeys(self._by_others, self._clock()), **self._said}
        self._by_others, self._all, self._quiet_due = {}, False, None

    def _few(self) -> dict[str, FileRow]:
        found: dict[str, FileRow] = {}
        while self._left and len(found) < AT_ONCE:
            rows = (files.file_at(self._db, path) for path in self._left.popleft())
            found |= {row.path: row for row in rows if row and row.state == "not_sure"}
        return found

    def _judge_now(self, rows: dict[str, FileRow]) -> None:
        try:
            with writing(self._db):
                self._judge_unsure(rows.values())
        except ModelError as error:  # status finds the same; another model judges all anew
            log.info("no model to judge anew with", reason=error.reason)
            self._left.clear()
