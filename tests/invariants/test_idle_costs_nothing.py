"""Invariant 7: the resident process never imports what only workers and trainer need.

A fresh interpreter imports all that the daemon imports, takes in what a worker hands back,
opens a record and judges; what it has loaded then is compared with the forbidden list.
"""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.analysis import Glance, Hearing, Probe
from core.stamp import Stamp
from core.tags import TagReading, WriteResult

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    *("tensorflow", "keras", "librosa", "numba", "sklearn", "scipy", "av", "soxr"),
    *("ai_edge_litert", "tflite_runtime", "mutagen", "pandas", "matplotlib"),
)
RESIDENT = (
    *("daemon.cli", "daemon.daemon", "daemon.supervisor", "daemon.life.steps"),
    *("daemon.watching.scan", "daemon.learning.schedule", "daemon.learning.training"),
    *("daemon.judging.judge", "daemon.life.meeting", "daemon.telling.status"),
    *("daemon.life.writing", "daemon.life.reading", "daemon.life.listening", "daemon.life.undoing"),
    *("daemon.telling.history", "daemon.showing.show", "daemon.acts", "daemon.watching.watch"),
    *("daemon.service", "daemon.commands.doctor"),
    *("core.library.schema", "core.tags.journal", "core.registry", "core.decision.memory"),
)
LOADED = """
import importlib, json, pickle, sys
for name in {modules!r}:
    importlib.import_module(name)
for text in {pickles!r}:
    pickle.loads(bytes.fromhex(text))
import core, daemon
found = {{"core": core.__file__, "daemon": daemon.__file__}}
print(json.dumps({{"loaded": sorted(sys.modules), **found}}))
"""
STAMP = Stamp(size=1, mtime_ns=2, ctime_ns=3, inode=4)
TAG = TagReading(format="mp3", genres=("Rock",))
PROBE = Probe(fingerprint="f", head="h", volume=1, duration_s=1.0, stamp=STAMP, links=1, tag=TAG)
GLANCE = Glance(head="h", volume=1, stamp=STAMP, tag=TAG)
WRITTEN = WriteResult(old=(), new=("Rock",), before=STAMP, after=STAMP)
HEARING = Hearing(
    fingerprint="f",
    duration_s=1.0,
    feature_version=1,
    model_version="1",
    starts_s=np.zeros(1, np.float32),
    features=np.zeros((1, 135), np.float32),
    scores=np.zeros((1, 1, 2), np.float32),
    genres=("Rock", "Jazz"),
    seconds_heard=1.0,
)


def loaded(modules: tuple[str, ...], pickles: list[bytes] | None = None) -> dict[str, object]:
    """Import *modules* in a fresh interpreter and return what it has loaded."""
    code = LOADED.format(modules=modules, pickles=[data.hex() for data in pickles or []])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    document: dict[str, object] = json.loads(done.stdout)
    return document


def heavy(modules: object) -> set[str]:
    assert isinstance(modules, list)
    return {name.split(".")[0] for name in modules} & set(HEAVY)


def test_the_resident_imports_nothing_heavy() -> None:
    """Not by itself and not by what the workers hand back."""
    handed_back = [pickle.dumps(value) for value in (GLANCE, PROBE, HEARING, WRITTEN)]

    assert heavy(loaded(RESIDENT, handed_back)["loaded"]) == set()


@pytest.mark.parametrize("module", ["daemon.cli", "daemon.__main__"])
def test_what_a_worker_imports_again_is_light(module: str) -> None:
    """A spawned worker imports the main script once more."""
    assert heavy(loaded((module,))["loaded"]) == set()


def test_core_and_daemon_are_ours() -> None:
    """The names are common; another package of that name must not stand before ours."""
    found = loaded(())

    assert Path(str(found["core"])).parent == ROOT / "core"
    assert Path(str(found["daemon"])).parent == ROOT / "daemon"
