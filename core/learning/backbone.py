"""Make the backbone: read musicnn's weights, rebuild the network, export it to LiteRT.

`python -m core.learning.backbone` does it once for an environment. Only the files of the
one known wheel are read, and none of its code is run. The exported network has to say what
the reference says (`backbone_reference.npz`), else nothing is written.
"""

import argparse
import contextlib
import hashlib
import io
import json
import shutil
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import GenrewatchError, ModelError
from core.learning.nets.prior import TAGS_FILE
from core.learning.train import speak
from core.registry import BACKBONE_FORMAT, backbone_dir, backbone_file

if TYPE_CHECKING:
    import keras

__all__ = [
    "REFERENCE",
    "build",
    "is_current",
    "main",
    "make",
    "read_weights",
    "reference",
    "source",
    "tags_layer",
]

PACKAGE, VERSION, CHECKPOINT = "musicnn", "0.1.0", "MSD_musicnn"
WEIGHT_FILES = {
    ".data-00000-of-00001": "8579734ee6388f799ed0def4bbd0d1fdcbeaf213ef2a9dc860917bd76a303de6",
    ".index": "87f3e0f3550c8d3bafc840374003e5c8af5eeb5ecf6add61af09a7822d3282c8",
}
REFERENCE = Path(__file__).with_name("backbone_reference.npz")
NETWORK = "backbone.tflite"
LAST = "dense_1"  # the layer that makes tags of the embedding

TAGS_TOLERANCE = 2e-3  # of a probability; float16 weights cost 1.8e-3 at worst
EMBEDDING_LIKENESS = 0.9999  # cosine
EPSILON = 1e-3  # of every batch norm

Weights = Mapping[str, NDArray[np.float32]]
Floats = NDArray[np.float32]


def make(target: Path) -> None:
    """Convert the installed checkpoint into the folder *target*, complete or not at all.

    Raises ModelError when the package is absent or another, when the network does not agree
    with the reference, or when the disk refuses.
    """
    folder, licence = source()
    weights = read_weights(folder)
    partial = target.with_name(f".{target.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        (partial / NETWORK).write_bytes(export(build(weights)))
        np.savez(partial / TAGS_FILE, **tags_layer(weights))
        (partial / "LICENSE.md").write_text(licence, "utf-8")
        _write_manifest(partial, licence)
        agree(partial)
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    except OSError as error:
        what = f"the backbone cannot be written ({error.strerror})"
        raise ModelError(what, str(target), "make room or allow it, or give --out") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def is_current(target: Path) -> bool:
    """Say whether *target* holds a whole backbone of this format, made from these weights."""
    try:
        backbone_file(target)
        document = json.loads((target / "manifest.json").read_text("utf-8"))
    except ModelError:
        return False
    same = document.get("source", {}).get("files") == WEIGHT_FILES
    return bool(same and TAGS_FILE in document["files"])


# --- the weights ----------------------------------------------------------------------------


def source() -> tuple[Path, str]:
    """Return the checkpoint's folder in the installed package, and the licence beside it.

    Raises ModelError where the package is absent, another version, or not as published.
    """
    remedy = f"run: pip install --no-deps {PACKAGE}=={VERSION}"
    try:
        package = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError as error:
        raise ModelError(f"the package {PACKAGE} is not installed", None, remedy) from error
    if package.version != VERSION:
        raise ModelError(f"{PACKAGE} {package.version} is not the version known", None, remedy)
    licence = package.read_text("LICENSE.md")
    if not licence:
        raise ModelError(f"{PACKAGE} comes without its licence", None, remedy)
    return Path(str(package.locate_file(f"{PACKAGE}/{CHECKPOINT}"))), licence


def read_weights(folder: Path) -> Weights:
    """Return the network's tensors by name, after checking the sha256 of both files."""
    for name, expected in WEIGHT_FILES.items():
        if _sha256(folder / name) != expected:
            remedy = f"run: pip install --force-reinstall --no-deps {PACKAGE}=={VERSION}"
            raise ModelError("is not the file that was published", str(folder / name), remedy)
    import tensorflow as tf

    # load_checkpoint would see a folder and follow the path of the author's disk in it
    reader = tf.compat.v1.train.NewCheckpointReader(f"{folder}/")
    names = [name for name in reader.get_variable_to_shape_map() if "Adam" not in name]
    return {name: reader.get_tensor(name) for name in names if "/" in name}


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise ModelError(what, str(path), f"install {PACKAGE} anew") from error


# --- the network ----------------------------------------------------------------------------


def build(weights: Weights) -> "keras.Model":
    """Return the network of Pons & Serra (2019) with *weights*.

    One log-mel patch [1, 187, 96] in; the 200 before the last layer and 50 tag probabilities
    out. Batch norm stands after the ReLU; what was dropout in training is left out.
    """
    import keras

    from core.analysis.backbone import BANDS, PATCH_FRAMES

    layer = _Layers(weights)
    patch = keras.Input(batch_shape=(1, PATCH_FRAMES, BANDS), name="patch")
    sound = layer.norm(keras.layers.Reshape((PATCH_FRAMES, BANDS, 1))(patch))
    padded = keras.layers.ZeroPadding2D(((3, 3), (0, 0)))(sound)
    timbre = [layer.across_bands(padded, "valid") for _ in range(2)]  # 38 and 67 bands high
    rhythm = [layer.across_bands(sound, "same") for _ in range(3)]  # 128, 64, 32 frames long
    front = keras.layers.Concatenate()([*timbre, *rhythm])  # [1, 187, 561]
    first = layer.along_time(front)  # [1, 187, 64]
    second = keras.layers.Add()([layer.along_time(first), first])
    third = keras.layers.Add()([layer.along_time(second), second])
    both = keras.layers.Concatenate()([front, first, second, third])  # [1, 187, 753]
    embedding = layer.norm(layer.dense(layer.norm(_pooled(both)), "relu"))
    tags = layer.dense(embedding, "sigmoid")
    return keras.Model(patch, {"embedding": embedding, "tags": tags}, name=CHECKPOINT)


def tags_layer(weights: Weights) -> dict[str, Floats]:
    """Return the last layer as `nets/prior.py` reads it: kernel [200, 50], bias [50]."""
    return {part: weights[f"{LAST}/{part}"] for part in ("kernel", "bias")}


def _pooled(frames: Any) -> Any:
    """Maximum and mean over time, interleaved: [1, 187, c] to [1, 2 c]."""
    import keras

    highest = keras.layers.GlobalMaxPooling1D()(frames)
    mean = keras.layers.GlobalAveragePooling1D()(frames)
    pairs = [keras.layers.Reshape((-1, 1))(values) for values in (highest, mean)]
    return keras.layers.Flatten()(keras.layers.Concatenate()(pairs))


class _Layers:
    """Hands out layers with their weights, numbered in the order in which they were made."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._made: dict[str, int] = {}

    def norm(self, values: Any) -> Any:
        """Batch norm as at inference."""
        import keras

        normed = keras.layers.BatchNormalization(epsilon=EPSILON, trainable=False)
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        return self._filled(normed, values, self._named("batch_normalization"), parts)

    def across_bands(self, image: Any, padding: str) -> Any:
        """Convolve [1, t, bands, 1] in two dimensions, keep the strongest band: [1, 187, c]."""
        import keras

        name = self._named("conv2d")
        *size, _, channels = self._weights[f"{name}/kernel"].shape
        conv = keras.layers.Conv2D(channels, tuple(size), padding=padding, activation="relu")
        normed = self.norm(self._filled(conv, image, name, ("kernel", "bias")))
        tallest = keras.layers.MaxPooling2D((1, normed.shape[2]))(normed)
        return keras.layers.Reshape((normed.shape[1], channels))(tallest)

    def along_time(self, frames: Any) -> Any:
        """Convolve [1, t, c] over 7 frames: [1, t, 64]."""
        import keras

        name = self._named("conv2d")
        conv = keras.layers.Conv1D(64, 7, padding="same", activation="relu")
        return self.norm(self._filled(conv, frames, name, ("kernel", "bias")))

    def dense(self, values: Any, activation: str) -> Any:
        """Dense layer."""
        import keras

        name = self._named("dense")
        units = len(self._weights[f"{name}/bias"])
        dense = keras.layers.Dense(units, activation=activation)
        return self._filled(dense, values, name, ("kernel", "bias"))

    def _named(self, kind: str) -> str:
        """The checkpoint's name of the next layer of this *kind*: conv2d, conv2d_1, …"""
        number = self._made[kind] = self._made.get(kind, -1) + 1
        return f"{kind}_{number}" if number else kind

    def _filled(self, layer: Any, values: Any, name: str, parts: Sequence[str]) -> Any:
        result = layer(values)
        tensors = [self._weights[f"{name}/{part}"] for part in parts]
        shapes = [variable.shape for variable in layer.weights]
        layer.set_weights([t.reshape(s) for t, s in zip(tensors, shapes, strict=True)])
        return result


# --- LiteRT ---------------------------------------------------------------------------------


def export(network: "keras.Model") -> bytes:
    """Return *network* as LiteRT with float16 weights (int8 is slower here, and wrong)."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the converter moves house
        try:
            return bytes(converter.convert())
        except (RuntimeError, ValueError, TypeError) as error:
            raise ModelError("the backbone cannot be converted to LiteRT") from error


def agree(folder: Path) -> dict[str, float]:
    """Compare the network in *folder* with the reference; raises ModelError where it differs."""
    from core.analysis.backbone import Backbone

    with np.load(REFERENCE, allow_pickle=False) as known:
        embedding, tags = Backbone(folder).run(known["patches"].astype(np.float32))
        error = float(np.abs(tags - known["tags"]).max())
        likeness = float(_cosines(embedding, known["embedding"]).min())
    if not (error < TAGS_TOLERANCE and likeness > EMBEDDING_LIKENESS):
        what = f"the backbone does not say what it must (tags {error:.1e}, cosine {likeness:.6f})"
        raise ModelError(what, str(folder), "report it with your system and processor")
    return {"tags_error": error, "embedding_cosine": likeness}


def reference(network: "keras.Model", patches: NDArray[np.float16]) -> dict[str, NDArray[Any]]:
    """Return what the float32 *network* says of *patches* [n, 187, 96], as REFERENCE holds it."""
    said = [network(patch[None].astype(np.float32)) for patch in patches]
    stacked = {key: np.concatenate([np.asarray(one[key]) for one in said]) for key in said[0]}
    return {"patches": patches, **stacked}


def _cosines(one: Floats, other: Floats) -> Floats:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray(np.sum(one * other, axis=1) / lengths, dtype=np.float32)


def _write_manifest(folder: Path, licence: str) -> None:
    files = {path.name: _sha256(path) for path in sorted(folder.iterdir())}
    manifest = {
        "format": BACKBONE_FORMAT,
        "name": CHECKPOINT,
        "file": NETWORK,
        "source": {"package": PACKAGE, "version": VERSION, "files": WEIGHT_FILES},
        "licence": licence,
        "files": files,
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    (folder / "manifest.json").write_text(text, "utf-8")


# --- the command ----------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Make the backbone unless it is there; the last line on stdout is done or error."""
    parser = argparse.ArgumentParser(prog="python -m core.learning.backbone")
    parser.add_argument("--out", type=Path, default=backbone_dir(), help="where its folder goes")
    target = parser.parse_args(argv).out
    try:
        made = not is_current(target)
        if made:
            make(target)
        speak({"event": "done", "path": str(target), "made": made, **agree(target)})
    except GenrewatchError as error:
        speak({"event": "error", "what": error.what, "path": error.path, "remedy": error.remedy})
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
