"""The keys by which artists and albums are found: of rows, and for rows of an older record."""

from typing import Any, Protocol

from sqlite_utils import Database

from core.names import Keys, keys_of

__all__ = ["Tagged", "as_columns", "give_keys", "keys_in"]


class Tagged(Protocol):
    """Whatever says whose music a track is."""

    @property
    def artist(self) -> str | None:
        """As tagged, like all of these."""

    @property
    def album_artist(self) -> str | None:
        """Whose album it is on."""

    @property
    def album(self) -> str | None:
        """Its title."""

    @property
    def composer(self) -> str | None:
        """Who wrote it."""

    @property
    def compilation(self) -> bool:
        """Whether many artists share the album."""


def keys_in(row: Tagged) -> Keys:
    """Return whose music a row says that it is, for comparing."""
    return keys_of(
        artist=row.artist,
        album_artist=row.album_artist,
        album=row.album,
        composer=row.composer,
        compilation=row.compilation,
    )


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
