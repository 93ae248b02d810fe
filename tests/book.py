"""What the record must say of each file: a dictionary, kept by hand beside the daemon.

The rules of the house in their simplest words, with no clock, no disk and no SQL. Whatever
happens to a file is told here too, one thing at a time.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Book", "Entry", "Seen", "Word", "Wrote"]

Genres = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A file as it lies there when the daemon comes to look."""

    track: str
    genres: Genres
    other: str  # every tag but the genre
    mtime: int
    inode: int
    born: int  # when the file was made, 0 where nobody knows
    whole: str  # hash of all its bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One row of feedback."""

    track: str
    kind: str
    old: Genres
    new: Genres


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrote:
    """One write that stands."""

    old: Genres
    new: Genres
    old_origin: str
    origin: str
    whole: str  # hash of the file before


@dataclass(slots=True, kw_only=True)
class Entry:
    """What must be known of one file."""

    track: str
    genres: Genres = ()
    other: str = ""
    origin: str = "none"
    state: str = "left"
    hands_off: bool = False
    gone: int = 0  # the how-manieth it was to vanish, 0 where it is there
    mtime: int = 0
    ctime: int = 0
    inode: int = 0
    whole: str = ""


@dataclass(slots=True, kw_only=True)
class Past:
    """What we wrote to one track at one path."""

    writes: list[Wrote] = field(default_factory=list)  # those that stand
    acted: int = 0  # mtime that the file had when we last wrote or undid
    has_acted: bool = False  # since the disk was last looked at


class Book:
    """The entries by path, and every word that was said, in order."""

    def __init__(self, model: dict[str, str | None]) -> None:
        self.model = model  # track → the genre that the model hears in it; None where unsure
        self.entries: dict[Path, Entry] = {}
        self.words: list[Word] = []
        self._lost = 0
        self._past: dict[Path, dict[str, Past]] = {}
        self._ours: dict[str, set[Genres]] = {}
        self._undone: dict[str, bool] = {}

    def here(self) -> dict[Path, Entry]:
        """Return the entries whose file is there."""
        return {path: entry for path, entry in self.entries.items() if not entry.gone}

    def past(self, path: Path) -> Past:
        """Return what we wrote to the file that is at *path*."""
        return self._past.setdefault(path, {}).setdefault(self.entries[path].track, Past())

    def look(self, path: Path, stat: os.stat_result, whole: str) -> None:
        """Take note of what only the disk knows."""
        entry, past = self.entries[path], self.past(path)
        entry.mtime, entry.ctime, entry.inode = stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino
        entry.whole = whole
        if past.has_acted:
            past.acted, past.has_acted = entry.mtime, False

    def vanished(self, path: Path) -> None:
        """A file is no more where it was."""
        self._lost += 1
        self.entries[path].gone = self._lost

    def saw(self, path: Path, seen: Seen, *, judged: bool = True) -> None:
        """The daemon came to look at a file that is new or not as it was."""
        entry = self.entries.get(path)
        if entry is not None and entry.track == seen.track:
            self._known(path, seen, was_away=bool(entry.gone))
            return
        moved = self._moved_from(path, seen)
        if moved is None:
            self._new(path, seen, judged=judged)
            return
        self.entries[path] = self.entries.pop(moved)
        self._past.setdefault(path, {})[seen.track] = self._past[moved].pop(seen.track, Past())
        self._known(path, seen, was_away=True)

    def named(self, path: Path, genre: str) -> None:
        """A person named the genre by command or in review."""
        entry = self.entries[path]
        self._say(entry, self._kind_of_command(entry, genre), (genre,))
        self._write(path, (genre,), "person")
        entry.hands_off, entry.state = False, "left"

    def refused(self, path: Path, genre: str) -> None:
        """A person said in review that it is not that."""
        self.words.append(
            Word(track=self.entries[path].track, kind="rejection", old=(genre,), new=())
        )

    def asked(self, path: Path) -> None:
        """A person asked us to tag the file."""
        entry = self.entries[path]
        theirs = entry.genres and entry.origin != "ours"
        cleared = entry.origin == "person" and not entry.genres
        if theirs or cleared:
            return
        genre = self._verdict(entry.track)
        if genre is None:
            entry.state = "not_sure"
            return
        self._write(path, (genre,), "ours")
        entry.hands_off, entry.state = False, "tagged"

    def undid(self, path: Path) -> bool:
        """A person took back our last write; say whether there is something to take back."""
        entry, writes = self.entries[path], self.past(path).writes
        if not writes or writes[-1].new != entry.genres:
            return False
        past = writes.pop()
        if past.origin == "person":  # what they said by it is said no more
            before = past.old_origin == "person" and bool(past.old)
            kind, old = ("label", past.new) if before else ("rejection", ())
            self.words.append(Word(track=entry.track, kind=kind, old=old, new=past.old))
        entry.genres, entry.origin = past.old, past.old_origin
        if past.old_origin == "ours":
            self._ours.setdefault(entry.track, set()).add(past.old)
        entry.state = "tagged" if past.old_origin == "ours" else "left"
        entry.hands_off, self.past(path).has_acted = True, True
        self._undone[entry.track] = True
        return True

    # what a file is --------------------------------------------------------------------------

    def _moved_from(self, path: Path, seen: Seen) -> Path | None:
        """Return where a file was before; the inode tells it from a copy."""
        track = {p: e for p, e in self.entries.items() if e.track == seen.track and p != path}
        gone = sorted((p for p, e in track.items() if e.gone), key=lambda p: -track[p].gone)
        same = [p for p in gone if track[p].inode == seen.inode]
        alike = [p for p in gone if track[p].genres == seen.genres]
        if any(_is_alike(e, seen) for e in track.values() if not e.gone):
            return next((p for p in same if p in alike), None)
        return next(iter([*same, *alike, *gone]), None)

    def _new(self, path: Path, seen: Seen, *, judged: bool) -> None:
        left_alone = self._is_left_alone(seen.track)
        entry = Entry(track=seen.track, genres=seen.genres, other=seen.other, whole=seen.whole)
        self.entries[path] = entry
        if seen.genres in self._ours.get(seen.track, ()):
            entry.origin, entry.state = "ours", "tagged"
        elif seen.genres:
            entry.origin = "arrived"
        elif left_alone:
            entry.hands_off = True
        elif judged:
            self._judge(path)

    def _judge(self, path: Path) -> None:
        entry = self.entries[path]
        genre = self._verdict(entry.track)
        entry.state = "not_sure" if genre is None else "tagged"
        if genre is not None:
            self._write(path, (genre,), "ours")

    def _known(self, path: Path, seen: Seen, *, was_away: bool) -> None:
        entry, past = self.entries[path], self.past(path)
        old = entry.genres
        older = seen.mtime < max(entry.mtime, past.acted)
        retitled = entry.other != seen.other
        entry.whole = seen.whole
        entry.genres, entry.other, entry.gone = seen.genres, seen.other, 0
        if old == seen.genres:
            return
        if older and seen.genres in self._ours.get(entry.track, ()):
            entry.origin = "ours"  # a backup of what we wrote; nobody said that
            return
        ours = past.writes[-1] if past.writes and entry.origin == "ours" else None
        put_back = ours is not None and ours.old == seen.genres
        afresh = put_back and seen.born > entry.ctime and seen.whole == ours.whole
        if put_back and (older or was_away or retitled or afresh):
            self.words.append(Word(track=entry.track, kind="reversion", old=old, new=seen.genres))
            entry.origin = "arrived" if seen.genres else "none"
            entry.hands_off, entry.state = True, "left"
            return
        kind = _kind_of_edit(old, entry.origin, seen.genres)
        if kind is not None:
            self.words.append(Word(track=entry.track, kind=kind, old=old, new=seen.genres))
            entry.hands_off, entry.state = False, "left"
        entry.origin = "person"

    # what was said ---------------------------------------------------------------------------

    def _say(self, entry: Entry, kind: str, new: Genres) -> None:
        self.words.append(Word(track=entry.track, kind=kind, old=entry.genres, new=new))

    def _kind_of_command(self, entry: Entry, genre: str) -> str:
        if entry.origin == "ours" and entry.genres:
            return "confirmation" if entry.genres == (genre,) else "correction"
        return "label"

    def _write(self, path: Path, genres: Genres, origin: str) -> None:
        entry, past = self.entries[path], self.past(path)
        past.writes.append(
            Wrote(
                old=entry.genres,
                new=genres,
                old_origin=entry.origin,
                origin=origin,
                whole=entry.whole,
            )
        )
        past.has_acted = True
        entry.genres, entry.origin = genres, origin
        self._undone[entry.track] = False
        if origin == "ours":
            self._ours.setdefault(entry.track, set()).add(genres)

    def _is_left_alone(self, track: str) -> bool:
        """Say whether the last word on a track was that it shall have no genre of ours."""
        said = [word for word in self.words if word.track == track]
        if self._undone.get(track) or (said and said[-1].kind in ("rejection", "reversion")):
            return True
        entries = [entry for entry in self.entries.values() if entry.track == track]
        return any(e.hands_off or (e.origin == "person" and not e.genres) for e in entries)

    def _verdict(self, track: str) -> str | None:
        """Return the genre that is sure, by a person's last word on the track or the model's."""
        said = [word for word in self.words if word.track == track and word.kind != "reversion"]
        if said and said[-1].kind != "rejection":
            return said[-1].new[0]
        refused: set[str] = set()
        for word in said:
            if word.kind in ("rejection", "correction"):
                refused |= set(word.old)
            refused -= set(word.new)
        return None if self.model[track] in refused else self.model[track]


def _is_alike(entry: Entry, seen: Seen) -> bool:
    return entry.genres == seen.genres and entry.other == seen.other


def _kind_of_edit(old: Genres, origin: str, new: Genres) -> str | None:
    if origin == "ours" and old:
        return "correction" if new else "rejection"
    return "label" if new else None
