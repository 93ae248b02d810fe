"""Model versions are verified, immutable, and one command goes back."""

import hashlib
import json
from pathlib import Path

import pytest

from core.errors import ModelError
from core.registry import Registry, load, load_calibration

CALIBRATION = {"temperature": 1.5, "bias": {"Jazz": 0.1}, "threshold": None, "promise": 0.9}


def make_model(root: Path, version: str) -> Path:
    folder = root / version
    folder.mkdir(parents=True)
    (folder / "member-0.tflite").write_bytes(version.encode())
    (folder / "calibration.json").write_text(json.dumps(CALIBRATION))
    names = ("member-0.tflite", "calibration.json")
    manifest = {
        "format": 1,
        "version": version,
        "created": "2026-05-01T12:00:00Z",
        "feature_version": 1,
        "genres": ["Jazz", "Rock"],
        "members": [{"file": "member-0.tflite", "weight": 1.0, "input": "segments"}],
        "calibration": "calibration.json",
        "files": {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names},
        "provenance": "made up",
        "licence": "none",
        "training": {"fingerprints": ["f1"]},
        "metrics": {"accuracy": 0.5, "n": 10, "protocol": "made up"},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    base = make_model(tmp_path / "shipped", "base-1")
    for version in ("v1", "v2"):
        make_model(tmp_path / "models", version)
    return Registry(tmp_path / "models", base)


def test_the_shipped_model_is_the_first_champion(registry: Registry) -> None:
    """There is a model before anything was trained."""
    assert registry.champion().version == "base-1"


def test_the_champion_changes_at_once_and_back(registry: Registry) -> None:
    """Use, use, roll back, roll back: to the shipped one at last."""
    registry.use("v1")
    registry.use("v2")
    assert registry.champion().version == "v2"

    assert registry.rollback().version == "v1"
    assert registry.rollback().version == "base-1"
    with pytest.raises(ModelError, match="no earlier"):
        registry.rollback()


@pytest.mark.parametrize("name", ["member-0.tflite", "calibration.json"])
def test_a_changed_file_is_refused(registry: Registry, tmp_path: Path, name: str) -> None:
    """A model is data, and verified by hash before it is used."""
    path = tmp_path / "models" / "v1" / name
    path.write_bytes(path.read_bytes() + b" ")

    with pytest.raises(ModelError, match=name):
        registry.use("v1")
    assert registry.champion().version == "base-1"


def test_a_file_that_nobody_listed_is_refused(tmp_path: Path, registry: Registry) -> None:
    """What the manifest does not name has no business there."""
    (tmp_path / "models" / "v1" / "extra.pkl").write_bytes(b"cos\nsystem\n")

    with pytest.raises(ModelError, match=r"extra\.pkl"):
        load(tmp_path / "models" / "v1")


def test_an_unknown_version_names_those_that_are_known(registry: Registry) -> None:
    """The remedy is in the message."""
    with pytest.raises(ModelError, match="base-1, v1, v2"):
        registry.use("v9")


def test_genres_without_a_bias_have_none(registry: Registry) -> None:
    """The calibration is in the manifest's order of genres."""
    calibration = load_calibration(registry.champion())

    assert calibration.bias == (0.1, 0.0)
    assert calibration.threshold is None


def test_a_new_version_takes_a_free_name(registry: Registry, tmp_path: Path) -> None:
    """Two trainings a day do not collide."""
    assert registry.new_version("2026-05-01") == "2026-05-01.1"
    make_model(tmp_path / "models", "2026-05-01.1")
    assert registry.new_version("2026-05-01") == "2026-05-01.2"
