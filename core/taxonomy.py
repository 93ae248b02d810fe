"""Genres as the user spells them, and when two spellings are the same genre.

Folding ignores case, spaces, hyphens and "&"; it never applies aliases, so that a change
of alias is no feedback.
"""

import unicodedata
from collections.abc import Iterable, Mapping

__all__ = ["fold", "fold_all", "is_empty", "meaningful", "spell"]

_IGNORED = frozenset("-\u2010\u2011\u2012\u2013\u2014")  # the hyphens and dashes people type


def fold(genre: str) -> str:
    """Return the form under which two spellings of one genre are equal.

    >>> fold("Hip-Hop") == fold("hip hop"), fold("R&B") == fold("r and b")
    (True, True)
    """
    text = unicodedata.normalize("NFKC", genre).casefold().replace("&", "and")
    return "".join(letter for letter in text if not letter.isspace() and letter not in _IGNORED)


def fold_all(genres: Iterable[str]) -> frozenset[str]:
    """Return the folded set: order, repeats and spelling do not count."""
    return frozenset(fold(genre) for genre in genres if genre.strip())


def is_empty(genres: Iterable[str], empty_values: Iterable[str]) -> bool:
    """Say whether *genres* mean nothing: none at all, or only such as "Unknown"."""
    return not meaningful(genres, empty_values)


def meaningful(genres: Iterable[str], empty_values: Iterable[str]) -> tuple[str, ...]:
    """Return the genres that mean something."""
    nothing = fold_all(empty_values)
    return tuple(genre for genre in genres if genre.strip() and fold(genre) not in nothing)


def spell(genre: str, spellings: Mapping[str, str]) -> str:
    """Return *genre* as the person writes it (*spellings*: folded → spelling)."""
    return spellings.get(fold(genre), genre)
