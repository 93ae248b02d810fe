"""Making the backbone: from the one known checkpoint, equal to the reference, or not at all."""

import json
import shutil
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.errors import ModelError
from core.learning import backbone
from core.registry import BACKBONE_FORMAT, backbone_file
from tests.core.conftest import make_backbone


@pytest.fixture
def network(weights):
    """The float32 network in Keras."""
    folder, _licence = backbone.source()
    return backbone.build(backbone.read_weights(folder))


def test_the_rebuilt_network_says_what_the_reference_says(network):
    """It was compared with the original graph when the reference was made: equal to 1e-6."""
    with np.load(backbone.REFERENCE) as known:
        said = backbone.reference(network, known["patches"])

        assert network.count_params() == 792_079
        assert np.abs(said["tags"] - known["tags"]).max() < 1e-5
        assert np.abs(said["embedding"] - known["embedding"]).max() < 1e-4


def test_the_manifest_says_where_it_came_from(exported):
    """Wheel, weights and licence; and every file by its sha256."""
    document = json.loads((exported / "manifest.json").read_text("utf-8"))

    assert document["format"] == BACKBONE_FORMAT
    assert document["source"] == {
        "package": "musicnn", "version": "0.1.0", "files": backbone.WEIGHT_FILES
    }  # fmt: skip
    assert "Permission to use, copy, modify" in document["licence"]
    assert set(document["files"]) == {"backbone.tflite", "tags.npz", "LICENSE.md"}
    assert 1_500_000 < backbone_file(exported).stat().st_size < 1_700_000


def test_a_whole_backbone_is_not_made_again(exported):
    """The second time only looks."""
    before = (exported / "backbone.tflite").stat()

    code, said = make_backbone("--out", str(exported))

    assert (code, said["event"], said["made"]) == (0, "done", False)
    assert (exported / "backbone.tflite").stat() == before


@pytest.mark.parametrize("harm", ["network", "manifest", "format", "source"])
def test_another_backbone_is_not_taken_for_ours(exported, tmp_path, harm):
    """Damaged, of another format, or of other weights: it is made anew."""
    folder = tmp_path / "backbone"
    shutil.copytree(exported, folder)
    assert backbone.is_current(folder)
    document = json.loads((folder / "manifest.json").read_text("utf-8"))
    match harm:
        case "network":
            (folder / "backbone.tflite").write_bytes(b"")
        case "manifest":
            document = {"format": BACKBONE_FORMAT}
        case "format":
            document["format"] += 1
        case "source":
            document["source"]["files"][".index"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(document), "utf-8")

    assert not backbone.is_current(folder)


@pytest.mark.parametrize("name", sorted(backbone.WEIGHT_FILES))
def test_other_weights_are_refused(weights, tmp_path, name):
    """One byte changed, and nothing of it is read."""
    folder = tmp_path / "MSD_musicnn"
    shutil.copytree(backbone.source()[0], folder)
    with (folder / name).open("r+b") as file:
        file.seek(1000)
        byte = file.read(1)
        file.seek(1000)
        file.write(bytes([byte[0] ^ 1]))

    with pytest.raises(ModelError, match="not the file that was published; run: pip install"):
        backbone.read_weights(folder)


def test_missing_weights_are_told(tmp_path):
    """By name."""
    with pytest.raises(ModelError, match="data-00000-of-00001: cannot be read"):
        backbone.read_weights(tmp_path)


def test_an_absent_package_is_told(monkeypatch):
    """With the command that brings it without its pins of 2020."""

    def absent(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)

    with pytest.raises(ModelError, match="not installed; run: pip install --no-deps musicnn"):
        backbone.source()


@pytest.mark.parametrize(
    ("version", "licence", "words"),
    [("0.2.0", "text", "0.2.0 is not the version known"), ("0.1.0", None, "without its licence")],
)
def test_another_package_is_refused(monkeypatch, version, licence, words):
    """Another version, or one that lost its licence on the way."""
    package = SimpleNamespace(version=version, read_text=lambda name: licence)
    monkeypatch.setattr(metadata, "distribution", lambda name: package)

    with pytest.raises(ModelError, match=words):
        backbone.source()


def test_a_network_that_says_else_is_refused(exported, tmp_path, monkeypatch):
    """Whatever the reason: a processor, a converter, a wrong file."""
    with np.load(backbone.REFERENCE) as known:
        other = dict(known)
    other["tags"] = other["tags"] + np.float32(0.01)
    np.savez(tmp_path / "other.npz", **other)
    monkeypatch.setattr(backbone, "REFERENCE", tmp_path / "other.npz")

    with pytest.raises(ModelError, match="does not say what it must"):
        backbone.agree(exported)


def test_a_failure_leaves_nothing_behind(weights, tmp_path, monkeypatch):
    """Neither half a folder nor the loss of the one that was there."""
    target = tmp_path / "backbone"
    target.mkdir()
    (target / "old").write_text("old", "utf-8")
    monkeypatch.setattr(backbone, "build", lambda weights: None)
    monkeypatch.setattr(backbone, "export", lambda network: b"no network")

    with pytest.raises(ModelError, match="cannot be run"):
        backbone.make(target)

    assert [path.name for path in tmp_path.iterdir()] == ["backbone"]
    assert (target / "old").read_text("utf-8") == "old"


def test_a_folder_that_cannot_be_written_is_told(weights, tmp_path: Path, monkeypatch):
    """In one sentence, on stdout as JSON, with exit code 1."""
    (tmp_path / "file").write_text("", "utf-8")

    code, said = make_backbone("--out", str(tmp_path / "file" / "backbone"))

    assert (code, said["event"]) == (1, "error")
    assert "cannot be written" in str(said["what"])
