"""The answer of the first run finds its place in the person's options."""

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.errors import ConfigError
from core.library import runs
from daemon import first_run
from daemon.app import App
from daemon.config import packaged_config
from daemon.first_run import LINE, ask_at_first_run, with_best_guess


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[watch]\nfolders = ["~/x"]  # mine\n',
        "[policy]\nprecision = 0.95\n[web]\nport = 5001\n",
        "[policy]  # when to write\n",
        '[policy]\nwhen_unsure = "leave"  # or not\n[web]\n',
        packaged_config().read_text("utf-8"),
    ],
)
def test_one_option_changes_and_nothing_else(text: str) -> None:
    """Comments and order stay."""
    changed = with_best_guess(text)

    wanted = tomllib.loads(text)
    wanted.setdefault("policy", {})["when_unsure"] = "best guess"
    assert tomllib.loads(changed) == wanted
    assert [line for line in changed.splitlines() if "#" in line and LINE not in line] == [
        line for line in text.splitlines() if "#" in line and "when_unsure" not in line
    ]


def test_options_that_no_line_can_change_are_left() -> None:
    """With what to write there."""
    with pytest.raises(ConfigError) as caught:
        with_best_guess("policy.precision = 0.9\n")

    assert "write it there yourself" in str(caught.value)


def test_nobody_is_asked_where_nobody_can_answer(tmp_path: Path) -> None:
    """A service, a pipe, a test."""
    app = App(state_flag=str(tmp_path))

    with CliRunner().isolation(input="g\n") as (out, _, _):
        ask_at_first_run(app)
        assert out.getvalue() == b""

    assert runs.get_setting(app.db, first_run.ASKED) is None
