"""A playlist of files for any player: extended M3U, UTF-8, absolute paths.

Writes one file and reads the record; plays nothing.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from core.errors import ConfigError
from core.library.files import FileRow

__all__ = ["entries", "write_playlist"]

HEAD = "#EXTM3U"


def write_playlist(
    path: str, rows: Iterable[FileRow], duration_s: Callable[[FileRow], float | None]
) -> int:
    """Write *rows* in their order to *path* and return how many there are.

    Odd bytes of a path stay what they are; a path with a line break fits in no playlist and is
    left out. Raises ConfigError where the file cannot be written, or is there and no playlist:
    a slip must not cost a piece of music.
    """
    lines = [entry for row in rows for entry in entries(row, duration_s(row))]
    text = "\n".join([HEAD, *lines, ""])
    file = Path(os.path.expanduser(path))  # noqa: PTH111
    try:
        _require_playlist(file)
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        what = f"the playlist cannot be written ({error.strerror})"
        raise ConfigError(what, path, "name a file in a folder that is there") from error
    return len(lines) // 2


def _require_playlist(file: Path) -> None:
    """Raise ConfigError where something lies there that is no playlist; OSError."""
    if not file.is_file() or file.stat().st_size == 0:
        return
    with file.open("rb") as there:
        if there.read(len(HEAD)) != HEAD.encode():
            raise ConfigError("there is a file that is no playlist", str(file), "name another")


def entries(row: FileRow, duration_s: float | None) -> tuple[str, ...]:
    """Return the two lines of a file, none where its path has a line break."""
    if "\n" in row.path or "\r" in row.path:
        return ()
    seconds = -1 if duration_s is None else round(duration_s)
    return f"#EXTINF:{seconds},{_shown(row)}", row.path


def _shown(row: FileRow) -> str:
    name = row.path.rpartition("/")[2]
    text = f"{row.artist} - {row.title}" if row.artist and row.title else row.title or name
    return " ".join(text.split())
