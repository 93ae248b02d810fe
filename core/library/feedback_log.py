"""What people said of genres: append-only, the latest word on a track wins."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from core.library.codec import as_list, list_json, path_bytes, path_text, time_text
from core.library.keys import as_columns, keys_in

__all__ = [
    "NAMED",
    "FeedbackRow",
    "all_feedback",
    "count_since",
    "feedback_after",
    "feedback_of_track",
    "labels_since",
    "last_feedback_id",
    "learn_spelling",
    "record_feedback",
    "rows_where",
    "spellings",
    "story_of_track",
]

NAMED = ("correction", "label", "confirmation")  # kinds by which a person names a genre
COLUMNS = (
    "id, path, fingerprint, kind, old, new, via, artist, album_artist, album, compilation, at, "
    "composer, edited_ns, other_changed, batch, "
    "coalesce((select whose from batches where batches.id = batch), 'person'), lot, withdrawn"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackRow:
    """One word of a person; *kind* as in the design's vocabulary."""

    path: str
    fingerprint: str
    kind: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    via: str  # "retag", "tag", "review", "page", or "audit": asked of a track drawn at random
    artist: str | None = None
    album_artist: str | None = None
    album: str | None = None
    compilation: bool = False
    composer: str | None = None
    at: str = ""
    id: int = 0
    # when the file was edited, and whether other fields changed in the same save; of retags
    edited_ns: int | None = field(default=None, compare=False)
    other_changed: bool = field(default=False, compare=False)
    batch: int | None = field(default=None, compare=False)  # of many edits, mostly set later
    whose: str = field(default="person", compare=False)  # or "program", by its batch
    lot: str | None = field(default=None, compare=False)  # the act that a refusal is a part of
    # a refusal that was taken back, or the word that says so
    withdrawn: bool = field(default=False, compare=False)


def record_feedback(db: Database, row: FeedbackRow, now: datetime) -> None:
    """Append *row*; its id and time are set here, and whose it is follows from its batch."""
    values: dict[str, Any] = {
        "path": path_bytes(row.path),
        "fingerprint": row.fingerprint,
        "kind": row.kind,
        "old": list_json(row.old),
        "new": list_json(row.new),
        "via": row.via,
        "artist": row.artist,
        "album_artist": row.album_artist,
        "album": row.album,
        "composer": row.composer,
        "compilation": int(row.compilation),
        "edited_ns": row.edited_ns,
        "other_changed": int(row.other_changed),
        "batch": row.batch,
        "lot": row.lot,
        "withdrawn": int(row.withdrawn),
        "at": time_text(now),
        **as_columns(keys_in(row)),
    }
    places = ", ".join(f":{name}" for name in values)
    db.execute(f"insert into feedback ({', '.join(values)}) values ({places})", values)


def all_feedback(db: Database) -> list[FeedbackRow]:
    """Return all feedback that was not taken back as "not this" is, the oldest first."""
    return rows_where(db, "where not withdrawn order by id", [])


def feedback_after(db: Database, last_id: int) -> list[FeedbackRow]:
    """Return all feedback that came after *last_id*, the oldest first; what was taken back, too."""
    return rows_where(db, "where id > ? order by id", [last_id])


def feedback_of_track(db: Database, fingerprint: str) -> list[FeedbackRow]:
    """Return what was said of this track and not taken back, the oldest first."""
    return rows_where(db, "where fingerprint = ? and not withdrawn order by id", [fingerprint])


def story_of_track(db: Database, fingerprint: str) -> list[FeedbackRow]:
    """Return all that was ever said of this track, the oldest first."""
    return rows_where(db, "where fingerprint = ? order by id", [fingerprint])


def last_feedback_id(db: Database) -> int:
    """Return the id of the newest feedback, 0 where there is none."""
    newest: int = db.execute("select coalesce(max(id), 0) from feedback").fetchone()[0]
    return newest


def count_since(db: Database, last_id: int) -> int:
    """Return how many feedback rows came after *last_id*."""
    count: int = db.execute("select count(*) from feedback where id > ?", [last_id]).fetchone()[0]
    return count


def labels_since(db: Database, last_id: int) -> list[tuple[str, str]]:
    """Return (fingerprint, artist) of the tracks that a person named the genre of after *last_id*.

    Artist is a key, the folder where nobody is named. Words of a program's batch are none.
    """
    rows = db.execute(
        f"""
        select fingerprint, artist_key, path
        from words
        where id > ?
            and id in (select max(id) from words where kind != 'reversion' group by fingerprint)
            and kind in ({", ".join("?" * len(NAMED))})
            and new != '[]'
        """,
        [last_id, *NAMED],
    )
    return [(row[0], row[1] or path_text(row[2]).rpartition("/")[0]) for row in rows]


def learn_spelling(db: Database, folded: str, spelling: str, now: datetime) -> None:
    """Remember how the person writes a genre."""
    db.execute(
        "insert into spellings (folded, spelling, at) values (?, ?, ?) "
        "on conflict (folded) do update set spelling = excluded.spelling, at = excluded.at",
        [folded, spelling, time_text(now)],
    )


def spellings(db: Database) -> dict[str, str]:
    """Return folded genre → the person's spelling."""
    return dict(db.execute("select folded, spelling from spellings").fetchall())


def rows_where(db: Database, clause: str, values: Sequence[Any]) -> list[FeedbackRow]:
    """Return the words that an SQL *clause* of this package chooses."""
    query = f"select {COLUMNS} from feedback {clause}"
    return [_row(row) for row in db.execute(query, values)]


def _row(row: Sequence[Any]) -> FeedbackRow:
    return FeedbackRow(
        id=row[0],
        path=path_text(row[1]),
        fingerprint=row[2],
        kind=row[3],
        old=as_list(row[4]),
        new=as_list(row[5]),
        via=row[6],
        artist=row[7],
        album_artist=row[8],
        album=row[9],
        compilation=bool(row[10]),
        at=row[11],
        composer=row[12],
        edited_ns=row[13],
        other_changed=bool(row[14]),
        batch=row[15],
        whose=row[16],
        lot=row[17],
        withdrawn=bool(row[18]),
    )
