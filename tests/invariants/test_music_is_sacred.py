"""Invariant 1: whatever fails in a write, audio and all other tags are as before.

Every format is written while an error or a kill strikes at each of its calls to the
system in turn, until a write meets none. Afterwards the file is the original, byte for
byte, or the complete new one; nothing else is left but, after a kill, the scratch file.
"""

import errno
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import BuiltinFunctionType, MethodDescriptorType

import pytest

from core.errors import GenrewatchError
from core.stamp import Stamp
from core.tags import Prepared, swap
from core.tags.rewrite import prepare, prepare_back, take_place, write_genres
from tests.audio import ALL_FORMATS, genres_in, make_audio, retag, suffix
from tests.tagging import fill, others, packets

SCRATCH = ".genrewatch-1"
# calls struck in each format, evenly spread, beside the last twelve; 0 strikes every one
POINTS = int(os.environ.get("GENREWATCH_POINTS", "10"))
WAITING_S = 0.2  # an editor that is not done by then waits for us

# Calls that reach the disk, each seen before it runs. The exchange of names goes through
# ctypes, which is not seen, so our own function stands for it.
_SYSTEM = {
    "open", "fstat", "lstat", "stat", "statvfs", "access", "ioctl", "copy_file_range", "read",
    "readinto", "write", "seek", "truncate", "flush", "fchmod", "fchown", "setxattr", "getxattr",
    "listxattr", "utime", "fsync", "replace", "unlink", "close",
}  # fmt: skip
_TOOL = 4  # an id for sys.monitoring that no debugger or profiler claims


def _reaches_the_disk(called: object, first: object) -> bool:
    if called is swap.exchange:
        return True
    if getattr(called, "__name__", "") not in _SYSTEM:
        return False
    if isinstance(called, MethodDescriptorType):  # a method, its file is the first argument
        return isinstance(first, io.IOBase)
    owner = getattr(called, "__self__", None)
    return isinstance(called, BuiltinFunctionType) and isinstance(owner, io.IOBase | type(os))


class Struck:
    """Strike at the *at*-th call to the system: do *act*, once or at every call from then on."""

    def __init__(self, at: int, act: Callable[[], None], *, for_good: bool = False) -> None:
        self.at, self.act, self.for_good = at, act, for_good
        self.calls = 0
        self.thread = threading.get_ident()

    def __enter__(self) -> "Struck":
        sys.monitoring.use_tool_id(_TOOL, "struck")
        sys.monitoring.register_callback(_TOOL, sys.monitoring.events.CALL, self._seen)
        sys.monitoring.set_events(_TOOL, sys.monitoring.events.CALL)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        sys.monitoring.free_tool_id(_TOOL)

    def stop(self) -> None:
        """See nothing any more."""
        sys.monitoring.set_events(_TOOL, sys.monitoring.events.NO_EVENTS)

    @property
    def met(self) -> bool:
        return self.calls >= self.at

    def _seen(self, _code: object, _offset: int, called: object, first: object) -> None:
        if threading.get_ident() == self.thread and _reaches_the_disk(called, first):
            self.calls += 1
            if self.calls == self.at or (self.for_good and self.calls > self.at):
                self.act()


class Fault(Struck):
    """Struck by an I/O error; what is raised here is raised where the call is made."""

    def __init__(self, at: int, code: int, *, for_good: bool) -> None:
        super().__init__(at, self._fail, for_good=for_good)
        self.code = code

    def _fail(self) -> None:
        raise OSError(self.code, os.strerror(self.code))


def make(folder: Path, fmt: str) -> Path:
    path = make_audio(folder / f"a{suffix(fmt)}", fmt, seconds=1, title="T")
    fill(path)
    retag(path, genre="Old", v2_version=3 if fmt == "mp3" else 4)
    return path


def spread(count: int, points: int) -> list[int]:
    """Return *points* numbers of 1 … *count*, evenly spread, the last calls all among them."""
    step = max(1, count // points) if points else 1
    return sorted({*range(1, count + 1, step), *range(max(1, count - 12), count + 1)})


def calls_of_a_write(path: Path, scratch: str) -> int:
    """Count the calls to the system of one undisturbed write, on a copy."""
    twin = path.with_name("twin" + path.suffix)
    twin.write_bytes(path.read_bytes())
    with Struck(1 << 62, lambda: None) as struck:
        write_genres(str(twin), ("New",), scratch=scratch)
    twin.unlink()
    return struck.calls


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_an_io_error_at_any_call_leaves_the_original(tmp_path, fmt, for_good):
    """EIO or ENOSPC at the k-th call: the file is the original, or the whole new one."""
    alone(strike_each, str(make(tmp_path, fmt)), for_good)


def strike_each(name: str, for_good: bool) -> None:
    """Write the file again and again, each time with an error at another call."""
    path = Path(name)
    folder, scratch = path.parent, path.with_name(SCRATCH)
    original, heard, told = path.read_bytes(), packets(path), others(path)
    count = calls_of_a_write(path, str(scratch))
    assert count > 20

    for at in spread(count, POINTS):
        code = errno.EIO if at % 2 else errno.ENOSPC
        fault = Fault(at, code, for_good=for_good)
        try:
            with fault:
                write_genres(str(path), ("New",), scratch=str(scratch))
        except GenrewatchError as error:
            assert path.read_bytes() == original, (at, error)
        else:
            assert (genres_in(path), packets(path), others(path)) == (["New"], heard, told), at
            path.write_bytes(original)
        assert fault.met
        if for_good:  # a disk that takes nothing any more does not remove the scratch either
            scratch.unlink(missing_ok=True)
        assert [entry.name for entry in folder.iterdir()] == [path.name], at


def alone(act: Callable[..., None], *given: object) -> None:
    """Run *act*, of this file, in a process of its own: a crash of native code is its alone."""
    code = f"from tests.invariants.test_music_is_sacred import {act.__name__} as act; act(*{given})"
    run = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, f"{run.returncode}: {run.stderr[-3000:]}"


def undone(path: Path, made: Prepared, scratch: Path) -> None:
    """Take back what *made* did, and let go of what was written."""
    back = prepare_back(
        str(path), made.undo, made.hash_after, made.hash_before, made.old, made.new,
        scratch=str(scratch),
    )  # fmt: skip
    if take_place(str(path), str(scratch), back).kept:
        scratch.unlink()


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("fmt", ["mp3", "flac", "ogg", "m4a", "wma"])
def test_an_io_error_at_any_call_of_an_undo_leaves_the_written_file(tmp_path, fmt, for_good):
    """Undo is a write like any other: the written file, or bit for bit the one before."""
    path = make(tmp_path, fmt)
    scratch = tmp_path / SCRATCH
    original = path.read_bytes()
    made = prepare(str(path), ("New",), scratch=str(scratch))
    take_place(str(path), str(scratch), made)
    scratch.unlink()
    written = path.read_bytes()
    with Struck(1 << 62, lambda: None) as struck:
        undone(path, made, scratch)
    assert path.read_bytes() == original

    for at in spread(struck.calls, POINTS)[:-1]:  # the last one removes the swapped-out file
        path.write_bytes(written)
        try:
            with Fault(at, errno.EIO, for_good=for_good):
                undone(path, made, scratch)
        except GenrewatchError:
            assert path.read_bytes() == written, at
        except OSError:  # of the removal, once all is done
            assert path.read_bytes() == original, at
        else:
            assert path.read_bytes() == original, at
        if for_good:
            scratch.unlink(missing_ok=True)
        assert [entry.name for entry in tmp_path.iterdir()] == [path.name], at


_VICTIM = """
import os, sys
from pathlib import Path
sys.path[:0] = [{root!r}]
from tests.invariants.test_music_is_sacred import Struck, calls_of_a_write, die
from core.tags.rewrite import write_genres

path, scratch = {path!r}, {scratch!r}
calls_of_a_write(Path(path), scratch)  # whatever is imported late is imported now
with open(path, "rb") as file:
    original = file.read()
for at in {points!r}:
    with open(path, "wb") as file:
        file.write(original)
    child = os.fork()
    if not child:
        with Struck(at, die):
            write_genres(path, ("New",), scratch=scratch)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    left = os.path.exists(scratch)
    if left:
        os.unlink(scratch)
    with open(path, "rb") as file:
        now = file.read()
    print(at, "killed" if os.WIFSIGNALED(status) else "done", left, now == original, flush=True)
    if now != original:
        os.rename(path, {new!r})
"""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_a_kill_at_any_call_leaves_the_old_or_the_new(tmp_path, fmt):
    """SIGKILL at the k-th call: never anything between the two."""
    path = make(tmp_path, fmt)
    scratch = tmp_path / SCRATCH
    heard, told = packets(path), others(path)
    count = calls_of_a_write(path, str(scratch))
    root, new = str(Path(__file__).parents[2]), path.with_name(f"new{path.suffix}")
    points = spread(count, POINTS)
    script = _VICTIM.format(
        root=root, path=str(path), scratch=str(scratch), points=points, new=str(new)
    )

    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False
    )

    assert run.returncode == 0, run.stderr
    lines = [line.split() for line in run.stdout.splitlines()]
    assert [int(line[0]) for line in lines] == points
    assert all(line[1] == "killed" for line in lines)
    assert any(line[2] == "True" for line in lines)  # some left their scratch file …
    assert any(line[3] == "False" for line in lines)  # … and some had replaced the original
    assert (genres_in(new), packets(new), others(new)) == (["New"], heard, told)
    assert {entry.name for entry in tmp_path.iterdir()} <= {path.name, new.name}


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_a_file_changed_at_any_call_keeps_the_change(tmp_path, fmt):
    """Another program edits in the middle of our write: its edit is never lost."""
    path = make(tmp_path, fmt)
    scratch = tmp_path / SCRATCH
    original = path.read_bytes()
    count = calls_of_a_write(path, str(scratch))
    refused = 0
    for at in spread(count, POINTS):
        path.write_bytes(original)
        expected = Stamp.of(path.stat())
        # a thread, for while a lease is held it has to wait until we let go
        editor = threading.Thread(target=retag, args=(path,), kwargs={"genre": "Theirs"})

        def edit(editor=editor):
            editor.start()
            editor.join(WAITING_S)

        try:
            with Struck(at, edit):
                write_genres(str(path), ("New",), scratch=str(scratch), expected=expected)
        except GenrewatchError:
            refused += 1
        editor.join()

        assert genres_in(path) == ["Theirs"], at
        assert [entry.name for entry in tmp_path.iterdir()] == [path.name], at
    assert refused >= POINTS  # only an edit behind the exchange comes on top of ours
