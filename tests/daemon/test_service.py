"""The service files and the acts on them.

launchd and systemd's own manager do not run where the tests do. `FakeLaunchctl` and
`FakeSystemctl` behave as the published output and exit codes of the real ones say, so these
tests hold our side of the conversation, not theirs. The files themselves are judged by
plistlib, by Apple's list of keys and, where present, by the real systemd-analyze.
"""

import plistlib
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from core.errors import ServiceError
from daemon import service
from daemon.service import LABEL, Facts, Launchd, Systemd

# launchd.plist(5), every top-level key that it documents
APPLE_KEYS = {
    "Label",
    "Disabled",
    "UserName",
    "GroupName",
    "inetdCompatibility",
    "LimitLoadToHosts",
    "LimitLoadFromHosts",
    "LimitLoadToSessionType",
    "LimitLoadToHardware",
    "LimitLoadFromHardware",
    "Program",
    "BundleProgram",
    "ProgramArguments",
    "EnableGlobbing",
    "EnableTransactions",
    "EnablePressuredExit",
    "OnDemand",
    "ServiceIPC",
    "KeepAlive",
    "RunAtLoad",
    "RootDirectory",
    "WorkingDirectory",
    "EnvironmentVariables",
    "Umask",
    "TimeOut",
    "ExitTimeOut",
    "ThrottleInterval",
    "InitGroups",
    "WatchPaths",
    "QueueDirectories",
    "StartOnMount",
    "StartInterval",
    "StartCalendarInterval",
    "StandardInPath",
    "StandardOutPath",
    "StandardErrorPath",
    "Debug",
    "WaitForDebugger",
    "SoftResourceLimits",
    "HardResourceLimits",
    "Nice",
    "ProcessType",
    "AbandonProcessGroup",
    "LowPriorityIO",
    "LowPriorityBackgroundIO",
    "MaterializeDatalessFiles",
    "LaunchOnlyOnce",
    "MachServices",
    "Sockets",
    "LaunchEvents",
    "HopefullyExitsLast",
    "HopefullyExitsFirst",
    "SessionCreate",
    "LegacyTimers",
    "AssociatedBundleIdentifiers",
}
KEEP_ALIVE_KEYS = {"SuccessfulExit", "NetworkState", "PathState", "OtherJobEnabled", "Crashed"}
PROCESS_TYPES = {"Background", "Standard", "Adaptive", "Interactive"}

ODD_NAMES = [
    "plain",
    "with space",
    "per%cent %h",
    "quote\"s 'n",
    "doll$ar ${HOME}",
    "back\\slash",
    "ünï <&>",
]


def answer(code: int = 0, out: str = "", err: str = "") -> "CompletedProcess[str]":
    return CompletedProcess([], code, out, err)


class FakeLaunchctl:
    """Knows one agent; leaves it loaded for `lingering` looks after a bootout."""

    def __init__(self, *, io_errors: int = 0, lingering: int = 0, domain: bool = True) -> None:
        self.calls: list[list[str]] = []
        self.loaded = self.running = False
        self.io_errors = io_errors
        self.lingering = lingering
        self.domain = domain

    def __call__(self, arguments: Sequence[str]) -> "CompletedProcess[str]":
        program, verb, *rest = arguments
        assert program == "launchctl"
        assert rest[0].startswith("gui/501")
        self.calls.append([verb, *rest])
        if not self.domain:
            return answer(
                125, err=f"{verb} failed: 125: Domain does not support specified action\n"
            )
        done: CompletedProcess[str] = getattr(self, verb)()
        return done

    def enable(self) -> "CompletedProcess[str]":
        return answer()

    def bootstrap(self) -> "CompletedProcess[str]":
        if self.loaded or self.io_errors > 0:
            self.io_errors -= 1
            return answer(5, err="Bootstrap failed: 5: Input/output error\nTry re-running …\n")
        self.loaded = self.running = True
        return answer()

    def bootout(self) -> "CompletedProcess[str]":
        if not self.loaded:
            return answer(3, err="Boot-out failed: 3: No such process\n")
        self.loaded = self.running = self.lingering > 0
        return answer(36, err="Boot-out failed: 36: Operation now in progress\n")

    def kickstart(self) -> "CompletedProcess[str]":
        self.running = True
        return answer()

    def print(self) -> "CompletedProcess[str]":
        if not self.loaded:
            return answer(
                113, err=f'Could not find service "{LABEL}" in domain for user gui: 501\n'
            )
        if self.lingering > 0:
            self.lingering -= 1
            self.loaded = self.running = self.lingering > 0
        pid = "\tpid = 4711\n" if self.running else ""
        state = "running" if self.running else "not running"
        return answer(
            out=f"gui/501/{LABEL} = {{\n\tactive count = 1\n\tstate = {state}\n\n{pid}"
            "\tlast exit code = 1\n\tdomain = {\n\t\tstate = active\n\t}\n}\n"
        )

    def verbs(self) -> list[str]:
        return [call[0] for call in self.calls]


class FakeSystemctl:
    """Knows one unit; answers as `systemctl --user` does."""

    def __init__(self, *, linger: bool = False, bus: bool = True) -> None:
        self.calls: list[list[str]] = []
        self.active = False
        self.linger = linger
        self.bus = bus

    def __call__(self, arguments: Sequence[str]) -> "CompletedProcess[str]":
        program, *rest = arguments
        if program == "loginctl":
            return answer(out="yes\n" if self.linger else "no\n")
        assert rest.pop(0) == "--user"
        self.calls.append(rest)
        if not self.bus:
            return answer(1, err="Failed to connect to bus: No medium found\n")
        if rest[0] == "show":
            return answer(out=self._shown())
        self.active = {"restart": True, "start": True, "stop": False, "disable": False}.get(
            rest[0], self.active
        )
        return answer()

    def _shown(self) -> str:
        if self.active:
            return "MainPID=4711\nResult=success\nActiveState=active\nSubState=running\n"
        return "MainPID=0\nResult=exit-code\nActiveState=failed\nSubState=failed\n"


def facts(root: Path, name: str = "plain", **environment: str) -> Facts:
    program = root / name / "bin" / "genrewatch"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return Facts(
        program=program,
        home=root,
        uid=501,
        environment=environment,
        config_home=root / ".config",
    )


def launchd(root: Path, fake: FakeLaunchctl) -> Launchd:
    return Launchd(facts(root), fake, sleep=lambda seconds: None)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_plist_says_what_it_was_told_whatever_the_path(tmp_path: Path, name: str) -> None:
    """plistlib reads back the very paths and variables."""
    here = facts(tmp_path, name, GENREWATCH_STATE_DIR=f"/state/{name}")

    document = plistlib.loads(service.render_plist(here))

    assert document["ProgramArguments"] == [str(here.program), "run", "--service"]
    assert document["EnvironmentVariables"] == {"GENREWATCH_STATE_DIR": f"/state/{name}"}
    assert document["StandardErrorPath"] == str(
        tmp_path / "Library" / "Logs" / "genrewatch" / "genrewatch.log"
    )
    assert "@" not in str(document)


def test_plist_uses_only_documented_keys(tmp_path: Path) -> None:
    """Every key is one of launchd.plist(5), with the values that we decided on."""
    document = plistlib.loads(service.render_plist(facts(tmp_path)))

    assert set(document) <= APPLE_KEYS
    assert set(document["KeepAlive"]) <= KEEP_ALIVE_KEYS
    assert document["ProcessType"] in PROCESS_TYPES
    assert document["Label"] == LABEL
    assert document["RunAtLoad"] is True
    assert document["KeepAlive"] == {"SuccessfulExit": False}
    assert document["ProcessType"] == "Standard"
    assert document["ThrottleInterval"] >= 10
    assert "EnvironmentVariables" not in document


def test_every_plist_key_is_explained() -> None:
    """launchd/README.md has a line for each key of the template."""
    template = plistlib.loads(service.template("launchd", "genrewatch.plist.in"))

    explained = service.template("launchd", "README.md").decode()

    assert [key for key in template if key not in explained] == []


@pytest.mark.parametrize("name", ODD_NAMES)
def test_unit_passes_systemd_analyze(tmp_path: Path, name: str) -> None:
    """The real verifier finds the program and has nothing to say, whatever the path."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze here: the unit was not verified")
    here = facts(tmp_path, name, GENREWATCH_CONFIG=f"/c/{name}", GENREWATCH_STATE_DIR="/s")
    unit = tmp_path / service.UNIT
    unit.write_bytes(service.render_unit(here))

    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)},
    )

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_unit_is_quoted_as_the_manual_asks(tmp_path: Path) -> None:
    """Percent signs, dollars, quotes and spaces keep their meaning from systemd."""
    here = replace(facts(tmp_path, XDG_DATA_HOME='/a b/%h/"q"/$x'), program=Path("/o p/50%/g"))

    text = service.render_unit(here).decode()

    assert 'ExecStart="/o p/50%%/g" run --service\n' in text
    assert 'Environment="XDG_DATA_HOME=/a b/%%h/\\"q\\"/$x"\n' in text
    assert "@" not in text


def test_unit_wraps_a_program_whose_path_has_quotes(tmp_path: Path) -> None:
    """Older systemd refuses quotes in the program's own path, so a shell hands it over."""
    here = replace(facts(tmp_path), program=Path("/it's/$1/g"))

    text = service.render_unit(here).decode()

    assert 'ExecStart=/bin/sh -c "exec \\"$$0\\" \\"$$@\\"" "/it\'s/$$1/g" run --service' in text


def test_unit_restarts_failures_and_forbids_no_executable_memory(tmp_path: Path) -> None:
    """What we decided on, and the hardening that breaks Python stays out."""
    text = service.render_unit(facts(tmp_path)).decode()

    assert "\nRestart=on-failure\n" in text
    assert "\nNice=5\n" in text
    assert "MemoryDenyWriteExecute" not in text
    assert "Environment=" not in text


def test_launchd_install_boots_out_first_and_loads(tmp_path: Path) -> None:
    """A second install replaces the agent that the first one loaded."""
    fake = FakeLaunchctl()
    door = launchd(tmp_path, fake)

    door.install()
    door.install()

    assert fake.verbs() == [
        *("enable", "bootout", "bootstrap"),
        *("enable", "bootout", "print", "bootstrap"),
    ]
    assert fake.calls[2] == ["bootstrap", "gui/501", str(door.definition)]
    assert door.definition == tmp_path / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    assert (tmp_path / "Library" / "Logs" / "genrewatch").is_dir()
    assert [path.name for path in door.definition.parent.iterdir()] == [f"{LABEL}.plist"]


def test_launchd_install_waits_for_the_old_agent_to_leave(tmp_path: Path) -> None:
    """A bootstrap is not tried while the old job is still there."""
    fake = FakeLaunchctl()
    door = launchd(tmp_path, fake)
    door.install()
    fake.calls.clear()
    fake.lingering = 3

    door.install()

    assert fake.verbs() == ["enable", "bootout", "print", "print", "print", "print", "bootstrap"]


def test_launchd_input_output_error_is_tried_again(tmp_path: Path) -> None:
    """Error 5 right after a bootout passes; we do not give up at once."""
    fake = FakeLaunchctl(io_errors=2)

    launchd(tmp_path, fake).install()

    assert fake.verbs().count("bootstrap") == 3
    assert fake.running


def test_launchd_refusal_is_one_sentence_with_a_remedy(tmp_path: Path) -> None:
    """What stays wrong is told with launchctl's own words."""
    with pytest.raises(ServiceError) as refused:
        launchd(tmp_path, FakeLaunchctl(io_errors=99)).install()

    assert "5: Input/output error" in str(refused.value)
    assert refused.value.remedy
    assert "\n" not in str(refused.value)


def test_launchd_over_ssh_says_to_log_in_at_the_screen(tmp_path: Path) -> None:
    """Without a graphical session there is no gui domain."""
    with pytest.raises(ServiceError, match="log in at this Mac's own screen"):
        launchd(tmp_path, FakeLaunchctl(domain=False)).install()


def test_launchd_status_follows_start_and_stop(tmp_path: Path) -> None:
    """Running with its pid, ended with its exit code, not loaded, not installed."""
    fake = FakeLaunchctl()
    door = launchd(tmp_path, fake)
    seen = [door.status()]
    door.install()
    seen.append(door.status())
    fake.running = False
    seen.append(door.status())
    door.start()
    seen.append(door.status())
    door.stop()
    seen.append(door.status())
    door.start()
    seen.append(door.status())

    assert [(status.installed, status.running, status.pid) for status in seen] == [
        (False, False, None),
        (True, True, 4711),
        (True, False, None),
        (True, True, 4711),
        (True, False, None),
        (True, True, 4711),
    ]
    assert seen[2].detail == "not running, last exit code 1"
    assert seen[4].detail == "not loaded"
    assert "kickstart" in fake.verbs()


def test_launchd_uninstall_removes_and_may_be_repeated(tmp_path: Path) -> None:
    """Nothing of ours stays but the logs, and a second time is no error."""
    fake = FakeLaunchctl()
    door = launchd(tmp_path, fake)
    door.install()

    first, second = door.uninstall(), door.uninstall()

    assert not door.definition.exists()
    assert not fake.loaded
    assert "removed" in first
    assert "not installed" in second


def test_launchd_agent_that_does_not_leave_is_no_success(tmp_path: Path) -> None:
    """`stop` says so when launchd keeps the agent."""
    fake = FakeLaunchctl()
    door = launchd(tmp_path, fake)
    door.install()
    fake.lingering = 1000

    with pytest.raises(ServiceError, match="unload"):
        door.stop()


def test_systemd_install_enables_and_starts_anew(tmp_path: Path) -> None:
    """The unit is written, read, enabled, started; lingering is offered, never switched on."""
    fake = FakeSystemctl()
    door = Systemd(facts(tmp_path), fake)

    told = door.install()

    assert fake.calls == [
        ["daemon-reload"],
        ["enable", "genrewatch.service"],
        ["restart", "genrewatch.service"],
    ]
    assert "loginctl enable-linger" in told
    assert door.definition == tmp_path / ".config" / "systemd" / "user" / "genrewatch.service"


def test_systemd_lingering_is_not_offered_where_it_is_on(tmp_path: Path) -> None:
    """Nothing to do, nothing said."""
    assert "linger" not in Systemd(facts(tmp_path), FakeSystemctl(linger=True)).install()


def test_systemd_status_follows_start_and_stop(tmp_path: Path) -> None:
    """Running with its pid, ended with the reason."""
    door = Systemd(facts(tmp_path), FakeSystemctl())
    door.install()
    running = door.status()
    door.stop()
    stopped = door.status()
    door.start()

    assert (running.installed, running.current, running.pid) == (True, True, 4711)
    assert (stopped.running, stopped.detail) == (False, "failed (failed), exit-code")
    assert door.status().running


def test_systemd_uninstall_removes_and_may_be_repeated(tmp_path: Path) -> None:
    """Stopped, disabled, gone; a second time is no error."""
    fake = FakeSystemctl()
    door = Systemd(facts(tmp_path), fake)
    door.install()

    first, second = door.uninstall(), door.uninstall()

    assert fake.calls[3:] == [["disable", "--now", "genrewatch.service"], ["daemon-reload"]]
    assert not door.definition.exists()
    assert "removed" in first
    assert "not installed" in second


def test_systemd_without_a_session_bus_says_what_to_do(tmp_path: Path) -> None:
    """su and sudo leave no bus."""
    with pytest.raises(ServiceError, match="log in as yourself"):
        Systemd(facts(tmp_path), FakeSystemctl(bus=False)).install()


@pytest.mark.parametrize("door", [Launchd, Systemd])
def test_start_and_stop_want_an_installed_service(tmp_path: Path, door: type) -> None:
    """The remedy names the command."""
    fake = FakeLaunchctl() if door is Launchd else FakeSystemctl()
    for act in ("start", "stop"):
        with pytest.raises(ServiceError, match="genrewatch service install"):
            getattr(door(facts(tmp_path), fake), act)()


@pytest.mark.parametrize("platform", ["darwin", "linux"])
def test_status_tells_a_file_of_another_environment(tmp_path: Path, platform: str) -> None:
    """After a move or an upgrade the installed file names a program that is not this one."""
    fake = FakeLaunchctl() if platform == "darwin" else FakeSystemctl()
    service.manager(facts(tmp_path, "old"), platform, fake).install()

    status = service.manager(facts(tmp_path, "new"), platform, fake).status()

    assert (status.installed, status.current) == (True, False)


def test_other_platforms_are_refused(tmp_path: Path) -> None:
    """There is no third door."""
    with pytest.raises(ServiceError, match="genrewatch run"):
        service.manager(facts(tmp_path), "freebsd14")


def test_missing_service_manager_is_told(tmp_path: Path) -> None:
    """A program that is not there is a sentence, no traceback."""
    with pytest.raises(ServiceError, match="there is no launchctl-that-is-not here"):
        service.run_command(["launchctl-that-is-not", "print"])


def test_unwritable_place_is_told(tmp_path: Path) -> None:
    """A file where the folder should be: reason and remedy, nothing left over."""
    (tmp_path / "Library").write_text("in the way")

    with pytest.raises(ServiceError, match="cannot be made"):
        launchd(tmp_path, FakeLaunchctl()).install()
