"""What stands in a file's tag blocks, told finely enough to prove that nothing else changed.

`values` is what mutagen understands, `raw` are the very bytes of each piece by our own
parsing: two witnesses, both without the genre.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from core.tags.splice import digest

__all__ = ["Contents", "Fields", "named", "pick", "told"]

Fields = Mapping[str, tuple[str, ...]]

LARGE = 1 << 12  # bytes of a picture are told by their hash: repr takes 0.1 s for 5 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The tag blocks of one file; `fields` by TagReading's names, values as (name, digest)."""

    genres: tuple[str, ...]
    version: str = ""  # tag blocks and their versions, "ID3v2.3 ID3v1"
    fields: Fields = field(default_factory=dict)
    values: tuple[tuple[str, str], ...] = ()
    raw: tuple[tuple[str, str], ...] = ()
    unwritable: str | None = None


def named(pieces: Iterable[tuple[str, bytes | str]]) -> tuple[tuple[str, str], ...]:
    """Return (name, digest) of each piece, sorted: a multiset that can be compared."""
    return tuple(sorted((name, digest(data)) for name, data in pieces))


def told(value: object) -> str:
    """Return what tells a parsed value from every other, as repr does, but quickly."""
    if isinstance(value, list):
        return f"[{', '.join(map(told, value))}]"
    if isinstance(value, bytes) and len(value) > LARGE:
        kind = getattr(value, "imageformat", "")  # of an MP4 cover
        return f"{type(value).__name__} {kind!r} {digest(value)}"
    return repr(value)


def pick(values: Fields, names: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return for each of our field names the first of the format's names that has a value."""
    found: dict[str, tuple[str, ...]] = {}
    for ours, theirs in names.items():
        for name in theirs:
            texts = tuple(text.strip() for text in values.get(name, ()) if text.strip())
            if texts:
                found[ours] = texts
                break
    return found
