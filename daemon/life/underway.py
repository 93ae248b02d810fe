"""What is remembered of the files under way: their stage, their stillness, what was read.

Lasts only while a file is under way and may be lost at any instant; knows no record.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from core.stamp import Stamp
from daemon.life.lifecycle import Lifecycle, Stage
from daemon.life.settle import Settling
from daemon.life.together import Together

__all__ = ["AtHand", "Underway"]


@dataclass(slots=True)
class AtHand:
    """What is remembered of one file."""

    stamp: Stamp | None = None  # as it was when it fell due
    duration_s: float = 0.0
    unwritable: str | None = None
    look_again: bool = False
    is_delayed: bool = False  # what went wrong may pass by itself


class Underway:
    """The files that are waited for or worked on."""

    def __init__(self, settle_seconds: float) -> None:
        self._settle_seconds = settle_seconds
        self._at_hand: dict[str, AtHand] = {}
        self._in_folder: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._dealt_with: str | None = None
        self.lifecycle = Lifecycle()
        self.settling = Settling(settle_seconds)
        self.together = Together()

    def __len__(self) -> int:
        return len(self.lifecycle)

    def stage(self, path: str) -> Stage:
        """Return where the file is on its way."""
        return self.lifecycle.stage(path)

    def hand(self, path: str) -> AtHand:
        """Return what is remembered of a file, from now on if nothing was."""
        self._dealt_with = path
        return self._at_hand.setdefault(path, AtHand())

    def unwritable(self, path: str) -> str | None:
        """Return why a file under way can take no genre, as far as known."""
        at_hand = self._at_hand.get(path)
        return at_hand.unwritable if at_hand else None

    def begin_turn(self) -> None:
        """Deal with no file yet."""
        self._dealt_with = None

    def deal_with(self, path: str) -> None:
        """Remember that what is done now is about this file."""
        self._dealt_with = path

    def dealt_with(self) -> str | None:
        """Return the file that was dealt with last in this turn."""
        return self._dealt_with

    def is_awaited(self, inode: int) -> bool:
        """Say whether a file with this inode is on its way."""
        stamps = [*self.settling.stamps(), *(hand.stamp for hand in self._at_hand.values())]
        return inode in {stamp.inode for stamp in stamps if stamp is not None}

    def coming(self, folder: str) -> Iterator[str]:
        """Yield the files in *folder* that were not heard yet and may still be."""
        for path in self._in_folder.get(folder, ()):
            if self.stage(path) is not Stage.WRITING and not self.together.is_held(path):
                yield path

    def let_rest(self, path: str) -> bool:
        """Forget a file that is at rest; say if it is to be looked at once more."""
        folder = path.rpartition("/")[0]
        if self.stage(path) is not Stage.RESTING:
            self._in_folder[folder][path] = None
            return False
        self.together.drop(path)
        self._in_folder[folder].pop(path, None)
        if not self._in_folder[folder]:
            del self._in_folder[folder]
        at_hand = self._at_hand.pop(path, None)
        return at_hand is not None and at_hand.look_again

    def forget(self) -> None:
        """Forget all."""
        self.lifecycle = Lifecycle()
        self.settling = Settling(self._settle_seconds)
        self.together = Together()
        self._in_folder.clear()
        self._at_hand.clear()
