"""What may lie in a music folder and is no file, or no ordinary one: made in a given folder."""

import os
import shutil
import socket
import stat
import wave
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.tools.mutants import seeds
from core.analysis.segments import RATE as HEARD_AT
from core.analysis.segments import plan_segments

__all__ = ["Oddity", "make_oddities"]

TERABYTE = 1 << 40
HOURS = 10
RATE = 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """One of them, and the state that it must end in; "" where the record must not know it."""

    what: str
    path: bytes
    state: str


def make_oddities(folder: Path) -> list[Oddity]:
    """Make all that this system and this user can make."""
    made: list[Oddity] = []
    for what, name, state, make in ODDITIES:
        path = os.fsencode(folder) + b"/" + name
        with suppress(PermissionError):  # device nodes, where we are not root
            make(path)
            made.append(Oddity(what=what, path=path, state=state))
    return made


def _pipe(path: bytes) -> None:
    os.mkfifo(path)


def _socket(path: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        short = f"/tmp/genrewatch-{os.getpid()}"  # noqa: S108  the name of a socket is short
        server.bind(short)
        shutil.move(short, path)


def _device(path: bytes) -> None:
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero


def _loop(path: bytes) -> None:
    os.symlink(os.path.basename(path), path)  # noqa: PTH119, PTH211


def _folder_loop(path: bytes) -> None:
    _folder(path)
    os.symlink(b"..", path + b"/again")  # noqa: PTH211


def _folder(path: bytes) -> None:
    os.mkdir(path)  # noqa: PTH102


def _sparse(head: bytes, size: int) -> Callable[[bytes], None]:
    def make(path: bytes) -> None:
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(head)
            file.truncate(size)

    return make


def _sound(name: str) -> Callable[[bytes], None]:
    def make(path: bytes) -> None:
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(seeds()[name][1])

    return make


def _wav(samples: int, *, channels: int = 1, rate: int = RATE) -> Callable[[bytes], None]:
    """Noise, no two alike, so that each is a track of its own."""

    def make(path: bytes) -> None:
        rng = np.random.default_rng([samples, channels, rate])
        with open(path, "wb") as raw, wave.open(raw, "wb") as file:  # noqa: PTH123
            file.setparams((channels, 2, rate, 0, "NONE", "not compressed"))
            file.writeframes(rng.integers(-9000, 9000, samples * channels, np.int16).tobytes())

    return make


def _mix(path: bytes) -> None:
    """Ten hours in a file with holes: noise where it is listened to, silence between."""
    _wav(1)(path)
    size, noise = 2 * RATE * 3600 * HOURS, np.random.default_rng(1)
    with open(path, "r+b") as file:  # noqa: PTH123
        for at, value in ((4, size + 36), (40, size)):
            file.seek(at)
            file.write(value.to_bytes(4, "little"))
        for window in plan_segments(3600.0 * HOURS).windows:
            file.seek(44 + 2 * (window.start * RATE // HEARD_AT))
            file.write(noise.integers(-9000, 9000, 11 * RATE, np.int16).tobytes())
        file.truncate(44 + size)


_LONG = b"x" * 251 + b".mp3"

ODDITIES: tuple[tuple[str, bytes, str, Callable[[bytes], None]], ...] = (
    ("a pipe", b"pipe.mp3", "failed", _pipe),
    ("a socket", b"socket.flac", "failed", _socket),
    ("a device without end", b"zero.mp3", "failed", _device),
    ("a link to itself", b"loop.ogg", "left", _loop),
    ("a folder that leads back", b"round", "", _folder_loop),
    ("a folder called like a file", b"folder.mp3", "failed", _folder),
    ("a sparse file of 100 GB", b"giant.mp3", "failed", _sparse(b"", 100 << 30)),
    ("a sparse WAV of 1 TB", b"tera.wav", "failed", _sparse(b"RIFF\xff\xff\xff\xffWAVE", TERABYTE)),
    ("a sparse FLAC of 1 TB", b"tera.flac", "failed", _sparse(b"fLaC\0\0\0\x22", TERABYTE)),
    ("a name with a line break", b"line\nbreak.mp3", "tagged", _sound("mp3")),
    ("a name that is no text", b"not \xff text \xe4.flac", "tagged", _sound("flac")),
    ("a name of 255 bytes", _LONG, "tagged", _sound("mp2")),
    ("a name from right to left", "\u202e3pm.exe.opus".encode(), "left", _sound("opus")),
    ("a name like an option", b"-rf --help.m4a", "tagged", _sound("m4a")),
    ("a name with an escape", b"\x1b]0;gone\x07\x1b[2J.ogg", "left", _sound("ogg")),
    ("a name of a shell", b"$(touch harm);`id`|&.wav", "tagged", _sound("wav")),
    ("no second of sound", b"none.wav", "failed", _wav(0)),
    ("one sample", b"one.wav", "tagged", _wav(1)),
    ("8 channels", b"eight.wav", "tagged", _wav(20_000, channels=8)),
    ("11,025 Hz", b"eleven.wav", "tagged", _wav(30_000, rate=11_025)),
    ("352,800 Hz", b"fast.wav", "tagged", _wav(700_000, rate=352_800)),
    ("ten hours", b"mix.wav", "tagged", _mix),
)
