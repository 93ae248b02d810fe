"""What the user may set: read once, checked whole, told apart from mistakes.

The dataclasses below hold the defaults; `config.toml` shows the same with a line of
explanation each (a test keeps the two equal). Unknown keys and wrong types are errors
that name the key and the remedy.
"""

import difflib
import json
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

import platformdirs

from core.errors import ConfigError

__all__ = [
    "Backlog",
    "Config",
    "Model",
    "Policy",
    "Review",
    "Tags",
    "Training",
    "Watch",
    "Web",
    "Workers",
    "as_toml",
    "default_state_dir",
    "find_config",
    "load",
    "packaged_config",
    "user_config_path",
]

PROGRAM = "genrewatch"
ROOT = Path(__file__).resolve().parent
UNIONS = (types.UnionType, typing.Union)  # `float | str` and `Literal["x"] | float` differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Which folders, and when a file counts as still."""

    folders: tuple[str, ...] = ("~/Music/genrewatch",)
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    skip_known: bool = True
    settle_seconds: float = 5.0
    rescan_minutes: float = 10.0
    quiet_hours: float = 24.0
    follow_symlinks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """How tags are written."""

    keep_mtime: bool = False
    hard_links: Literal["skip", "write"] = "skip"
    keep_owner: bool = True
    undo_mb: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """When a genre may be written."""

    threshold: Literal["promise"] | float = "promise"
    precision: float = 0.9
    when_unsure: Literal["leave", "best guess"] = "leave"
    propagate: Literal["never", "auto"] = "never"
    write_parent: bool = False
    empty_values: tuple[str, ...] = (
        "Unknown",
        "Unknown Genre",
        "Other",
        "Others",
        "None",
        "No Genre",
        "Genre",
        "Misc",
        "Miscellaneous",
        "Unclassifiable",
        "Default",
        "<Unknown>",
        "(255)",
    )
    broad_genres: tuple[str, ...] = (
        "Alternative",
        "Dance",
        "Electronic",
        "Easy Listening",
        "International",
        "Music",
        "Soundtrack",
        "World",
    )
    album_by_track: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What hears."""

    backbone: Literal["musicnn", "none"] = "musicnn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """The analysis processes."""

    count: int = 1
    idle_seconds: float = 60.0
    nice: int = 10
    timeout_seconds: float = 120.0
    max_memory_mb: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What lay in a folder when it was first watched."""

    on_battery: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """The nightly retraining and its bounds."""

    nightly: bool = True
    at: str = "03:30"
    grace_hours: float = 12.0
    minimum_feedback: int = 20
    minimum_artists: int = 5
    on_battery: bool = False
    max_load: float = 0.5
    max_minutes: float = 30.0
    max_memory_mb: int = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What is asked in review beside what it was not sure of."""

    audits_per_week: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """The page."""

    port: int = 5000
    max_upload_mb: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The log."""

    level: Literal["debug", "info", "warning", "error"] = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All options."""

    watch: Watch = field(default_factory=Watch)
    tags: Tags = field(default_factory=Tags)
    policy: Policy = field(default_factory=Policy)
    model: Model = field(default_factory=Model)
    workers: Workers = field(default_factory=Workers)
    backlog: Backlog = field(default_factory=Backlog)
    training: Training = field(default_factory=Training)
    review: Review = field(default_factory=Review)
    web: Web = field(default_factory=Web)
    log: Log = field(default_factory=Log)


# bounds that a type cannot say: key → (lowest, highest)
BOUNDS: Mapping[str, tuple[float, float]] = {
    "watch.settle_seconds": (0.0, 3600.0),
    "watch.rescan_minutes": (0.01, 1440.0),
    "watch.quiet_hours": (0.0, 8760.0),
    "tags.undo_mb": (1, 1_000_000),
    "policy.threshold": (0.0, 1.0),
    "policy.precision": (0.5, 0.999),
    "workers.count": (1, 64),
    "workers.idle_seconds": (0.0, 86400.0),
    "workers.nice": (0, 19),
    "workers.timeout_seconds": (1.0, 86400.0),
    "workers.max_memory_mb": (512, 1_000_000),
    "training.grace_hours": (0.01, 24.0),
    "training.minimum_feedback": (1, 100_000),
    "training.minimum_artists": (1, 100_000),
    "training.max_load": (0.01, 1000.0),
    "training.max_minutes": (0.1, 1440.0),
    "training.max_memory_mb": (256, 1_000_000),
    "review.audits_per_week": (0, 100),
    "web.port": (1, 65535),
    "web.max_upload_mb": (1, 4096),
}

RENAMED: Mapping[str, str] = {"policy.promise": "precision"}  # options by their older names


def load(path: Path | None) -> Config:
    """Read the options from *path* (all defaults where None).

    Raises ConfigError naming the key that is wrong and what it should be.
    """
    if path is None:
        return Config()
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ConfigError("there is no such configuration file", str(path)) from error
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"is not valid TOML: {error}", str(path), "mend that line") from error
    try:
        config: Config = _table(Config, document, "")
        _check_time(config.training.at)
    except ConfigError as error:
        raise ConfigError(error.what, str(path), error.remedy) from error
    return config


def find_config(given: str | None, environ: Mapping[str, str]) -> Path | None:
    """Return the configuration to use: flag, variable, the user's file, the shipped one."""
    named = given or environ.get("GENREWATCH_CONFIG")
    if named:
        return Path(named).expanduser()
    for candidate in (user_config_path(environ), packaged_config()):
        if candidate.is_file():
            return candidate
    return None


def user_config_path(environ: Mapping[str, str]) -> Path:
    """Return ~/.config/genrewatch/config.toml, on every platform."""
    base = environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / PROGRAM / "config.toml"


def packaged_config() -> Path:
    """Return the shipped config.toml: of the checkout, or packed into the wheel."""
    checkout = ROOT.parent / "config.toml"
    return checkout if checkout.is_file() else ROOT / "data" / "config.toml"


def default_state_dir(environ: Mapping[str, str]) -> Path:
    """Return the state directory: GENREWATCH_STATE_DIR or the platform's data directory."""
    named = environ.get("GENREWATCH_STATE_DIR")
    return Path(named).expanduser() if named else Path(platformdirs.user_data_dir(PROGRAM))


def as_toml(config: Config) -> str:
    """Return all options as TOML."""
    lines = []
    for section in fields(config):
        lines.append(f"[{section.name}]")
        table = getattr(config, section.name)
        lines += [f"{item.name} = {_literal(getattr(table, item.name))}" for item in fields(table)]
        lines.append("")
    return "\n".join(lines)


def expand(folder: str) -> str:
    """Return *folder* absolute, with ~ expanded; symbolic links stay as written."""
    return os.path.abspath(os.path.expanduser(folder))  # noqa: PTH100, PTH111  Path drops odd bytes


def _table(kind: Any, document: Mapping[str, Any], prefix: str) -> Any:
    hints = typing.get_type_hints(kind)
    known = {item.name for item in fields(kind)}
    for key in document:
        if RENAMED.get(prefix + key, key) != key and RENAMED[prefix + key] in document:
            old, new = prefix + key, prefix + RENAMED[prefix + key]
            raise ConfigError(f"{old} and {new} are one option", None, f"remove {old}")
    document = {RENAMED.get(prefix + key, key): value for key, value in document.items()}
    for key in document:
        if key not in known:
            raise ConfigError(f"unknown option {prefix}{key}", None, _suggest(key, known, prefix))
    return kind(**{key: _value(hints[key], document[key], prefix + key) for key in document})


def _suggest(key: str, known: set[str], prefix: str) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    if near:
        return f"did you mean {prefix}{near[0]}?"
    return f"remove it; known here: {', '.join(sorted(known))}"


def _value(hint: Any, value: Any, key: str) -> Any:
    if is_dataclass(hint):
        if not isinstance(value, dict):
            raise ConfigError(f"{key} must be a table", None, f"write [{key}] above its options")
        return _table(hint, value, f"{key}.")
    for option in _alternatives(hint):
        if _fits(option, value):
            return _bounded(_converted(option, value), key)
    raise ConfigError(f"{key} = {value!r} is of the wrong type", None, f"give {_wanted(hint)}")


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in UNIONS else (hint,)


def _fits(hint: Any, value: Any) -> bool:
    if typing.get_origin(hint) is Literal:
        return value in typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _converted(hint: Any, value: Any) -> Any:
    if typing.get_origin(hint) is tuple:
        return tuple(value)
    return float(value) if hint is float else value


def _bounded(value: Any, key: str) -> Any:
    low, high = BOUNDS.get(key, (None, None))
    if low is None or isinstance(value, str) or (high is not None and low <= value <= high):
        return value
    raise ConfigError(f"{key} = {value} is out of bounds", None, f"give {low:g} to {high:g}")


def _wanted(hint: Any) -> str:
    names = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}
    if typing.get_origin(hint) in UNIONS:
        return " or ".join(_wanted(option) for option in typing.get_args(hint))
    if typing.get_origin(hint) is Literal:
        return " or ".join(f'"{choice}"' for choice in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        return 'a list of texts, such as ["a", "b"]'
    return names[hint]


def _literal(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def _check_time(at: str) -> None:
    hours, _, minutes = at.partition(":")
    good = hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60  # noqa: PLR2004
    if not good:
        raise ConfigError(f'training.at = "{at}" is no time of day', None, 'give it as "03:30"')
