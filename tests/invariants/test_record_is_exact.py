"""The record says of every file just what it must, whatever happens in whatever order.

A machine drops, moves, copies, deletes, retags, restores, undoes, answers and kills, on real
files under the daemon's real steps, record, journal and tag writes; a book kept by hand says
what must come of it. `python -m benchmarks machine` is the long run.
"""

import atexit
import hashlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import ClassVar
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.analysis import probe
from core.library import feedback_log, writes
from core.stamp import Stamp
from daemon import processes
from tests.audio import genres_in, make_audio, retag
from tests.book import Book, Seen, Word
from tests.filehouse import FileHouse, in_memory
from tests.puppets import Crash, guess
from tests.tagging import others, packets

KINDS = ("mp3", "flac", "m4a", "ogg", "opus", "wav")
LETTERS = ("a", "b", "unclear")  # the last sounds like nothing that the model knows
TRACKS = tuple(f"{letter}.{kind}" for letter in LETTERS for kind in KINDS)
FOLDERS = ("", "sub")
SAID = ("Zydeco", "Rock", "Jazz")  # the model, too, says some of these
EXAMPLES = int(os.environ.get("GENREWATCH_EXAMPLES", "40"))


@cache
def source(track: str) -> Path:
    """Return a file of the track that no test changes; its name is the track's."""
    letter, kind = track.split(".")
    folder = Path(mkdtemp(prefix="genrewatch-takes-"))
    atexit.register(shutil.rmtree, folder)
    return make_audio(folder / track, kind, seconds=0.3, seed=LETTERS.index(letter))


@cache
def tracks() -> dict[str, str]:
    """Return fingerprint → track."""
    return {probe(str(source(track))).fingerprint: track for track in TRACKS}


@cache
def packets_of(track: str) -> list[tuple[str, int, str]]:
    """Return the audio packets of the track."""
    return packets(source(track))


def digest(path: Path) -> str:
    """Return a hash of all of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def heard(fingerprint: str) -> str | None:
    """Return the genre that the model hears in a track, None where it is unsure."""
    return None if tracks()[fingerprint].startswith("unclear") else guess(fingerprint)


class Machine(RuleBasedStateMachine):
    """A person, their programs and a daemon that dies; and the book beside them."""

    tally: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.tally["sequences"] += 1
        self.root = in_memory()
        self.house = FileHouse(self.root, heard)
        self.alive = patch.object(processes, "is_alive", self.house.is_alive)
        self.alive.start()
        self.house.live()
        (self.house.music / "cover.txt").touch()  # so that the folder is never empty: no lost mount
        self.book = Book({track: heard(found) for found, track in tracks().items()})
        self.backups: dict[Path, Path] = {}
        self.whole: dict[Path, tuple[Stamp, tuple[str, ...]]] = {}  # looked at before
        self.dies_at: int | None = None
        self.number = 0

    def teardown(self) -> None:
        self.alive.stop()
        self.house.close()
        shutil.rmtree(self.root)

    # files come and go -----------------------------------------------------------------------

    @rule(
        track=st.sampled_from(TRACKS),
        folder=st.sampled_from(FOLDERS),
        genre=st.sampled_from((None, None, None, *SAID)),
    )
    def drop(self, track: str, folder: str, genre: str | None) -> None:
        """A file comes in, most often without a genre."""
        path = self.name(folder, track)
        shutil.copyfile(source(track), path)
        if genre is not None:
            self.edit(path, genre=genre)
        self.see(path)

    @precondition(lambda self: self.book.here())
    @rule(data=st.data(), folder=st.sampled_from(FOLDERS), genre=st.sampled_from((None, *SAID)))
    def move(self, data: st.DataObject, folder: str, genre: str | None) -> None:
        """A file gets another name or place, and maybe a genre in the same breath."""
        old = self.pick(data)
        new = self.name(folder, old.name)
        old.rename(new)
        if genre is not None:
            self.edit(new, genre=genre)
        self.book.vanished(old)
        self.see(new)

    @precondition(lambda self: self.book.here())
    @rule(data=st.data(), folder=st.sampled_from(FOLDERS))
    def copy(self, data: st.DataObject, folder: str) -> None:
        """A file is copied."""
        old = self.pick(data)
        new = self.name(folder, old.name)
        shutil.copyfile(old, new)
        self.see(new)

    @precondition(lambda self: self.book.here())
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """A file is deleted."""
        path = self.pick(data)
        path.unlink()
        self.book.vanished(path)
        self.rest()

    @precondition(lambda self: self.book.here())
    @rule(data=st.data(), letter=st.sampled_from(LETTERS))
    def rip_anew(self, data: st.DataObject, letter: str) -> None:
        """Another track takes the place of a file, by a rename."""
        path = self.pick(data)
        new = self.house.root / "new"
        shutil.copyfile(source(f"{letter}{path.suffix}"), new)
        new.rename(path)
        self.see(path)

    # tags are edited -------------------------------------------------------------------------

    @precondition(lambda self: self.book.here())
    @rule(data=st.data(), genre=st.sampled_from(("", *SAID)))
    def retag(self, data: st.DataObject, genre: str) -> None:
        """An editor sets the genre, or removes it."""
        path = self.pick(data)
        self.edit(path, genre=genre)
        self.see(path)

    @precondition(lambda self: self.book.here())
    @rule(data=st.data(), title=st.sampled_from("xy"), clears=st.booleans())
    def retitle(self, data: st.DataObject, title: str, clears: bool) -> None:
        """An editor changes another tag; a player writes back all that it knows, no genre."""
        path = self.pick(data)
        self.edit(path, title=title, genre="" if clears else None)
        self.see(path)

    @precondition(lambda self: self.book.here())
    @rule(data=st.data())
    def back_up(self, data: st.DataObject) -> None:
        """A backup is made of a file."""
        path = self.pick(data)
        self.number += 1
        backup = self.house.root / f"backup-{self.number}"
        shutil.copy2(path, backup)
        self.backups[path] = backup

    @precondition(lambda self: self.backups)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        """A backup is put back where it was made, with its old time."""
        path = data.draw(st.sampled_from(sorted(self.backups)))
        shutil.copy2(self.backups[path], path)
        self.see(path)

    # a person commands -----------------------------------------------------------------------

    @precondition(lambda self: self.book.here())
    @rule(data=st.data(), genre=st.sampled_from(SAID))
    def name_by_command(self, data: st.DataObject, genre: str) -> None:
        """A person names the genre: `tag --genre`, or an answer in review."""
        path = self.pick(data)
        via = "review" if self.book.entries[path].state == "not_sure" else "tag"
        done = self.house.desk.tag(str(path), (genre,), self.house.now(), dry_run=False, via=via)
        assert done.written, done
        self.book.named(path, genre)
        self.rest()

    @precondition(lambda self: self.unsure())
    @rule(data=st.data(), genre=st.sampled_from(("Rock", "Jazz", "Folk")))
    def say_not_this(self, data: st.DataObject, genre: str) -> None:
        """A person answers in review that it is not that."""
        path = data.draw(st.sampled_from(self.unsure()))
        assert not self.house.desk.confirm_not(str(path), genre, self.house.now()).failed
        self.book.refused(path, genre)
        self.rest()

    @precondition(lambda self: self.book.here())
    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        """A person asks us to tag a file."""
        path = self.pick(data)
        done = self.house.desk.tag(str(path), (), self.house.now(), dry_run=False)
        assert not done.failed, done
        self.book.asked(path)
        self.rest()

    @precondition(lambda self: self.book.here())
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        """A person takes back our last write."""
        path = self.pick(data)
        may = self.book.undid(path)
        done = self.house.desk.undo(str(path), self.house.now(), dry_run=False)
        assert done.failed is not may, done
        self.rest()

    @rule(
        track=st.sampled_from(TRACKS),
        genre=st.sampled_from(SAID),
        turns=st.integers(0, 6),
    )
    def command_beside(self, track: str, genre: str, turns: int) -> None:
        """A command names a genre while the daemon is somewhere on its way with the file."""
        path = self.name("", track)
        shutil.copyfile(source(track), path)
        dropped = self.seen(path)
        self.house.daemon._rescan()
        self.house.time += 1.0
        for _ in range(turns):
            self.house.step()
        is_writing = bool(writes.open_writes(self.house.db))
        self.book.saw(path, dropped, judged=is_writing or bool(genres_in(path)))
        done = self.house.desk.tag(str(path), (genre,), self.house.now(), dry_run=False)
        assert done.written is not is_writing, done
        if done.written:
            self.book.named(path, genre)
        self.rest()

    # lives end -------------------------------------------------------------------------------

    @rule(at=st.integers(1, 80))
    def die_next(self, at: int) -> None:
        """The daemon will be killed somewhere in what it does next, and started again."""
        self.dies_at = at

    @rule()
    def restart(self) -> None:
        """The daemon is started anew."""
        self.house.reborn()
        self.rest()

    @precondition(lambda self: self.book.here())
    @rule(data=st.data(), genre=st.sampled_from(SAID), at=st.integers(1, 40))
    def die_in_a_command(self, data: st.DataObject, genre: str, at: int) -> None:
        """`tag --genre` is killed: it was done, word and all, or it never was."""
        path = self.pick(data)
        if genres_in(path) == [genre]:
            return
        self.kill(
            at, lambda: self.house.desk.tag(str(path), (genre,), self.house.now(), dry_run=False)
        )
        if genres_in(path) == [genre]:
            self.book.named(path, genre)
        self.rest()

    @precondition(lambda self: self.book.here())
    @rule(data=st.data(), at=st.integers(1, 40))
    def die_in_an_undo(self, data: st.DataObject, at: int) -> None:
        """An undo is killed: it was done or it never was."""
        path = self.pick(data)
        before = genres_in(path)
        self.kill(at, lambda: self.house.desk.undo(str(path), self.house.now(), dry_run=False))
        if genres_in(path) != before or self.undone_on_record(path):
            self.book.undid(path)
        self.rest()

    # what must be true -----------------------------------------------------------------------

    @invariant()
    def files_are_whole(self) -> None:
        """No file is lost, damaged, doubled or left over, and each says what the book says."""
        music = self.house.music
        there = {path for path in music.rglob("*") if path.is_file()} - {music / "cover.txt"}
        assert there == set(self.book.here())
        assert self.house.leftovers() == []
        for path, entry in self.book.here().items():
            assert self.genres_of_whole(path, entry.track) == entry.genres, path

    @invariant()
    def the_record_is_as_the_book(self) -> None:
        """Each row and each standing write is as it must be."""
        for path, entry in self.book.here().items():
            row = self.house.row(path)
            assert (row.state, row.origin, row.genres, row.hands_off, row.gone_at) == (
                entry.state, entry.origin, entry.genres, entry.hands_off, None
            ), path  # fmt: skip
            standing = [(write.old, write.new) for write in self.standing(path)]
            wanted = [(write.old, write.new) for write in self.book.past(path).writes]
            assert standing == wanted, path

    @invariant()
    def every_word_is_on_record_once(self) -> None:
        """No word is lost, doubled or made up."""
        found = [
            Word(track=tracks()[row.fingerprint], kind=row.kind, old=row.old, new=row.new)
            for row in feedback_log.all_feedback(self.house.db)
        ]
        assert found == self.book.words

    def genres_of_whole(self, path: Path, track: str) -> tuple[str, ...]:
        """Return the genres of a file whose sound is as it was; looks only where it changed."""
        known, stamp = self.whole.get(path), Stamp.of(path.stat())
        if known is None or known[0] != stamp:
            assert packets(path) == packets_of(track), path
            known = self.whole[path] = stamp, tuple(genres_in(path))
        return known[1]

    # how it is done --------------------------------------------------------------------------

    def name(self, folder: str, like: str) -> Path:
        """Return a path that never was."""
        self.number += 1
        path = self.house.music / folder / f"{self.number:03}{Path(like).suffix}"
        path.parent.mkdir(exist_ok=True)
        return path

    def pick(self, data: st.DataObject) -> Path:
        return data.draw(st.sampled_from(sorted(self.book.here())))

    def unsure(self) -> list[Path]:
        return sorted(p for p, entry in self.book.here().items() if entry.state == "not_sure")

    def edit(self, path: Path, *, genre: str | None = None, title: str | None = None) -> None:
        """Change tags in place, as another program does, just now."""
        retag(path, genre=genre, title=title)
        now = time.time_ns()
        os.utime(path, ns=(now, now))

    def seen(self, path: Path) -> Seen:
        stat, found = path.stat(), probe(str(path))
        return Seen(
            track=tracks()[found.fingerprint],
            genres=tuple(genres_in(path)),
            other=repr(others(path)),
            mtime=stat.st_mtime_ns,
            inode=stat.st_ino,
            born=found.born_ns,
            whole=digest(path),
        )

    def see(self, path: Path) -> None:
        """Write into the book what comes of the file, and let the daemon look."""
        self.book.saw(path, self.seen(path))
        self.rest()

    def rest(self) -> None:
        """Let the daemon do all there is to do, with a death on the way if one is due."""
        self.tally["acts"] += 1
        if self.dies_at is None:
            self.house.settle()
        else:
            self.tally["deaths"] += self.house.live_and_die(self.dies_at)
            self.dies_at = None
            self.house.reborn()
        for path in self.book.here():
            self.book.look(path, path.stat(), digest(path))

    def kill(self, at: int, act: Callable[[], object]) -> None:
        """Kill a command in the middle of *act*, and start the daemon."""
        self.house.crash_at, self.house.points = at, 0
        try:
            act()
        except Crash:
            self.tally["deaths"] += 1
        self.house.crash_at = None
        self.house.reborn()

    def undone_on_record(self, path: Path) -> bool:
        """Say whether an undo was done that changed no genre."""
        return len(self.standing(path)) < len(self.book.past(path).writes)

    def standing(self, path: Path) -> list[writes.WriteRow]:
        """Return our writes on record that the file as it is could be taken back by."""
        return [
            row
            for row in writes.writes_at(self.house.db, str(path))
            if row.state == "done" and row.undoes is None and not row.replaced
            and tracks()[row.fingerprint or ""] == self.book.entries[path].track
        ]  # fmt: skip


def how(examples: int) -> settings:
    """Return how so many sequences are tried; the same ones each time."""
    return settings(
        max_examples=examples,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


Machine.TestCase.settings = how(EXAMPLES)
TestMachine = Machine.TestCase
