"""The real daemon on another shipped model: `python -m benchmarks.tools.shipped FOLDER …`.

The program's own arguments stand behind the folder. Its nights train without networks,
which would take nine tenths of their time, and after an answer it waits for no other as long.
All else is the daemon as people run it.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from core import registry
from daemon import cli, processes
from daemon.judging import reconsidering

__all__ = ["WITHOUT_NETWORKS", "instead"]

WITHOUT_NETWORKS = ("--members", "0")
QUIET_S = 1.0


def instead(base: Path) -> AbstractContextManager[Any]:
    """Let the model in the folder *base* be the shipped one."""
    return patch.object(registry, "base_dir", lambda *, backbone: base)


def main(arguments: list[str]) -> None:
    """Run the program with that model."""
    train = processes.run_trainer

    def trained(module: str, given: Sequence[str], **options: Any) -> Iterator[dict[str, Any]]:
        more = WITHOUT_NETWORKS if module == processes.NIGHTLY else ()
        return train(module, [*given, *more], **options)

    sys.argv[1:] = arguments[1:]
    with (
        instead(Path(arguments[0])),
        patch.object(processes, "run_trainer", trained),
        patch.object(reconsidering, "QUIET_S", QUIET_S),
    ):
        cli.main()


if __name__ == "__main__":
    main(sys.argv[1:])
