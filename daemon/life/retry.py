"""When a file is tried again that failed by what may pass: a full disk, a file in use.

Pure; the moment is kept with the file, so that it survives a restart.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from core.errors import AudioDelayed, WriteDelayed
from core.library.codec import time_text
from core.library.files import FileRow

__all__ = ["PASSING", "tried_again_later"]

PASSING = (WriteDelayed, AudioDelayed)  # the errors that may be gone by then
WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(days=1),  # and so each day
)


def tried_again_later(row: FileRow, now: datetime) -> FileRow:
    """Return the failed file with the moment of its next try, later each time."""
    wait = WAITS[min(row.tries, len(WAITS) - 1)]
    return replace(row, tries=row.tries + 1, retry_at=time_text(now + wait))
