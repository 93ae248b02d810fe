"""`review` on a real terminal, over real files: a person types, tags change, undo takes back."""

import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from core.analysis import probe
from core.library import files
from core.library.schema import open_library
from tests.audio import genres_in, make_audio
from tests.factories import NOON, file_row
from tests.terminal import on_a_terminal

pytestmark = pytest.mark.e2e

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


def test_the_first_run_on_a_terminal_asks_once_what_to_do_when_unsure(tmp_path: Path) -> None:
    """The answer stands in the options from then on."""
    (tmp_path / "config.toml").write_text(CONFIG, "utf-8")
    watch = command(tmp_path, "run", "--folder", str(tmp_path / "music"))
    stop = ("Stop with Ctrl-C", signal.SIGINT)

    first = on_a_terminal(watch, [("best guess (g)?", "g"), stop])
    second = on_a_terminal(watch, [stop])

    assert "best guess (g)?" not in second
    assert "Noted in" in first
    assert "Stopped." in first
    options = (tmp_path / "config.toml").read_text("utf-8")
    assert tomllib.loads(options)["policy"] == {"when_unsure": "best guess"}
    assert options.startswith(CONFIG)
