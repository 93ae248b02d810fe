"""Model versions are verified, immutable, and one command goes back."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.errors import ModelError
from core.registry import (
    Registry,
    backbone_file,
    backbone_source,
    base_dir,
    load,
    load_calibration,
)

CALIBRATION = {"temperature": 1.5, "bias": {"Jazz": 0.1}, "threshold": None, "promise": 0.9}


def make_model(
    root: Path, version: str, backbone: str | None = None, calibration: object = CALIBRATION
) -> Path:
    folder = root / version
    folder.mkdir(parents=True)
    (folder / "member-0.tflite").write_bytes(version.encode())
    (folder / "calibration.json").write_text(json.dumps(calibration))
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
    if backbone:
        manifest["backbone"] = {"name": "some network", "sha256": backbone}
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


def test_a_model_that_came_with_an_older_program_gives_way(tmp_path: Path) -> None:
    """An update brings another base; who had chosen the old one by name gets the new one."""
    old = make_model(tmp_path / "old", "base-1")
    Registry(tmp_path / "models", old).use("base-1")

    updated = Registry(tmp_path / "models", make_model(tmp_path / "new", "base-2"))

    assert updated.champion().version == "base-2"
    with pytest.raises(ModelError, match="no earlier"):
        updated.rollback()


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


def test_older_models_keep_no_linear_member(registry: Registry) -> None:
    """They are loaded as ever; how their members came about is not known either."""
    manifest = registry.champion()

    assert manifest.linear is None
    assert manifest.kinds == ("",)


def test_a_linear_member_without_a_hash_is_refused(tmp_path: Path, registry: Registry) -> None:
    """Nothing outside the folder and nothing unlisted is read."""
    path = tmp_path / "models" / "v1" / "manifest.json"
    document = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(document | {"linear": "../../elsewhere.npz"}), "utf-8")

    with pytest.raises(ModelError, match="no hash of"):
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


def test_a_calibration_of_an_older_program_tells_no_evidence(registry: Registry) -> None:
    """It loads; there is just less to know of it."""
    calibration = load_calibration(registry.champion())

    assert calibration.longest is None
    assert calibration.collection is None
    assert calibration.library.sure == ()


def test_the_evidence_for_the_promise_is_read_and_checked(tmp_path: Path) -> None:
    """One line a case: a column that is too short is damage."""
    columns = {"sure": [0.9, 0.4], "right": [1, 0], "artist": [3, 3]}
    told = CALIBRATION | {"longest": 12, "collection": columns}

    found = load_calibration(load(make_model(tmp_path, "v1", calibration=told)))

    assert found.longest == 12
    assert found.collection is not None
    assert found.collection.right == (True, False)
    damaged = told | {"collection": columns | {"right": [1]}}
    with pytest.raises(ModelError, match="unequal"):
        load_calibration(load(make_model(tmp_path, "v2", calibration=damaged)))


def test_a_new_version_takes_a_free_name(registry: Registry, tmp_path: Path) -> None:
    """Two trainings a day do not collide."""
    assert registry.new_version("2026-05-01") == "2026-05-01.1"
    make_model(tmp_path / "models", "2026-05-01.1")
    assert registry.new_version("2026-05-01") == "2026-05-01.2"


def test_the_tenth_training_of_a_day_comes_after_the_ninth(
    registry: Registry, tmp_path: Path
) -> None:
    """By number, not by letter."""
    for number in (10, 9, 2):
        make_model(tmp_path / "models", f"2026-05-01.{number}")

    names = [path.name for path in registry.versions()]
    assert names[1:4] == ["2026-05-01.2", "2026-05-01.9", "2026-05-01.10"]
    assert registry.new_version("2026-05-01") == "2026-05-01.11"


def test_a_model_that_is_still_written_is_no_version(registry: Registry, tmp_path: Path) -> None:
    """Nor what a killed training left."""
    make_model(tmp_path / "models", ".v3.partial")

    assert [path.name for path in registry.versions()] == ["base-1", "v1", "v2"]


def test_old_versions_go_and_never_one_that_is_needed(registry: Registry, tmp_path: Path) -> None:
    """Kept are the newest three and whatever going back, three times, leads to."""
    for number in range(1, 8):
        make_model(tmp_path / "models", f"2026-05-01.{number}")
    for used in ("v1", "2026-05-01.1", "2026-05-01.2", "v2", "2026-05-01.3"):
        registry.use(used)

    gone = registry.prune()

    assert gone == ("2026-05-01.4", "2026-05-01.5", "2026-05-01.6")
    back = [registry.rollback().version for _ in range(4)]
    assert back == ["v2", "2026-05-01.2", "2026-05-01.1", "base-1"]
    assert registry.prune() == ("2026-05-01.1", "2026-05-01.2", "2026-05-01.3")
    left = {path.name for path in (tmp_path / "models").iterdir()}
    assert left == {"2026-05-01.7", "v1", "v2", "champion"}
    assert registry.champion().version == "base-1"


def test_the_note_of_the_champion_is_mended_by_a_choice(registry: Registry, tmp_path: Path) -> None:
    """As the message says."""
    (tmp_path / "models" / "champion").write_text("{", "utf-8")
    with pytest.raises(ModelError, match="models use VERSION"):
        registry.champion()

    registry.use("v1")

    assert registry.champion().version == "v1"


def test_a_choice_of_a_person_is_told_from_the_gates(registry: Registry) -> None:
    """Only what the gate chose may be taken back without being asked."""
    registry.use("v1", proven=True)
    assert registry.proven() == "v1"

    registry.use("v1")
    assert registry.proven() is None
    registry.use("v2", proven=True)
    registry.rollback()
    assert registry.proven() is None


# --- models that hear with a backbone --------------------------------------------------------


@dataclass
class Here:
    """Which backbone there is just now."""

    source: str | None = None


@pytest.fixture
def here() -> Here:
    return Here()


@pytest.fixture
def rich(tmp_path: Path, here: Here) -> Registry:
    plain = make_model(tmp_path / "shipped", "base-1")
    other = make_model(tmp_path / "shipped", "base-2", backbone="abc")
    make_model(tmp_path / "models", "v1", backbone="abc")
    make_model(tmp_path / "models", "v2")
    return Registry(tmp_path / "models", plain, other, lambda: here.source)


def test_the_shipped_model_is_the_one_that_suits(rich: Registry, here: Here) -> None:
    """From one question to the next, as the backbone comes, goes or is another."""
    found = []
    for here.source in (None, "abc", "another", "abc"):
        found.append(rich.champion().version)

    assert found == ["base-1", "base-2", "base-1", "base-2"]
    assert rich.champion().backbone == "abc"


def test_a_model_without_its_backbone_is_stood_in_for(rich: Registry, here: Here) -> None:
    """By the shipped one that needs none; it is missed until the backbone is back."""
    here.source = "abc"
    rich.use("v1")
    here.source = None
    assert (rich.champion().version, rich.missed()) == ("base-1", "v1")

    here.source = "abc"
    assert (rich.champion().version, rich.missed()) == ("v1", None)


def test_a_model_that_cannot_hear_is_not_put_to_use(rich: Registry) -> None:
    """The remedy is told; one that needs no backbone may be used."""
    with pytest.raises(ModelError, match="make setup"):
        rich.use("v1")

    assert rich.use("v2").backbone is None
    assert rich.missed() is None
    assert [path.name for path in rich.versions()] == ["base-1", "base-2", "v1", "v2"]


def test_the_source_of_a_backbone_is_found_while_it_is_whole(tmp_path: Path) -> None:
    """Damage is seen at the next question."""
    folder = tmp_path / "backbone"
    assert backbone_source(folder) is None

    folder.mkdir()
    (folder / "net.tflite").write_bytes(b"network")
    manifest = {
        "format": 1,
        "file": "net.tflite",
        "files": {"net.tflite": hashlib.sha256(b"network").hexdigest()},
        "source": {"files": {".index": "i", ".data-00000-of-00001": "abc"}},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert backbone_source(folder) == "abc"

    (folder / "net.tflite").write_bytes(b"networm")
    assert backbone_source(folder) is None


def test_both_shipped_models_are_whole() -> None:
    """One needs the backbone, one does not; they know the same genres and tracks."""
    plain, rich = load(base_dir(backbone=False)), load(base_dir(backbone=True))

    assert plain.backbone is None
    assert rich.backbone is not None
    assert (rich.genres, rich.fingerprints) == (plain.genres, plain.fingerprints)
    assert rich.metrics["accuracy"] > plain.metrics["accuracy"]


# --- what is data stays data -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["../v2/member-0.tflite", "/etc/hostname", "other.tflite"])
def test_nothing_without_a_hash_is_ever_loaded(
    tmp_path: Path, registry: Registry, name: str
) -> None:
    """Neither a member nor a backbone that lies elsewhere or was not hashed."""
    folder = tmp_path / "models" / "v1"
    document = json.loads((folder / "manifest.json").read_text())
    document["members"][0]["file"] = document["file"] = name
    (folder / "manifest.json").write_text(json.dumps(document))

    with pytest.raises(ModelError, match="gives no hash of"):
        load(folder)
    with pytest.raises(ModelError, match="gives no hash of"):
        backbone_file(folder)


def test_a_link_is_no_file_of_the_model(tmp_path: Path, registry: Registry) -> None:
    """Not even where what it points to has the right hash: it can be another a moment later."""
    folder = tmp_path / "models" / "v1"
    member = folder / "member-0.tflite"
    member.rename(tmp_path / "elsewhere")
    member.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ModelError, match="no file of its own"):
        load(folder)
