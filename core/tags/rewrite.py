"""The one safe way to change a genre: copy, change, verify, replace.

Never opens the original for writing. Whatever fails, the original keeps every byte and
the scratch file is gone; killed at any instant, what is left is the original or the whole
new file, and at most a leftover under the scratch name that the journal knows.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from core.errors import GenrewatchError, TagError, VerifyFailed, WriteError, WriteRefused
from core.stamp import Stamp
from core.tags import WriteResult
from core.tags.copying import copy_attributes, copy_bytes, sync_directory, sync_file
from core.tags.formats import Format, format_of, opened, translated
from core.tags.verify import compare, evidence

__all__ = ["write_genres"]

# room kept free beside the copy: new tag blocks, and the disk's own book-keeping
ROOM = 4 << 20


def write_genres(
    path: str,
    genres: tuple[str, ...],
    *,
    scratch: str,
    expected: Stamp | None = None,
    keep_mtime: bool = False,
    allow_hard_links: bool = False,
) -> WriteResult:
    """Give the file at *path* these genres and no others; () removes the genre.

    *scratch* is a free name in the same directory. A file whose genres are as asked is not
    touched. Raises TagError where the tag cannot be read, WriteRefused (also where the file
    is no longer as *expected*), VerifyFailed, WriteError; then the file is as before.
    """
    _check_asked(genres, path)
    with _errors_of_disk(path):
        _check_place(path, allow_hard_links=allow_hard_links)
        with opened(path) as source:
            before = Stamp.of(os.fstat(source.fileno()))
            _check_same(path, before, expected)
            with translated(path):
                row = format_of(source, path)
                found = row.contents(source)
            if found.genres == genres:
                return WriteResult(old=genres, new=genres, before=before, after=before)
            if found.unwritable:
                raise WriteRefused(found.unwritable, path)
            _check_room(path, before.size)
            with _scratch_file(scratch, path) as copy:
                _change(source, copy, row, genres, path)
                copy_attributes(source, copy, path, keep_mtime=keep_mtime)
                sync_file(copy)
                _check_same(path, before, before)
                after = _take_place(copy, scratch, path)
    return WriteResult(old=found.genres, new=genres, before=before, after=after)


def _take_place(copy: BinaryIO, scratch: str, path: str) -> Stamp:
    """Rename the scratch file over the original, and return the stamp that it then has."""
    after = Stamp.of(os.fstat(copy.fileno()))
    os.replace(scratch, path)  # noqa: PTH105  (names may hold any bytes)
    # the new file is in place: a failure now costs durability, not the file
    with suppress(OSError):
        after = Stamp.of(os.fstat(copy.fileno()))  # renaming moves the ctime
        sync_directory(os.path.dirname(path) or ".")  # noqa: PTH120
    return after


def _change(
    source: BinaryIO, copy: BinaryIO, row: Format, genres: tuple[str, ...], path: str
) -> None:
    """Copy, set the genre in the copy, and prove there that nothing else changed."""
    with translated(path):
        before = evidence(source, row, path)
    copy_bytes(source, copy)
    with _errors_of_change(path), translated(path):
        row.write(copy, genres)
        copy.flush()
        after = evidence(copy, format_of(copy, path), path)
    compare(before, after, genres, path)


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


def _check_place(path: str, *, allow_hard_links: bool) -> None:
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        raise WriteRefused("it is a symbolic link", path, "name the file that it points to")
    if not stat.S_ISREG(found.st_mode):
        raise WriteRefused("it is not a regular file", path)
    if found.st_nlink > 1 and not allow_hard_links:
        what = f"it has {found.st_nlink} hard links, and a write would separate them"
        raise WriteRefused(what, path, "allow it by hard_links in the configuration")
    if not _writable(path, os.W_OK):
        raise WriteError("the file is read-only", path, "make it writable for this user")
    if not _writable(os.path.dirname(path) or ".", os.W_OK | os.X_OK):  # noqa: PTH120
        raise WriteError("its folder is read-only", path, "make it writable for this user")


def _writable(path: str, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _check_same(path: str, before: Stamp, expected: Stamp | None) -> None:
    """Refuse unless the name still leads to the file that was read, unchanged."""
    if before != (expected or before) or _stamp_of(path) != before:
        raise WriteRefused("the file was changed meanwhile", path, "it is looked at again")


def _check_room(path: str, size: int) -> None:
    disk = os.statvfs(os.path.dirname(path) or ".")  # noqa: PTH120
    if disk.f_bavail * disk.f_frsize < size + ROOM:
        raise WriteError("the disk has no room for a second copy of the file", path, "free some")


def _stamp_of(path: str) -> Stamp:
    return Stamp.of(os.lstat(path))


# --- the scratch file ------------------------------------------------------------------


@contextmanager
def _scratch_file(scratch: str, path: str) -> Iterator[BinaryIO]:
    """Make the scratch file, which must not exist; gone afterwards unless it was renamed."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        fd = os.open(scratch, flags, 0o600)
    except FileExistsError as error:
        raise WriteError("another write of it is under way", path) from error
    try:
        with open(fd, "r+b") as copy:  # noqa: PTH123  (a descriptor, not a name)
            yield copy
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(scratch)  # noqa: PTH108
        raise


@contextmanager
def _errors_of_change(path: str) -> Iterator[None]:
    """Tell a disk that failed while the copy was changed from a tag that cannot be changed."""
    try:
        yield
    except TagError as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, OSError) and cause.errno is not None:
                raise cause from error
            cause = cause.__cause__ or cause.__context__
        raise VerifyFailed(f"the genre could not be set ({error.what})", path) from error


@contextmanager
def _errors_of_disk(path: str) -> Iterator[None]:
    """Turn what the disk raises into a WriteError that says why."""
    try:
        yield
    except GenrewatchError:
        raise
    except OSError as error:
        why = error.strerror or str(error)
        raise WriteError(f"it could not be written ({why})", path) from error
