"""What a failing disk means for a write: try again later, or a person has to act.

Knows error numbers, nothing of tags. A damaged tag is told from a disk that fails while
it is read.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import TagError, WriteDelayed, WriteError, WriteRefused

__all__ = ["errors_of_disk", "fault_in", "write_error"]

# these may pass by themselves: the write is tried again later
_LATER = {
    errno.ENOSPC: "free some room",
    errno.EDQUOT: "free some of your quota",
    errno.EIO: "check the disk",
    errno.EROFS: "mount it for writing",
    errno.EBUSY: "", errno.EAGAIN: "", errno.ETXTBSY: "", errno.ENOMEM: "", errno.EMFILE: "",
    errno.ENFILE: "", errno.ESTALE: "", errno.ETIMEDOUT: "", errno.ENOTCONN: "",
    errno.ENODEV: "", errno.ENXIO: "", errno.EHOSTDOWN: "", errno.EHOSTUNREACH: "",
    errno.ENETDOWN: "", errno.ENETUNREACH: "", errno.ENOLCK: "",
}  # fmt: skip
_GONE = {errno.ENOENT, errno.ENOTDIR}
_PERSON = {
    errno.EACCES: "let this user write there",
    errno.EPERM: "let this user write there",
    errno.EFBIG: "lift the limit on file sizes",
    errno.ENAMETOOLONG: "shorten the names of its folders",
    errno.ELOOP: "mend the links in its path",
}


@contextmanager
def errors_of_disk(path: str) -> Iterator[None]:
    """Turn what the disk raises within into a WriteError that says why and what helps."""
    try:
        yield
    except TagError as error:
        fault = fault_in(error)
        if fault is None:
            raise
        raise write_error(fault, path) from error
    except OSError as error:
        raise write_error(error, path) from error


def fault_in(error: BaseException) -> OSError | None:
    """Return the failure of the disk that led to *error*, None where the file is to blame."""
    cause: BaseException | None = error
    while cause is not None:
        known = isinstance(cause, OSError) and cause.errno in {*_LATER, *_GONE, *_PERSON}
        if known and isinstance(cause, OSError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def write_error(error: OSError, path: str) -> WriteError:
    """Return the error of a write that this failure of the disk stands for."""
    code = error.errno or 0
    why = os.strerror(code) if code else str(error)
    if code in _GONE:
        return WriteRefused(f"the file was moved away ({why})", path)
    kind = WriteDelayed if code in _LATER else WriteError
    remedy = _LATER.get(code) or _PERSON.get(code)
    return kind(f"it could not be written ({why})", path, remedy)
