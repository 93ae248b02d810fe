"""A person and their other programs: files arrive, are moved, copied, retagged, deleted.

Keeps what must be true of each file in the end. Changes files in place as plain mutagen
does, and never asks the daemon anything but whether it is done with a file.
"""

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import IO, Any

from core.library.files import FileRow
from core.stamp import Stamp
from tests import tagging
from tests.audio import STYLES, genres_in, make_audio, retag, suffix

__all__ = ["FORMATS", "Person", "Thing", "look_for_damage"]

FORMATS = ("mp3", "flac", "ogg", "opus", "m4a", "wav", "aiff")
FOLDERS = ("", "one", "two/deep")
SECONDS = 2.0


@dataclass(slots=True, kw_only=True)
class Thing:
    """One file, and what must be true of it."""

    path: Path
    track: int
    packets: list[tuple[str, int, str]]
    others: list[tuple[str, str]]
    said: tuple[str, ...] | None = None  # the person's last word, if there was one
    changes: int = 0  # contents that were seen there and that are none of these programs' doing
    last: str = ""
    stamp: Stamp | None = None

    def observe(self) -> None:
        """Count a content that is not the last one seen."""
        stamp = Stamp.of(self.path.stat())
        if stamp == self.stamp:
            return
        found = _digest(self.path)
        self.changes += bool(self.last) and found != self.last
        self.last, self.stamp = found, stamp

    def edited(self) -> None:
        """Take what lies there now for our own doing."""
        self.others = tagging.others(self.path)
        self.last, self.stamp = _digest(self.path), Stamp.of(self.path.stat())


@dataclass(slots=True)
class Person:
    """Everything that happens to the music beside the daemon."""

    music: Path
    aside: Path
    rng: Random
    row: Callable[[Path], FileRow | None]  # what the record says of a file
    told: Callable[[str], None]  # each act, for whoever asks why
    things: dict[Path, Thing] = field(default_factory=dict)
    gone: set[Path] = field(default_factory=set)
    sure: Counter[int] = field(default_factory=Counter)  # words that must be on record, by track
    unsure: Counter[int] = field(default_factory=Counter)  # and such as may be
    words: dict[int, set[str]] = field(default_factory=dict)  # genres named, by track
    done: Counter[str] = field(default_factory=Counter)
    _tracks: dict[Path, int] = field(default_factory=dict)  # every name that ever was
    _made: int = 0
    _named: int = 0
    _copying: list[tuple[IO[bytes], bytes, Thing]] = field(default_factory=list)

    def arrive(self) -> None:
        """Let a new file come in, in one of the ways that files do."""
        source, thing = self._new()
        way = self.rng.choice(("copied", "moved in", "by way of .part", "slowly"))
        self._tell(way, thing)
        if way == "moved in":
            source.rename(thing.path)
        elif way == "by way of .part":
            part = thing.path.with_name(f"{thing.path.name}.part")
            shutil.copyfile(source, part)
            part.rename(thing.path)
        elif way == "slowly":
            self._begin_copy(source, thing)
            return
        else:
            shutil.copyfile(source, thing.path)
        self._keep(thing)

    def act(self) -> None:
        """Do one thing to a file that is there."""
        if self._copying and self.rng.random() < 0.5:
            self.finish_copy()
            return
        if not self.things:
            return
        thing = self.rng.choice(list(self.things.values()))
        acts = (self._move, self._copy, self._retag, self._retag, self._retitle, self._delete)
        self.rng.choice(acts)(thing)

    def observe(self) -> None:
        """Look at every file."""
        for thing in self.things.values():
            thing.observe()

    def finish(self) -> None:
        """Let what is under way come to its end."""
        while self._copying:
            self.finish_copy()

    def finish_copy(self) -> None:
        """Write the rest of a file that came in slowly."""
        file, rest, thing = self._copying.pop(0)
        file.write(rest)
        file.close()
        self._keep(thing)

    def track_of(self, path: Path) -> int:
        """Return which track lies or once lay at *path*, 0 where none ever did."""
        return self._tracks.get(path, 0)

    def _new(self) -> tuple[Path, Thing]:
        self._made += 1
        fmt = FORMATS[self._made % len(FORMATS)]
        source = make_audio(
            self.aside / f"{self._made}{suffix(fmt)}",
            fmt,
            style=self.rng.choice(list(STYLES)),
            seconds=SECONDS,
            seed=self._made,
            title=f"Number {self._made}",
        )
        if self._made % 4 == 0:
            tagging.fill(source)
        retag(source, artist=f"Artist {self._made}")  # each its own: words reach no other track
        thing = Thing(
            path=self._free_name(source.suffix),
            track=self._made,
            packets=tagging.packets(source),
            others=tagging.others(source),
        )
        return source, thing

    def _free_name(self, ending: str) -> Path:
        self._named += 1
        folder = self.music / self.rng.choice(FOLDERS)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self._named:05}{ending}"

    def _keep(self, thing: Thing) -> None:
        thing.last, thing.stamp = "", None
        self.things[thing.path] = thing
        self._tracks[thing.path] = thing.track
        thing.observe()

    def _begin_copy(self, source: Path, thing: Thing) -> None:
        whole = source.read_bytes()
        half = self.rng.randrange(len(whole))
        file = thing.path.open("wb", buffering=0)
        file.write(whole[:half])
        self._copying.append((file, whole[half:], thing))

    def _move(self, thing: Thing) -> None:
        old, new = thing.path, self._free_name(thing.path.suffix)
        old.rename(new)
        self._tell("moved", thing, f"to {new.name}")
        self.things.pop(old)
        self.gone.add(old)
        thing.path = new
        self.things[new] = thing
        self._tracks[new] = thing.track

    def _copy(self, thing: Thing) -> None:
        if self._is_said_unheard(thing):
            return
        new = replace(thing, path=self._free_name(thing.path.suffix), changes=0)
        self._tell("copied within", thing, f"to {new.path.name}")
        shutil.copyfile(thing.path, new.path)
        if not genres_in(new.path):
            new.said = None  # what was said of the one need not hold for the other
        self._keep(new)

    def _delete(self, thing: Thing) -> None:
        alone = sum(other.track == thing.track for other in self.things.values()) == 1
        if not alone or self._is_said_unheard(thing) or self.rng.random() < 0.5:
            return
        self._tell("deleted", thing)
        thing.path.unlink()
        self.things.pop(thing.path)
        self.gone.add(thing.path)

    def _retag(self, thing: Thing) -> None:
        row = self._settled_row(thing)
        if row is None:
            self._retag_unsettled(thing)
            return
        clears = row.origin == "ours" and self.rng.random() < 0.25
        word = () if clears else (self._word(thing),)
        self._edit(thing, genre=word)
        thing.said = word
        self.sure[thing.track] += 1
        self._tell("cleared" if clears else "retagged", thing, f"{row.genres} to {word}")

    def _retag_unsettled(self, thing: Thing) -> None:
        """Name the genre of a file that the daemon is not done with."""
        if thing.said is not None:
            return
        thing.said = (self._word(thing),)
        self._edit(thing, genre=thing.said)
        self.unsure[thing.track] += 1
        self._tell("retagged too early", thing, f"to {thing.said}")

    def _word(self, thing: Thing) -> str:
        """Return a genre that nobody has named yet, no model either."""
        words = self.words.setdefault(thing.track, set())
        word = f"Style {thing.track}.{len(words) + 1}"
        words.add(word)
        return word

    def _retitle(self, thing: Thing) -> None:
        if self._settled_row(thing) is None:
            return
        self._tell("retitled", thing)
        self._edit(thing, title=f"Another {self.rng.randrange(1000)}")

    def _edit(self, thing: Thing, **values: Any) -> None:
        thing.observe()
        retag(thing.path, **values)
        thing.edited()

    def _tell(self, act: str, thing: Thing, how: str = "") -> None:
        self.done[act] += 1
        self.told(f"track {thing.track}, {thing.path.name}: {act} {how}".rstrip())

    def _is_said_unheard(self, thing: Thing) -> bool:
        return thing.said is not None and self._settled_row(thing) is None

    def _settled_row(self, thing: Thing) -> FileRow | None:
        """Return the file's row where the daemon has nothing left to do about it."""
        row = self.row(thing.path)
        if row is None or row.gone_at or row.state == "pending":
            return None
        return row if row.stamp == Stamp.of(os.lstat(thing.path)) else None


def look_for_damage(thing: Thing, may_say: frozenset[str]) -> list[str]:
    """Return what is wrong with a file's sound, its other tags, its genre; [] if nothing is."""
    found = []
    if tagging.packets(thing.path) != thing.packets:
        found.append("other audio packets")
    if tagging.others(thing.path) != thing.others:
        found.append("other tags changed")
    genres = tuple(genres_in(thing.path))
    if thing.said is not None and genres != thing.said:
        found.append(f"says {genres}, where the person said {thing.said}")
    if thing.said is None and not (set(genres) <= may_say and len(genres) <= 1):
        found.append(f"says {genres}, which nobody said")
    return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
