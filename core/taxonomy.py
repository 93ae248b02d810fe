"""Genres as the user spells them, when two spellings are the same genre, which tags mean one.

Folding ignores case, spaces, hyphens and "&"; it never applies aliases, so that a change
of alias is no feedback.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

__all__ = [
    "KNOWN",
    "SPOKEN_OF",
    "TAGS",
    "fold",
    "fold_all",
    "is_name",
    "meaningful",
    "spell",
    "tags_of",
]

# What the backbone has words for: tags of the Million Song Dataset, in the order and the
# spelling of its outputs. Here, since who judges and who explains may not load the backbone.
TAGS = (
    "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s",
    "alternative rock", "jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock",
    "soul", "indie rock", "Mellow", "electronica", "80s", "folk", "90s", "chill", "instrumental",
    "punk", "oldies", "blues", "hard rock", "ambient", "acoustic", "experimental",
    "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country", "easy listening", "sexy",
    "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb", "indie pop",
    "sad", "House", "happy",
)  # fmt: skip

# The tags that speak of a genre, by its folded name, where they are not just called like it.
# Written down before any result was looked at. The last three are makeshifts: no tag is
# called like them, so they are known by what mostly stands beside them.
SPOKEN_OF = {
    "hiphop": ("Hip-Hop", "rnb"),
    "metal": ("metal", "heavy metal"),
    "pop": ("pop", "female vocalists", "party"),
    "rock": ("rock", "classic rock", "hard rock", "alternative rock"),
    "electronic": ("electronic", "electronica", "electro"),
    "folk": ("folk", "acoustic"),
    "indie": ("indie", "indie rock", "indie pop"),
    "randb": ("rnb", "soul"),
    "rap": ("Hip-Hop",),
    "techno": ("electronic", "electro", "dance"),
    "chillout": ("chillout", "chill"),
    "progressiverock": ("Progressive rock",),
    "classical": ("instrumental", "beautiful"),
    "disco": ("funk", "70s", "80s", "dance"),
    "reggae": ("chill",),
}

# The genres that some tag is called like, as people write them. Whatever of these a model
# has not learned lies beyond its vocabulary, and can only be suggested.
KNOWN = (
    "Alternative", "Ambient", "Blues", "Chillout", "Country", "Dance", "Easy Listening",
    "Electronic", "Experimental", "Folk", "Funk", "Hard Rock", "Hip-Hop", "House", "Indie",
    "Jazz", "Metal", "Pop", "Progressive Rock", "Punk", "R&B", "Rock", "Soul",
)  # fmt: skip

_IGNORED = frozenset("-\u2010\u2011\u2012\u2013\u2014")  # the hyphens and dashes people type


@lru_cache(maxsize=4096)  # a library has few genres, and the memory folds them for each file
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


def is_name(genre: str) -> bool:
    """Say whether *genre* can stand in a tag as a name: it has letters, and none that steers.

    >>> is_name("R&B"), is_name("-"), is_name("\\x1b[D")
    (True, False, False)
    """
    return bool(fold(genre)) and genre.isprintable()


def meaningful(genres: Iterable[str], empty_values: Iterable[str]) -> tuple[str, ...]:
    """Return the genres that mean something."""
    nothing = fold_all(empty_values)
    return tuple(genre for genre in genres if genre.strip() and fold(genre) not in nothing)


def spell(genre: str, spellings: Mapping[str, str]) -> str:
    """Return *genre* as the person writes it (*spellings*: folded → spelling)."""
    return spellings.get(fold(genre), genre)


def tags_of(genre: str) -> tuple[str, ...]:
    """Return the tags that speak of *genre*: by the table, else the tag of that name."""
    folded = fold(genre)
    return SPOKEN_OF.get(folded) or tuple(tag for tag in TAGS if fold(tag) == folded)
