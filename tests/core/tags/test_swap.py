"""Exchanging names: what it does, what it refuses, and how it is taken back in every race."""

import ctypes
import errno
import os

import pytest

from core.stamp import Stamp
from core.tags import swap
from core.tags.swap import NotHere, exchange, let_go, place_of, put_back, rename_call, rename_new


@pytest.fixture
def path(tmp_path):
    """A file in place, as `put_back` finds it: ours, with the other under the scratch name."""
    (tmp_path / "song").write_text("ours")
    (tmp_path / ".scratch").write_text("theirs")
    return tmp_path / "song"


@pytest.fixture
def scratch(path):
    """The name of the file that was swapped out."""
    return path.with_name(".scratch")


@pytest.fixture
def ours(path):
    """The inode of our copy."""
    return path.stat().st_ino


def texts(folder):
    """Return every file's name and what it says."""
    return {entry.name: entry.read_text() for entry in folder.iterdir() if entry.is_file()}


def test_two_names_change_places(path, scratch):
    """In one step, with nothing read or written."""
    exchange(str(path), str(scratch))

    assert texts(path.parent) == {"song": "theirs", ".scratch": "ours"}


def test_names_may_hold_any_bytes(tmp_path):
    """A path is bytes, not text."""
    one, other = (tmp_path / os.fsdecode(name) for name in (b"\xff\n", b"\xfe"))
    one.write_text("one")
    other.write_text("other")

    exchange(str(one), str(other))

    assert (one.read_text(), other.read_text()) == ("other", "one")


def test_a_missing_name_changes_nothing(path):
    """A file that was moved away is not made anew."""
    with pytest.raises(FileNotFoundError):
        exchange(str(path), str(path.with_name("gone")))

    assert texts(path.parent) == {"song": "ours", ".scratch": "theirs"}


def test_a_taken_name_is_not_replaced(path, scratch):
    """Renaming to a free name refuses one that is not."""
    with pytest.raises(FileExistsError):
        rename_new(str(scratch), str(path))
    rename_new(str(scratch), str(path.with_name("free")))

    assert texts(path.parent) == {"song": "ours", "free": "theirs"}


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_without_exchange_is_told(path, scratch, monkeypatch, code):
    """The caller falls back; every other error is one."""

    def refuse(*_):
        ctypes.set_errno(code)
        return -1

    monkeypatch.setattr(swap, "_rename", refuse)

    with pytest.raises(NotHere):
        exchange(str(path), str(scratch))


class Recorder:
    """Stands for a libc that cannot be called here; records what it is called with."""

    def __init__(self, *names):
        self.calls = []
        for name in names:
            setattr(self, name, lambda *args, name=name: self._called(name, args))

    def _called(self, name, args):
        self.calls.append((name, *(getattr(arg, "value", arg) for arg in args)))
        return 0


@pytest.mark.parametrize(
    ("system", "machine", "names", "wanted"),
    [
        ("darwin", "arm64", ["renamex_np"], ("renamex_np", b"a", b"b", 2)),
        ("linux", "x86_64", ["renameat2"], ("renameat2", -100, b"a", -100, b"b", 2)),
        ("linux", "x86_64", ["syscall"], ("syscall", 316, -100, b"a", -100, b"b", 2)),
        ("linux", "aarch64", ["syscall"], ("syscall", 276, -100, b"a", -100, b"b", 2)),
    ],
)
def test_the_call_is_built_as_the_manual_says(system, machine, names, wanted):
    """A stand-in for the libcs that are not here, macOS's among them; it runs nothing."""
    libc = Recorder(*names)

    assert rename_call(libc, system, machine)(b"a", b"b", swap.SWAP) == 0

    assert libc.calls == [wanted]


def test_macos_has_a_flag_of_its_own_for_a_free_name():
    """RENAME_EXCL is 4 there, RENAME_NOREPLACE 1 here."""
    mac, linux = Recorder("renamex_np"), Recorder("renameat2")

    rename_call(mac, "darwin", "arm64")(b"a", b"b", swap.FREE)
    rename_call(linux, "linux", "x86_64")(b"a", b"b", swap.FREE)

    assert (mac.calls[0][-1], linux.calls[0][-1]) == (4, 1)


def test_a_machine_without_the_call_has_no_exchange():
    """Then the answer is the same as from a file system without."""
    assert rename_call(Recorder(), "linux", "m68k")(b"a", b"b", swap.SWAP) == -1
    assert ctypes.get_errno() == errno.ENOSYS


def test_the_system_call_by_number_does_the_same(path, scratch):
    """Where the C library has no renameat2 of its own."""
    libc = ctypes.CDLL(None, use_errno=True)

    class Old:
        syscall = libc.syscall

    machine = os.uname().machine
    if machine not in swap._SYS_RENAMEAT2:
        pytest.skip("the number of the call is not known for this machine")

    assert rename_call(Old(), "linux", machine)(bytes(path), bytes(scratch), swap.SWAP) == 0

    assert texts(path.parent) == {"song": "theirs", ".scratch": "ours"}


def test_an_open_file_tells_where_it_went(path):
    """By its handle alone, wherever it was moved."""
    with path.open() as file:
        moved = path.rename(path.with_name("moved"))

        assert place_of(file.fileno()) == str(moved)
    assert place_of(-1) is None


# --- taking an exchange back -----------------------------------------------------------


def test_put_back_restores_the_name_and_removes_our_copy(path, scratch, ours):
    """The plain case."""
    put_back(str(path), str(scratch), ours)

    assert texts(path.parent) == {"song": "theirs"}


def test_who_moved_our_copy_meant_the_other_file(path, scratch, ours):
    """The file follows to where its mover wanted it, and does not come back."""
    folder = path.with_name("album")
    folder.mkdir()
    with path.open() as copy:
        path.rename(folder / "moved")

        put_back(str(path), str(scratch), ours, copy.fileno())

    assert texts(path.parent) == {}
    assert texts(folder) == {"moved": "theirs"}


def test_what_was_put_back_is_there_after_a_power_cut(path, scratch, ours, monkeypatch):
    """Else the disk might remember the exchange and forget that it was taken back."""
    folder = path.with_name("album")
    folder.mkdir()
    synced = []
    monkeypatch.setattr(swap, "sync_directory", synced.append)
    with path.open() as copy:
        path.rename(folder / "moved")
        put_back(str(path), str(scratch), ours, copy.fileno())

    assert set(synced) == {str(path.parent), str(folder)}


def test_without_a_handle_a_moved_copy_leaves_both(path, scratch, ours):
    """Nobody knows where it went: the other file gets its name back."""
    path.rename(path.with_name("moved"))

    put_back(str(path), str(scratch), ours)

    assert texts(path.parent) == {"song": "theirs", "moved": "ours"}


def test_a_deleted_copy_is_no_deleted_file(path, scratch, ours):
    """The other file was never seen by who deleted: it gets its name back."""
    with path.open() as copy:
        path.unlink()

        put_back(str(path), str(scratch), ours, copy.fileno())

    assert texts(path.parent) == {"song": "theirs"}


def test_a_third_file_stays_and_the_other_lies_beside(path, scratch, ours):
    """Two programs replaced the file while we wrote: neither loses."""
    path.with_name("song.kept-1").write_text("of old")
    path.unlink()
    path.write_text("third")

    put_back(str(path), str(scratch), ours + 1)

    kept = {"song": "third", "song.kept-1": "of old", "song.kept-2": "theirs"}
    assert texts(path.parent) == kept


def test_a_file_put_there_at_the_last_moment_stays(path, scratch, ours, monkeypatch):
    """It comes between our look and our exchange; the exchange is taken back at once."""
    third = path.with_name("third")
    third.write_text("third")
    original, calls = swap.exchange, []

    def late(one, other):
        if not calls:
            third.replace(path)
        calls.append(other)
        original(one, other)

    monkeypatch.setattr(swap, "exchange", late)

    put_back(str(path), str(scratch), ours)

    assert texts(path.parent) == {"song": "third", "song.kept-1": "theirs"}


# --- the kept original -----------------------------------------------------------------


def test_an_original_that_nobody_touched_goes(path, scratch, ours):
    """The journal is closed, the new file stands."""
    assert let_go(str(path), str(scratch), Stamp.of(scratch.stat()), ours)

    assert texts(path.parent) == {"song": "ours"}


def test_an_original_edited_through_an_old_handle_comes_back(path, scratch, ours):
    """Though the editor put size and mtime back: the ctime tells."""
    before = scratch.stat()
    with scratch.open("r+") as old:
        old.write("Theirs")
    os.utime(scratch, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert not let_go(str(path), str(scratch), Stamp.of(before), ours)

    assert texts(path.parent) == {"song": "Theirs"}


def test_an_original_that_is_gone_needs_no_removal(path, scratch, ours):
    """Whoever took it away did our work."""
    stamp = Stamp.of(scratch.stat())
    scratch.unlink()

    assert let_go(str(path), str(scratch), stamp, ours)
