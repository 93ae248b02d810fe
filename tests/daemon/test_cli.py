"""The commands as a person meets them: help, exit codes, one JSON document."""

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
import structlog
from click.testing import CliRunner, Result
from sqlite_utils import Database

from core.errors import ConfigError
from core.library import feedback_log, files, runs, writes
from core.library.feedback_log import FeedbackRow
from core.library.schema import open_library
from daemon.app import set_up_logging
from daemon.cli import SECTIONS, cli, main
from daemon.telling.questions import contradictions
from tests.audio import make_audio
from tests.factories import NOON, file_row, stamp

ROOT = Path(__file__).parents[2]


def commands(group: click.Group = cli, prefix: str = "") -> dict[str, click.Command]:
    found = {}
    for name, command in group.commands.items():
        found[f"{prefix}{name}"] = command
        if isinstance(command, click.Group):
            found |= commands(command, f"{prefix}{name} ")
    return found


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def run(state: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--state-dir", str(state), *arguments])


@pytest.mark.parametrize("name", commands())
def test_every_command_says_what_it_does(name: str) -> None:
    """A verb phrase, no stop."""
    command = commands()[name]

    assert command.help
    assert command.help[0].islower()
    assert not command.help.endswith(".")


def test_every_command_is_listed_once_and_in_the_readme() -> None:
    """Help and README show the same program."""
    listed = [name for names in SECTIONS.values() for name in names]
    readme = (ROOT / "README.md").read_text("utf-8")

    assert sorted(listed) == sorted(cli.commands)
    for name in listed:
        assert re.search(rf"`genrewatch {name}|genrewatch {name}\b", readme), name


def test_help_is_instant_and_imports_nothing_heavy() -> None:
    """A worker imports the same file."""
    code = "import sys, daemon.cli; print([m for m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout

    for name in ("numpy", "sqlite_utils", "flask", "av", "mutagen", "structlog", "tensorflow"):
        assert f"'{name}'" not in loaded


def test_status_tells_the_truth_without_a_daemon(state: Path) -> None:
    """The document is printed all the same, and the exit code is 3."""
    result = run(state, "status", "--json")

    document = json.loads(result.stdout)
    assert result.exit_code == 3
    assert document["running"] is False
    for key in ("pending", "tagged", "not_sure", "left", "feedback", "feedback_since_training"):
        assert document[key] == 0
    assert document["failed"] == []
    assert document["review"] == []
    assert set(document["model"]) >= {"version", "accuracy", "n", "protocol"}
    assert document["next_training"].endswith("Z")


def test_status_for_a_person_is_words(state: Path) -> None:
    """It says how to start."""
    result = run(state, "status")

    assert result.exit_code == 3
    assert "not running; start it with: genrewatch run" in result.stdout


def test_status_lists_what_failed_and_what_waits(state: Path) -> None:
    """Odd bytes of a name travel as surrogates."""
    db = open_library(state / "library.db")
    path = "/m/\udcff\n.mp3"
    failed = file_row(path, fingerprint=None, state="failed", reason="torn; get it again")
    files.save_file(db, failed, NOON)
    db.close()

    document = json.loads(run(state, "status", "--json").stdout)

    assert document["failed"] == [{"path": path, "reason": "torn; get it again", "retry_at": None}]
    assert "Failed: /m/\\xff\\n.mp3: torn" in run(state, "status").stdout


def test_feedback_is_a_list_with_the_promised_keys(state: Path) -> None:
    """Path, kind, old, new, at."""
    db = open_library(state / "library.db")
    said = FeedbackRow(
        path="/m/a.mp3", fingerprint="f", kind="correction", old=("Rock",), new=("Jazz",), via="tag"
    )
    feedback_log.record_feedback(db, said, NOON)
    db.close()

    assert json.loads(run(state, "feedback", "--json").stdout) == [
        {
            "path": "/m/a.mp3",
            "kind": "correction",
            "old": ["Rock"],
            "new": ["Jazz"],
            "via": "tag",
            "at": "2026-05-01T12:00:00.000Z",
        }
    ]


def test_pause_and_resume_are_kept(state: Path) -> None:
    """The daemon reads them from the record."""
    run(state, "pause")
    assert runs.get_setting(open_library(state / "library.db"), "paused") is True
    run(state, "resume")
    assert runs.get_setting(open_library(state / "library.db"), "paused") is False


@pytest.mark.parametrize(
    "arguments",
    [["--nonsense"], ["nonsense"], ["undo", "--last", "0"], ["train"], ["completion", "tcsh"]],
)
def test_wrong_usage_exits_with_two(state: Path, arguments: list[str]) -> None:
    """Told from a failure."""
    assert run(state, *arguments).exit_code == 2


def test_a_broken_configuration_exits_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The key and the remedy are in the one sentence."""
    config = tmp_path / "config.toml"
    config.write_text("[watch]\nfolder = []\n")

    with pytest.raises(SystemExit) as end:
        main(["--config", str(config), "--state-dir", str(tmp_path / "s"), "review"])

    assert end.value.code == 2
    assert "did you mean watch.folders?" in capsys.readouterr().err


def test_a_service_with_a_broken_configuration_ends_quietly_and_says_why(tmp_path: Path) -> None:
    """Else launchd would start it again for ever."""
    config = tmp_path / "config.toml"
    config.write_text("[watch]\nfolder = []\n")
    state = tmp_path / "state"

    result = run(state, "--config", str(config), "run", "--service")

    assert result.exit_code == 0
    trouble = json.loads(run(state, "status", "--json").stdout)["trouble"]
    assert "did you mean watch.folders?" in trouble[0]


def test_config_prints_where_and_what(state: Path, tmp_path: Path) -> None:
    """Defaults are the shipped file, to the letter."""
    defaults = (ROOT / "config.toml").read_text("utf-8")
    mine = tmp_path / "mine.toml"
    mine.write_text("[policy]\nthreshold = 0.7\n")

    assert run(state, "config", "--defaults").stdout == defaults
    assert run(state, "--config", str(mine), "config", "--path").stdout.strip() == str(mine)
    assert "threshold = 0.7" in run(state, "--config", str(mine), "config").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script(state: Path, shell: str) -> None:
    """For each shell people use."""
    assert "_GENREWATCH_COMPLETE" in run(state, "completion", shell).stdout


def test_nothing_to_undo_is_said(state: Path) -> None:
    """And is no failure."""
    result = run(state, "undo")

    assert result.exit_code == 0
    assert "Nothing to undo" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--last", "2", "--all"],
        ["a.mp3", "--since", "yesterday"],
        ["--since", "soon"],
        ["--before", "yesterday"],
        ["--forget"],
        ["--forget", "--all"],
        ["--forget", "a.mp3", "--before", "yesterday"],
    ],
)
def test_what_is_to_be_undone_is_named_in_one_way(state: Path, arguments: list[str]) -> None:
    """Whoever mixes two ways means something that we cannot know."""
    result = run(state, "undo", *arguments)

    code = getattr(result.exception, "exit_code", result.exit_code)
    assert code == 2, result.output


def written(state: Path, undo: bytes = b"patch") -> Database:
    """A record with one standing write of /m/a.mp3."""
    db = open_library(state / "library.db")
    row = writes.WriteRow(
        path="/m/a.mp3", scratch="/m/.s", fingerprint="f1", old=(), new=("Jazz",),
        old_origin="none", origin="ours", cause="drop", writer_pid=1, writer_started="x",
    )  # fmt: skip
    write = writes.open_write(db, row, NOON)
    writes.save_prepared(
        db, write, NOON, old=(), before=stamp(), copy=stamp(size=2), hashes=("1", "2"), undo=undo
    )
    writes.close_write(db, write, "done", NOON)
    writes.let_go(db, write)
    return db


@pytest.mark.parametrize("way", [["--all"], ["--forget", "--before", "2027-01-01"]], ids=str)
def test_what_touches_much_asks_first(state: Path, way: list[str]) -> None:
    """No is no; nobody there to ask is no, too; a dry run asks nothing."""
    db = written(state)

    for answer in ("n\n", ""):
        result = CliRunner().invoke(cli, ["--state-dir", str(state), "undo", *way], input=answer)
        assert result.exit_code == 1
    assert run(state, "undo", *way, "--dry-run").exit_code in (0, 1)

    assert [row.undo_size for row in writes.last_writes(db, -1)] == [5]


def test_an_undo_record_goes_only_when_the_person_says_so(state: Path) -> None:
    """And it is said how much that frees."""
    db = written(state)

    result = run(state, "undo", "--forget", "/m/a.mp3", "-y")

    assert result.exit_code == 0
    assert "1 write back" in result.stdout
    assert writes.undo_bytes(db) == 0
    assert "Nothing to forget" in run(state, "undo", "--forget", "/m/a.mp3", "-y").stdout


def test_a_folder_that_cannot_be_made_is_said_in_a_sentence(state: Path, tmp_path: Path) -> None:
    """A service ends without an error, and status tells it."""
    (tmp_path / "a.mp3").write_bytes(b"x")
    within = str(tmp_path / "a.mp3" / "music")

    result = run(state, "run", "--folder", within)

    assert isinstance(result.exception, ConfigError)
    assert str(result.exception).startswith(f"{within}: the folder cannot be made (")
    assert run(state, "run", "--service", "--folder", within).exit_code == 0
    assert "the folder cannot be made" in run(state, "status").stdout


def test_history_is_one_document(state: Path) -> None:
    """Or a line each, with the cause and whose the genre is."""
    written(state)

    [event] = json.loads(run(state, "history", "/m/a.mp3", "--json").stdout)

    assert event == {
        "what": "write", "at": "2026-05-01T12:00:00.000Z", "old": [], "new": ["Jazz"],
        "cause": "drop", "origin": "ours", "state": "done", "reason": "", "undoes": None,
    }  # fmt: skip
    assert "write (drop, our guess): no genre → Jazz" in run(state, "history", "/m/a.mp3").stdout


def test_status_says_when_a_file_is_tried_again(state: Path) -> None:
    """And why all waits where there is no room for undo records."""
    db = written(state)
    db.execute("update tag_writes set undo_size = ?", [2 * 10**9])
    moment = "2026-05-01T12:05:00.000Z"
    files.save_file(
        db, file_row(fingerprint=None, state="failed", reason="in use", retry_at=moment), NOON
    )

    document = json.loads(run(state, "status", "--json").stdout)
    text = run(state, "status").stdout

    assert document["failed"][0]["retry_at"] == moment
    assert "undo_mb" in document["trouble"][0]
    assert "in use; tried again at 2026-05-0" in text


def test_a_missing_file_is_named_with_its_reason(state: Path, tmp_path: Path) -> None:
    """Exit code 1: some files failed."""
    result = run(state, "classify", "--json", str(tmp_path / "no.mp3"))

    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert document[0]["decision"] == "error"
    assert document[0]["reason"]


def test_a_file_that_moved_is_no_second_file_of_its_track(state: Path) -> None:
    """What was said of it at its old place is a mind that changed, not two names."""
    db = open_library(state / "library.db")
    files.remember_track(db, "f", 60.0, NOON)
    for name, genre, here in (("a", "Rock", False), ("b", "Jazz", True)):
        said = FeedbackRow(
            path=f"/m/{name}.mp3", fingerprint="f", kind="label", old=(), new=(genre,), via="tag"
        )
        feedback_log.record_feedback(db, said, NOON)
        row = file_row(f"/m/{name}.mp3", fingerprint="f", gone_at=None if here else "x")
        files.save_file(db, row, NOON)

    assert contradictions(db) == ()
    db.execute("update files set gone_at = null")
    assert [found.kind for found in contradictions(db)] == ["two names"]


@pytest.mark.parametrize("genre", ["", " ", "-", "\x1b[31mRock"])
def test_what_is_no_name_is_written_to_no_file(state: Path, tmp_path: Path, genre: str) -> None:
    """Not even as a person's word: nobody could read it."""
    path = make_audio(tmp_path / "a.mp3", seconds=2)
    before = path.read_bytes()

    result = run(state, "tag", "--genre", genre, str(path))

    assert isinstance(result.exception, ConfigError)
    assert path.read_bytes() == before


STEERING = "a\x1b[2J\x1b]0;gone\x07\u202e\n\x9b31m \udcff.mp3"


def test_words_that_contradict_each_other_are_listed(state: Path) -> None:
    """Counted in `status`, told in full by `feedback --conflicts`."""
    db = open_library(state / "library.db")
    for genre in ("Rock", "Jazz", "Rock"):
        said = FeedbackRow(
            path="/m/a.mp3", fingerprint="f", kind="label", old=(), new=(genre,), via="tag"
        )
        feedback_log.record_feedback(db, said, NOON)
    db.close()

    [found] = json.loads(run(state, "feedback", "--conflicts", "--json").stdout)

    assert (found["kind"], found["genres"]) == ("back and forth", ["Rock", "Jazz", "Rock"])
    assert found["reason"] in run(state, "feedback", "--conflicts").stdout
    assert json.loads(run(state, "status", "--json").stdout)["questions"]["conflicts"] == 1
    assert "Words of yours at odds: 1" in run(state, "status").stdout


def test_no_name_and_no_tag_steers_the_terminal(state: Path) -> None:
    """Escapes, line breaks and changes of direction are shown, not sent; JSON is plain ASCII."""
    path = f"/m/{STEERING}"
    db = open_library(state / "library.db")
    row = file_row(path, fingerprint=None, state="failed", reason=f"a genre: {STEERING[:-6]}")
    files.save_file(db, row, NOON)
    said = FeedbackRow(
        path=path, fingerprint="f", kind="label", old=(), new=("\x1b[31mred",), via="tag"
    )
    feedback_log.record_feedback(db, said, NOON)
    db.close()

    for arguments in (["status"], ["feedback"], ["history", path]):
        shown = run(state, *arguments).output
        lines = shown.replace("\n", "")
        assert lines.isprintable(), repr(shown)
    assert r"a\x1b[2J\x1b]0;gone\x07\u202e\n\x9b31m \xff.mp3" in run(state, "status").output
    document = run(state, "status", "--json").output
    assert document.isascii()
    assert json.loads(document)["failed"][0]["path"] == path


def test_the_log_on_a_terminal_is_no_way_to_steer_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same names stand in it."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    try:
        set_up_logging("info", 0)
        structlog.get_logger("test").info("trouble", path=STEERING, reason="a\x07b")
        shown = capsys.readouterr().err
    finally:
        structlog.reset_defaults()

    assert "trouble" in shown
    assert "\x07" not in shown
    assert "\u202e" not in shown
    assert r"a\x07b" in shown
