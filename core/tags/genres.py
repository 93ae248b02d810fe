"""Genre values as text: how a tag's raw values become a list, and back.

Pure. Split on NUL and ";" only, never on "/" or ",", and nothing where several values
stand already; ID3 numbers ("(17)", "17", "(4)Eurodisco", RX, CR; id3.org v2.3 4.2.1 TCON)
become their names, and stay text where no name is known.
"""

import re
from collections.abc import Iterable

from mutagen.id3 import TCON

__all__ = [
    "ID3V1_NAMES",
    "from_id3",
    "from_values",
    "id3v1_code",
    "id3v1_name",
    "id3v1_says",
    "name_of_code",
    "to_id3",
]

ID3V1_NAMES: tuple[str, ...] = tuple(TCON.GENRES)  # 192 names, ID3v1 and Winamp's additions
NO_CODE = 255
EVERYWHERE = 126  # the numbers below are in the standard itself (2.3.0, appendix A)
# what taggers leave in the byte when they know nothing: Blues (a zeroed byte), Other, none
MEANINGLESS_CODES = frozenset({0, 12, NO_CODE})
_WORDS = {"RX": "Remix", "CR": "Cover"}
_REFERENCE = re.compile(r"\((\d{1,3}|RX|CR)\)")


def from_values(values: Iterable[str]) -> tuple[str, ...]:
    """Return the genres that a list of raw text values means, in order, each once."""
    return _unique(_parts(values))


def from_id3(values: Iterable[str]) -> tuple[str, ...]:
    """Return the genres that the text of a TCON frame means, numbers as names."""
    return _unique(name for part in _parts(values) for name in _decode(part))


def to_id3(genre: str) -> str:
    """Return the text for a TCON frame that reads back as *genre*, as far as there is one."""
    if genre.startswith("(") and _decode(genre) != [genre]:
        return "(" + genre  # the standard's escape for a text that begins with a bracket
    return genre


def id3v1_code(genres: tuple[str, ...]) -> int:
    """Return ID3v1's genre byte for the first genre, 255 where it has none."""
    wanted = genres[0].casefold() if genres else ""
    codes = [code for code, name in enumerate(ID3V1_NAMES) if name.casefold() == wanted]
    return codes[0] if codes else NO_CODE


def id3v1_name(code: int) -> str | None:
    """Return the genre of an ID3v1 byte; None where the byte means nothing by itself."""
    return None if code in MEANINGLESS_CODES else name_of_code(code)


def id3v1_says(genres: tuple[str, ...]) -> bool:
    """Say whether ID3v1's byte alone tells every reader just these genres."""
    code = id3v1_code(genres)
    return code < EVERYWHERE and genres == (id3v1_name(code),)


def name_of_code(code: int) -> str | None:
    """Return the name of a number that somebody chose, as MP4's gnre holds it."""
    return ID3V1_NAMES[code] if 0 <= code < len(ID3V1_NAMES) else None


def _parts(values: Iterable[str]) -> list[str]:
    found = [part.strip() for value in values for part in value.split("\0")]
    found = [part for part in found if part]
    if len(found) == 1:  # one value may be a joined list; several are a list already
        found = [part.strip() for part in found[0].split(";")]
    return [part for part in found if part]


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _decode(text: str) -> list[str]:
    """Return the names that one TCON text refers to, then the text that follows them."""
    if _name(text) is not None:
        return [str(_name(text))]
    names: list[str] = []
    rest = text
    while (reference := _REFERENCE.match(rest)) and (name := _name(reference[1])) is not None:
        names.append(name)
        rest = rest[reference.end() :].strip()
    if rest.startswith("(("):
        rest = rest[1:]
    return [*names, rest] if rest else names


def _name(code: str) -> str | None:
    if code in _WORDS:
        return _WORDS[code]
    known = code.isascii() and code.isdigit() and len(code) <= len("255")
    return ID3V1_NAMES[int(code)] if known and int(code) < len(ID3V1_NAMES) else None
