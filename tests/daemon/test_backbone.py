"""The backbone is used where it is wanted and whole; else the program says why not."""

import shutil
import sys
from pathlib import Path

import pytest

from core import registry
from core.errors import ModelError
from daemon.backbone import backbone_folder, backbone_trouble
from daemon.config import Model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the environment would keep its backbone; nothing is there yet."""
    monkeypatch.setattr(registry, "backbone_dir", lambda: tmp_path / "backbone")
    return tmp_path / "backbone"


def test_it_lies_in_the_environment() -> None:
    """One conversion serves every state directory."""
    parts = registry.backbone_dir().parts

    assert parts[-3:] == ("share", "genrewatch", "backbone")


def test_an_absent_backbone_is_told_with_its_remedy(folder: Path) -> None:
    """And the 135 features go on alone."""
    trouble = backbone_trouble(Model())

    assert backbone_folder(Model()) is None
    assert trouble is not None
    assert "only the 135 features" in trouble
    assert "pip install --no-deps musicnn" in trouble


def test_switched_off_is_no_trouble(folder: Path) -> None:
    """Whoever wants the 135 alone hears nothing of it."""
    assert backbone_folder(Model(backbone="none")) is None
    assert backbone_trouble(Model(backbone="none")) is None


def test_a_damaged_backbone_costs_no_file(folder: Path) -> None:
    """Found before the job is given to a worker."""
    folder.mkdir()
    (folder / "manifest.json").write_text('{"format": 1, "file": "x", "files": {"x": "0"}}')

    assert backbone_folder(Model()) is None
    assert "only the 135 features" in str(backbone_trouble(Model()))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 1, "files": []}'])
def test_an_odd_manifest_is_refused(folder: Path, text: str) -> None:
    """Never an exception of another kind."""
    folder.mkdir()
    (folder / "manifest.json").write_text(text)

    with pytest.raises(ModelError):
        registry.backbone_file(folder)


def test_a_whole_backbone_is_used(folder: Path) -> None:
    """As this environment has it."""
    here = Path(sys.prefix) / "share" / "genrewatch" / "backbone"
    if not here.is_dir():
        pytest.skip("this environment has no backbone: run make setup")
    shutil.copytree(here, folder)

    assert backbone_folder(Model()) == str(folder)
    assert backbone_trouble(Model()) is None
