"""`review` on a real terminal, over real files: a person types, tags change, undo takes back."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.analysis import probe
from core.library import files
from core.library.schema import open_library
from tests.audio import genres_in, make_audio
from tests.factories import NOON, file_row

pytestmark = pytest.mark.e2e

PATIENCE_S = 60.0
CONFIG = '[model]\nbackbone = "none"\n'


@pytest.fixture
def songs(tmp_path: Path) -> list[Path]:
    """Two files of one artist that wait for an answer, known to a record."""
    db = open_library(tmp_path / "state" / "library.db")
    (tmp_path / "config.toml").write_text(CONFIG, "utf-8")
    paths = [make_audio(tmp_path / f"{n}.mp3", style="swing", seconds=2, seed=n) for n in (1, 2)]
    for path in paths:
        found = probe(str(path))
        files.remember_track(db, found.fingerprint, found.duration_s, NOON)
        row = file_row(
            str(path),
            state="not_sure",
            reason="it is hard to say",
            fingerprint=found.fingerprint,
            stamp=found.stamp,
            head=found.head,
            volume=found.volume,
            artist="Nina",
            other=found.tag.other,
        )
        files.save_file(db, row, NOON)
    db.conn.close()
    return paths


def command(root: Path, *words: str) -> list[str]:
    options = ["--config", str(root / "config.toml"), "--state-dir", str(root / "state")]
    return [sys.executable, "-m", "daemon", *options, *words]


def on_a_terminal(command: list[str], answers: list[tuple[str, str]]) -> str:
    """Run a command on a pseudo-terminal, typing each answer once its question is there."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    told, asked = "", 0
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if not select.select([master], [], [], 0.2)[0]:
            continue
        try:
            told += os.read(master, 4096).decode("utf-8", "replace")
        except OSError:  # it has gone
            break
        while answers and answers[0][0] in told[asked:]:
            question, answer = answers.pop(0)
            asked += told[asked:].index(question) + len(question)
            os.write(master, f"{answer}\n".encode())
    os.close(master)
    assert process.wait(PATIENCE_S) == 0, told
    assert not answers, told
    return told


def test_a_group_is_answered_with_one_key_and_taken_back_with_one_command(
    tmp_path: Path, songs: list[Path]
) -> None:
    """The files of one artist, by one word and a yes; bit for bit back."""
    before = [path.read_bytes() for path in songs]

    told = on_a_terminal(
        command(tmp_path, "review"),
        [("genre for all 2", "Zydeco"), ("is new here", "y")],
    )

    assert "2 files by Nina" in told
    assert [genres_in(path) for path in songs] == [["Zydeco"], ["Zydeco"]]
    subprocess.run(command(tmp_path, "undo"), check=True, capture_output=True)
    assert [path.read_bytes() for path in songs] == before


def test_a_playlist_of_what_waits(tmp_path: Path, songs: list[Path]) -> None:
    """It asks nothing."""
    done = subprocess.run(
        command(tmp_path, "review", "--m3u", str(tmp_path / "x.m3u")),
        check=True,
        capture_output=True,
        text=True,
    )

    lines = (tmp_path / "x.m3u").read_text("utf-8").splitlines()
    assert "2 files" in done.stderr
    assert lines[0] == "#EXTM3U"
    assert lines[2::2] == [str(path) for path in songs]
