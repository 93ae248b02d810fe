"""The real daemon, hard of hearing: `python -m benchmarks.tools.deaf SHARE [arguments …]`.

Loses this share of the events of the file system, at random; 1 loses them all. All else is
the daemon as people run it: what the events would have told is left to the rescan.
"""

import functools
import random
import sys
from collections.abc import Callable

from daemon import cli, daemon
from daemon.supervisor import Supervisor
from daemon.watching.watch import Watcher


def main(arguments: list[str]) -> None:
    """Run the program with such a watcher."""
    share = float(arguments[0])
    rng = random.Random(0)

    def watcher(hint: Callable[[str], None]) -> Watcher:
        return Watcher(lambda path: hint(path) if rng.random() >= share else None)

    deaf = functools.partial(Supervisor, watcher=watcher)
    daemon.Supervisor = deaf  # type: ignore[misc, assignment]
    sys.argv[1:] = arguments[1:]
    cli.main()


if __name__ == "__main__":
    main(sys.argv[1:])
