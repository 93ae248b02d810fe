"""Batches of edits: many words in a short time, and whether a person or a program said them.

Which words are one batch is decided elsewhere. A person's answer stands; until there is one,
whose a batch is may change as it grows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlite_utils import Database

from core.library.codec import as_list, path_text, time_text
from core.library.schema import writing

__all__ = [
    "Batch",
    "Edit",
    "Value",
    "all_edits",
    "answer",
    "edits_near",
    "gather",
    "newest_answer",
    "newest_change",
    "paths_of",
    "set_whose",
    "take_as_one",
    "unanswered",
    "values_of",
]

# what a word of a batch is about: the genres given, or those that it is said not to be
ABOUT = "case when kind = 'rejection' then old else new end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Edits of many files in a short time."""

    id: int
    files: int
    genres: tuple[str, ...]  # given by it, the most frequent first
    whose: str  # "person" or "program"
    begun_at: str
    ended_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A word that was read from a file: when the file was edited, and of which batch that was."""

    word: int
    at_ns: int
    batch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What some words of a batch say alike."""

    genres: tuple[str, ...]
    refused: bool  # that it is not this
    files: int
    with_others: int  # of these files, where the same save changed other fields


def edits_near(db: Database, edit: int, within_ns: int, most: int) -> list[Edit]:
    """Return the word *edit* and those nearest to it in time, not farther than *within_ns*.

    At most so many before it, itself included, and as many after it. Only words read from a
    file count; none where *edit* is no such word.
    """
    earlier = """
        near.edited_ns between one.edited_ns - :within and one.edited_ns
            and (near.edited_ns < one.edited_ns or near.id <= one.id)
        order by near.edited_ns desc, near.id desc
    """
    later = """
        near.edited_ns between one.edited_ns and one.edited_ns + :within
            and (near.edited_ns > one.edited_ns or near.id > one.id)
        order by near.edited_ns, near.id
    """
    values = {"edit": edit, "within": within_ns, "most": most}
    rows = [row for side in (earlier, later) for row in db.execute(_near(side), values)]
    found = [Edit(word=row[0], at_ns=row[1], batch=row[2]) for row in rows]
    return sorted(found, key=lambda near: (near.at_ns, near.word))


def _near(side: str) -> str:
    """SQL for the words on one *side* of an edit."""
    return f"""
        select near.id, near.edited_ns, near.batch
        from feedback as one
        join feedback as near on near.kind != 'reversion'
        where one.id = :edit
            and one.kind != 'reversion'
            and {side}
        limit :most
    """


def all_edits(db: Database) -> list[Edit]:
    """Return every word that was read from a file, with when that was edited."""
    rows = db.execute(
        "select id, edited_ns, batch from feedback"
        " where edited_ns is not null and kind != 'reversion'"
    )
    return [Edit(word=row[0], at_ns=row[1], batch=row[2]) for row in rows]


def gather(db: Database, edits: Sequence[Edit]) -> int:
    """Let *edits* be one batch, with the batches that some are of already; return its number."""
    known = sorted({edit.batch for edit in edits if edit.batch is not None})
    fresh = [edit for edit in edits if edit.batch is None]
    batch = _kept(db, known) if known else _begun(db)
    db.conn.executemany(
        "update feedback set batch = ? where id = ?", [(batch, edit.word) for edit in fresh]
    )
    for other in known:
        if other != batch:
            db.execute("update feedback set batch = ? where batch = ?", [batch, other])
            db.execute("delete from batches where id = ?", [other])
    _tell_when(db, batch, [edit.at_ns for edit in edits])
    return batch


def values_of(db: Database, batch: int) -> list[Value]:
    """Return what the words of a batch say, those that say the same together."""
    rows = db.execute(
        f"""
        select {ABOUT} as about, kind = 'rejection' as refused, count(*), sum(other_changed)
        from feedback
        where batch = ?
        group by about, refused
        order by count(*) desc, about
        """,
        [batch],
    )
    return [
        Value(genres=as_list(row[0]), refused=bool(row[1]), files=row[2], with_others=row[3])
        for row in rows
    ]


def set_whose(db: Database, batch: int, whose: str) -> None:
    """Record whose a batch seems to be, unless a person said so."""
    db.execute("update batches set whose = ? where id = ? and answered_at is null", [whose, batch])


def take_as_one(db: Database, after: int, via: str, now: datetime) -> None:
    """Let all words said *via* this way since the word *after* be one batch of a person's."""
    moment = time_text(now)
    with writing(db):
        cursor = db.execute(
            "insert into batches (begun_at, ended_at, whose, answered_at) "
            "values (?, ?, 'person', ?)",
            [moment, moment, moment],
        )
        db.execute(
            "update feedback set batch = ? where id > ? and via = ? and batch is null",
            [cursor.lastrowid, after, via],
        )


def unanswered(db: Database) -> list[Batch]:
    """Return the batches that seem to be a program's while nobody was asked, the latest first."""
    rows = db.execute(
        """
        select id, whose, begun_at, ended_at
        from batches
        where whose = 'program' and answered_at is null
        order by ended_at desc, id desc
        """
    ).fetchall()
    return [_batch(db, *row) for row in rows]


def newest_change(db: Database) -> tuple[int, int, str]:
    """Return what changes when words come to weigh otherwise than they did when they were said."""
    row = db.execute(
        """
        select
            (select count(*) from feedback where batch is not null),
            (select count(*) from batches where whose = 'program'),
            (select coalesce(max(answered_at), '') from batches)
        """
    ).fetchone()
    return row[0], row[1], row[2]


def newest_answer(db: Database) -> tuple[int, str]:
    """Return what changes when another batch, or one no more, is a program's."""
    row = db.execute(
        """
        select count(case when whose = 'program' then 1 end), coalesce(max(answered_at), '')
        from batches
        """
    ).fetchone()
    return row[0], row[1]


def answer(db: Database, batch: int, whose: str, now: datetime) -> bool:
    """Record that a person says whose a batch is: "person" (theirs) or "program".

    False where it became a part of another since it was read: then nothing is recorded.
    """
    done = db.execute(
        "update batches set whose = ?, answered_at = ? where id = ?",
        [whose, time_text(now), batch],
    )
    return bool(done.rowcount)


def paths_of(db: Database, batch: int) -> list[str]:
    """Return the files that a batch changed, as they lay then."""
    rows = db.execute("select distinct path from feedback where batch = ? order by path", [batch])
    return [path_text(row[0]) for row in rows]


def _batch(db: Database, number: int, whose: str, begun_at: str, ended_at: str) -> Batch:
    named = [value for value in values_of(db, number) if not value.refused and value.genres]
    return Batch(
        id=number,
        files=len(paths_of(db, number)),
        genres=tuple(dict.fromkeys(value.genres[0] for value in named)),
        whose=whose,
        begun_at=begun_at,
        ended_at=ended_at,
    )


def _kept(db: Database, known: Sequence[int]) -> int:
    """The one of these batches that the others become part of: an answered one, else the first."""
    marks = ", ".join("?" * len(known))
    row = db.execute(
        f"select id from batches where id in ({marks}) order by answered_at is null, id limit 1",
        known,
    ).fetchone()
    return int(row[0])


def _begun(db: Database) -> int:
    row = db.execute(
        "insert into batches (begun_at, ended_at, whose) values ('', '', 'program') returning id"
    ).fetchone()
    return int(row[0])


def _tell_when(db: Database, batch: int, moments_ns: Sequence[int]) -> None:
    """Record that a batch lasts from the first to the last of these moments, or longer."""
    first, last = _text(min(moments_ns)), _text(max(moments_ns))
    db.execute(
        """
        update batches
        set begun_at = min(coalesce(nullif(begun_at, ''), :first), :first),
            ended_at = max(ended_at, :last)
        where id = :batch
        """,
        {"first": first, "last": last, "batch": batch},
    )


def _text(moment_ns: int) -> str:
    return time_text(datetime.fromtimestamp(moment_ns // 10**9, UTC))
