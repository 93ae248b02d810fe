"""The person's genres: what is used, what it means, what it waits for; and changes of that.

Gathers for `genrewatch genres` and for review. It renames what is said from now on and never
touches a file.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from core.decision.vocabulary import (
    LEARNED,
    SUGGESTED,
    Need,
    Rename,
    Use,
    Vocabulary,
    renames,
    uses,
    vocabulary,
)
from core.errors import ConfigError
from core.library import feedback_log, taxonomy
from core.library.schema import writing
from core.taxonomy import fold, is_name

__all__ = [
    "Genre",
    "Genres",
    "alias",
    "collect",
    "forget",
    "genres_json",
    "merge",
    "offered_renames",
    "parent",
    "rename",
    "require_names",
    "still_called",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Genre:
    """A genre as `genres` lists it."""

    genre: str
    origin: str  # "model", "yours" or "arrived"
    files: int = 0  # that carry it, under whatever name
    named: int = 0  # tracks that the person called so
    artists: int = 0  # of these
    aliases: tuple[str, ...] = ()
    parent: str | None = None
    faded: bool = False
    stage: str = ""  # of one of the person's own: what it waits for


@dataclass(frozen=True, slots=True, kw_only=True)
class Genres:
    """All of them, and which seem to have got a new name."""

    genres: tuple[Genre, ...]
    renames: tuple[Rename, ...]


def collect(db: Database, learned: Sequence[str]) -> Genres:
    """Return the genres of the person's library under a model that *learned* these."""
    named, there = taxonomy.named(db), taxonomy.carried(db)
    names = vocabulary(taxonomy.relations(db), named, there, learned)
    used = uses(named, names)
    carried: dict[str, int] = defaultdict(int)
    for item in there:
        carried[names.key(item.genre)] += item.files
    heard_of = [*learned, *(item.genre for item in there), *(item.genre for item in named)]
    heard_of += [item.genre for item in taxonomy.relations(db)]
    spelled = _spellings(db, names, [*heard_of, *names.parents.values()])
    also = _also(db, names)
    listed = (
        _genre(spelled[key], key, names, used.get(key), carried[key], also.get(key, ()))
        for key in spelled
    )
    order = sorted(listed, key=lambda item: (-item.files, -item.named, fold(item.genre)))
    return Genres(genres=tuple(order), renames=_renames(db, names))


def offered_renames(db: Database) -> tuple[Rename, ...]:
    """Return which genres seem to have got a new name that nobody was asked about."""
    return _renames(db, _names(db))


def genres_json(found: Genres) -> dict[str, Any]:
    """Return the document that `genres --json` prints."""
    return {
        "genres": [asdict(item) for item in found.genres],
        "renames": [asdict(item) for item in found.renames],
    }


# changes ---------------------------------------------------------------------------------


def alias(db: Database, old: str, new: str, now: datetime) -> None:
    """Let *old* mean *new* from now on; raises ConfigError where that cannot be."""
    require_names(old, new)
    if fold(old) == fold(new):
        raise ConfigError(f"{old} and {new} are one genre, spelled in two ways", None, _SPELL)
    with writing(db):
        if _names(db).key(new) == fold(old):
            remedy = f'first: genrewatch genres forget "{new}"'
            raise ConfigError(f"{new} means {old} already", None, remedy)
        taxonomy.relate(db, old, "alias", new, now)
        feedback_log.learn_spelling(db, fold(new), new, now)


def merge(db: Database, old: str, new: str, now: datetime) -> None:
    """Let *old* mean *new*, and whatever belongs to *old* belong to *new*; raises ConfigError."""
    with writing(db):
        alias(db, old, new, now)
        for item in taxonomy.relations(db):
            if item.relation == "parent" and fold(item.target) == fold(old):
                taxonomy.relate(db, item.genre, "parent", new, now)


def rename(db: Database, old: str, new: str, now: datetime) -> None:
    """Call *old* by its *new* name from now on; raises ConfigError."""
    require_names(old, new)
    if fold(old) == fold(new):
        feedback_log.learn_spelling(db, fold(new), new, now)
    else:
        merge(db, old, new, now)


def parent(db: Database, child: str, above: str, now: datetime) -> None:
    """Let *child* belong to the genre *above*; raises ConfigError where that cannot be."""
    require_names(child, above)
    with writing(db):
        names = _names(db)
        if names.same(child, above):
            raise ConfigError(f"{child} and {above} are one genre", None, "name two")
        if names.key(child) in names.ancestors(above):
            remedy = f'first: genrewatch genres forget "{above}"'
            raise ConfigError(f"{above} belongs to {child} already", None, remedy)
        taxonomy.relate(db, child, "parent", above, now)


def require_names(*genres: str) -> None:
    """Raise ConfigError where one could stand in no tag: it would be written to files."""
    for genre in genres:
        if not is_name(genre):
            raise ConfigError(f"{genre!r} is no name of a genre", None, "give one that can be read")


def forget(db: Database, genre: str) -> tuple[str, ...]:
    """Drop what was said of the name *genre*; return what that was. Raises ConfigError if none."""
    with writing(db):
        gone = taxonomy.forget(db, genre)
    if not gone:
        what = f"nobody said that {genre} means or belongs to another genre"
        raise ConfigError(what, None, "see: genrewatch genres")
    return tuple(_in_words(item) for item in gone)


def still_called(db: Database, genre: str) -> list[tuple[str, str]]:
    """Return (path, origin) of the files that carry the name *genre*."""
    return taxonomy.files_with(db, [genre])


# parts -----------------------------------------------------------------------------------

_SPELL = "to spell it so, use: genrewatch genres rename"


def _names(db: Database) -> Vocabulary:
    return vocabulary(taxonomy.relations(db), taxonomy.named(db), (), ())


def _renames(db: Database, names: Vocabulary) -> tuple[Rename, ...]:
    return renames(taxonomy.changes(db), names, taxonomy.declined_renames(db))


def _spellings(db: Database, names: Vocabulary, genres: Iterable[str]) -> dict[str, str]:
    known = feedback_log.spellings(db)
    called = [names.named(genre) for genre in genres]
    return {fold(genre): known.get(fold(genre), genre) for genre in reversed(called)}


def _also(db: Database, names: Vocabulary) -> dict[str, tuple[str, ...]]:
    """The other names of each genre."""
    found: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for item in taxonomy.relations(db):
        if item.relation == "alias":
            found[names.key(item.genre)] += (item.genre,)
    return found


def _genre(
    genre: str,
    key: str,
    names: Vocabulary,
    use: Use | None,
    carried: int,
    also: tuple[str, ...],
) -> Genre:
    used = use or Use(genre=genre)
    own = key not in names.learned and bool(used.tracks)
    return Genre(
        genre=genre,
        origin=_origin(key, names, carried=carried, own=own),
        files=carried,
        named=used.tracks,
        artists=used.artists,
        aliases=also,
        parent=names.parents.get(key),
        faded=key in names.faded,
        stage=_stage(used) if own else "",
    )


def _origin(key: str, names: Vocabulary, *, carried: int, own: bool) -> str:
    if key in names.learned:
        return "model"
    return "arrived" if carried and not own else "yours"


def _stage(use: Use) -> str:
    if use.meets(LEARNED):
        return "to be learned by the next training"
    if use.meets(SUGGESTED):
        return f"suggested; to be learned from {_of(use, LEARNED)}"
    return f"to be suggested from {_of(use, SUGGESTED)}"


def _of(use: Use, need: Need) -> str:
    return (
        f"{need.tracks} tracks by {need.artists} artists"
        f" ({min(use.tracks, need.tracks)} by {min(use.artists, need.artists)} so far)"
    )


def _in_words(item: taxonomy.Relation) -> str:
    how = "means" if item.relation == "alias" else "belongs to"
    return f"{item.genre} {how} {item.target}"
