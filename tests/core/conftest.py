"""What several rooms of core are tested with."""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.once import made_once

ROOT = Path(__file__).resolve().parents[2]


def make_backbone(*arguments: str) -> tuple[int, dict[str, object]]:
    """Run the command in a process of its own (TensorFlow warns); exit code and last line."""
    done = subprocess.run(
        [sys.executable, "-m", "core.learning.backbone", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    lines = done.stdout.splitlines()
    assert lines, done.stderr[-2000:]
    said: dict[str, object] = json.loads(lines[-1])
    return done.returncode, said


@pytest.fixture(scope="session")
def weights() -> None:
    """Skip where the package with the backbone's weights is not installed."""
    try:
        metadata.distribution("musicnn")
    except metadata.PackageNotFoundError:
        pytest.skip("needs musicnn: pip install --no-deps musicnn==0.1.0")


@pytest.fixture(scope="session")
def exported(weights: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the backbone, converted once a run."""

    def make(folder: Path) -> None:
        code, said = make_backbone("--out", str(folder / "backbone"))
        assert code == 0, said
        assert said["made"]

    return made_once(tmp_path_factory, "converted", make) / "backbone"
