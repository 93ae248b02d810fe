"""Check what the program needs, from where it runs: each finding in one sentence."""

import os
import platform
import shutil
import sys
import tempfile
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.errors import GenrewatchError
from core.library import writes
from core.library.backup import backups, trouble_of
from core.library.faults import RESTORE
from daemon import processes
from daemon.app import App
from daemon.backbone import backbone_folder, backbone_trouble
from daemon.commands.neighbours import other_writers, place_trouble, room_trouble, survey, taggers
from daemon.config import expand
from daemon.state import is_locked

__all__ = ["Finding", "examine"]

ROOM_MB = 500
PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check and how it went."""

    check: str
    ok: bool
    detail: str


def examine(app: App) -> list[Finding]:
    """Run all checks; none leaves anything changed."""
    checks: tuple[tuple[str, Callable[[App], str]], ...] = (
        ("options", _options),
        ("state", _state),
        ("record", _record),
        ("backups", _backups),
        ("model", _model),
        ("backbone", _backbone),
        ("worker", _worker),
        ("folders", _folders),
        ("file systems", _file_systems),
        ("other writers", _other_writers),
        ("file watching", _watching),
        ("daemon", _daemon),
    )
    return [_run(name, check, app) for name, check in checks]


def _run(name: str, check: Callable[[App], str], app: App) -> Finding:
    try:
        return Finding(check=name, ok=True, detail=check(app))
    except GenrewatchError as error:
        return Finding(check=name, ok=False, detail=str(error))


def _options(app: App) -> str:
    _ = app.config
    return f"read from {app.config_path}"


def _state(app: App) -> str:
    free = shutil.disk_usage(app.state.root).free // 2**20
    if free < ROOM_MB:
        raise GenrewatchError(f"only {free} MB are free", str(app.state.root), "make room")
    return f"{app.state.root}, {free} MB free"


def _record(app: App) -> str:
    _ = app.db  # made where absent
    damage = trouble_of(app.state.library, thorough=True)
    if damage is not None:
        raise GenrewatchError(f"the record is damaged ({damage})", None, RESTORE)
    return "whole"


def _backups(app: App) -> str:
    made = backups(app.state.backups)
    if not made:
        return "none yet: one is made each day while the daemon runs"
    return f"{len(made)}, the newest of {made[0].day}; see genrewatch restore --list"


def _model(app: App) -> str:
    manifest = app.models.champion()
    return f"{manifest.version}, every file as its manifest says"


def _backbone(app: App) -> str:
    trouble = backbone_trouble(app.config.model)
    if trouble:
        raise GenrewatchError(trouble)
    folder = backbone_folder(app.config.model)
    return f"whole, in {folder}" if folder else "switched off: only the 135 features are heard"


def _worker(app: App) -> str:
    with tempfile.NamedTemporaryFile(suffix=".wav") as tone, processes.Workers(nice=0) as workers:
        with wave.open(tone, "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
            sound.writeframes(bytes(range(256)) * 32)
        found = workers.call(processes.PROBE, tone.name, timeout=60.0)
    return f"starts and decodes ({found.duration_s:.1f} s of sound)"


def _folders(app: App) -> str:
    for folder in map(expand, app.config.watch.folders):
        _check_folder(folder)
    return ", ".join(app.config.watch.folders)


def _check_folder(folder: str) -> None:
    try:
        with os.scandir(folder) as entries:
            next(entries, None)
    except FileNotFoundError:
        return  # made at the first start
    except PermissionError as error:
        raise GenrewatchError("may not be read", folder, _permission_remedy()) from error
    if not os.access(folder, os.W_OK):
        raise GenrewatchError("may not be written to", folder, "change its permissions")


def _file_systems(app: App) -> str:
    notes = []
    for folder in _present(app):
        room = room_trouble(folder, survey(folder).largest)
        if room is not None:
            raise GenrewatchError(room, folder)
        notes += [f"{folder}: {note}" for note in place_trouble(folder)]
    return "; ".join(notes) or "swap files in one step, can be locked, and have room"


def _other_writers(app: App) -> str:
    under_way = [*writes.open_writes(app.db), *writes.kept_writes(app.db)]
    ours = {row.scratch for row in under_way}
    notes = [f"{name} is running: let it finish with a file first" for name in taggers(PROC)]
    for folder in _present(app):
        found = survey(folder)
        for trouble in other_writers(found, ours):
            raise GenrewatchError(trouble, folder)
        for name in found.syncers:
            notes.append(f"{folder} is kept by {name}: let genrewatch run on one machine only")
    return "; ".join(notes) or "none seen"


def _present(app: App) -> list[str]:
    return [folder for folder in map(expand, app.config.watch.folders) if os.path.isdir(folder)]  # noqa: PTH112


def _permission_remedy() -> str:
    on_mac = platform.system() == "Darwin"  # where the grant sticks to the binary that asks
    allow = f"allow {sys.executable} under Privacy & Security, Full Disk Access"
    return allow if on_mac else "change its permissions"


def _watching(app: App) -> str:
    limit = Path("/proc/sys/fs/inotify/max_user_watches")
    if not limit.exists():
        return "by the system's own events"
    allowed = int(limit.read_text("utf-8"))
    needed = sum(_count_folders(expand(folder)) for folder in app.config.watch.folders)
    if needed > allowed:
        raise GenrewatchError(
            f"{needed} folders, but the system watches only {allowed}",
            None,
            f"run: sudo sysctl fs.inotify.max_user_watches={needed * 2}",
        )
    return f"{needed} folders of {allowed} possible"


def _count_folders(folder: str) -> int:
    return sum(1 for _ in os.walk(folder))


def _daemon(app: App) -> str:
    if is_locked(app.state.daemon_lock):
        return "running"
    return "not running; start it with: genrewatch run"
