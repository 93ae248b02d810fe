"""What lay in a folder when it was first watched, read a part at a time after all else.

The record knows what is still unread, so only a part is ever under way: a large library costs
little memory, and new drops find the queue short. Never writes a file.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from sqlite_utils import Database

from core.library import files, runs
from daemon.watching.scan import Found, Gone

__all__ = ["BATTERY", "Backlog"]

MOST, REFILL = 1000, 500  # files under way at a time, and with how few left more are taken
LOOK_S = 60.0  # how often to ask the machine for its power, and the record for more
TELL_S = 10.0  # how often `status` is told
WINDOW_S = 300.0  # the rate is that of the last minutes
BATTERY = "the machine runs on its battery"


class Backlog:
    """The files that wait to be read, those under way, and how fast they become fewer."""

    def __init__(
        self,
        db: Database,
        unread: Callable[[int], Iterator[Found | Gone]],
        take_in: Callable[[Found | Gone], None],
        is_under_way: Callable[[str], bool],
        on_battery: Callable[[], bool],
    ) -> None:
        self._db = db
        self._unread = unread
        self._take_in = take_in
        self._is_under_way = is_under_way
        self._on_battery = on_battery
        self._under_way: set[str] = set()
        self._look_due = 0.0
        self._waits = False
        self._done = 0
        self._seen: deque[tuple[float, int]] = deque()
        self._tell_due = 0.0

    def wake(self) -> None:
        """Look at once for what is unread: a folder was just listed."""
        self._look_due = 0.0

    def feed(self, now: float) -> None:
        """Take up more where there is more, few are under way and the machine is plugged in."""
        before = len(self._under_way)
        self._under_way = {path for path in self._under_way if self._is_under_way(path)}
        self._done += before - len(self._under_way)
        if len(self._under_way) <= REFILL and (before > REFILL or now >= self._look_due):
            self._refill(now)
        if (self._under_way or self._seen or self._waits) and now >= self._tell_due:
            self._tell(now)

    def _refill(self, now: float) -> None:
        self._look_due = now + LOOK_S
        if files.count_unread(self._db) <= len(self._under_way):
            self._waits = False
            return
        self._waits = self._on_battery()
        if self._waits:
            return
        for finding in self._unread(MOST):
            if isinstance(finding, Gone) or not self._is_under_way(finding.entry.path):
                self._take_in(finding)
            if isinstance(finding, Found):
                self._under_way.add(finding.entry.path)

    def _tell(self, now: float) -> None:
        """Let `status` know the rate, or why there is none."""
        self._tell_due = now + TELL_S
        self._seen.append((now, self._done))
        while self._seen[0][0] < now - WINDOW_S:
            self._seen.popleft()
        told: dict[str, Any] = {"waits": BATTERY if self._waits else None, "a_minute": self._rate()}
        if not self._under_way and not self._waits:
            self._seen.clear()
            told = {"waits": None, "a_minute": None}
        runs.set_setting(self._db, "backlog", told)

    def _rate(self) -> float | None:
        """Return how many files a minute were done of late."""
        (start, done_then), (end, done_now) = self._seen[0], self._seen[-1]
        if end <= start or done_now <= done_then:
            return None
        return (done_now - done_then) / (end - start) * 60
