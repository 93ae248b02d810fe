"""Who is this file? The same as before, a track that moved, a copy, or new music.

Pure: what a settled file says and what the record knows in, the file's new row and the
meaning of the change out. The same audio at another path is known by its fingerprint, or by
how it begins where it was never read whole; other audio at the same path is a new track,
whatever its tag says.
"""

from dataclasses import dataclass, replace

from core.decision.feedback import Kind, LastKnown, Meaning, Origin, Seen, interpret
from core.library.files import FileRow
from core.library.writes import WriteRow
from core.stamp import Stamp
from core.tags import TagReading
from core.taxonomy import fold_all, meaningful

__all__ = ["Known", "Met", "Reading", "is_same_track", "meet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a probe, or a glance, found in a settled file."""

    path: str
    fingerprint: str | None  # None where it was only glanced at
    head: str
    volume: int
    stamp: Stamp
    tag: TagReading
    born_ns: int = 0  # when the file was made, 0 where nobody knows
    whole: str = ""  # hash of all its bytes, where it was asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the record knows that bears on a reading."""

    at_path: FileRow | None = None  # the row at this path
    moved_from: FileRow | None = None  # a row of this track whose file vanished
    our_genres: tuple[tuple[str, ...], ...] = ()  # lists we ever wrote to files of this track
    last_write: WriteRow | None = None  # our standing write of this file (or of moved_from)
    acted_ns: int | None = None  # when we last changed this file's tag, undoing included
    left_alone: bool = False  # a person emptied the genre of this track, or undid ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """The file's row from now on, and what the change means."""

    row: FileRow
    meaning: Meaning
    moved_from: str | None = None
    is_new: bool = False  # nothing was known of this track at this path
    old_genres: tuple[str, ...] = ()  # what the feedback, if any, is about

    @property
    def word(self) -> str:
        """Why the file is left as it is from now on, where someone spoke."""
        if self.meaning.kind is Kind.REVERSION:
            return "put back by another program; left alone until you name it"
        if not self.row.genres:
            return "you removed the genre"
        return f"you named it {', '.join(self.row.genres)}"


def meet(reading: Reading, known: Known, empty_values: tuple[str, ...]) -> Met:
    """Return what the reading makes of what was known.

    *empty_values* count as no genre in a file as first seen only.
    """
    if known.at_path is not None and is_same_track(known.at_path, reading):
        return _known_file(reading, known.at_path, known)
    if known.moved_from is not None:
        moved = _known_file(reading, known.moved_from, known)
        return replace(moved, moved_from=known.moved_from.path)
    return _new_file(reading, known, empty_values)


def is_same_track(row: FileRow, reading: Reading) -> bool:
    """Say whether what the record knows as *row* is what was read.

    A file that was never read whole is known by how its audio begins.
    """
    if row.fingerprint is not None and reading.fingerprint is not None:
        return row.fingerprint == reading.fingerprint
    return row.head == reading.head


def _known_file(reading: Reading, last: FileRow, known: Known) -> Met:
    meaning = _meaning(reading, last, known)
    row = _with_reading(last, reading, meaning.origin)
    return Met(row=row, meaning=meaning, old_genres=last.genres)


def _meaning(reading: Reading, last: FileRow, known: Known) -> Meaning:
    newest = max(last.stamp.mtime_ns, known.acted_ns or 0)
    is_backup = reading.stamp.mtime_ns < newest and _is_ours(reading.tag.genres, known)
    if is_backup and fold_all(reading.tag.genres) != fold_all(last.genres):
        return Meaning(origin=Origin.OURS)  # made after our write and put back: no one's word
    write = known.last_write
    return interpret(
        LastKnown(
            genres=last.genres,
            origin=Origin(last.origin),
            other=last.other,
            before_us=write.old if write else None,
            mtime_ns=newest,
            was_away=_was_away(reading, last, write),
        ),
        Seen(genres=reading.tag.genres, other=reading.tag.other, mtime_ns=reading.stamp.mtime_ns),
    )


def _was_away(reading: Reading, last: FileRow, write: WriteRow | None) -> bool:
    """Say whether the file came back: it was missed, or it is the untagged one, dropped afresh.

    An editor that removes our genre leaves the file that it found, or other bytes than those
    of before.
    """
    if last.gone_at is not None or last.path != reading.path:
        return True
    is_fresh = reading.born_ns > last.stamp.ctime_ns
    return is_fresh and write is not None and "" != reading.whole == write.hash_before


def _new_file(reading: Reading, known: Known, empty_values: tuple[str, ...]) -> Met:
    origin = _origin_at_first_sight(reading.tag.genres, known, empty_values)
    blank = FileRow(
        path=reading.path,
        stamp=reading.stamp,
        state="pending",
        existing=_lay_there_unread(known.at_path),
        hands_off=known.left_alone and origin is Origin.NONE,
        first_seen_at=known.at_path.first_seen_at if known.at_path else "",
    )
    row = _with_reading(blank, reading, origin)
    return Met(row=row, meaning=Meaning(origin=origin), is_new=True)


def _origin_at_first_sight(
    genres: tuple[str, ...], known: Known, empty_values: tuple[str, ...]
) -> Origin:
    if not meaningful(genres, empty_values):
        return Origin.NONE
    return Origin.OURS if _is_ours(genres, known) else Origin.ARRIVED


def _is_ours(genres: tuple[str, ...], known: Known) -> bool:
    """Say whether we ever wrote just these genres to a file of this track."""
    return bool(genres) and fold_all(genres) in {fold_all(written) for written in known.our_genres}


def _lay_there_unread(row: FileRow | None) -> bool:
    return row is not None and not row.was_read and row.existing


def _with_reading(row: FileRow, reading: Reading, origin: Origin) -> FileRow:
    tag = reading.tag
    return replace(
        row,
        path=reading.path,
        stamp=reading.stamp,
        fingerprint=reading.fingerprint or row.fingerprint,
        head=reading.head,
        volume=reading.volume,
        genres=tag.genres,
        origin=origin.value,
        other=tag.other,
        artist=tag.artist,
        album_artist=tag.album_artist,
        album=tag.album,
        title=tag.title,
        composer=tag.composer,
        compilation=tag.compilation,
        gone_at=None,
    )
