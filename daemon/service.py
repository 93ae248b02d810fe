"""Start at login, by launchd on macOS and systemd on Linux: one door for each.

Renders what the service manager reads from the templates in launchd/ and systemd/ (their
READMEs explain every key) and speaks to it through an injected runner. Never needs an
administrator, and never starts anything itself.
"""

import os
import plistlib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from core.errors import ServiceError

__all__ = [
    "LABEL",
    "UNIT",
    "Facts",
    "Launchd",
    "Manager",
    "Runner",
    "Status",
    "Systemd",
    "facts_here",
    "manager",
    "render_plist",
    "render_unit",
    "run_command",
]

LABEL = "net.genrewatch.daemon"
UNIT = "genrewatch.service"
ROOT = Path(__file__).resolve().parent

# what decides where configuration and state are: the service must see what the shell sees
CARRIED = ("GENREWATCH_CONFIG", "GENREWATCH_STATE_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME")

# launchctl's exit codes are errno values, or its own past 100
IN_PROGRESS = (36, 37)  # "Operation now in progress", "Operation already in progress"
IO_ERROR = 5  # mostly: still loaded, or the unloading before has not settled
NO_SUCH_PROCESS = 3
NO_DOMAIN = 125
NOT_FOUND = 113
ATTEMPTS = 5
LEAVING = 35  # looks, PAUSE_S apart, until the agent must have left: past its ExitTimeOut
PAUSE_S = 1.0
COMMAND_TIMEOUT_S = 60.0

Runner = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the generated file depends on; all paths absolute."""

    program: Path
    home: Path
    uid: int
    environment: Mapping[str, str]  # only what is CARRIED
    config_home: Path

    @property
    def logs(self) -> Path:
        """Where launchd puts what the daemon prints."""
        return self.home / "Library" / "Logs" / "genrewatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the service manager knows of us."""

    installed: bool
    current: bool  # the installed file is what this environment would install
    running: bool
    pid: int | None
    detail: str
    definition: Path


class Manager(Protocol):
    """The door to one service manager; each act returns the sentence to show."""

    definition: Path

    def install(self) -> str: ...
    def uninstall(self) -> str: ...
    def start(self) -> str: ...
    def stop(self) -> str: ...
    def status(self) -> Status: ...


def run_command(arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run *arguments* and return what came of it; raises ServiceError where it cannot run."""
    try:
        return subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=COMMAND_TIMEOUT_S,
        )
    except FileNotFoundError as error:
        remedy = "start `genrewatch run` from whatever starts programs on this system"
        raise ServiceError(f"there is no {arguments[0]} here", None, remedy) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServiceError(f"{arguments[0]} did not answer ({error})", None, "try again") from error


def facts_here(environ: Mapping[str, str]) -> Facts:
    """Return the facts of this process; raises ServiceError where the program is missing."""
    home = Path(environ.get("HOME") or Path.home())
    program = Path(sys.executable).parent / "genrewatch"
    if not program.is_file():
        raise ServiceError(
            "the genrewatch program is missing", str(program), "install it anew, or `make setup`"
        )
    return Facts(
        program=program,
        home=home,
        uid=os.getuid(),
        environment={
            name: os.path.abspath(os.path.expanduser(environ[name]))  # noqa: PTH100, PTH111  keeps links
            for name in CARRIED
            if environ.get(name)
        },
        config_home=Path(environ.get("XDG_CONFIG_HOME") or home / ".config"),
    )


def manager(facts: Facts, platform: str = sys.platform, run: Runner = run_command) -> Manager:
    """Return the door to the service manager of *platform*."""
    if platform == "darwin":
        return Launchd(facts, run)
    if platform == "linux" and (run is not run_command or shutil.which("systemctl")):
        return Systemd(facts, run)
    remedy = "start `genrewatch run` from whatever starts programs on this system"
    raise ServiceError("there is neither launchd nor systemd here", None, remedy)


def template(folder: str, name: str) -> bytes:
    """Return a template: of the checkout, or packed into the wheel."""
    checkout = ROOT.parent / folder / name
    return (checkout if checkout.is_file() else ROOT / "data" / folder / name).read_bytes()


# --- launchd ---------------------------------------------------------------------------


def render_plist(facts: Facts) -> bytes:
    """Return the property list of the agent; plistlib does the escaping."""
    values = {"@PROGRAM@": str(facts.program), "@LOGS@": str(facts.logs)}
    document = _filled(plistlib.loads(template("launchd", "genrewatch.plist.in")), values)
    document["EnvironmentVariables"] = dict(facts.environment)
    if not facts.environment:
        del document["EnvironmentVariables"]
    try:
        return plistlib.dumps(document, sort_keys=False)
    except (ValueError, UnicodeEncodeError) as error:
        what = "a path holds characters that launchd cannot read"
        raise ServiceError(what, str(facts.program), "move it to a plainer path") from error


def _filled(item: Any, values: Mapping[str, str]) -> Any:
    if isinstance(item, dict):
        return {key: _filled(value, values) for key, value in item.items()}
    if isinstance(item, list):
        return [_filled(value, values) for value in item]
    if isinstance(item, str):
        for name, value in values.items():
            item = item.replace(name, value)
    return item


class Launchd:
    """A user agent in the graphical session, so it runs while the user is logged in."""

    def __init__(
        self, facts: Facts, run: Runner, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._facts = facts
        self._run = run
        self._sleep = sleep
        self._domain = f"gui/{facts.uid}"
        self._target = f"{self._domain}/{LABEL}"
        self.definition = facts.home / "Library" / "LaunchAgents" / f"{LABEL}.plist"

    def install(self) -> str:
        """Write the agent and load it, in place of one loaded before."""
        _make_folder(self._facts.logs)
        _replace(self.definition, render_plist(self._facts))
        self._run(["launchctl", "enable", self._target])
        self._unload()
        self._load()
        return f"genrewatch runs now and at every login; its log: {self._facts.logs}"

    def uninstall(self) -> str:
        """Unload the agent and remove it; fine where there is none."""
        self._unload()
        if not _remove(self.definition):
            return "the service was not installed"
        return "the service is removed; state, logs and music stay"

    def start(self) -> str:
        """Load the agent, or start it where it is loaded and has ended."""
        self._demand_installed()
        if self._print().returncode == 0:
            self._demand(self._run(["launchctl", "kickstart", self._target]), "start")
        else:
            self._load()
        return "genrewatch runs"

    def stop(self) -> str:
        """Unload the agent until `start` or the next login."""
        self._demand_installed()
        self._unload()
        return "genrewatch is stopped until `genrewatch service start` or the next login"

    def status(self) -> Status:
        """Return what `launchctl print` says; its text is no interface, so read loosely."""
        printed = self._print()
        state = _found(r"^\s*state = (.+)$", printed.stdout)
        pid = _found(r"^\s*pid = (\d+)$", printed.stdout)
        last = _found(r"^\s*last exit code = (.+)$", printed.stdout)
        loaded = printed.returncode == 0
        detail = (state or "loaded") if loaded else "not loaded"
        if loaded and not pid and last:
            detail += f", last exit code {last}"
        return Status(
            installed=self.definition.is_file(),
            current=_holds(self.definition, render_plist(self._facts)),
            running=loaded and pid is not None,
            pid=int(pid) if loaded and pid else None,
            detail=detail,
            definition=self.definition,
        )

    def _print(self) -> "subprocess.CompletedProcess[str]":
        return self._run(["launchctl", "print", self._target])

    def _load(self) -> None:
        # a bootstrap right after a bootout often meets the old job still leaving
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(PAUSE_S)
                self._unload()
            done = self._run(["launchctl", "bootstrap", self._domain, str(self.definition)])
            if done.returncode not in (IO_ERROR, *IN_PROGRESS):
                break
        self._demand(done, "load")

    def _unload(self) -> None:
        done = self._run(["launchctl", "bootout", self._target])
        if done.returncode in (NO_SUCH_PROCESS, NOT_FOUND):
            return
        for _ in range(LEAVING):
            if self._print().returncode != 0:
                return
            self._sleep(PAUSE_S)
        raise self._refusal("unload", done)

    def _demand_installed(self) -> None:
        if not self.definition.is_file():
            raise _not_installed()

    def _demand(self, done: "subprocess.CompletedProcess[str]", act: str) -> None:
        if done.returncode != 0:
            raise self._refusal(act, done)

    def _refusal(self, act: str, done: "subprocess.CompletedProcess[str]") -> ServiceError:
        remedy = "see `genrewatch doctor`, or log out and in and try again"
        if done.returncode == NO_DOMAIN:
            remedy = "log in at this Mac's own screen; an agent cannot be loaded over ssh alone"
        return ServiceError(f"launchd did not {act} the agent ({_said(done)})", None, remedy)


# --- systemd ---------------------------------------------------------------------------


def render_unit(facts: Facts) -> bytes:
    """Return the user unit, quoted as systemd.syntax(7) and systemd.service(5) ask."""
    command = [str(facts.program), "run", "--service"]
    if set(command[0]) & set("'\"\\"):
        # older systemd refuses these in the program's own path, but not in its arguments
        command = ["/bin/sh", "-c", 'exec "$0" "$@"', *command]
    first, *others = map(_quoted, command)
    line = " ".join([first, *(word.replace("$", "$$") for word in others)])
    environment = "\n".join(
        f"Environment={_quoted(f'{name}={value}')}" for name, value in facts.environment.items()
    )
    text = template("systemd", "genrewatch.service.in").decode("utf-8")
    for name, value in {"@COMMAND@": line, "@ENVIRONMENT@\n": environment + "\n"}.items():
        text = text.replace(name, value.lstrip("\n"))
    return text.encode("utf-8", "surrogateescape")


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    escaped = re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\x{ord(match[0]):02x}", escaped)
    return f'"{escaped}"' if re.search(r"[^\w/.:@+,=$%-]", escaped) else escaped


class Systemd:
    """A unit of the user's own systemd, so it runs while the user is logged in."""

    def __init__(self, facts: Facts, run: Runner) -> None:
        self._facts = facts
        self._run = run
        self.definition = facts.config_home / "systemd" / "user" / UNIT

    def install(self) -> str:
        """Write the unit, enable it and start it anew."""
        _replace(self.definition, render_unit(self._facts))
        self._demand("daemon-reload")
        self._demand("enable", UNIT)
        self._demand("restart", UNIT)
        told = f"genrewatch runs now and at every login; its log: journalctl --user -u {UNIT}"
        return told if self._lingers() else f"{told}\n{LINGER}"

    def uninstall(self) -> str:
        """Stop the unit and remove it; fine where there is none."""
        if not self.definition.is_file():
            return "the service was not installed"
        self._demand("disable", "--now", UNIT)
        _remove(self.definition)
        self._demand("daemon-reload")
        return "the service is removed; state and music stay"

    def start(self) -> str:
        """Start the unit; one that crashed too often may try again."""
        self._demand_installed()
        self._systemctl("reset-failed", UNIT)
        self._demand("start", UNIT)
        return "genrewatch runs"

    def stop(self) -> str:
        """Stop the unit until `start` or the next login."""
        self._demand_installed()
        self._demand("stop", UNIT)
        return "genrewatch is stopped until `genrewatch service start` or the next login"

    def status(self) -> Status:
        """Return what `systemctl show` says."""
        done = self._systemctl("show", UNIT, "--property=ActiveState,SubState,Result,MainPID")
        facts = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        pid = int(facts.get("MainPID") or 0)
        state = facts.get("ActiveState", "unknown")
        detail = f"{state} ({facts.get('SubState', 'unknown')})"
        if facts.get("Result", "success") != "success":
            detail += f", {facts['Result']}"
        return Status(
            installed=self.definition.is_file(),
            current=_holds(self.definition, render_unit(self._facts)),
            running=state == "active" and pid > 0,
            pid=pid or None,
            detail=detail if done.returncode == 0 else _said(done),
            definition=self.definition,
        )

    def _lingers(self) -> bool:
        user = str(self._facts.uid)
        done = self._run(["loginctl", "show-user", user, "--property=Linger", "--value"])
        return done.returncode == 0 and done.stdout.strip() == "yes"

    def _systemctl(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._run(["systemctl", "--user", *arguments])

    def _demand_installed(self) -> None:
        if not self.definition.is_file():
            raise _not_installed()

    def _demand(self, act: str, *arguments: str) -> None:
        done = self._systemctl(act, *arguments)
        if done.returncode == 0:
            return
        remedy = f"see journalctl --user -u {UNIT}"
        if "bus" in done.stderr:
            remedy = "log in as yourself (not by su or sudo), so that your own systemd runs"
        raise ServiceError(f"systemd refused to {act} ({_said(done)})", None, remedy)


LINGER = (
    "It ends when you log out; to keep it running, and to start it with the machine:"
    " loginctl enable-linger"
)


# --- both ------------------------------------------------------------------------------


def _not_installed() -> ServiceError:
    return ServiceError("the service is not installed", None, "run `genrewatch service install`")


def _said(done: "subprocess.CompletedProcess[str]") -> str:
    words = (done.stderr or done.stdout).strip().splitlines()
    return words[0] if words else f"exit code {done.returncode}"


def _found(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text, re.MULTILINE)
    return match[1].strip() if match else None


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"the folder cannot be made ({error.strerror})"
        raise ServiceError(what, str(path), "make the folder above it writable") from error


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.new")
    _make_folder(path.parent)
    try:
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        what = f"the service file cannot be written ({error.strerror})"
        raise ServiceError(what, str(path), "make its folder writable") from error


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        what = f"the service file cannot be removed ({error.strerror})"
        raise ServiceError(what, str(path), "remove it by hand") from error
    return True
