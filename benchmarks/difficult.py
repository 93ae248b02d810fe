"""Difficult files: `python -m benchmarks difficult [--corpus NAME=FOLDER …] [--recipes-only]`.

Gives every file a genre by our own write path and, beside it, by plain mutagen, and lets
FFmpeg and mutagen judge what became of it: audio, other tags, versions, stale genres, mode
and attributes, and whether undo brings the file back bit for bit. The recipes are ours
(tests/difficult.py); a corpus is any folder, of which only counts are kept.
"""

import argparse
import os
import shutil
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mutagen
from mutagen.asf import ASF
from mutagen.id3 import ID3, TCON
from mutagen.mp4 import MP4

from benchmarks.tools.judging import Sight, harm, look
from core.errors import GenrewatchError
from core.tags.rewrite import prepare, prepare_back, take_place
from tests.difficult import RECIPES

__all__ = ["Tried", "lay", "main", "try_ours", "try_plain"]

GENRE = "Measured / Genre"  # no reader may split it, and ID3v1 has no number for it
MODE, ATTRIBUTE = 0o640, "user.genrewatch-benchmark"
HARMS = ("audio", "tags", "version", "stale", "unreadable", "attributes", "raised", "leftover")
MOST_REFUSED_PERCENT = 3.0  # of files that mutagen opens and FFmpeg decodes without a word


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What became of one file under one writer."""

    outcome: str  # "written", "refused" or "raised"
    reason: str = ""
    harms: tuple[str, ...] = ()  # "kind: details"
    undone: bool | None = None  # bit for bit; None where nothing was written, or has no undo


@dataclass(slots=True)
class Count:
    """The row of one writer in the table."""

    files: int = 0
    clean: int = 0
    refused_clean: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    harms: Counter[str] = field(default_factory=Counter)
    not_undone: int = 0

    def add(self, tried: Tried, *, clean: bool) -> None:
        self.files += 1
        self.clean += clean
        self.refused_clean += clean and tried.outcome != "written"
        self.outcomes[tried.outcome] += 1
        self.harms.update({harm.split(":")[0] for harm in tried.harms})
        self.not_undone += tried.undone is False

    def figures(self) -> dict[str, Any]:
        """Return the row as plain data."""
        return {
            "files": self.files,
            "undamaged": self.clean,
            "written": self.outcomes["written"],
            "refused": self.outcomes["refused"],
            "refused_of_undamaged": self.refused_clean,
            **{name: self.harms[name] for name in HARMS},
            "not_undone_bit_for_bit": self.not_undone,
        }


def main(argv: list[str]) -> dict[str, Any]:
    """Measure recipes and corpora; `passed` tells whether our row is free of harm."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks difficult")
    parser.add_argument("--corpus", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--verbose", action="store_true", help="name every harm and refusal")
    wishes = parser.parse_args(argv)
    tables = {}
    with tempfile.TemporaryDirectory() as room:
        tables["recipes"] = _measure(_recipes(Path(room)), Path(room), wishes.verbose)
        for named in wishes.corpus:
            name, _, folder = named.partition("=")
            tables[name] = _measure(_files(Path(folder)), Path(room), wishes.verbose)
    for name, table in tables.items():
        _print(name, table)
    harmless = all(_is_harmless(table["ours"]) for table in tables.values())
    few = all(_few_refused(table["ours"]) for name, table in tables.items() if name != "recipes")
    return {"tables": tables, "passed": harmless and few}


def try_ours(path: Path, before: Sight, genres: tuple[str, ...] = (GENRE,)) -> Tried:
    """Write by our own path, judge, and undo; *path* is a copy that may be spoiled."""
    old = path.read_bytes()
    scratch = path.with_name(".genrewatch-benchmark.tmp")
    try:
        prepared = prepare(str(path), genres, scratch=str(scratch))
        _take(path, scratch, prepared)
    except GenrewatchError as error:
        return Tried(outcome="refused", reason=error.what, harms=_untouched(path, old))
    except Exception as error:  # the very thing to be counted
        return Tried(outcome="raised", reason=repr(error), harms=("raised", *_untouched(path, old)))
    harms = (*harm(before, look(path), genres), *_attributes_lost(path), *_leftovers(path))
    back = prepare_back(
        str(path),
        prepared.undo,
        prepared.hash_after,
        prepared.hash_before,
        prepared.old,
        prepared.new,
        scratch=str(scratch),
    )
    _take(path, scratch, back)
    return Tried(outcome="written", harms=harms, undone=path.read_bytes() == old)


def try_plain(path: Path, before: Sight, genres: tuple[str, ...] = (GENRE,)) -> Tried:
    """Write as mutagen's own documentation shows, and judge."""
    old = path.read_bytes()
    try:
        known = _save_plainly(path, genres)
    except Exception as error:  # the very thing to be counted
        return Tried(outcome="raised", reason=repr(error), harms=("raised", *_untouched(path, old)))
    if not known:
        return Tried(outcome="refused", reason="mutagen knows no such file")
    return Tried(outcome="written", harms=tuple(harm(before, look(path), genres)))


def _save_plainly(path: Path, genres: tuple[str, ...]) -> bool:
    file = mutagen.File(path)
    if file is None:
        return False
    if file.tags is None:
        file.add_tags()
    if isinstance(file.tags, ID3):
        file.tags.setall("TCON", [TCON(encoding=3, text=list(genres))])
    else:
        key = (
            "\xa9gen" if isinstance(file, MP4) else "WM/Genre" if isinstance(file, ASF) else "genre"
        )
        file[key] = list(genres)
    file.save()
    return True


# --- the steps of one file -------------------------------------------------------------


def _take(path: Path, scratch: Path, prepared: Any) -> None:
    if take_place(str(path), str(scratch), prepared).kept:
        scratch.unlink()


def _untouched(path: Path, old: bytes) -> tuple[str, ...]:
    return () if path.read_bytes() == old else ("tags: changed without being written",)


def _attributes_lost(path: Path) -> tuple[str, ...]:
    kept = stat.S_IMODE(path.stat().st_mode) == MODE
    if kept and hasattr(os, "getxattr"):
        kept = os.getxattr(path, ATTRIBUTE) == b"kept"
    return () if kept else ("attributes",)


def _leftovers(path: Path) -> tuple[str, ...]:
    names = [entry.name for entry in path.parent.iterdir() if entry != path]
    return (f"leftover: {names}",) if names else ()


def _measure(files: Iterable[tuple[str, bytes]], room: Path, verbose: bool) -> dict[str, Any]:
    counts: dict[str, Count] = {"ours": Count(), "mutagen": Count()}
    writers: dict[str, Callable[[Path, Sight], Tried]] = {"ours": try_ours, "mutagen": try_plain}
    for number, (name, data) in enumerate(files, start=1):
        place = room / "file" / f"x{Path(name).suffix}"
        before = look(lay(place, data))
        for who, writer in writers.items():
            tried = writer(lay(place, data), before)
            counts[who].add(tried, clean=before.clean)
            if who == "ours" and verbose and (tried.harms or tried.outcome != "written"):
                state = "undamaged" if before.clean else "damaged"
                print(f"{name} ({state}): {tried.outcome} {tried.reason} {tried.harms}")
        print(f"\r{number} files", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {who: count.figures() for who, count in counts.items()}


def lay(place: Path, data: bytes) -> Path:
    """Lay the file down alone in its folder, with a mode and an attribute of its own."""
    shutil.rmtree(place.parent, ignore_errors=True)
    place.parent.mkdir()
    place.write_bytes(data)
    place.chmod(MODE)
    if hasattr(os, "setxattr"):
        os.setxattr(place, ATTRIBUTE, b"kept")
    return place


def _recipes(room: Path) -> Iterator[tuple[str, bytes]]:
    kitchen = room / "kitchen"
    kitchen.mkdir()
    for recipe in RECIPES:
        yield recipe.name, recipe.make(kitchen)


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(folder)), path.read_bytes()


# --- the table -------------------------------------------------------------------------


def _is_harmless(row: dict[str, Any]) -> bool:
    return not any(row[name] for name in (*HARMS, "not_undone_bit_for_bit"))


def _few_refused(row: dict[str, Any]) -> bool:
    """Whether few undamaged files were refused; the recipes are damaged on purpose."""
    return bool(row["refused_of_undamaged"] * 100 < MOST_REFUSED_PERCENT * max(1, row["undamaged"]))


def _print(name: str, table: dict[str, Any]) -> None:
    print(f"\n{name}")
    for who, row in table.items():
        print(f"  {who:8}", ", ".join(f"{key} {value}" for key, value in row.items()))
