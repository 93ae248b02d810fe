"""The backbone is used where it is wanted and whole; else the program says why not."""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from core import registry
from core.errors import ModelError
from core.library.hearings import HearingRow
from daemon.backbone import (
    backbone_folder,
    backbone_trouble,
    is_fully_heard,
    model_trouble,
    open_models,
)
from daemon.config import Config, Model
from daemon.learning import training

EMPTY = hashlib.sha256(b"").hexdigest()


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


def whole(folder: Path) -> None:
    """Make a folder that passes for the backbone of the shipped model."""
    rich = registry.load(registry.base_dir(backbone=True))
    folder.mkdir()
    files = {"source": {"files": {".data-0": rich.backbone}}, "files": {"net": EMPTY}}
    (folder / "net").touch()
    (folder / "manifest.json").write_text(json.dumps({"format": 1, "file": "net", **files}))


def test_the_shipped_model_follows_the_options_and_the_backbone(
    folder: Path, tmp_path: Path
) -> None:
    """The one with the backbone only where it is there and wanted."""
    wanting, without = Model(), Model(backbone="none")
    before = open_models(tmp_path, wanting).champion_dir()
    whole(folder)

    assert before == registry.base_dir(backbone=False)
    assert open_models(tmp_path, wanting).champion_dir() == registry.base_dir(backbone=True)
    assert open_models(tmp_path, without).champion_dir() == before


def test_a_champion_that_lost_its_backbone_is_told(folder: Path, tmp_path: Path) -> None:
    """Who judges in its place, and what to do."""
    whole(folder)
    models = open_models(tmp_path / "models", Model())
    models.use(registry.base_dir(backbone=True).name)
    assert model_trouble(models) is None

    shutil.rmtree(folder)
    trouble = str(model_trouble(models))

    plain, rich = (registry.base_dir(backbone=backbone).name for backbone in (False, True))
    assert f"model {rich} hears with the backbone" in trouble
    assert f"{plain} judges in its place" in trouble
    assert "make setup" in trouble


def test_training_is_told_which_backbone(folder: Path) -> None:
    """As a folder, or none."""
    assert training._backbone(Config()) == ["--backbone", "none"]
    whole(folder)

    assert training._backbone(Config()) == ["--backbone", str(folder)]


def test_a_label_is_heard_once_more_for_its_embedding(folder: Path) -> None:
    """Only where there is a backbone to give it, and where there is sound."""
    silent, plain, rich = (
        HearingRow(
            fingerprint="f1",
            feature_version=1,
            model_version="m1",
            genres=("Jazz",),
            segments=segments,
            track_features=np.zeros((2, 135), np.float32),
            pooled_scores=np.zeros((1, 1), np.float32),
            features=np.zeros((segments, 135), np.float32),
            embedding=embedding,
        )
        for segments, embedding in ((0, None), (1, None), (1, np.zeros(200, np.float32)))
    )
    assert is_fully_heard(plain, Model())
    assert not is_fully_heard(None, Model())
    whole(folder)

    assert [is_fully_heard(kept, Model()) for kept in (silent, plain, rich)] == [True, False, True]
    assert is_fully_heard(plain, Model(backbone="none"))
