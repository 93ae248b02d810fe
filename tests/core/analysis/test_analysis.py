"""The worker's calls: probe, analyse, score, on real files and a real LiteRT model."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.analysis import analyse, probe, score
from core.analysis.features import FEATURE_VERSION, features_of
from core.errors import AudioError, ModelError, TagError
from tests.audio import encode, make_audio, retag

GENRES = ("Jazz", "Metal", "Techno")

# Made in a process of its own: TensorFlow takes half a gigabyte and warns at import.
MAKE_MODEL = """
import sys, numpy as np, tensorflow as tf
for seed, path in enumerate(sys.argv[1:]):
    size = 200 if seed == 2 else 135
    weights = np.random.default_rng(seed).normal(0, 1e-3, (size, 3)).astype(np.float32)
    @tf.function(input_signature=[tf.TensorSpec([None, size], tf.float32)])
    def member(features):
        return tf.matmul(features, weights)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([member.get_concrete_function()])
    open(path, "wb").write(converter.convert())
"""


def write_manifest(folder: Path, **changes: object) -> None:
    """Write a manifest that fits the files in *folder*, but for *changes*."""
    files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}
    files.pop("manifest.json", None)
    members = sorted(name for name in files if name.endswith(".tflite"))
    manifest = {
        "format": 1, "version": "test-1", "created": "2025-01-01T00:00:00Z",
        "feature_version": FEATURE_VERSION, "genres": list(GENRES),
        "members": [{"file": name, "weight": 1.0, "input": "segments"} for name in members],
        "calibration": "calibration.json", "replay": "replay.npz", "files": files,
        "provenance": "random numbers", "licence": "none", "training": {"fingerprints": []},
        "metrics": {"accuracy": 0, "low": 0, "high": 0, "n": 0, "protocol": "none"},
    } | changes  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture(scope="session")
def members(tmp_path_factory):
    """Linear LiteRT members with random weights, made once; the third judges embeddings."""
    folder = tmp_path_factory.mktemp("members")
    paths = [str(folder / f"member-{seed}.tflite") for seed in (0, 1, 2)]
    subprocess.run([sys.executable, "-c", MAKE_MODEL, *paths], check=True, capture_output=True)
    return folder


@pytest.fixture
def model(tmp_path, members):
    """A whole model folder of two random members."""
    folder = tmp_path / "model"
    folder.mkdir()
    for path in sorted(members.iterdir())[:2]:
        (folder / path.name).write_bytes(path.read_bytes())
    calibration = {"temperature": 1.0, "bias": {}, "threshold": None, "promise": 0.9}
    (folder / "calibration.json").write_text(json.dumps(calibration))
    np.savez(folder / "replay.npz", features=np.zeros((0, 135), np.float16))
    write_manifest(folder)
    return folder


# --- probe -----------------------------------------------------------------------------


def test_probe_tells_who_a_file_is(tmp_path):
    """Fingerprint, length, state on disk and tag, in one call."""
    path = make_audio(tmp_path / "x.flac", seconds=3, genre=["Jazz", "Blues"], artist="Someone")

    probed = probe(str(path))

    assert probed.duration_s == pytest.approx(3)
    assert probed.stamp.size == path.stat().st_size
    assert probed.links == 1
    assert probed.tag.genres == ("Jazz", "Blues")
    assert probed.tag.artist == "Someone"
    assert pickle.loads(pickle.dumps(probed)) == probed  # noqa: S301


def test_retagged_file_is_the_same_track(tmp_path):
    """Only tag and stamp differ."""
    path = make_audio(tmp_path / "x.mp3", seconds=3, genre="Jazz")
    before = probe(str(path))

    retag(path, genre="Rock")
    after = probe(str(path))

    assert (after.fingerprint, after.duration_s) == (before.fingerprint, before.duration_s)
    assert after.tag.genres == ("Rock",)
    assert after.stamp != before.stamp


def test_hard_links_are_counted(tmp_path):
    """Writing would split them."""
    path = make_audio(tmp_path / "x.mp3", seconds=1)
    os.link(path, tmp_path / "y.mp3")

    assert probe(str(path)).links == 2


def test_file_without_a_place_for_a_genre_says_so(tmp_path):
    """It can be heard, so it is no failure: the reading carries the reason."""
    path = tmp_path / "x.aac"
    path.write_bytes(adts(make_audio(tmp_path / "x.m4a", seconds=2)))

    probed = probe(str(path))

    assert probed.duration_s == pytest.approx(2, abs=0.1)
    assert probed.tag.genres == ()
    assert probed.tag.unwritable


def adts(m4a: Path) -> bytes:
    """The audio of *m4a* as raw AAC, a kind of file that takes no tags."""
    import av

    raw = m4a.with_suffix(".raw.aac")
    with av.open(str(m4a)) as source, av.open(str(raw), "w", format="adts") as out:
        stream = out.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    return raw.read_bytes()


def test_unreadable_tag_is_an_error_and_never_empty(tmp_path, monkeypatch):
    """A person's genre may stand in it."""
    path = make_audio(tmp_path / "x.mp3", seconds=1)

    def fail(path: str) -> None:
        raise TagError("cannot be read", path)

    monkeypatch.setattr("core.tags.formats.read", fail)

    with pytest.raises(TagError):
        probe(str(path))


def test_file_that_changes_meanwhile_is_not_taken(tmp_path, monkeypatch):
    """Fingerprint and tag must be of one state."""
    from core.tags import formats

    path = make_audio(tmp_path / "x.mp3", seconds=1)
    read = formats.read

    def read_and_touch(name: str) -> object:
        reading = read(name)
        os.utime(name, (1, 1))
        return reading

    monkeypatch.setattr("core.tags.formats.read", read_and_touch)

    with pytest.raises(AudioError, match="changed while it was read"):
        probe(str(path))


@pytest.mark.parametrize("call", [probe, lambda path: analyse(path, "/nowhere")])
def test_missing_file_is_an_error_of_ours(tmp_path, call):
    """Whatever is wrong leaves as one of our errors."""
    with pytest.raises((AudioError, ModelError)):
        call(str(tmp_path / "none.mp3"))


# --- analyse and score -----------------------------------------------------------------


def test_analyse_hears_a_file(tmp_path, model):
    """Shapes, versions, and scores that are the members' own arithmetic."""
    path = make_audio(tmp_path / "x.mp3", seconds=20, rate=44_100, channels=2)

    heard = analyse(str(path), str(model))

    assert heard.features.shape == (6, 135)
    assert heard.scores.shape == (2, 6, len(GENRES))
    assert heard.scores.dtype == np.float32
    assert heard.starts_s.shape == (6,)
    assert (heard.feature_version, heard.model_version) == (FEATURE_VERSION, "test-1")
    assert heard.genres == GENRES
    assert 19 < heard.seconds_heard < 20.1
    assert heard.fingerprint == probe(str(path)).fingerprint
    weights = np.random.default_rng(1).normal(0, 1e-3, (135, 3))
    assert heard.scores[1] == pytest.approx(heard.features @ weights, rel=1e-3, abs=1e-3)


def test_kept_features_are_scored_without_decoding(tmp_path, model):
    """The same scores from the features alone, for any number of segments."""
    heard = analyse(str(make_audio(tmp_path / "x.flac", seconds=20)), str(model))

    assert score(heard.features, str(model)) == pytest.approx(heard.scores)
    assert score(heard.features[:1], str(model)) == pytest.approx(heard.scores[:, :1], abs=1e-4)
    assert score(heard.features[:0], str(model)).shape == (2, 0, 3)


def test_short_file_has_one_segment(tmp_path, model):
    """Two seconds, and even one, get a verdict."""
    for seconds in (1, 2):
        path = make_audio(tmp_path / f"{seconds}.m4a", seconds=seconds, rate=44_100)
        assert analyse(str(path), str(model)).scores.shape == (2, 1, 3)


def test_silent_file_has_no_segments(tmp_path, model):
    """n = 0, and it was heard all the same."""
    encode(tmp_path / "x.flac", np.zeros(20 * 22_050, np.float32), 22_050, "flac")

    heard = analyse(str(tmp_path / "x.flac"), str(model))

    assert heard.scores.shape == (2, 0, 3)
    assert heard.features.shape == (0, 135)
    assert heard.seconds_heard > 19


def test_hearing_can_be_sent_from_a_worker(tmp_path, model):
    """It survives pickling with its arrays."""
    heard = analyse(str(make_audio(tmp_path / "x.flac", seconds=6)), str(model))

    again = pickle.loads(pickle.dumps(heard))  # noqa: S301

    assert np.array_equal(again.scores, heard.scores)
    assert again.genres == heard.genres


# --- models that do not fit ------------------------------------------------------------


def zero_features():
    """One segment of zeros."""
    return np.zeros((1, 135), dtype=np.float32)


def test_changed_member_is_refused(model):
    """The sha256 in the manifest is checked before anything is loaded."""
    member = model / "member-0.tflite"
    member.write_bytes(member.read_bytes()[:-1] + b"x")

    with pytest.raises(ModelError):
        score(zero_features(), str(model))


def test_member_that_is_no_model_is_refused(model):
    """Even where its hash is as stated."""
    (model / "member-0.tflite").write_bytes(b"not a model at all")
    write_manifest(model)

    with pytest.raises(ModelError, match=r"member-0\.tflite is no LiteRT model") as caught:
        score(zero_features(), str(model))
    assert caught.value.__cause__ is not None


def test_model_of_other_features_is_refused(model):
    """It would score numbers that mean something else."""
    write_manifest(model, feature_version=FEATURE_VERSION + 1)

    with pytest.raises(ModelError, match="expects features of version"):
        score(zero_features(), str(model))


def test_model_of_other_genres_is_refused(model):
    """As many scores as genres."""
    write_manifest(model, genres=["Jazz", "Metal"])

    with pytest.raises(ModelError, match="scores"):
        score(zero_features(), str(model))


def test_features_of_another_shape_are_refused(model):
    """One vector is not a matrix, 134 are not 135."""
    for features in (zero_features()[0], zero_features()[:, :134]):
        with pytest.raises(ModelError, match="needs 135 features"):
            score(features, str(model))


def test_scores_that_are_no_numbers_are_refused(model):
    """Infinity in, nothing out."""
    with pytest.raises(ModelError, match="no numbers"):
        score(zero_features() + np.inf, str(model))


# --- weight ----------------------------------------------------------------------------

LIGHT = """
import sys, core.analysis
heavy = {"av", "scipy", "soxr", "librosa", "tensorflow", "keras", "ai_edge_litert", "mutagen"}
print(sorted(heavy & set(sys.modules)))
"""
WORKER = """
import sys
from core.analysis import probe, runtime
from core.analysis.features import features_of
features_of(sys.argv[1])
heavy = {"librosa", "numba", "sklearn", "tensorflow", "keras", "scipy.signal", "scipy.stats"}
print(sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize(("script", "files"), [(LIGHT, 0), (WORKER, 1)])
def test_imports_stay_light(tmp_path, script, files):
    """The resident loads nothing heavy; a worker neither TensorFlow nor librosa."""
    path = make_audio(tmp_path / "x.flac", seconds=2)
    command = [sys.executable, "-c", script, *[str(path)] * files]
    root = Path(__file__).parents[3]

    found = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)

    assert found.stdout.strip() == "[]"


def test_training_gets_the_same_features(tmp_path, model):
    """`features_of` needs no model and gives what `analyse` keeps."""
    path = str(make_audio(tmp_path / "x.ogg", seconds=8))

    assert np.array_equal(features_of(path)[0], analyse(path, str(model)).features)


# --- a member that judges the embedding ------------------------------------------------------


@pytest.fixture
def rich_model(model, members):
    """The model with a third member, which judges the track's embedding."""
    name = "member-2.tflite"
    (model / name).write_bytes((members / name).read_bytes())
    inputs = {"member-0.tflite": "segments", "member-1.tflite": "segments", name: "embedding"}
    write_manifest(
        model,
        members=[{"file": file, "weight": 1.0, "input": given} for file, given in inputs.items()],
        backbone={"name": "some network", "sha256": "abc"},
    )
    return model


def test_the_embedding_is_judged_alike_in_each_segment(rich_model):
    """The other members say what they say without it."""
    rng = np.random.default_rng(3)
    features = rng.normal(size=(4, 135)).astype(np.float32)
    embedding = rng.normal(size=200).astype(np.float32)

    scores = score(features, str(rich_model), embedding)
    other = score(features, str(rich_model), -embedding)

    assert scores.shape == (3, 4, 3)
    assert np.array_equal(scores[2], np.repeat(scores[2, :1], 4, axis=0))
    assert np.allclose(other[2], -scores[2], atol=1e-6)
    assert np.array_equal(other[:2], scores[:2])
    assert not np.array_equal(scores[0, 0], scores[0, 1])


def test_a_track_without_embedding_is_an_error_with_its_remedy(rich_model):
    """Also from the file itself; silence needs none, since nothing is said of it."""
    features = np.zeros((2, 135), np.float32)

    with pytest.raises(ModelError, match=r"genrewatch models use .* `make setup`"):
        score(features, str(rich_model))
    assert score(features[:0], str(rich_model)).shape == (3, 0, 3)


def test_another_backbone_than_the_models_is_refused(rich_model, tmp_path):
    """Its numbers would mean something else."""
    path = make_audio(tmp_path / "x.wav", "wav", seconds=3)

    with pytest.raises(ModelError, match="trained with another backbone"):
        analyse(str(path), str(rich_model), backbone=str(tmp_path))


def test_a_model_with_odd_embeddings_is_an_error(rich_model):
    """Of another width: LiteRT's complaint becomes ours."""
    with pytest.raises(ModelError, match="failed to run"):
        score(np.zeros((2, 135), np.float32), str(rich_model), np.zeros(50, np.float32))
