"""Whose music it is: when two spellings of a name are one artist, and which names are nobody.

A key is for comparing and never shown. It ignores case, accents, punctuation, an article at
either end and guests ("feat. …"); it never guesses at typing errors.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Keys", "album_key", "artist_key", "group_of", "keys_of"]

_GUESTS = re.compile(r"\s*[\(\[]?\b(feat|ft|featuring)\b\.?\s.*$", re.IGNORECASE)
_TRAILING_ARTICLE = re.compile(r"^(.*), (the|a|an)$")
_LEADING_ARTICLE = re.compile(r"^the (?!the$)(?=.)")

# what taggers write where many artists, or none, are meant
_NOBODY = frozenset(
    (
        "", "various", "variousartists", "va", "diverse", "diverseinterpreten", "artistesdivers",
        "variosartistas", "artistivari", "unknown", "unknownartist", "unknowncomposer", "none",
        "soundtrack", "originalsoundtrack", "ost",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Whose music a track is, as keys; each is empty where there is none."""

    composer: str = ""
    artist: str = ""
    album: str = ""


def keys_of(
    *,
    artist: str | None,
    album_artist: str | None = None,
    album: str | None = None,
    composer: str | None = None,
    compilation: bool = False,
) -> Keys:
    """Return the keys of a track as it is tagged.

    Of a compilation nothing is said but who composed it: a label's choice is no artist's album.
    """
    if compilation or (album_artist and not artist_key(album_artist)):
        return Keys(composer=artist_key(composer))
    own, whose = artist_key(artist), artist_key(album_artist)
    return Keys(
        composer=artist_key(composer),
        artist=own or whose,
        album=album_key(album, whose or own) if whose or own else "",
    )


def group_of(artist: str | None, album_artist: str | None, path: str) -> str:
    """Return whose music the file at *path* is where artists are kept apart: its folder's at worst.

    On a compilation, too, it is the artist's: `Keys` names none there, since what one track is
    called says nothing of another, but whoever learned from it has met the artist.
    """
    folder = path.rpartition("/")[0].strip().casefold()
    return artist_key(artist) or artist_key(album_artist) or folder


@lru_cache(maxsize=4096)  # a word is read with its whole artist's, again and again
def artist_key(name: str | None) -> str:
    """Return what all spellings of an artist or composer share, empty for nobody in particular.

    >>> artist_key("Beatles, The") == artist_key("THE BEATLES feat. Billy Preston")
    True
    >>> artist_key("Various Artists")
    ''
    """
    text = _plain(_GUESTS.sub("", name or ""))
    turned = _TRAILING_ARTICLE.sub(r"\2 \1", text.strip())
    key = _letters(_LEADING_ARTICLE.sub("", turned)) or _letters(text)
    return "" if key in _NOBODY else key


def album_key(album: str | None, artist: str) -> str:
    """Return what the tracks of one album share; *artist* is the key of whose album it is.

    Empty without an album's name: tracks of no album have none in common.
    """
    title = _letters(_plain(album or ""))
    return f"{artist}/{title}" if title else ""


def _plain(text: str) -> str:
    """Case, the accents of Europe's letters and the ampersand away; other signs make words."""
    apart = unicodedata.normalize("NFKD", text).casefold().replace("&", " and ")
    bare = "".join(letter for letter in apart if not "\u0300" <= letter <= "\u036f")
    return unicodedata.normalize("NFC", bare)


def _letters(text: str) -> str:
    """Letters and digits of any script; a name of signs alone ("!!!") stays as it is."""
    kept = "".join(letter for letter in text if letter.isalnum())
    return kept or "".join(text.split())
