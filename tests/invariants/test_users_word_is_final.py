"""Invariant 2: what a person said or cleared is never overwritten, what is undone stays so.

A machine plays user, editor, sync tool, crash and rescan over paper files and the daemon's
real steps and record; a dictionary keeps whose each genre is. Below it, single stories.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.library import writes
from daemon.life.lifecycle import LINK, Stage
from tests.puppets import PaperHouse, guess, paper, read_paper

NAMES = ("a.mp3", "b.mp3", "sub/c.mp3")
AUDIO = ("A", "B", "C")
SAID = ("Zydeco", "Rock", "Jazz")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PaperHouse]:
    """A house that has looked at its empty folders."""
    made = PaperHouse(tmp_path, folders=("music", "other"))
    made.live()
    yield made
    made.close()


class Person(RuleBasedStateMachine):
    """Do anything to the files, in any order; whatever a person said must stand."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(mkdtemp(prefix="genrewatch-"))
        self.house = PaperHouse(self.root)
        self.house.live()
        self.word: dict[Path, tuple[str, ...]] = {}  # what a person last said of a file
        self.words = 0  # feedback that there must be

    def teardown(self) -> None:
        self.house.close()
        shutil.rmtree(self.root)

    def path(self, name: str) -> Path:
        return self.house.music / name

    def present(self) -> list[Path]:
        return sorted(self.house.music.rglob("*.mp3"))

    @rule(name=st.sampled_from(NAMES), audio=st.sampled_from(AUDIO))
    def drop(self, name: str, audio: str) -> None:
        """A new file without a genre, where none is."""
        path = self.path(name)
        if not path.exists() and not self.said_of_elsewhere(audio):
            paper(path, audio)

    def said_of_elsewhere(self, audio: str) -> bool:
        """Whether this track is known: what a copy of it inherits has stories of its own."""
        rows = self.house.db.execute("select 1 from files where fingerprint = ?", [audio])
        return rows.fetchone() is not None

    @precondition(lambda self: self.present())
    @rule(data=st.data(), genre=st.sampled_from(SAID))
    def correct(self, data: st.DataObject, genre: str) -> None:
        """An editor sets a genre, and the daemon sees it."""
        path = data.draw(st.sampled_from(self.present()))
        self.house.settle()
        old = read_paper(path)["genres"]
        self.edit(path, (genre,))
        self.house.settle()
        self.words += old != [genre]
        self.word[path] = (genre,)

    @precondition(lambda self: self.present())
    @rule(data=st.data())
    def clear(self, data: st.DataObject) -> None:
        """An editor removes the genre, and the daemon sees it."""
        path = data.draw(st.sampled_from(self.present()))
        self.house.settle()
        old = read_paper(path)["genres"]
        ours = self.house.row(path).origin == "ours"
        self.edit(path, ())
        self.house.settle()
        self.words += bool(old and ours)
        if old:
            self.word[path] = ()

    @precondition(lambda self: self.present())
    @rule(data=st.data(), genre=st.sampled_from(SAID))
    def tag(self, data: st.DataObject, genre: str) -> None:
        """A person names the genre by command."""
        path = data.draw(st.sampled_from(self.present()))
        self.house.settle()
        done = self.house.desk.tag(str(path), (genre,), self.house.now(), dry_run=False)
        assert not done.failed, done
        self.words += 1
        self.word[path] = (genre,)

    @precondition(lambda self: self.present())
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        """A person takes back the last write: what stood before it stands.

        What they had said by it is said no more, and that is a word, too.
        """
        path = data.draw(st.sampled_from(self.present()))
        self.house.settle()
        last = writes.newest_standing_write(self.house.db, str(path))
        done = self.house.desk.undo(str(path), self.house.now(), dry_run=False)
        if not done.failed:
            self.word[path] = done.new
            self.words += last is not None and last.origin == "person"

    @precondition(lambda self: self.present())
    @rule(data=st.data(), title=st.sampled_from("xyz"))
    def retitle(self, data: st.DataObject, title: str) -> None:
        """An editor changes something else."""
        path = data.draw(st.sampled_from(self.present()))
        self.house.settle()
        said = read_paper(path)
        paper(path, said["audio"], tuple(said["genres"]), title)

    @precondition(lambda self: self.present())
    @rule(data=st.data())
    def tear(self, data: st.DataObject) -> None:
        """A sync tool truncates the file, and refills it much later."""
        path = data.draw(st.sampled_from(self.present()))
        whole = path.read_bytes()
        path.write_bytes(whole[:10])
        self.house.settle()
        path.write_bytes(whole)

    @precondition(lambda self: self.present())
    @rule(data=st.data(), name=st.sampled_from(NAMES))
    def move(self, data: st.DataObject, name: str) -> None:
        """A file gets another name."""
        old = data.draw(st.sampled_from(self.present()))
        new = self.path(name)
        if new.exists():
            return
        self.house.settle()
        new.parent.mkdir(exist_ok=True)
        old.rename(new)
        if old in self.word:
            self.word[new] = self.word.pop(old)

    @precondition(lambda self: self.present())
    @rule(data=st.data(), name=st.sampled_from(NAMES))
    def copy(self, data: st.DataObject, name: str) -> None:
        """A copy of a file inherits what was said of it."""
        old = data.draw(st.sampled_from(self.present()))
        new = self.path(name)
        if new.exists():
            return
        self.house.settle()
        new.parent.mkdir(exist_ok=True)
        shutil.copyfile(old, new)
        self.house.settle()
        if old in self.word:
            self.word[new] = self.word[old]

    @rule(model=st.sampled_from(("one", "two", "three")))
    def learn(self, model: str) -> None:
        """Another model comes into use: it changes what is offered, no file."""
        self.house.new_model(model)

    @rule(at=st.integers(1, 60))
    def die(self, at: int) -> None:
        """The daemon is killed somewhere, and started again."""
        self.house.live_and_die(at)
        self.house.reborn()

    @rule()
    def rest(self) -> None:
        """Time passes."""
        self.house.settle()

    @invariant()
    def the_word_stands(self) -> None:
        """Whatever a person said last is what the file says."""
        for path, genres in self.word.items():
            assert tuple(read_paper(path)["genres"]) == genres, path

    @invariant()
    def every_word_is_recorded_once(self) -> None:
        """No word gets lost, none is counted twice, none is made up."""
        assert len(self.house.kinds()) == self.words, self.house.kinds()

    def edit(self, path: Path, genres: tuple[str, ...]) -> None:
        said = read_paper(path)
        paper(path, said["audio"], genres, said["title"])


Person.TestCase.settings = settings(
    max_examples=int(os.environ.get("GENREWATCH_EXAMPLES", "25")),
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestPerson = Person.TestCase


# single stories ----------------------------------------------------------------------------

Story = Callable[[PaperHouse, Path], None]


def cleared(house: PaperHouse, path: Path) -> None:
    """We tagged it, a person removed the genre."""
    paper(path, "A")
    house.settle()
    paper(path, "A")
    house.settle()


def undone(house: PaperHouse, path: Path) -> None:
    """We tagged it, a person took that back."""
    paper(path, "A")
    house.settle()
    house.desk.undo(str(path), house.now(), dry_run=False)
    house.settle()


@pytest.fixture(params=[cleared, undone], ids=["cleared", "undone"])
def emptied(request: pytest.FixtureRequest, house: PaperHouse) -> Path:
    """A file without a genre because a person wants it so."""
    path = house.music / "a.mp3"
    request.param(house, path)
    assert read_paper(path)["genres"] == []
    house.new_model("two" if guess("A", "two") != guess("A") else "three")
    return path


def settled(house: PaperHouse, path: Path) -> tuple[list[str], str]:
    house.settle()
    house.reborn()
    return read_paper(path)["genres"], house.row(path).state


def test_it_stays_empty_under_another_model(house: PaperHouse, emptied: Path) -> None:
    """Another model has another opinion, and keeps it to itself."""
    assert settled(house, emptied) == ([], "left")


def test_it_stays_empty_when_retitled(house: PaperHouse, emptied: Path) -> None:
    """A change of other tags brings nothing back."""
    paper(emptied, "A", (), "another title")

    assert settled(house, emptied) == ([], "left")


def test_it_stays_empty_when_moved(house: PaperHouse, emptied: Path) -> None:
    """The word moves with the file, also to another watched folder."""
    new = house.folders[1] / "moved.mp3"
    emptied.rename(new)

    assert settled(house, new) == ([], "left")


def test_it_stays_empty_when_its_folder_is_emptied_by_the_move(
    house: PaperHouse, emptied: Path
) -> None:
    """An emptied folder looks like a lost mount; the word is not lost with it."""
    new = house.folders[1] / "moved.mp3"
    shutil.copy2(emptied, new)
    for path in house.music.iterdir():
        path.unlink()

    assert settled(house, new) == ([], "left")


def test_a_copy_of_it_stays_empty(house: PaperHouse, emptied: Path) -> None:
    """What was said of a track holds for its copies."""
    copy = house.music / "copy.mp3"
    shutil.copyfile(emptied, copy)

    assert settled(house, copy) == ([], "left")


def test_it_stays_empty_when_it_was_unreadable_for_a_while(
    house: PaperHouse, emptied: Path
) -> None:
    """A sync tool that truncates and refills changes nothing, and nothing is left as failed."""
    whole = emptied.read_bytes()
    emptied.write_bytes(b"")
    house.settle()
    emptied.write_bytes(whole)

    assert settled(house, emptied) == ([], "left")


def test_it_stays_empty_when_other_audio_stood_there_for_a_while(
    house: PaperHouse, emptied: Path
) -> None:
    """A half-filled file is another track for a while; then it is the old one again."""
    whole = emptied.read_bytes()
    paper(emptied, "half of A", ("Techno",))
    house.settle()
    emptied.write_bytes(whole)

    assert settled(house, emptied) == ([], "left")


def test_it_stays_empty_when_deleted_and_put_back(house: PaperHouse, emptied: Path) -> None:
    """The same audio at the same place is the same file."""
    whole = emptied.read_bytes()
    emptied.unlink()
    house.settle()
    emptied.write_bytes(whole)

    assert settled(house, emptied) == ([], "left")


def test_it_stays_empty_when_a_link_takes_its_place(house: PaperHouse, emptied: Path) -> None:
    """Moved, with a symbolic link left behind for old references."""
    new = house.music / "moved.mp3"
    emptied.rename(new)
    emptied.symlink_to(new)

    assert settled(house, new) == ([], "left")


@pytest.mark.parametrize("said", ["ours", "theirs"])
def test_a_link_in_its_place_loses_no_history(house: PaperHouse, said: str) -> None:
    """The file that moved away is known as the one that it was, its writes can be undone."""
    path, new = house.music / "a.mp3", house.music / "moved.mp3"
    paper(path, "A")
    house.settle()
    if said == "theirs":
        house.desk.tag(str(path), ("Zydeco",), house.now(), dry_run=False)
    before = house.row(path)
    path.rename(new)
    path.symlink_to(new)

    house.settle()
    house.reborn()

    row = house.row(new)
    assert (row.origin, row.state, row.genres) == (before.origin, before.state, before.genres)
    assert house.row(path).reason == LINK
    assert house.kinds() == (["correction"] if said == "theirs" else [])
    assert house.desk.undo(str(new), house.now(), dry_run=False).written


def test_a_file_that_takes_the_place_of_a_link_is_itself_again(house: PaperHouse) -> None:
    """Linked for a while, to save room say."""
    path, aside = house.music / "a.mp3", house.root / "aside.mp3"
    paper(path, "A")
    house.settle()
    path.rename(aside)
    path.symlink_to(aside)
    house.settle()
    assert house.row(path).state == "left"

    path.unlink()
    aside.rename(path)
    house.settle()

    row = house.row(path)
    assert (row.state, row.origin, row.genres) == ("tagged", "ours", (guess("A"),))
    assert house.kinds() == []


@pytest.mark.parametrize("seen", [True, False], ids=["seen", "unseen"])
def test_the_only_file_dropped_again_is_no_rejection(house: PaperHouse, seen: bool) -> None:
    """Deleted and copied there anew, as it was before us: nobody removed a genre from it."""
    path = house.music / "a.mp3"
    paper(path, "A")
    whole = path.read_bytes()
    house.settle()
    assert house.row(path).state == "tagged"
    path.unlink()
    if seen:
        house.settle()

    path.write_bytes(whole)
    house.settle()

    assert house.kinds() == ["reversion"]


def test_a_genre_removed_in_place_is_a_rejection(house: PaperHouse) -> None:
    """Though the bytes are just what they were before us."""
    path = house.music / "a.mp3"
    paper(path, "A")
    whole = path.read_bytes()
    house.settle()

    path.write_bytes(whole)
    house.settle()

    assert house.kinds() == ["rejection"]


def test_undo_leaves_a_genre_of_another_track_alone(house: PaperHouse) -> None:
    """A re-rip at the same path that came with a genre is not ours to undo."""
    path = house.music / "a.mp3"
    paper(path, "A")
    house.settle()
    paper(path, "B", (guess("A"),))
    house.settle()

    done = house.desk.undo(str(path), house.now(), dry_run=False)

    assert done.failed
    assert read_paper(path)["genres"] == [guess("A")]


@pytest.mark.parametrize("act", ["tag", "undo"])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_command_beside_a_reading_daemon_is_heard_once(
    house: PaperHouse, act: str, turns: int
) -> None:
    """What a worker read just before the command wrote is not taken for a later edit."""
    path = house.music / "a.mp3"
    paper(path, "A")
    house.settle()
    paper(path, "A", (guess("A"),), "another title")  # so that the daemon reads it again
    house.daemon._rescan()
    house.time += 1.0
    for _ in range(turns):
        house.step()
    if act == "tag":
        done = house.desk.tag(str(path), ("Zydeco",), house.now(), dry_run=False)
    else:
        done = house.desk.undo(str(path), house.now(), dry_run=False)
    house.settle()
    house.settle()

    assert done.written
    assert read_paper(path)["genres"] == list(done.new)
    assert house.kinds() == (["correction"] if act == "tag" else [])
    assert house.row(path).genres == done.new


def test_a_word_that_comes_while_our_write_waits_is_kept(house: PaperHouse) -> None:
    """Decided in a pause, say, and a person names the genre before it is over."""
    path = house.music / "a.mp3"
    paper(path, "A")
    house.daemon._rescan()
    house.time += 1.0
    daemon = house.daemon
    for _ in range(3):  # probe and hearing are done, and the write is queued
        daemon._take_messages(0.0)
        daemon._steps.fall_due(house.time)
        if daemon._steps._underway.stage(str(path)) is Stage.WRITING:
            break
        daemon._jobs.start()
    assert daemon._steps._underway.stage(str(path)) is Stage.WRITING

    assert house.desk.tag(str(path), ("Zydeco",), house.now(), dry_run=False).written
    house.settle()

    assert read_paper(path)["genres"] == ["Zydeco"]
    assert house.row(path).origin == "person"
    assert house.kinds() == ["label"]


def test_named_again_it_is_written(house: PaperHouse, emptied: Path) -> None:
    """A person's later word lifts the earlier one."""
    done = house.desk.tag(str(emptied), ("Zydeco",), house.now(), dry_run=False)

    assert done.written
    assert settled(house, emptied) == (["Zydeco"], "left")


def test_our_tag_outlives_another_model(house: PaperHouse) -> None:
    """What we wrote, too, is changed only when asked."""
    path = house.music / "a.mp3"
    paper(path, "A")
    house.settle()
    house.new_model("two" if guess("A", "two") != guess("A") else "three")

    assert settled(house, path) == ([guess("A")], "tagged")
    assert len(house.done(path)) == 1
