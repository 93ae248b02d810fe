"""Put a backup in the place of the record: the way back from a damaged or lost one.

Nothing is deleted: the record that lay there is put aside. What was written and said since
the backup comes back from the log of writes; what was heard since is heard anew.
"""

from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime

from core.errors import ConfigError, LibraryError
from core.library.backup import Backup, back_up, backups, put_back, trouble_of
from core.library.schema import open_library
from core.library.witness import Replayed, Witness
from daemon.state import State, locked

__all__ = ["Copy", "Restored", "back_up_daily", "copies", "restore"]

REMEDY = "list them with: genrewatch restore --list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A backup as listed; *trouble* is why it cannot be used."""

    backup: Backup
    trouble: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was put back and what came back from the log."""

    backup: Backup | None  # None: one started with an empty record
    aside: str | None  # where the record lies that was there
    replayed: Replayed

    @property
    def sentences(self) -> tuple[str, ...]:
        """Say what was done and what was lost."""
        source = f"the backup of {self.backup.day}" if self.backup else "an empty record"
        told = [f"The record is {source}."]
        if self.aside:
            told.append(f"The one that was there lies in {self.aside}")
        told.append(
            f"Writes that came back from the log, to be undone by their genre only: "
            f"{self.replayed.writes}; words of yours: {self.replayed.feedback}."
        )
        if self.replayed.unreadable:
            told.append(f"Lines of the log that could not be read: {self.replayed.unreadable}.")
        told.append(
            "Lost is what was heard and judged since; it is made anew as the folders are "
            "looked at again. What you said since of what genres mean and belong to, and whose a "
            "batch of edits is, must be said again."
        )
        return tuple(told)


def copies(state: State) -> list[Copy]:
    """Return all backups, the newest first, each checked."""
    return [
        Copy(backup=backup, trouble=trouble_of(backup.path, thorough=True))
        for backup in backups(state.backups)
    ]


def restore(state: State, day: date | None, now: datetime, *, empty: bool = False) -> Restored:
    """Put back the backup of *day* (the newest whole one), or start *empty*.

    Raises LibraryError where a daemon runs or nothing fits; then all is as before.
    """
    busy = LibraryError("a daemon is running with this record", str(state.root), "stop it first")
    with locked(state.daemon_lock, busy):
        backup = None if empty else _chosen(state, day)
        aside = put_back(state.library, backup.path if backup else None, state.damaged, now)
        with closing(open_library(state.library)) as db:
            replayed = Witness(state.witness).settle(db)
    return Restored(backup=backup, aside=str(aside) if aside else None, replayed=replayed)


def _chosen(state: State, day: date | None) -> Backup:
    made = backups(state.backups)
    if day is not None:
        made = [backup for backup in made if backup.day == day]
        if not made:
            raise ConfigError(f"there is no backup of {day}", None, REMEDY)
    for backup in made:
        if trouble_of(backup.path, thorough=True) is None:
            return backup
    if made:
        raise LibraryError("every backup asked for is damaged", str(state.backups), REMEDY)
    remedy = "start anew from the log with: genrewatch restore --empty"
    raise LibraryError("there is no backup yet", str(state.backups), remedy)


def back_up_daily(state: State, today: date) -> bool:
    """Make the backup of *today* unless there is one; say whether it was made."""
    if any(made.day == today and made.before is None for made in backups(state.backups)):
        return False
    back_up(state.library, state.backups, today)
    return True
