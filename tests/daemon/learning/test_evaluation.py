"""`genrewatch evaluate` as a person meets it; the evaluation itself is a puppet here."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from core.errors import TrainingError
from daemon import processes
from daemon.cli import cli

FIGURE = {"value": 0.745, "low": 0.677, "high": 0.807}
PART = {"name": "H modulation", "accuracy": FIGURE, "log_loss": FIGURE, "judgement": "helps"}
FIGURES = {
    "n": 451, "artists": 167, "accuracy": FIGURE, "top_3": FIGURE, "macro_f1": FIGURE,
    "slope": FIGURE, "ece_excess": 0.012,
}  # fmt: skip
DOCUMENT: dict[str, Any] = {
    "subject": "your labels",
    "protocol": "out of fold, 5 folds apart by artist",
    "figures": FIGURES,
    "fair_sample": FIGURES | {"n": 40},
    "leak": {"model": "linear", "random_folds_LEAKY": FIGURE, "artists_apart": FIGURE},
    "members": [PART],
    "blocks": [],
    "in_use": {"version": "base-2", "unseen_tracks": FIGURES, "unseen_artists": None},
    "notes": ["Chiptune is not learned yet"],
}


class Puppet:
    """Stands in for the process; keeps what it was asked."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.messages = messages
        self.asked: list[str] = []

    def __call__(
        self, module: str, arguments: list[str], **_options: Any
    ) -> Iterator[dict[str, Any]]:
        self.asked = [module, *arguments]
        yield from self.messages

    def after(self, option: str) -> str:
        return self.asked[self.asked.index(option) + 1]


@pytest.fixture
def puppet(monkeypatch: pytest.MonkeyPatch) -> Puppet:
    stand_in = Puppet({"event": "done", "findings": DOCUMENT})
    monkeypatch.setattr(processes, "run_trainer", stand_in)
    return stand_in


def run(tmp_path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--state-dir", str(tmp_path / "state"), *arguments])


def test_the_record_and_the_model_in_use_are_the_default(tmp_path: Path, puppet: Puppet) -> None:
    """Nothing has to be named."""
    result = run(tmp_path, "evaluate")

    assert result.exit_code == 0
    assert puppet.after("--library") == str(tmp_path / "state" / "library.db")
    assert Path(puppet.after("--champion")).name.startswith("base-")
    assert importlib.util.find_spec(puppet.asked[0]) is not None


def test_figures_are_said_with_interval_and_n(tmp_path: Path, puppet: Puppet) -> None:
    """The leaky one is marked, and what the model in use is worth stands apart."""
    lines = run(tmp_path, "evaluate", "--report", "page.html").stdout

    assert "451 tracks of 167 artists, out of fold, 5 folds apart by artist" in lines
    assert "First genre right: 74.5% [67.7-80.7]" in lines
    assert "off by 1.2% beyond what chance makes" in lines
    assert "H modulation: +74.5 points [+67.7 to +80.7], helps" in lines
    assert "Model base-2, on labels that it has not seen: 74.5% [67.7-80.7], n = 451." in lines
    assert "LEAKY, with artists on both sides: 74.5%" in lines
    assert "a fair sample: 74.5% [67.7-80.7], n = 40." in lines
    assert "Chiptune is not learned yet" in lines
    assert "The report is in page.html" in lines


def test_json_is_one_document(tmp_path: Path, puppet: Puppet) -> None:
    """And nothing else."""
    assert json.loads(run(tmp_path, "evaluate", "--json").stdout) == DOCUMENT


def test_a_folder_is_named_by_where_it_is(
    tmp_path: Path, puppet: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process works elsewhere, so a relative path must not reach it."""
    monkeypatch.chdir(tmp_path)

    run(tmp_path, "evaluate", "--sample-dir", "s", "--groups", "g.csv", "--report", "r.html")

    assert puppet.after("--sample-dir") == str(tmp_path / "s")
    assert puppet.after("--groups") == str(tmp_path / "g.csv")
    assert puppet.after("--report") == str(tmp_path / "r.html")
    assert "--library" not in puppet.asked
    assert puppet.after("--heard") == str(tmp_path / "state" / "cache" / "heard")


def test_it_takes_no_more_memory_than_a_night(tmp_path: Path, puppet: Puppet) -> None:
    """A fifth of the machine's, or what the options allow."""
    config = tmp_path / "config.toml"
    config.write_text("[training]\nmax_memory_mb = 300\n", "utf-8")

    run(tmp_path, "--config", str(config), "evaluate")

    assert float(puppet.after("--max-memory-mb")) <= 300


def test_training_finds_a_relative_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the caller's folder, not one below the program."""
    stand_in = Puppet()

    def refuse(*asked: Any, **options: Any) -> Iterator[dict[str, Any]]:
        list(stand_in(*asked, **options))
        raise TrainingError("not today")

    monkeypatch.setattr(processes, "run_trainer", refuse)
    monkeypatch.chdir(tmp_path)

    run(tmp_path, "train", "--sample-dir", "samples", "--groups", "g.csv")

    assert stand_in.after("--sample-dir") == str(tmp_path / "samples")
    assert stand_in.after("--groups") == str(tmp_path / "g.csv")


def test_groups_alone_are_wrong_usage(tmp_path: Path, puppet: Puppet) -> None:
    """The record knows its artists."""
    assert run(tmp_path, "evaluate", "--groups", "g.csv").exit_code == 2


def test_an_end_without_a_word_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never an empty document."""
    monkeypatch.setattr(processes, "run_trainer", Puppet())

    result = run(tmp_path, "evaluate", "--json")

    assert isinstance(result.exception, TrainingError)
    assert result.stdout == ""
