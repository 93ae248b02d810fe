"""What the record knows of the genres of a track's composer, artist, album and neighbours.

A read for the memory: people's words first, else what came with the file or what we wrote.
It weighs nothing.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from core.library import lessons
from core.library.codec import as_list
from core.names import Keys

__all__ = [
    "NOTHING",
    "Said",
    "Voiced",
    "embeddings_of",
    "last_voiced",
    "said_of",
    "voiced",
    "voiced_since",
]

NOTHING = (0, 0)  # what `last_voiced` is of an empty record
MOST = 400  # words of one artist that are read, the newest; more would say the same again


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said of one track: by a person, or else by the file's own tag."""

    fingerprint: str
    genre: str
    whose: str  # "person", "arrived", "program", "ours", or "guess": ours, and not written
    keys: Keys
    refused: bool = False  # a person said that it is not this genre, and nothing else
    batch: int | None = None  # it was said of many files at once
    sure: float = 1.0  # of a guess, how sure it was


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Voiced:
    """The tracks that a person gave a genre, as heard; row by row."""

    fingerprints: tuple[str, ...]
    genres: tuple[str, ...]
    refused: tuple[bool, ...]  # the person said that it is not this genre
    heard: NDArray[np.float32]  # [tracks, d]: the backbone's embedding
    of_one_act: NDArray[np.float32]  # [tracks]: how many of one artist were named in the same act


def said_of(db: Database, keys: Keys, *, but: str) -> list[Said]:
    """Return what is said of the tracks that share one of *keys*, but for the track *but*.

    Each track speaks once: by the person's last word, else by what we guessed of it before a
    program edited it among many, else by what that did, else by one of its files, else by the
    tag that it had in a library that was learned from, else by what we guess of it and are not
    sure of.
    """
    words = {said.fingerprint: said for said in _by_people(db, keys, but)}
    weaker = (_by_guesses_beneath, _by_programs, _by_files, _by_lessons, _by_guesses)
    for said in (said for source in weaker for said in source(db, keys, but)):
        words.setdefault(said.fingerprint, said)
    return [said for said in words.values() if said.genre]


def embeddings_of(db: Database, fingerprints: Collection[str]) -> dict[str, NDArray[np.float32]]:
    """Return how the backbone heard these tracks [d], of those that it heard."""
    rows = db.execute(
        f"""
        select fingerprint, embedding
        from hearings
        where embedding is not null and fingerprint in ({_marks(fingerprints)})
        """,
        list(fingerprints),
    ).fetchall()
    return {row[0]: np.frombuffer(row[1], "<f2").astype(np.float32) for row in rows}


def voiced(db: Database, fingerprints: Collection[str] | None = None) -> Voiced:
    """Return every track with a person's word that was heard with the backbone.

    Or of these only the ones among *fingerprints*.
    """
    chosen = "" if fingerprints is None else f"and words.fingerprint in ({_marks(fingerprints)})"
    rows = db.execute(
        f"""
        select words.fingerprint, words.kind, words.old, words.new, hearings.embedding,
            case when words.batch is null then 1 else (
                select count(distinct others.fingerprint) from feedback as others
                where others.batch = words.batch and others.artist_key = words.artist_key
            ) end
        from words
        join hearings using (fingerprint)
        where words.id in (
                select max(id) from words where kind != 'reversion' {chosen} group by fingerprint
            )
            and hearings.embedding is not null
        order by words.id
        """,
        list(fingerprints or ()),
    ).fetchall()
    said = [(row[0], *_word(row[1], row[2], row[3]), row[4], row[5]) for row in rows]
    kept = [row for row in said if row[1]]
    return Voiced(
        fingerprints=tuple(row[0] for row in kept),
        genres=tuple(row[1] for row in kept),
        refused=tuple(row[2] for row in kept),
        heard=_stacked(row[3] for row in kept),
        of_one_act=np.array([row[4] for row in kept], np.float32),
    )


def last_voiced(db: Database) -> tuple[int, int]:
    """Return what changes when `voiced` would: the newest word, the newest hearing of one named."""
    row = db.execute(
        """
        select
            (select coalesce(max(id), 0) from feedback),
            (
                select coalesce(max(rowid), 0) from hearings
                where fingerprint in (select fingerprint from feedback)
            )
        """
    ).fetchone()
    return row[0], row[1]


def voiced_since(db: Database, newest: tuple[int, int]) -> list[str]:
    """Return the tracks named or heard anew since `last_voiced` gave *newest*."""
    rows = db.execute(
        """
        select fingerprint from feedback where id > ?
        union
        select fingerprint from hearings
        where rowid > ? and fingerprint in (select fingerprint from feedback)
        """,
        newest,
    )
    return [row[0] for row in rows]


def _by_people(db: Database, keys: Keys, but: str) -> list[Said]:
    return [_said(row, "person") for row in _last_words(db, "words", keys, but)]


def _by_programs(db: Database, keys: Keys, but: str) -> list[Said]:
    theirs = """
        (
            select feedback.* from feedback
            join batches on batches.id = feedback.batch
            where batches.whose = 'program'
        )
    """
    return [_said(row, "program") for row in _last_words(db, theirs, keys, but)]


def _last_words(db: Database, words: str, keys: Keys, but: str) -> list[Sequence[Any]]:
    """The last of *words*, a table, on each track that shares a key; the newest first."""
    clause, values = _sharing("feedback", keys)
    return db.execute(
        f"""
        select fingerprint, kind, old, new, composer_key, artist_key, album_key, batch
        from {words}
        where id in (
                select max(id) from {words}
                where kind != 'reversion' and fingerprint in ({clause}) and fingerprint != ?
                group by fingerprint
            )
        order by id desc
        limit {MOST}
        """,
        [*values, but],
    ).fetchall()


def _by_files(db: Database, keys: Keys, but: str) -> list[Said]:
    clause, values = _sharing("files", keys)
    rows = db.execute(
        f"""
        select fingerprint, genres, origin, composer_key, artist_key, album_key
        from files
        where fingerprint in ({clause}) and fingerprint != ?
            and origin in ('ours', 'arrived', 'program')
            and genres != '[]'
            and gone_at is null
        order by changed_at desc
        limit {MOST}
        """,
        [*values, but],
    ).fetchall()
    return [
        Said(fingerprint=row[0], genre=as_list(row[1])[0], whose=row[2], keys=_keys(row[3:]))
        for row in rows
    ]


def _by_lessons(db: Database, keys: Keys, but: str) -> list[Said]:
    taught = lessons.taught_of(db, keys.artist, but=but) if keys.artist else []
    artist = Keys(artist=keys.artist)
    return [
        Said(fingerprint=fingerprint, genre=genre, whose="arrived", keys=artist)
        for fingerprint, genre in taught
    ]


def _by_guesses(db: Database, keys: Keys, but: str) -> list[Said]:
    return _guesses(db, keys, but, "state = 'not_sure'")


def _by_guesses_beneath(db: Database, keys: Keys, but: str) -> list[Said]:
    """What we guessed of tracks that a program edited: that it does not know them hides nothing."""
    edited = """
        exists (
            select 1 from feedback
            join batches on batches.id = feedback.batch
            where feedback.fingerprint = files.fingerprint and batches.whose = 'program'
        )
    """
    return _guesses(db, keys, but, edited)


def _guesses(db: Database, keys: Keys, but: str, which: str) -> list[Said]:
    clause, values = _sharing("files", keys)
    rows = db.execute(
        f"""
        select files.fingerprint, verdicts.genres, composer_key, artist_key, album_key
        from files
        join verdicts using (fingerprint)
        where files.fingerprint in ({clause}) and files.fingerprint != ?
            and {which}
            and verdicts.genres != '[]'
            and gone_at is null
        order by changed_at desc
        limit {MOST}
        """,
        [*values, but],
    ).fetchall()
    return [_guess(row) for row in rows]


def _guess(row: Sequence[Any]) -> Said:
    genre, sure = json.loads(row[1])[0]
    return Said(fingerprint=row[0], genre=genre, whose="guess", keys=_keys(row[2:]), sure=sure)


def _sharing(table: str, keys: Keys) -> tuple[str, list[str]]:
    """SQL for the fingerprints of *table* that share a key, and its values."""
    named = {"composer": keys.composer, "artist": keys.artist, "album": keys.album}
    # that the key is not empty is said for SQLite's sake: the index holds no others
    parts = [
        f"select fingerprint from {table} where {key}_key = ? and {key}_key != ''"
        for key in named
        if named[key]
    ]
    return " union ".join(parts) or "select null", [key for key in named.values() if key]


def _said(row: Sequence[Any], whose: str) -> Said:
    genre, refused = _word(row[1], row[2], row[3])
    return Said(
        fingerprint=row[0],
        genre=genre,
        whose=whose,
        keys=_keys(row[4:7]),
        refused=refused,
        batch=row[7],
    )


def _word(kind: str, old: str, new: str) -> tuple[str, bool]:
    """The genre that a person's word is about, and whether it was refused; "" for none."""
    said = as_list(old) if kind == "rejection" else as_list(new)
    return (said[0] if said else "", kind == "rejection")


def _keys(row: Sequence[Any]) -> Keys:
    return Keys(composer=row[0], artist=row[1], album=row[2])


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))


def _stacked(blobs: Iterable[bytes]) -> NDArray[np.float32]:
    rows = [np.frombuffer(blob, "<f2").astype(np.float32) for blob in blobs]
    return np.stack(rows) if rows else np.zeros((0, 0), np.float32)
