"""What the record knows of the person's genres: aliases, parents, who used which name.

Rows and counts alone; what follows from them is for core/decision/vocabulary.py to say.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from core.library.codec import as_list, path_text, time_text
from core.library.runs import get_setting, set_setting
from core.library.schema import writing
from core.taxonomy import fold

__all__ = [
    "Carried",
    "Change",
    "Named",
    "Relation",
    "carried",
    "changes",
    "decline_rename",
    "declined_renames",
    "files_with",
    "forget",
    "named",
    "newest_change",
    "newest_relation",
    "relate",
    "relations",
]

DECLINED = "renames declined"  # setting: [[folded old, folded new], …]
LAST_WORD = """
    id in (select max(id) from words where kind != 'reversion' group by fingerprint)
        and kind in ('correction', 'label', 'confirmation')
        and new != '[]'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """What a person said of a genre's name: "alias" of, or having as "parent", the target."""

    genre: str
    relation: str
    target: str
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Tracks of one artist that people last gave this genre, spelled so."""

    genre: str
    artist: str  # a key; the folder where nobody is named
    tracks: int
    last: int  # id of the newest of these words
    at: str  # when it was said, ISO 8601 UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """How many files carry this first genre, by whose word."""

    genre: str
    origin: str
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A track that once had the genre *old*; *new* is what people last called it, "" for nothing.

    Where *new* is equal to *old* it has it still.
    """

    fingerprint: str
    old: str
    new: str


def relate(db: Database, genre: str, relation: str, target: str, now: datetime) -> None:
    """Record that *genre* is an "alias" of *target* or has it as "parent", in place of before."""
    db.execute(
        """
        insert or replace into taxonomy (folded, genre, relation, target, at)
        values (?, ?, ?, ?, ?)
        """,
        [fold(genre), genre, relation, target, time_text(now)],
    )


def forget(db: Database, genre: str) -> list[Relation]:
    """Drop what was said of the name *genre*, and return it."""
    gone = [item for item in relations(db) if fold(item.genre) == fold(genre)]
    db.execute("delete from taxonomy where folded = ?", [fold(genre)])
    return gone


def relations(db: Database) -> list[Relation]:
    """Return all that was said of names, the oldest first."""
    rows = db.execute("select genre, relation, target, at from taxonomy order by at, folded")
    return [Relation(genre=row[0], relation=row[1], target=row[2], at=row[3]) for row in rows]


def newest_change(db: Database) -> tuple[int, int, str]:
    """Return what changes when `relations` or `named` would."""
    row = db.execute(
        """
        select
            (select coalesce(max(id), 0) from feedback),
            (select count(*) from taxonomy),
            (select coalesce(max(at), '') from taxonomy)
                || (select coalesce(max(answered_at), '') from batches)
        """
    ).fetchone()
    return row[0], row[1], row[2]


def newest_relation(db: Database) -> tuple[int, str]:
    """Return what changes when `relations` would."""
    row = db.execute("select count(*), coalesce(max(at), '') from taxonomy").fetchone()
    return row[0], row[1]


def named(db: Database) -> list[Named]:
    """Return which genres people gave to tracks of which artists, the latest word on each."""
    rows = db.execute(
        f"""
        select
            json_extract(new, '$[0]') as genre,
            artist_key,
            case when artist_key = '' then path end as place,
            count(*),
            max(id),
            max(at)
        from feedback
        where {LAST_WORD}
        group by genre, artist_key, place
        """
    ).fetchall()
    return [
        Named(
            genre=row[0],
            artist=row[1] or path_text(row[2]).rpartition("/")[0],
            tracks=row[3],
            last=row[4],
            at=row[5],
        )
        for row in rows
    ]


def carried(db: Database) -> list[Carried]:
    """Return how many files carry which genre; those that vanished do not count."""
    rows = db.execute(
        """
        select json_extract(genres, '$[0]') as genre, origin, count(*)
        from files
        where genres != '[]' and gone_at is null
        group by genre, origin
        """
    ).fetchall()
    return [Carried(genre=row[0], origin=row[1], files=row[2]) for row in rows]


def changes(db: Database) -> list[Change]:
    """Return which tracks had a genre that a person took, or that a file has still."""
    last = dict(
        db.execute(
            f"select fingerprint, json_extract(new, '$[0]') from feedback where {LAST_WORD}"
        ).fetchall()
    )
    taken = db.execute(
        """
        select distinct fingerprint, old
        from feedback
        where kind in ('correction', 'label', 'rejection') and old != '[]' and not withdrawn
        """
    ).fetchall()
    stay = db.execute(
        """
        select distinct fingerprint, genres
        from files
        where genres != '[]' and fingerprint is not null and gone_at is null
        """
    ).fetchall()
    found = {(track, genre): last.get(track, "") for track, old in taken for genre in as_list(old)}
    found |= {(track, genre): genre for track, genres in stay for genre in as_list(genres)}
    return [Change(fingerprint=key[0], old=key[1], new=new) for key, new in found.items()]


def files_with(db: Database, genres: Iterable[str]) -> list[tuple[str, str]]:
    """Return (path, origin) of the files that carry one of *genres*, however spelled."""
    wanted = {fold(genre) for genre in genres}
    rows = db.execute(
        "select path, origin, genres from files"
        " where genres != '[]' and gone_at is null order by path"
    )
    return [(path_text(row[0]), row[1]) for row in rows if _has(as_list(row[2]), wanted)]


def decline_rename(db: Database, old: str, new: str) -> None:
    """Remember that the person does not call *old* by the name *new* from now on."""
    with writing(db):
        pairs = sorted({*declined_renames(db), (fold(old), fold(new))})
        set_setting(db, DECLINED, pairs)


def declined_renames(db: Database) -> frozenset[tuple[str, str]]:
    """Return (folded old, folded new) of the renames that are offered no more."""
    return frozenset((old, new) for old, new in get_setting(db, DECLINED) or ())


def _has(genres: Sequence[str], wanted: set[str]) -> bool:
    return any(fold(genre) in wanted for genre in genres)
