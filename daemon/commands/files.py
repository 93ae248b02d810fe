"""What commands on files share: which ones are named, one after the other under a bar, the exit.

Heavy imports stand inside the functions: a spawned worker imports this file again.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import click

from daemon.app import App

if TYPE_CHECKING:
    from daemon.acts import Tagged

__all__ = ["exit_if_any", "files_named", "report_each"]


def report_each[Item](
    label: str, items: Sequence[Item], act: Callable[[Item], "Tagged"], *, as_json: bool
) -> None:
    """Do *act* for each item under a progress bar, tell of each, and exit 1 if any failed."""
    from daemon.showing import show

    done = []
    with show.progress(label, items) as each:
        for item in each:
            done.append(act(item))
            if not as_json:
                show.show_tagged(done[-1])
    if as_json:
        show.print_json([show.tagged_json(tagged) for tagged in done])
    exit_if_any(tagged.failed for tagged in done)


def files_named(app: App, paths: tuple[str, ...]) -> list[str]:
    """Return the files named on the command line, or one a line on standard input."""
    from daemon.acts import expand_paths
    from daemon.watching.scan import rules_of

    names: Iterable[str] = paths
    if not paths or paths == ("-",):
        if sys.stdin.isatty():
            raise click.UsageError("name a file or folder, or give paths on standard input")
        names = [os.fsdecode(line.rstrip(b"\n")) for line in sys.stdin.buffer if line.strip()]
    return list(expand_paths(names, rules_of(app.config.watch)))


def exit_if_any(failures: Iterable[bool]) -> None:
    """Exit 1 where anything of what was asked failed."""
    if any(failures):
        sys.exit(1)
