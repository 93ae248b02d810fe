"""Give rows of an older record the keys by which artists and albums are found."""

from typing import Any

from sqlite_utils import Database

from core.names import Keys, keys_of

__all__ = ["as_columns", "give_keys"]


def as_columns(keys: Keys) -> dict[str, str]:
    """Return *keys* by the columns that keep them."""
    return {"composer_key": keys.composer, "artist_key": keys.artist, "album_key": keys.album}


def give_keys(db: Database) -> None:
    """Give each file and each word of a person its keys."""
    for table in ("files", "feedback"):
        query = f"select rowid, artist, album_artist, album, composer, compilation from {table}"
        for row in db.execute(query).fetchall():
            _give(db, table, row)


def _give(db: Database, table: str, row: tuple[Any, ...]) -> None:
    keys = keys_of(
        artist=row[1],
        album_artist=row[2],
        album=row[3],
        composer=row[4],
        compilation=bool(row[5]),
    )
    if keys != Keys():
        db.execute(
            f"update {table} set composer_key = :composer_key, artist_key = :artist_key,"
            " album_key = :album_key where rowid = :rowid",
            {**as_columns(keys), "rowid": row[0]},
        )
