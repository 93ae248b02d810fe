"""What every command starts from: the configuration, the state, the record, the models.

Imports what it opens only then, so that `--help` is instant and a worker, which imports
the program anew, stays small.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon import config as configuration
from daemon.config import Config
from daemon.state import State

if TYPE_CHECKING:
    from sqlite_utils import Database

    from core.library.witness import Witness
    from core.registry import Registry
    from daemon.acts import Desk

__all__ = ["App", "set_up_logging"]

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


@dataclass(frozen=True, kw_only=True)
class App:
    """One invocation of the program; everything is opened when first asked for."""

    config_flag: str | None = None
    state_flag: str | None = None
    verbose: int = 0

    @cached_property
    def config_path(self) -> Path | None:
        """The configuration file in use."""
        return configuration.find_config(self.config_flag, os.environ)

    @cached_property
    def config(self) -> Config:
        """The options; raises ConfigError."""
        return configuration.load(self.config_path)

    def config_or_defaults(self) -> tuple[Config, str | None]:
        """The options; where they cannot be read, the defaults and why."""
        from core.errors import ConfigError

        try:
            return self.config, None
        except ConfigError as error:
            return Config(), str(error)

    @cached_property
    def state(self) -> State:
        """The state directory, made where absent; raises LibraryError."""
        named = Path(self.state_flag).expanduser() if self.state_flag else None
        root = named or configuration.default_state_dir(os.environ)
        state = State(root=Path(os.path.abspath(root)))  # noqa: PTH100  links stay
        state.create()
        return state

    @cached_property
    def db(self) -> "Database":
        """The record, which learns from the log of writes where it is new; raises LibraryError."""
        from core.library.schema import open_library
        from core.library.witness import is_unread

        db = open_library(self.state.library)
        if is_unread(db):
            self.witness.settle(db)
        return db

    @cached_property
    def witness(self) -> "Witness":
        """The log of writes beside the record."""
        from core.library.witness import Witness

        return Witness(self.state.witness)

    @cached_property
    def models(self) -> "Registry":
        """The model versions; raises ModelError where the shipped one is missing."""
        from daemon.backbone import open_models

        return open_models(self.state.models, self.config_or_defaults()[0].model)

    @contextmanager
    def desk(self) -> Iterator["Desk"]:
        """Yield a desk with one worker, which ends with it."""
        from daemon import processes
        from daemon.acts import Desk
        from daemon.processes import Workers
        from daemon.telling.status import watched_now
        from daemon.watching.holds import check_free

        processes.one_thread_each(os.environ)
        options = self.config.workers
        self.witness.settle(self.db)  # it may have been put back by hand
        with Workers(
            count=1,
            idle_seconds=options.idle_seconds,
            nice=0,
            memory_mb=options.max_memory_mb,
        ) as workers:
            yield Desk(
                self.db,
                self.models,
                self.config,
                workers,
                writer=processes.this_process(),
                guard=lambda path: check_free(path, watched_now(self.db, self.state)),
                witness=self.witness.recorder(self.db),
            )
        self.witness.settle(self.db)

    def with_folders(self, folders: tuple[str, ...]) -> Config:
        """Return the options with these folders instead of the configured ones, if any."""
        if not folders:
            return self.config
        return replace(self.config, watch=replace(self.config.watch, folders=folders))


def set_up_logging(level: str, verbose: int) -> None:
    """Log one JSON object a line to stderr, or readable lines on a terminal; quiet by default."""
    import structlog

    lowest = min(LEVELS[level], max(10, 30 - 10 * verbose))
    for_people = [_as_shown, structlog.dev.ConsoleRenderer()]
    for_programs = [structlog.processors.JSONRenderer()]  # in ASCII, so escaped anyway
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(for_people if sys.stderr.isatty() else for_programs),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _as_shown(_logger: Any, _name: str, event: Any) -> Any:
    """Escape what a name or a tag in a line of the log would tell the terminal to do."""
    from daemon.showing.show import readable

    return {
        key: readable(value) if isinstance(value, str) and key != "exception" else value
        for key, value in event.items()
    }
