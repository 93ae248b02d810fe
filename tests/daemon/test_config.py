"""Every option is read, every mistake named."""

import re
from pathlib import Path

import pytest

from core.errors import ConfigError
from daemon import config
from daemon.config import Config, as_toml, find_config, load, packaged_config


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_shipped_file_shows_the_defaults_and_explains_each() -> None:
    """What is written there is what holds without it."""
    path = packaged_config()

    assert load(path) == Config()
    for line in path.read_text("utf-8").splitlines():
        if re.match(r"\w+ =", line):
            assert "  # " in line, line


def test_what_is_printed_can_be_read_again(tmp_path: Path) -> None:
    """`config` prints a file that means the same."""
    assert load(written(tmp_path, as_toml(Config()))) == Config()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[watch]\nfolder = ["x"]', ["watch.folder", "did you mean watch.folders"]),
        ("[wath]\n", ["wath", "watch"]),
        ('[watch]\nfolders = "x"', ["watch.folders", "list of texts"]),
        ('[policy]\nthreshold = "sure"', ["policy.threshold", '"promise" or a number']),
        ("[policy]\nthreshold = 1.5", ["policy.threshold", "0 to 1"]),
        ("[workers]\ncount = true", ["workers.count", "whole number"]),
        ("[workers]\ncount = 0", ["workers.count", "1 to 64"]),
        ("watch = 3", ["watch must be a table"]),
        ('[training]\nat = "25:00"', ["training.at", "03:30"]),
        ("[watch\n", ["not valid TOML"]),
    ],
)
def test_a_mistake_names_the_key_and_the_remedy(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    """In one sentence, with the file."""
    path = written(tmp_path, text)

    with pytest.raises(ConfigError) as caught:
        load(path)

    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_a_number_or_the_promise_are_both_thresholds(tmp_path: Path) -> None:
    """A whole number counts as a number."""
    assert load(written(tmp_path, "[policy]\nthreshold = 1")).policy.threshold == 1.0
    assert load(written(tmp_path, "[policy]\nthreshold = 0.6")).policy.threshold == 0.6


def test_the_flag_goes_before_the_variable_before_the_users_file(tmp_path: Path) -> None:
    """And the shipped file is last."""
    users = tmp_path / "genrewatch" / "config.toml"
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert find_config(None, environ) == packaged_config()

    users.parent.mkdir()
    users.write_text("")
    assert find_config(None, environ) == users
    assert find_config(None, environ | {"GENREWATCH_CONFIG": "/v"}) == Path("/v")
    assert find_config("/f", environ | {"GENREWATCH_CONFIG": "/v"}) == Path("/f")


def test_a_missing_named_file_is_told() -> None:
    """It is not silently replaced by defaults."""
    with pytest.raises(ConfigError, match="no such"):
        load(Path("/nowhere/config.toml"))


def test_the_state_directory_follows_the_variable() -> None:
    """Else the platform's data directory, named after us."""
    assert config.default_state_dir({"GENREWATCH_STATE_DIR": "/s"}) == Path("/s")
    assert config.default_state_dir({}).name == "genrewatch"


def test_an_option_is_known_by_its_older_name(tmp_path: Path) -> None:
    """Who wrote `promise` before it was called `precision` still means the same."""
    assert load(written(tmp_path, "[policy]\npromise = 0.8")).policy.precision == 0.8


def test_an_option_by_both_of_its_names_is_refused(tmp_path: Path) -> None:
    """Else whichever stands later would win, and nobody would be told."""
    with pytest.raises(ConfigError, match=r"remove policy\.promise"):
        load(written(tmp_path, "[policy]\npromise = 0.8\nprecision = 0.9"))
