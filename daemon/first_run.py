"""The one question of the first run: what to do with files that the promise does not hold for.

Asked on a terminal alone, once a record, and not where the options say it already. A "best
guess" is written into the user's own file of options; "leave" is the default and writes none.
"""

import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import click

from core.errors import ConfigError
from core.library import runs
from daemon import config as configuration
from daemon.app import App
from daemon.showing.show import say

__all__ = ["ask_at_first_run", "with_best_guess"]

ASKED = "asked_when_unsure"  # the setting that remembers it
QUESTION = (
    "Where it is not sure of a file, it can leave it for your answer in review, or write its\n"
    "best guess, which is wrong more often; guesses are counted apart, and one command takes\n"
    "them back (genrewatch undo --guesses)."
)
LINE = 'when_unsure = "best guess"'


def ask_at_first_run(app: App) -> None:
    """Ask what to do where it is not sure, unless it was asked or said before.

    To be called before the options are read; raises ConfigError where the answer cannot be kept.
    """
    at_a_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if not at_a_terminal or runs.get_setting(app.db, ASKED) or _is_said(app):
        return
    click.echo(QUESTION)
    answer = click.prompt(
        "Leave them (l), or write the best guess (g)?",
        type=click.Choice(["l", "g"]),
        default="l",
        show_choices=False,
    )
    if answer == "g":
        say(f"Noted in {_keep(app)}: [policy] {LINE}")
    runs.set_setting(app.db, ASKED, True)


def with_best_guess(text: str) -> str:
    """Return options with that one changed, all else as it is written.

    Raises ConfigError where that cannot be done by a line.
    """
    there = re.compile(r'^when_unsure\s*=\s*("[^"]*"|\'[^\']*\')', re.MULTILINE)
    table = re.compile(r"^\[policy\][^\n]*$", re.MULTILINE)
    if there.search(text):
        changed = there.sub(LINE, text, count=1)
    elif table.search(text):
        changed = table.sub(lambda found: f"{found[0]}\n{LINE}", text, count=1)
    else:
        changed = f"{text.rstrip()}\n\n[policy]\n{LINE}\n".lstrip()
    wanted = tomllib.loads(text)
    wanted.setdefault("policy", {})["when_unsure"] = "best guess"
    if not _says(changed, wanted):
        remedy = f"write it there yourself: [policy] {LINE}"
        raise ConfigError("the answer finds no place in your options", None, remedy)
    return changed


def _says(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _is_said(app: App) -> bool:
    """Say whether the user's own options speak of it, or cannot be read at all."""
    path = configuration.find_config(app.config_flag, os.environ)
    if path is None or path == configuration.packaged_config():
        return False
    try:
        policy = tomllib.loads(path.read_text("utf-8")).get("policy", {})
    except (OSError, ValueError):  # told by whoever reads the options next
        return True
    return isinstance(policy, dict) and "when_unsure" in policy


def _keep(app: App) -> Path:
    """Write the answer into the options in use; a copy of the shipped ones becomes the user's."""
    used = configuration.find_config(app.config_flag, os.environ)
    own = configuration.user_config_path(os.environ)
    shipped = configuration.packaged_config()
    path = own if used is None or used == shipped else used
    text = used.read_text("utf-8") if used is not None else ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path.resolve(), with_best_guess(text))
    except OSError as error:
        remedy = f"write it there yourself: [policy] {LINE}"
        raise ConfigError(f"cannot be written ({error.strerror})", str(path), remedy) from error
    return path


def _replace(path: Path, text: str) -> None:
    """Write all of the file or nothing."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, "utf-8")
    if path.exists():
        beside.chmod(path.stat().st_mode & 0o777)
    beside.replace(path)
