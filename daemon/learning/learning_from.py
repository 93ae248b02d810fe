"""Learn from the genres that a library is tagged with: read, clean, hear; resumed at any time.

What is chosen and heard stands in the record, so that whoever comes later goes on where this
was cut off. It writes no file.
"""

import os
import queue
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlite_utils import Database

from core.decision.arrived import Lesson, Tagged, Taught, Why, Wishes, clean, in_turn
from core.decision.feedback import Origin
from core.decision.vocabulary import vocabulary
from core.errors import GenrewatchError, ModelError
from core.library import feedback_log, files, hearings, lessons, taxonomy, writes
from core.library.lessons import LessonRow
from core.library.schema import writing
from core.names import artist_key, keys_of
from core.registry import Manifest
from core.stamp import Stamp
from core.taxonomy import fold_all
from daemon import processes
from daemon.backbone import backbone_folder, is_fully_heard
from daemon.config import Config
from daemon.judging.judge import hearing_row
from daemon.limits import seconds_for
from daemon.processes import Workers

if TYPE_CHECKING:
    from core.analysis import Hearing
    from core.tags import TagReading

__all__ = ["Choice", "Heard", "Reading", "choose", "hear", "queue_up", "read", "wishes_of"]

LOOK_S = 0.5  # how often to look after the workers
SEED = 1  # of what is left to chance in the order of hearing: the same choice each time
SILENT = "it is silent"
Tell = Callable[[int, int], None]  # done, of so many


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the files of a library say, and those that could not be read, by their reason."""

    files: tuple[Tagged, ...]
    unread: tuple[tuple[str, str], ...]  # (path, reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a library teaches, and the files that are to be heard, in their turns."""

    reading: Reading
    taught: Taught
    order: tuple[Lesson, ...]  # all lessons, in turn
    sample: tuple[Lesson, ...]  # the first of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """How a hearing ended."""

    heard: int  # in this run
    failed: int
    seconds: float
    waiting: int  # still, where it was stopped


def read(
    db: Database, workers: Workers, paths: Sequence[str], config: Config, tell: Tell
) -> Reading:
    """Read the tags of the files at *paths*, each in a worker."""
    found: list[Tagged] = []
    unread: list[tuple[str, str]] = []
    for number, path in enumerate(paths):
        try:
            tag: TagReading = workers.call(
                processes.READ_TAG,
                path,
                timeout=seconds_for(path, config.workers.timeout_seconds),
            )
        except GenrewatchError as error:
            unread.append((path, error.reason))
        else:
            found.append(_tagged(db, path, tag))
        tell(number + 1, len(paths))
    return Reading(files=tuple(found), unread=tuple(unread))


def _tagged(db: Database, path: str, tag: "TagReading") -> Tagged:
    from core.tags.genres import from_id3

    keys = keys_of(artist=tag.artist, album_artist=tag.album_artist, compilation=tag.compilation)
    return Tagged(
        path=path,
        genres=from_id3(tag.genres),
        artist=artist_key(tag.artist) or artist_key(tag.album_artist),
        speaks=bool(keys.artist),
        useless=_whose(db, path, tag.genres),
    )


def _whose(db: Database, path: str, genres: Sequence[str]) -> Why | None:
    """Why the tag is nobody's word, as far as the record knows; None where it may be one."""
    row = files.file_at(db, path)
    if row is None or fold_all(row.genres) != fold_all(genres):
        return None
    return {Origin.OURS: Why.OURS, Origin.PROGRAM: Why.PROGRAM}.get(Origin(row.origin))


def wishes_of(db: Database, champion: Manifest, config: Config) -> Wishes:
    """Return what the user, the options and the model in use say of genres."""
    return Wishes(
        known=champion.genres,
        empty=config.policy.empty_values,
        broad=config.policy.broad_genres,
        spelled=feedback_log.spellings(db),
        aliases=vocabulary(taxonomy.relations(db), (), (), champion.genres).aliases,
    )


def choose(reading: Reading, wishes: Wishes, most: int) -> Choice:
    """Return what the library teaches, and which *most* of its files are to be heard."""
    taught = clean(reading.files, wishes)
    order = in_turn(taught.lessons, SEED)
    return Choice(reading=reading, taught=taught, order=order, sample=order[:most])


def queue_up(db: Database, choice: Choice, folders: Iterable[str], now: datetime) -> None:
    """Record the sample as lessons; what was heard of these *folders* before stays heard.

    What no longer lies there or teaches nothing now is forgotten. Files that failed are tried
    again, unless others of the same choice still wait: then the run was cut off.
    """
    before = {row.path: row for row in lessons.lessons_below(db, folders)}
    cut_off = any(row.state == "waiting" for row in before.values())
    wanted = {item.path: item for item in choice.sample}
    kept = {
        item.path: item
        for item in choice.order
        if item.path in before and before[item.path].state == "heard"
    }
    rows = [
        _row(item, before.get(item.path), again=not cut_off) for item in (wanted | kept).values()
    ]
    gone = before.keys() - {row.path for row in rows} - {path for path, _ in choice.reading.unread}
    lessons.set_lessons(db, rows, gone, now)


def _row(item: Lesson, known: LessonRow | None, *, again: bool) -> LessonRow:
    row = LessonRow(
        path=item.path,
        tagged=item.tagged,
        genre=item.genre,
        artist_key=item.artist,
        speaks=item.speaks,
        turn=item.turn,
    )
    if known is None or (known.state == "failed" and again):
        return row
    doubted = known.doubted if known.genre == item.genre else None
    return replace(
        row,
        fingerprint=known.fingerprint,
        state=known.state,
        reason=known.reason,
        doubted=doubted,
    )


# --- hearing --------------------------------------------------------------------------------


def hear(
    db: Database,
    workers: Workers,
    champion: Callable[[], Manifest],
    config: Config,
    *,
    now: Callable[[], datetime],
    tell: Tell,
    held: Callable[[], bool] = lambda: False,
) -> Heard:
    """Hear the lessons that wait, in turn, until none does; each is recorded by itself.

    The *champion* is asked for before each. Raises ModelError where it cannot be used. While it
    is *held* none is begun.

    Killed at any instant, only the files under way are heard once more. KeyboardInterrupt ends
    the run; what was heard stays.
    """
    began = time.monotonic()
    course = _Course(db, workers, champion, config, now, held)
    try:
        while course.goes_on():
            found = lessons.progress(db)
            tell(found.heard + found.failed, found.total)
    except KeyboardInterrupt:
        workers.close(kill=True)
    return Heard(
        heard=course.heard,
        failed=course.failed,
        seconds=time.monotonic() - began,
        waiting=lessons.progress(db).waiting,
    )


class _Course:
    """One run through the lessons that wait: as many at once as there are workers."""

    def __init__(
        self,
        db: Database,
        workers: Workers,
        champion: Callable[[], Manifest],
        config: Config,
        now: Callable[[], datetime],
        held: Callable[[], bool],
    ) -> None:
        self._db = db
        self._workers = workers
        self._champion = champion
        self._config = config
        self._now = now
        self._held = held
        self._done: queue.SimpleQueue[tuple[LessonRow, Any, GenrewatchError | None]]
        self._done = queue.SimpleQueue()
        self._under_way: set[str] = set()
        self.heard = 0
        self.failed = 0

    def goes_on(self) -> bool:
        """Start what can be started, note what has ended; False once nothing is left to do."""
        self._workers.settle(time.monotonic())
        while self._workers.free() and not self._held() and self._start_next():
            pass
        if not self._under_way:
            return self._more_later()
        with suppress(queue.Empty):
            self._note(*self._done.get(timeout=LOOK_S))
        self._workers.end_overdue(time.monotonic())
        return True

    def _more_later(self) -> bool:
        """Say whether anything waits; where we are held, only after a while."""
        if lessons.next_waiting(self._db) is None:
            return False
        if self._held():
            time.sleep(LOOK_S)
        return True

    def _start_next(self) -> bool:
        lesson = lessons.next_waiting(self._db, self._under_way)
        if lesson is None:
            return False
        champion = self._champion()
        known = _known_track(self._db, lesson.path, champion, self._config)
        if known is not None:
            self._end(lesson, known)
            return True
        seconds = seconds_for(lesson.path, self._config.workers.timeout_seconds * 5)
        self._under_way.add(lesson.path)
        self._workers.start(
            processes.ANALYSE,
            (lesson.path, str(champion.folder)),
            {"backbone": backbone_folder(self._config.model)},
            deadline=time.monotonic() + seconds,
            done=lambda heard, error: self._done.put((lesson, heard, error)),
            seconds=seconds,
        )
        return True

    def _note(
        self, lesson: LessonRow, heard: "Hearing | None", error: GenrewatchError | None
    ) -> None:
        self._under_way.discard(lesson.path)
        if isinstance(error, ModelError):  # no file's fault
            raise error
        if heard is None:
            self._fail(lesson, error.reason if error else "the analysis said nothing")
            return
        with writing(self._db):
            files.remember_track(self._db, heard.fingerprint, heard.duration_s, self._now())
            hearings.save_hearing(self._db, hearing_row(heard))
            self._end(lesson, heard.fingerprint, silent=not len(heard.features))

    def _end(self, lesson: LessonRow, fingerprint: str, *, silent: bool = False) -> None:
        """Record that the file is heard, unless it teaches nothing."""
        if silent:
            self._fail(lesson, SILENT)
        elif self._is_ours(lesson, fingerprint):
            self._fail(lesson, Why.OURS.value)
        else:
            lessons.mark_heard(self._db, lesson.path, fingerprint, self._now())
            self.heard += 1

    def _is_ours(self, lesson: LessonRow, fingerprint: str) -> bool:
        """Say whether the tag is one that we wrote to a file of the track, however it is read."""
        ours = writes.our_genres_of_track(self._db, fingerprint)
        return fold_all(lesson.tagged) in {fold_all(genres) for genres in ours}

    def _fail(self, lesson: LessonRow, reason: str) -> None:
        lessons.mark_failed(self._db, lesson.path, reason, self._now())
        self.failed += 1


def _known_track(db: Database, path: str, champion: Manifest, config: Config) -> str | None:
    """The track at *path*, where the file is as the record knows it and was heard for learning."""
    row = files.file_at(db, path)
    if row is None or row.fingerprint is None:
        return None
    kept = hearings.hearing_of(db, row.fingerprint)
    if kept is None or kept.feature_version != champion.feature_version or not kept.segments:
        return None
    if not is_fully_heard(kept, config.model):
        return None
    with suppress(OSError):
        if Stamp.of(os.stat(path)) == row.stamp:  # noqa: PTH116  a str may hold any bytes
            return row.fingerprint
    return None
