"""Who has a file open for writing: real processes, leases, /proc, and what libproc says."""

import contextlib
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from core.errors import WriteDelayed
from core.tags import holders, rewrite
from core.tags.holders import watching
from core.tags.holders_darwin import is_writer, vnodes
from core.tags.rewrite import prepare, take_place, write_genres
from tests.audio import genres_in, make_audio, retag
from tests.conftest import until
from tests.tagging import others

linux = pytest.mark.skipif(sys.platform != "linux", reason="leases and /proc are Linux's")


@contextlib.contextmanager
def another(code, *arguments):
    """Run Python code in another process until the block ends; it has printed when this begins."""
    script = f"import mmap, os, sys, time\n{code}\nprint(flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def opens(mode):
    """Code that opens the file of its first argument."""
    return f"file = open(sys.argv[1], {mode!r})\nprint(flush=True)"


MAPS = """
file = open(sys.argv[1], 'r+b')
pages = mmap.mmap(file.fileno(), 0)
file.close()
print(flush=True)
"""


@contextlib.contextmanager
def holding(path, code):
    """Another process that has the file open."""
    with another(code, path) as process:
        process.stdout.readline()
        yield process


def held(path):
    """Ask once."""
    with path.open("rb") as file, watching(file.fileno()) as question:
        return question()


@pytest.fixture
def path(tmp_path):
    """A short MP3."""
    return make_audio(tmp_path / "a.mp3", seconds=1)


@pytest.fixture(params=["lease", "flags"])
def way(request, monkeypatch):
    """Both ways of Linux to know."""
    if request.param == "flags":
        monkeypatch.setattr(holders, "_lease", lambda fd: None)
    return request.param


@linux
def test_a_writer_is_seen_and_a_reader_is_not(path, way):
    """By lease, and by flags where no lease can be had; gone with the process."""
    for mode in ("r+b", "ab"):
        with holding(path, opens(mode)):
            assert held(path) is True
    with holding(path, opens("rb")):
        assert not held(path)
    assert not held(path)


@linux
def test_a_mapping_for_writing_counts(path):
    """Its descriptor is closed, yet it may write at any time."""
    with holding(path, MAPS):
        assert held(path) is True


@linux
def test_who_opens_it_later_waits_and_is_seen(path):
    """The kernel tells us by a signal, which must not end us."""
    with path.open("rb") as file, watching(file.fileno()) as question:
        assert question() is False
        with another(opens("r+b"), path) as process:
            until(question, within=20)
            waiting = Path(f"/proc/{process.pid}/wchan").read_text() or "lease"
            assert "lease" in waiting
    assert not held(path)


@linux
def test_a_user_without_the_right_to_leases_looks_at_the_flags():
    """Of a file of somebody else; whose processes do not tell, None is the answer."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    path = folder / "a"
    path.write_bytes(b"x")
    path.chmod(0o666)
    code = (
        "from core.tags.holders import watching\nos.setuid(65534)\nfile = open(sys.argv[1], 'rb')\n"
        "with watching(file.fileno()) as question: print(question(), flush=True)"
    )
    seen = []
    for mode in ("rb", "r+b"):
        # who changes his user hides his files from /proc, unlike a program started as that user
        shown = "import ctypes\nos.setuid(65534)\nctypes.CDLL(None).prctl(4, 1, 0, 0, 0)"
        opened = f"{shown}\n{opens(mode)}"
        with holding(path, opened), another(code, path) as process:
            seen.append(process.stdout.readline().strip())
    path.unlink()
    folder.rmdir()

    assert seen == [b"None", b"True"]


@linux
def test_a_server_without_delegations_says_nothing(path, monkeypatch):
    """EAGAIN on a network file system does not mean a writer."""
    monkeypatch.setattr(holders, "_file_system", lambda device: "nfs4")
    with holding(path, opens("r+b")), path.open("rb") as file:
        assert holders._lease(file.fileno()) is None


@linux
def test_file_systems_are_known_by_their_device():
    """As /proc/self/mountinfo has them."""
    assert holders._file_system(Path("/proc").stat().st_dev) == "proc"
    assert holders._file_system(0xFFFFF) == ""


@linux
def test_a_file_that_is_being_written_waits(path, tmp_path):
    """Before the copy is made, and again before it takes the place; then it is written."""
    before, scratch = path.read_bytes(), str(tmp_path / ".scratch")
    with holding(path, opens("r+b")), pytest.raises(WriteDelayed, match="open for writing"):
        write_genres(str(path), ("Jazz",), scratch=scratch)
    prepared = prepare(str(path), ("Jazz",), scratch=scratch)
    with holding(path, opens("r+b")), pytest.raises(WriteDelayed, match="open for writing"):
        take_place(str(path), scratch, prepared)

    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    write_genres(str(path), ("Jazz",), scratch=scratch)
    assert genres_in(path) == ["Jazz"]


@linux
def test_a_player_is_no_hindrance(path, tmp_path):
    """It reads on in the old file, and the next time in the new."""
    with holding(path, opens("rb")):
        write_genres(str(path), ("Jazz",), scratch=str(tmp_path / ".scratch"))

    assert genres_in(path) == ["Jazz"]


@linux
def test_an_editor_that_comes_while_we_swap_keeps_its_edit(path, tmp_path, monkeypatch):
    """It waits for the lease, and then edits the file that stands under the name."""
    code = "import mutagen\nf = mutagen.File(sys.argv[1]); f.add_tags()\nf.tags.add("
    code += "mutagen.id3.TIT2(text=['edited'])); f.save()\nprint(flush=True)"
    scratch, original, started = str(tmp_path / ".scratch"), rewrite.exchange, []
    with contextlib.ExitStack() as stack:

        def late(one, other):
            started.append(stack.enter_context(another(code, path)))
            until(lambda: "lease" in Path(f"/proc/{started[0].pid}/wchan").read_text(), within=20)
            original(one, other)

        monkeypatch.setattr(rewrite, "exchange", late)
        prepared = prepare(str(path), ("Jazz",), scratch=scratch)
        with pytest.raises(WriteDelayed):
            take_place(str(path), scratch, prepared)
        started[0].stdout.readline()

        assert others(path) == [("TIT2", "TIT2(encoding=<Encoding.UTF16: 1>, text=['edited'])")]
        assert genres_in(path) == []
        assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@linux
def test_without_leases_a_late_editor_is_seen_behind_the_exchange(path, tmp_path, monkeypatch):
    """Its handle leads to the file that was swapped out: that comes back."""
    monkeypatch.setattr(holders, "_lease", lambda fd: None)
    scratch, original = str(tmp_path / ".scratch"), rewrite.exchange
    with contextlib.ExitStack() as stack:

        def late(one, other):
            stack.enter_context(holding(path, opens("r+b")))
            original(one, other)

        monkeypatch.setattr(rewrite, "exchange", late)
        prepared = prepare(str(path), ("Jazz",), scratch=scratch)
        with pytest.raises(WriteDelayed):
            take_place(str(path), scratch, prepared)

    retag(path, genre="Theirs")
    assert genres_in(path) == ["Theirs"]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


# --- macOS -----------------------------------------------------------------------------


def info(flags, device, inode):
    """A vnode_fdinfo as sys/proc_info.h lays it out: made by hand, not recorded on a Mac."""
    file = struct.pack("=IIqiI", flags, 0, 0, 0, 0)
    stat = struct.pack("=IHHQ", device & 0xFFFFFFFF, 0o100644, 1, inode) + bytes(136 - 16)
    return file + stat + struct.pack("=ii8x", 1, 0)


def test_libproc_tells_a_writer_of_this_file(tmp_path):
    """Flags, device and inode stand where the header says; a reader and another file do not."""
    path = tmp_path / "a"
    path.touch()
    stat = path.stat()

    assert len(info(0, 0, 0)) == 176
    assert is_writer(info(3, stat.st_dev, stat.st_ino), stat)
    assert is_writer(info(2, stat.st_dev, stat.st_ino), stat)
    assert not is_writer(info(1, stat.st_dev, stat.st_ino), stat)
    assert not is_writer(info(3, stat.st_dev, stat.st_ino + 1), stat)
    assert not is_writer(info(3, stat.st_dev + 1, stat.st_ino), stat)


def test_libproc_lists_files_among_sockets_and_pipes():
    """proc_fdinfo is a descriptor and a kind; a torn last one is left out."""
    listed = struct.pack("=iIiIiI", 0, 1, 5, 2, 7, 1) + b"\1\2"

    assert vnodes(listed) == [0, 7]
