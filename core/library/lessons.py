"""The files of tagged libraries that are learned from: which wait, which were heard, which failed.

What is kept outlives the command that asked for it, so that hearing goes on where it was cut
off, and so that each later night still knows what the tags said. It cleans nothing.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from core.library.codec import as_list, list_json, path_bytes, path_text, time_text
from core.library.schema import writing
from core.names import group_of

__all__ = [
    "Learned",
    "LessonRow",
    "Progress",
    "count_done_since",
    "doubt",
    "doubted",
    "groups_of",
    "learned",
    "lessons_below",
    "mark_failed",
    "mark_heard",
    "next_waiting",
    "progress",
    "reasons",
    "set_lessons",
    "taught_of",
]

COLUMNS = "path, tagged, genre, artist_key, turn, fingerprint, state, reason, doubted, speaks"
MOST = 400  # lessons of one artist that are read; more would say the same again


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonRow:
    """A file of a tagged library, what its tag teaches, and how far that has come."""

    path: str
    tagged: tuple[str, ...]  # its genres as read
    genre: str  # the one that is learned
    artist_key: str  # "" where nobody in particular made it
    turn: int  # when it is heard
    fingerprint: str | None = None  # None until heard
    state: str = "waiting"  # or "heard", "failed"
    reason: str = ""
    doubted: float | None = None  # what the others say for its genre, where that is little
    speaks: bool = False  # it bears on other music of its artist


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the hearing has come, in files."""

    waiting: int
    heard: int
    failed: int

    @property
    def total(self) -> int:
        """All that were chosen."""
        return self.waiting + self.heard + self.failed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learned:
    """A track that the tag of its file says the genre of, as training wants it."""

    fingerprint: str
    genre: str
    group: str  # whose music: artist, else the folder; never on both sides of a split
    features: NDArray[np.float32]  # [segments, 135]
    embedding: NDArray[np.float32] | None = None  # [200]: the backbone's, mean over patches
    doubted: bool = False


def lessons_below(db: Database, folders: Iterable[str]) -> list[LessonRow]:
    """Return the lessons in these *folders* (absolute) and below them, or that are just there."""
    found: dict[str, LessonRow] = {}
    for folder in folders:
        prefix = path_bytes(folder).rstrip(b"/")
        rows = db.execute(
            f"select {COLUMNS} from lessons where path = ? or substr(path, 1, ?) = ? order by turn",
            [prefix, len(prefix) + 1, prefix + b"/"],
        )
        found |= {row.path: row for row in map(_lesson, rows)}
    return list(found.values())


def set_lessons(
    db: Database, wanted: Sequence[LessonRow], dropped: Iterable[str], now: datetime
) -> None:
    """Record *wanted*, each in place of what is known of its path, and forget those *dropped*."""
    with writing(db):
        for path in dropped:
            db.execute("delete from lessons where path = ?", [path_bytes(path)])
        for row in wanted:
            _save(db, row, now)


def next_waiting(db: Database, besides: Iterable[str] = ()) -> LessonRow | None:
    """Return the lesson whose turn it is; *besides* are under way already."""
    busy = set(besides)
    rows = db.execute(
        f"select {COLUMNS} from lessons where state = 'waiting' order by turn, path limit ?",
        [len(busy) + 1],
    )
    return next((row for row in map(_lesson, rows) if row.path not in busy), None)


def mark_heard(db: Database, path: str, fingerprint: str, now: datetime) -> None:
    """Record that the file was heard, and which track it is."""
    db.execute(
        "update lessons set state = 'heard', reason = '', fingerprint = ?, at = ? where path = ?",
        [fingerprint, time_text(now), path_bytes(path)],
    )


def mark_failed(db: Database, path: str, reason: str, now: datetime) -> None:
    """Record that nothing can be learned from the file, and why."""
    db.execute(
        "update lessons set state = 'failed', reason = ?, at = ? where path = ?",
        [reason, time_text(now), path_bytes(path)],
    )


def progress(db: Database) -> Progress:
    """Return how many lessons wait, were heard, have failed."""
    counts = dict(db.execute("select state, count(*) from lessons group by state").fetchall())
    return Progress(
        waiting=counts.get("waiting", 0),
        heard=counts.get("heard", 0),
        failed=counts.get("failed", 0),
    )


def count_done_since(db: Database, since: datetime) -> int:
    """Return how many lessons were heard or failed after *since*."""
    count: int = db.execute(
        "select count(*) from lessons where state != 'waiting' and at > ?", [time_text(since)]
    ).fetchone()[0]
    return count


def reasons(db: Database) -> dict[str, int]:
    """Return why lessons failed and how many each time, the commonest first."""
    rows = db.execute("select reason from lessons where state = 'failed'").fetchall()
    return dict(Counter(row[0] for row in rows).most_common())


def learned(db: Database, feature_version: int) -> list[Learned]:
    """Return what the heard lessons teach, a track once; where its files disagree, nothing."""
    rows = db.execute(
        """
        select lessons.fingerprint, min(lessons.genre), max(lessons.artist_key),
            min(lessons.path), min(lessons.doubted) is not null,
            hearings.segments, hearings.features, hearings.embedding
        from lessons
        join hearings using (fingerprint)
        where lessons.state = 'heard'
            and hearings.features is not null
            and hearings.segments > 0
            and hearings.feature_version = ?
        group by lessons.fingerprint
        having count(distinct lessons.genre) = 1
        order by min(lessons.turn), lessons.fingerprint
        """,
        [feature_version],
    )
    return [_learned(row) for row in rows]


def groups_of(db: Database, fingerprints: Container[str]) -> set[str]:
    """Return whose music those of the *fingerprints* are that are lessons."""
    rows = db.execute(
        "select fingerprint, artist_key, path from lessons where fingerprint is not null"
    )
    return {_group(row[1], path_text(row[2])) for row in rows if row[0] in fingerprints}


def taught_of(db: Database, artist: str, *, but: str) -> list[tuple[str, str]]:
    """Return (fingerprint, genre) of the heard lessons that bear on this artist key's music.

    Not those that are doubted, nor the track *but*.
    """
    rows = db.execute(
        """
        select fingerprint, genre
        from lessons
        where artist_key = ?
            and speaks
            and state = 'heard'
            and doubted is null
            and fingerprint != ?
        order by turn
        limit ?
        """,
        [artist, but, MOST],
    )
    return [(fingerprint, genre) for fingerprint, genre in rows]


def doubt(db: Database, suspicious: Mapping[str, float]) -> None:
    """Record which tracks' tags are *suspicious*, with what the others say for them."""
    with writing(db):
        db.execute("update lessons set doubted = null where doubted is not null")
        for fingerprint, probability in suspicious.items():
            db.execute(
                "update lessons set doubted = ? where fingerprint = ?", [probability, fingerprint]
            )


def doubted(db: Database) -> list[LessonRow]:
    """Return the lessons whose tag is suspicious, the most suspicious first."""
    query = f"select {COLUMNS} from lessons where doubted is not null order by doubted, path"
    return [_lesson(row) for row in db.execute(query)]


def _save(db: Database, row: LessonRow, now: datetime) -> None:
    db.execute(
        f"insert or replace into lessons ({COLUMNS}, at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            path_bytes(row.path),
            list_json(row.tagged),
            row.genre,
            row.artist_key,
            row.turn,
            row.fingerprint,
            row.state,
            row.reason,
            row.doubted,
            row.speaks,
            time_text(now),
        ],
    )


def _lesson(row: Sequence[Any]) -> LessonRow:
    return LessonRow(
        path=path_text(row[0]),
        tagged=as_list(row[1]),
        genre=row[2],
        artist_key=row[3],
        turn=row[4],
        fingerprint=row[5],
        state=row[6],
        reason=row[7],
        doubted=row[8],
        speaks=bool(row[9]),
    )


def _learned(row: Sequence[Any]) -> Learned:
    return Learned(
        fingerprint=row[0],
        genre=row[1],
        group=_group(row[2], path_text(row[3])),
        features=_array(row[6], (row[5], -1)),
        embedding=None if row[7] is None else _array(row[7], (-1,)),
        doubted=bool(row[4]),
    )


def _group(artist: str, path: str) -> str:
    """The group of a lesson, whose artist is a key already."""
    return artist or group_of(None, None, path)


def _array(blob: bytes, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.frombuffer(blob, "<f2").astype(np.float32).reshape(shape)
