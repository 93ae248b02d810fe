"""What the tags say of a genre before any label, and how labels take over from that."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from core.learning import backbone as conversion
from core.learning.ensemble.fitting import regress
from core.learning.nets.prior import TAGS_FILE, TagLayer, tag_layer
from core.learning.train import tags_in
from core.registry import backbone_dir, backbone_source
from core.taxonomy import SPOKEN_OF, TAGS, fold, tags_of


@pytest.fixture
def layer() -> TagLayer:
    """A last layer in which number i of the embedding is the logit of tag i."""
    kernel = np.zeros((200, 50), np.float32)
    kernel[:50] = np.eye(50)
    return TagLayer(kernel=kernel, bias=np.zeros(50, np.float32))


def test_every_tag_of_the_table_is_one_of_the_backbones() -> None:
    """A misspelt tag would silence its genre."""
    assert {tag for tags in SPOKEN_OF.values() for tag in tags} <= set(TAGS)
    assert all(name == fold(name) for name in SPOKEN_OF)


@pytest.mark.parametrize(
    ("genre", "tags"),
    [
        ("Hip-Hop", ("Hip-Hop", "rnb")),
        ("hip hop", ("Hip-Hop", "rnb")),
        ("House", ("House",)),
        ("Blues", ("blues",)),
        ("R&B", ("rnb", "soul")),
        ("Polka", ()),
    ],
)
def test_a_genre_is_known_by_its_tags(genre: str, tags: tuple[str, ...]) -> None:
    """By the table, else by the tag of its name, in any spelling; else by none."""
    assert tags_of(genre) == tags


def test_a_genres_score_is_its_tags_in_standard_deviations(layer: TagLayer) -> None:
    """The weights say of a scaled embedding what the tags' logits say of the raw one."""
    raw = np.random.default_rng(1).normal(3, 2, (40, 200)).astype(np.float32)
    width = raw.std(axis=0)

    weights = layer.weights(["House", "Hip-Hop", "Polka"], raw, width)
    scores = (raw - raw.mean(axis=0)) / width @ weights

    logits = (raw - raw.mean(axis=0)) / raw.std(axis=0)
    both = (logits[:, TAGS.index("Hip-Hop")] + logits[:, TAGS.index("rnb")]) / 2
    assert np.allclose(scores[:, 0], logits[:, TAGS.index("House")], atol=1e-4)
    assert np.allclose(scores[:, 1], both, atol=1e-4)
    assert not scores[:, 2].any()


def test_labels_take_over_from_the_tags() -> None:
    """With one label the weights stay where they were drawn, with many they follow the labels."""
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(400, 5)).astype(np.float32)
    labels = np.eye(2, dtype=np.float32)[(rows[:, 0] > 0).astype(int)]
    drawn = np.zeros((5, 2))
    drawn[1] = -1.0, 1.0  # the tags speak of another number than the labels do

    few, _ = regress(rows[:1], labels[:1], np.ones(1), 100.0, drawn)
    many, _ = regress(rows, labels, np.ones(400), 0.01, drawn)

    assert np.allclose(few, drawn, atol=0.02)
    assert many[0, 1] - many[0, 0] > 2 * abs(many[1, 1] - many[1, 0])


def test_without_a_layer_the_weights_are_drawn_to_zero() -> None:
    """An environment with an older backbone trains as before."""
    rows, labels = np.ones((4, 3), np.float32), np.eye(2, dtype=np.float32)[[0, 1, 0, 1]]

    weights, _ = regress(rows, labels, np.ones(4), 1.0)

    assert np.allclose(weights, 0, atol=1e-6)


@pytest.mark.skipif(backbone_source(backbone_dir()) is None, reason="no backbone is prepared here")
def test_the_kept_layer_makes_the_networks_tags() -> None:
    """The layer beside the network turns its embedding into just the tags that it gives."""
    kept = tag_layer(backbone_dir())
    assert kept is not None
    with np.load(conversion.REFERENCE, allow_pickle=False) as known:
        tags = 1 / (1 + np.exp(-(known["embedding"] @ kept.kernel + kept.bias)))

        assert np.abs(tags - known["tags"]).max() < 1e-5


def test_a_folder_of_an_older_program_has_no_layer(tmp_path: Path) -> None:
    """It is made anew by the next setup; until then nothing fails, and who trains is told."""
    network = tmp_path / "backbone.tflite"
    network.write_bytes(b"a network")
    hashes = {network.name: hashlib.sha256(network.read_bytes()).hexdigest()}
    document = {"format": 1, "file": network.name, "files": hashes}
    (tmp_path / "manifest.json").write_text(json.dumps(document), "utf-8")

    assert tag_layer(tmp_path) is None
    assert not (tmp_path / TAGS_FILE).exists()
    told: list[dict[str, object]] = []
    assert tags_in(str(tmp_path), told.append) is None
    assert tags_in(None, told.append) is None
    assert len(told) == 1
    assert "without its tags" in str(told)
