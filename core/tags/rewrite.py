"""The one safe way to change a genre: prepare a proven copy, then let it take the place.

Never opens the original for writing. Whatever fails, the original keeps every byte and
our copy is gone; killed at any instant, what is left is the original or the whole new
file, and at most the other of the two under the scratch name that the journal knows.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import BinaryIO

from core.errors import TagError, VerifyFailed, WriteDelayed, WriteError, WriteRefused
from core.stamp import Stamp
from core.tags import BY_DEFAULT, Manner, Prepared, WriteResult, undo
from core.tags.contents import Contents
from core.tags.copying import copy_attributes, copy_bytes, sync_directory, sync_file
from core.tags.faults import errors_of_disk, fault_in, write_error
from core.tags.formats import Format, format_of, opened, translated
from core.tags.holders import Held, watching
from core.tags.places import (
    check_place,
    check_room,
    check_same,
    same_file,
    scratch_file,
    stamp_of,
)
from core.tags.swap import NotHere, exchange, let_go, put_back
from core.tags.verify import check_end, compare, evidence

__all__ = ["prepare", "prepare_back", "take_place", "write_genres"]

HELD = "another program has the file open for writing"
CHANGED = "the file was changed meanwhile"
AGAIN = "it is looked at again"


def prepare(
    path: str,
    genres: tuple[str, ...],
    *,
    scratch: str,
    expected: Stamp | None = None,
    manner: Manner = BY_DEFAULT,
) -> Prepared:
    """Make a copy of the file at *path* under *scratch* that has these genres and no others.

    *scratch* is a free name in the same directory. The copy is proven and safe on disk when
    this returns; a file whose genres are as asked gets none. Raises TagError where the tag
    cannot be read, WriteRefused (also where the file is no longer as *expected*), VerifyFailed,
    WriteDelayed, WriteError; then the copy is gone. The original is never touched.
    """
    _check_asked(genres, path)
    with _reading(path, expected, manner) as original:
        if original.found.genres == genres:
            return _nothing_to_do(original)
        with scratch_file(scratch, path) as copy:
            _change(original, copy, genres)
            copy_attributes(original.file, copy, path, manner)
            return _finished(original, copy, genres)


def prepare_back(
    path: str,
    record: bytes,
    hash_after: str,
    hash_before: str,
    genres: tuple[str, ...],
    written: tuple[str, ...],
    *,
    scratch: str,
    expected: Stamp | None = None,
    manner: Manner = BY_DEFAULT,
) -> Prepared:
    """Make a copy of the file at *path* that is as it was before a write of ours.

    Bit for bit where nobody touched it since (its hash is *hash_after*; *record* leads back to
    *hash_before*). Where other things were edited since, only the genre goes back, to *genres*;
    where it is no longer the one *written*, that stands: WriteRefused. Else as `prepare`.
    """
    with _reading(path, expected, manner) as original:
        untouched = bool(record) and undo.hash_of(original.file) == hash_after
        if not untouched and original.found.genres == genres:
            return _nothing_to_do(original)
        if not untouched and original.found.genres != written:
            what = "the genre was changed since, so there is nothing of ours to take back"
            raise WriteRefused(what, path)
        with scratch_file(scratch, path) as copy:
            if untouched and _restored(original, copy, record, hash_before):
                genres = _contents(copy, path)[1].genres
            else:
                _change(original, copy, genres)
            copy_attributes(original.file, copy, path, manner)
            return _finished(original, copy, genres)


def take_place(
    path: str, scratch: str, prepared: Prepared, *, by_exchange: bool = True
) -> WriteResult:
    """Let the copy under *scratch* take the place of the file at *path*.

    The two are exchanged in one step, and the original stays under *scratch* (`kept`) if it
    is the very file that was copied and nobody has it open for writing; else all goes back.
    Where the file system knows no exchange (or not *by_exchange*), the copy is renamed over
    the original after a last look at it. Raises WriteRefused, WriteDelayed or WriteError with
    the file as it was and the copy gone.
    """
    if not prepared.changed:
        same = prepared.before
        return WriteResult(old=prepared.old, new=prepared.new, before=same, after=same)
    with errors_of_disk(path), _our_copy(scratch, prepared, path) as copy:
        after = Stamp.of(os.fstat(copy.fileno()))
        with _unchanged(path, prepared.before) as held:
            original = _replaced(path, scratch, prepared, copy, held, by_exchange=by_exchange)
        # the new file is in place: a failure now costs durability, not the file
        with suppress(OSError):
            sync_directory(os.path.dirname(path) or ".")  # noqa: PTH120
        with suppress(OSError):
            after = Stamp.of(os.fstat(copy.fileno()))  # renaming moved the ctime
    return WriteResult(
        old=prepared.old,
        new=prepared.new,
        before=prepared.before,
        after=after,
        kept=original is not None,
        original=original,
    )


def write_genres(
    path: str,
    genres: tuple[str, ...],
    *,
    scratch: str,
    expected: Stamp | None = None,
    manner: Manner = BY_DEFAULT,
) -> WriteResult:
    """Give the file at *path* these genres and no others; () removes the genre.

    `prepare`, `take_place` and the removal of the original in one, without a journal.
    """
    prepared = prepare(
        path,
        genres,
        scratch=scratch,
        expected=expected,
        manner=manner,
    )
    result = take_place(path, scratch, prepared)
    if result.original is None:
        return result
    _let_go(path, scratch, result.original, result.after.inode)
    return replace(result, kept=False, original=None)


def _let_go(path: str, scratch: str, original: Stamp, copy: int) -> None:
    for _ in range(2):
        # the new file is in place; an original that cannot be removed is a leftover, no harm
        with suppress(OSError):
            if not let_go(path, scratch, original, copy):
                raise WriteDelayed(HELD, path)
            return


# --- the copy --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Original:
    """The file as it was opened: nothing here writes to it."""

    path: str
    file: BinaryIO
    before: Stamp
    row: Format
    found: Contents


@contextmanager
def _reading(path: str, expected: Stamp | None, manner: Manner) -> Iterator[_Original]:
    """Open the file that is to be changed, and read its tag."""
    with errors_of_disk(path):
        check_place(path, allow_hard_links=manner.allow_hard_links)
        with opened(path) as file:
            before = Stamp.of(os.fstat(file.fileno()))
            check_same(path, before, expected)
            with watching(file.fileno()) as held:
                if held():
                    raise WriteDelayed(HELD, path)
            try:
                row, found = _contents(file, path)
                yield _Original(path=path, file=file, before=before, row=row, found=found)
            except (TagError, VerifyFailed):
                # who reads what is half written finds faults that the file does not have
                check_same(path, before, before)
                raise


def _contents(file: BinaryIO, path: str) -> tuple[Format, Contents]:
    with translated(path):
        row = format_of(file, path)
        return row, row.contents(file)


def _nothing_to_do(original: _Original) -> Prepared:
    genres = original.found.genres
    return Prepared(
        old=genres,
        new=genres,
        before=original.before,
        undo=b"",
        hash_before="",
        hash_after="",
        changed=False,
    )


def _change(original: _Original, copy: BinaryIO, genres: tuple[str, ...]) -> None:
    """Copy, set the genre in the copy, and prove there that nothing else changed."""
    path, row = original.path, original.row
    if original.found.unwritable:
        raise WriteRefused(original.found.unwritable, path)
    check_room(path, original.before.size)
    with translated(path):
        before = evidence(original.file, row, path)
    copy_bytes(original.file, copy)
    with _errors_of_change(path), translated(path):
        row.write(copy, genres)
        copy.flush()
        after = evidence(copy, format_of(copy, path), path)
    compare(before, after, genres, path)
    check_end(before, original.file, copy, row, path)


def _restored(original: _Original, copy: BinaryIO, record: bytes, hash_before: str) -> bool:
    """Fill the empty *copy* with the file of before the write, and say whether it is just that."""
    check_room(original.path, original.before.size)
    try:
        if undo.apply(record, original.file, copy) == hash_before:
            copy.flush()
            return True
    except undo.Damaged:
        pass  # then the genre goes back by value
    copy.seek(0)
    copy.truncate()
    return False


def _finished(original: _Original, copy: BinaryIO, genres: tuple[str, ...]) -> Prepared:
    """Make the undo record and bring the copy safely to disk."""
    try:
        record = undo.record(original.file, copy)
    except undo.Damaged as error:
        raise WriteRefused(CHANGED, original.path, AGAIN) from error
    except undo.TooLarge as error:
        raise WriteRefused(str(error), original.path) from error
    sync_file(copy)
    check_same(original.path, original.before, original.before)
    return Prepared(
        old=original.found.genres,
        new=genres,
        before=original.before,
        undo=record.undo,
        hash_before=record.before,
        hash_after=record.after,
        changed=True,
        copy=Stamp.of(os.fstat(copy.fileno())),
    )


# --- taking the place ------------------------------------------------------------------


@contextmanager
def _our_copy(scratch: str, prepared: Prepared, path: str) -> Iterator[BinaryIO]:
    """Open the copy that `prepare` left; after an error it is gone, if it still lies there."""
    with opened(scratch) as copy:
        found = Stamp.of(os.fstat(copy.fileno()))
        wanted = prepared.copy or found
        try:
            if not same_file(found, wanted):
                raise WriteRefused("its working copy was changed by another program", path, AGAIN)
            yield copy
        except BaseException:
            with suppress(OSError):
                if stamp_of(scratch).inode == wanted.inode:
                    os.unlink(scratch)  # noqa: PTH108  (names may hold any bytes)
            raise


@contextmanager
def _unchanged(path: str, before: Stamp) -> Iterator[Held]:
    """Refuse a file that changed or that somebody may change; yield the question for later."""
    check_same(path, before, before)
    with opened(path) as file, watching(file.fileno()) as held:
        if held():
            raise WriteDelayed(HELD, path)
        check_same(path, Stamp.of(os.fstat(file.fileno())), before)
        yield held


def _replaced(
    path: str,
    scratch: str,
    prepared: Prepared,
    copy: BinaryIO,
    held: Held,
    *,
    by_exchange: bool,
) -> Stamp | None:
    """Exchange the two and return the kept original's stamp; None where it was replaced."""
    if by_exchange:
        with suppress(NotHere):
            exchange(scratch, path)
            return _kept(path, scratch, prepared, copy, held)
        check_same(path, prepared.before, prepared.before)
    os.replace(scratch, path)  # noqa: PTH105
    return None


def _kept(path: str, scratch: str, prepared: Prepared, copy: BinaryIO, held: Held) -> Stamp:
    """Return the stamp of what came out; back it goes unless it is the file that was copied."""
    try:
        found = stamp_of(scratch)
        if not same_file(found, prepared.before):
            problem: WriteError = WriteRefused(CHANGED, path, AGAIN)
        elif held():
            problem = WriteDelayed(HELD, path)
        else:
            return found
    except OSError as error:
        problem = write_error(error, path)
    try:
        put_back(path, scratch, os.fstat(copy.fileno()).st_ino, copy.fileno())
    except OSError:
        # neither way works: the new file is whole and the other one lies under the scratch
        # name. No file has this stamp, so whoever looks at it again puts it back.
        return prepared.before
    raise problem


# --- checks ----------------------------------------------------------------------------


def _check_asked(genres: tuple[str, ...], path: str) -> None:
    for genre in genres:
        if not genre.strip() or genre != genre.strip() or "\0" in genre:
            raise WriteRefused(f"{genre!r} is no genre", path)
    if len(set(genres)) != len(genres):
        raise WriteRefused("a genre is named twice", path)
    if len(genres) == 1 and ";" in genres[0]:
        remedy = "give the genres one by one"
        raise WriteRefused(f"a semicolon in {genres[0]!r} would read as two genres", path, remedy)


@contextmanager
def _errors_of_change(path: str) -> Iterator[None]:
    """Tell a disk that failed while the copy was changed from a tag that cannot be changed."""
    try:
        yield
    except TagError as error:
        fault = fault_in(error)
        if fault is not None:
            raise fault from error
        raise VerifyFailed(f"the genre could not be set ({error.what})", path) from error
