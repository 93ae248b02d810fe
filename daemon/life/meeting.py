"""Put what a probe found into the record: the row, a move, and what a person said by it.

Shared by the daemon, which has read a speaking file twice by then, and by the commands.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlite_utils import Database

from core.decision.batches import MANY, WINDOW_NS, crowds, whose
from core.decision.feedback import Kind, Origin, kind_of_word
from core.decision.identity import Known, Met, Reading, is_same_track, meet
from core.library import batches, feedback_log, files, writes
from core.library.batches import Edit
from core.library.codec import as_time
from core.library.feedback_log import FeedbackRow
from core.library.files import FileRow
from core.library.schema import writing
from core.library.writes import WriteRow
from core.stamp import Stamp
from core.tags import journal
from core.tags.journal import Witness, Writer
from core.taxonomy import fold, fold_all
from daemon.watching.watch import look

if TYPE_CHECKING:
    from core.analysis import Glance, Probe

__all__ = [
    "is_known_elsewhere",
    "join_batch",
    "join_batches",
    "learn_spellings",
    "meet_glance",
    "meet_probe",
    "note",
    "probe_options",
    "recover",
    "save",
    "say_by_write",
    "unsay",
    "word",
]


def probe_options(db: Database, path: str) -> dict[str, bool]:
    """Return what a probe of the file must tell beside the usual.

    Where it may be again what it was before a write of ours, all its bytes are asked for.
    """
    entry = look(path)
    before = [row.before for row in writes.standing_writes_at(db, path) if row.before]
    may_be = entry is not None and any(stamp.size == entry.stamp.size for stamp in before)
    return {"whole": True} if may_be else {}


def meet_probe(
    db: Database,
    path: str,
    probe: "Probe",
    empty_values: tuple[str, ...],
    on_lost_mount: Callable[[str], bool],
    is_awaited: Callable[[int], bool] = lambda inode: False,
) -> Met:
    """Return what the record makes of a probe.

    Two guards against false moves: a path may be on a lost mount, and an inode that is missed
    at its old path may be awaited at a new one.
    """
    reading = Reading(
        path=path,
        fingerprint=probe.fingerprint,
        head=probe.head,
        volume=probe.volume,
        stamp=probe.stamp,
        tag=probe.tag,
        born_ns=probe.born_ns,
        whole=probe.whole,
    )

    def may_have_moved(row: FileRow) -> bool:
        """Say whether the row of a file that is missed may be the one that was read."""
        if row.stamp.inode == reading.stamp.inode:
            return True
        return not on_lost_mount(row.path) and not is_awaited(row.stamp.inode)

    return meet(reading, _known(db, reading, may_have_moved), empty_values)


def meet_glance(db: Database, path: str, glance: "Glance", empty_values: tuple[str, ...]) -> Met:
    """Return what the record makes of a file that was only glanced at, at its first sight."""
    reading = Reading(
        path=path,
        fingerprint=None,
        head=glance.head,
        volume=glance.volume,
        stamp=glance.stamp,
        tag=glance.tag,
    )
    return meet(reading, Known(at_path=files.file_at(db, path)), empty_values)


def is_known_elsewhere(db: Database, path: str, head: str) -> bool:
    """Say whether a glance cannot tell who the file is: it may have moved, or be a copy of ours.

    Twins among files that were only glanced at are no question: nobody did anything to them.
    """
    return any(
        row.path != path and (row.fingerprint is not None or not os.path.lexists(row.path))
        for row in files.files_with_head(db, head)
    )


def save(db: Database, met: Met, now: datetime) -> None:
    """Record the row as read, and the move if it is one."""
    with writing(db):
        _save_row(db, met, met.row, now)


def note(
    db: Database, met: Met, now: datetime, *, via: str, still_to_hear: bool = False
) -> FileRow:
    """Record what a person (or a restore) did to the tag, and return the row.

    The row says all that must survive a crash right after: why the file is left, and that it
    is *still_to_hear*, for training.
    """
    row = replace(
        met.row,
        hands_off=met.meaning.kind is Kind.REVERSION,
        state="pending" if still_to_hear else "left",
        reason=met.word,
    )
    with writing(db):
        before = files.file_at(db, met.moved_from or row.path)
        _save_row(db, met, row, now)
        if met.meaning.kind is not None:
            said = word(row, met.meaning.kind, old=met.old_genres, new=row.genres, via=via)
            feedback_log.record_feedback(db, _as_edit(said, row, before), now)
            join_batch(db, feedback_log.last_feedback_id(db))
        if met.meaning.origin is Origin.PERSON:
            learn_spellings(db, row.genres, now)
    return row


def word(
    row: FileRow, kind: Kind, *, old: tuple[str, ...], new: tuple[str, ...], via: str
) -> FeedbackRow:
    """Return feedback about this file, with whose music it is."""
    return FeedbackRow(
        path=row.path,
        fingerprint=row.fingerprint or "",
        kind=kind.value,
        old=old,
        new=new,
        via=via,
        artist=row.artist,
        album_artist=row.album_artist,
        album=row.album,
        composer=row.composer,
        compilation=row.compilation,
    )


def _as_edit(said: FeedbackRow, row: FileRow, before: FileRow | None) -> FeedbackRow:
    """*said* with when the file was edited, and whether other fields changed with the genre.

    By the file's own time, for it may be noticed much later; by that of its inode where an
    editor put the time of the file back.
    """
    stamp, known = row.stamp, before is not None and before.was_read
    put_back = before is not None and stamp.mtime_ns == before.stamp.mtime_ns
    return replace(
        said,
        edited_ns=stamp.ctime_ns if put_back else stamp.mtime_ns,
        other_changed=known and before is not None and before.other != row.other,
    )


def join_batches(db: Database) -> None:
    """Find the batches among all words; those that came back from the log know of none."""
    with writing(db):
        _gather(db, batches.all_edits(db))


def join_batch(db: Database, edit: int) -> None:
    """Find out whether the word *edit* is one of many in a short time, and whose those are.

    More than MANY to one side of it are a batch already, so that those nearest tell.
    """
    _gather(db, batches.edits_near(db, edit, WINDOW_NS, MANY + 1))


def _gather(db: Database, edits: Sequence[Edit]) -> None:
    for together in crowds(edits):
        if any(edit.batch is None for edit in together):
            batch = batches.gather(db, together)
            batches.set_whose(db, batch, whose(batches.values_of(db, batch)))


def recover(
    db: Database,
    alive: Callable[[Writer], bool],
    genres_of: Callable[[str], tuple[tuple[str, ...], Stamp] | None],
    now: datetime,
    witness: Witness = lambda row: None,
) -> None:
    """Close the writes that dead writers left open, and record the word of those that were done."""
    journal.recover(
        db,
        alive,
        genres_of,
        now,
        lambda write, row: say_by_write(db, write, row, now),
        witness,
    )


def say_by_write(db: Database, write: WriteRow, row: FileRow, now: datetime) -> None:
    """Record the word of a person whose tag write was cut short just before it was recorded."""
    if write.undoes is not None:
        past = writes.write_of(db, write.undoes)
        if past is not None:
            unsay(db, past, row, now)
        return
    if write.origin != Origin.PERSON:
        return
    kind = kind_of_word(write.old, Origin(write.old_origin), write.new)
    if kind is not None:
        said = word(row, kind, old=write.old, new=write.new, via=write.cause)
        feedback_log.record_feedback(db, said, now)
    learn_spellings(db, write.new, now)


def unsay(db: Database, past: WriteRow, row: FileRow, now: datetime) -> None:
    """Record that a person took back what they had said by the write *past*.

    What they had said before is said again. Where that was nothing, so it is now: a word that
    names no genre and refuses none.
    """
    if past.origin != Origin.PERSON:
        return
    before = past.old_origin == Origin.PERSON and bool(past.old)
    kind = Kind.LABEL if before else Kind.REJECTION
    said = word(row, kind, old=past.new if before else (), new=past.old, via="undo")
    feedback_log.record_feedback(db, said, now)


def learn_spellings(db: Database, genres: tuple[str, ...], now: datetime) -> None:
    """Remember how the person writes these genres."""
    for genre in genres:
        feedback_log.learn_spelling(db, fold(genre), genre, now)


def _save_row(db: Database, met: Met, row: FileRow, now: datetime) -> None:
    if met.moved_from is not None:
        files.move_file(db, met.moved_from, row.path, row.stamp)
        writes.move_writes(db, met.moved_from, row.path, row.fingerprint)
    files.save_file(db, row, now)


def _known(db: Database, reading: Reading, may_have_moved: Callable[[FileRow], bool]) -> Known:
    path, fingerprint = reading.path, reading.fingerprint or ""
    at_path = files.file_at(db, path)
    same = at_path is not None and is_same_track(at_path, reading)
    moved = None if same else _moved_from(db, reading, may_have_moved)
    where = moved.path if moved else path
    rows = writes.writes_at(db, where)
    past = [row for row in rows if row.fingerprint == fingerprint and not row.replaced]
    standing = [row for row in past if row.state == "done" and row.undoes is None]
    return Known(
        at_path=at_path,
        moved_from=moved,
        our_genres=tuple(writes.our_genres_of_track(db, fingerprint)),
        last_write=standing[-1] if standing else None,
        acted_ns=_acted_ns(past),
        left_alone=_is_left_alone(db, fingerprint),
    )


def _acted_ns(past: list[WriteRow]) -> int | None:
    """Return when we last changed the tag; by the clock where the file's mtime was kept."""
    acts = [row for row in past if row.state in ("done", "undone")]
    if not acts:
        return None
    begun = int(as_time(acts[-1].begun_at).timestamp() * 1e9)
    return max(begun, acts[-1].after_mtime_ns or 0)


def _is_left_alone(db: Database, fingerprint: str) -> bool:
    """Say whether the last word on the track was that it shall have no genre of ours."""
    if writes.was_undone(db, fingerprint):
        return True
    said = feedback_log.feedback_of_track(db, fingerprint)
    if said and said[-1].kind in (Kind.REJECTION, Kind.REVERSION):
        return True
    return any(
        row.hands_off or (row.origin == Origin.PERSON and not row.genres)
        for row in files.files_of_track(db, fingerprint)
    )


def _moved_from(
    db: Database, reading: Reading, may_have_moved: Callable[[FileRow], bool]
) -> FileRow | None:
    """Return the row of this track whose file is no more where it was, if this is that file.

    The inode tells. Without it, what says just what another file of the track says is taken
    for its copy; so it is, too, where it got the inode of a deleted file that said otherwise.
    """
    rows = [row for row in _files_alike(db, reading) if row.path != reading.path]
    here = [row for row in rows if _lies_at(row.path)]
    gone = [row for row in rows if row not in here and may_have_moved(row)]
    is_copy = any(_says_the_same(r, reading) and r.other == reading.tag.other for r in here)
    same = [row for row in gone if row.stamp.inode == reading.stamp.inode]
    alike = [row for row in gone if _says_the_same(row, reading)]
    sure = [row for row in same if row in alike or not is_copy]
    return next(iter(sure if is_copy else [*sure, *alike, *gone]), None)


def _lies_at(path: str) -> bool:
    """Say whether something lies there; a link that was left behind is no file."""
    return os.path.lexists(path) and not os.path.islink(path)  # noqa: PTH114  odd bytes survive


def _files_alike(db: Database, reading: Reading) -> list[FileRow]:
    """Return the files of this track, and those that begin like it and were never read whole."""
    glanced = [row for row in files.files_with_head(db, reading.head) if row.fingerprint is None]
    return [*files.files_of_track(db, reading.fingerprint or ""), *glanced]


def _says_the_same(row: FileRow, reading: Reading) -> bool:
    return fold_all(row.genres) == fold_all(reading.tag.genres)
