"""Things that many tests need, with sane values where the test does not care."""

from datetime import UTC, datetime

from core.library.files import FileRow
from core.stamp import Stamp
from core.tags import TagReading

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def stamp(size: int = 1000, mtime_ns: int = 5, ctime_ns: int = 5, inode: int = 7) -> Stamp:
    """A stamp; change any part of it for "the file changed"."""
    return Stamp(size=size, mtime_ns=mtime_ns, ctime_ns=ctime_ns, inode=inode)


def file_row(path: str = "/m/a.mp3", **changes: object) -> FileRow:
    """A file that was probed and is waiting for its verdict."""
    values: dict[str, object] = {
        "path": path,
        "stamp": stamp(),
        "state": "pending",
        "fingerprint": "f1",
    }
    return FileRow(**(values | changes))  # type: ignore[arg-type]


def tag(*genres: str, **changes: object) -> TagReading:
    """What a file's tag says."""
    values: dict[str, object] = {"format": "mp3", "genres": genres}
    return TagReading(**(values | changes))  # type: ignore[arg-type]
