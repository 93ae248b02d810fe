"""The model versions on disk, and which one is the champion.

One immutable folder a version; every file is checked against the manifest's sha256 before
it is used, and nothing is ever unpickled. The champion is named by a small file that is
replaced atomically. The shipped base models are versions like any other, never copied; one
that hears with the backbone is in use only where that backbone is.
"""

import hashlib
import json
import re
import shutil
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from core import champion
from core.champion import VERSION
from core.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "BACKBONE",
    "BACKBONE_FORMAT",
    "BEYOND",
    "Answers",
    "Calibration",
    "Manifest",
    "Registry",
    "backbone_dir",
    "backbone_file",
    "backbone_source",
    "base_dir",
    "load",
    "load_beyond",
    "load_calibration",
]

MANIFEST_FORMAT = 1
BACKBONE = "MSD_musicnn"  # the network it is made from
BACKBONE_FORMAT = 1  # of the folder with the converted backbone; a new one is converted anew
BEYOND = "beyond.npz"  # what a model knows of the genres that it has not learned
SHIPPED = re.compile(r"base-[0-9].*")  # names that no model of a user gets
KEPT = 3  # versions kept beside the champion, so that going back is possible


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a model folder says of itself."""

    folder: Path
    version: str
    created: str  # ISO 8601 UTC
    feature_version: int
    genres: tuple[str, ...]
    weights: tuple[float, ...]  # of the members, in order
    provenance: str
    licence: str
    fingerprints: frozenset[str]  # of the tracks trained on
    metrics: Mapping[str, Any]  # accuracy, low, high, n, protocol
    backbone: str | None = None  # sha256 of the weights of the backbone that it hears with
    kinds: tuple[str, ...] = ()  # of the members, in order
    linear: str | None = None  # the file that holds the linear member in plain numbers, if any


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers that a model gave blind: how sure it was, whether rightly, of which artist."""

    sure: tuple[float, ...] = ()
    right: tuple[bool, ...] = ()
    artist: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How raw scores become confidences; *threshold* keeps *promise*, None without evidence.

    Models of older programs tell neither *longest* nor the evidence.
    """

    temperature: float
    bias: tuple[float, ...]  # per genre, in the manifest's order
    threshold: float | None
    promise: float
    longest: int | None = None  # segments of the longest tracks that it holds for
    collection: Answers | None = None  # from the collection that the model was measured on
    right: Mapping[str, Any] | None = None  # what says how likely the first genre is right
    library: Answers = Answers()  # from the user's labels, each judged without its artist


def load(folder: Path) -> Manifest:
    """Read and verify the model in *folder*.

    Raises ModelError when a file is missing, changed, unlisted or of another format.
    """
    document = _document(folder / "manifest.json")
    if document.get("format") != MANIFEST_FORMAT:
        raise ModelError("the model is of an unknown format", str(folder), "update the program")
    try:
        _verify(folder, document["files"])
        named = [member["file"] for member in document["members"]]
        named += [document["linear"]] if document.get("linear") else []
        _require_verified(folder, document, named)
        return _manifest(folder, document)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"the model's manifest is incomplete ({error})", str(folder), "remove that folder"
        ) from error


def load_calibration(manifest: Manifest) -> Calibration:
    """Read calibration.json beside the manifest."""
    document = _document(manifest.folder / "calibration.json")
    try:
        threshold = document["threshold"]
        return Calibration(
            temperature=float(document["temperature"]),
            bias=tuple(float(document["bias"].get(genre, 0.0)) for genre in manifest.genres),
            threshold=None if threshold is None else float(threshold),
            promise=float(document["promise"]),
            longest=int(document["longest"]) if document.get("longest") else None,
            collection=_evidence(document["collection"]) if "collection" in document else None,
            right=document.get("right"),
            library=_evidence(document.get("library", {})),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"the model's calibration is incomplete ({error})", str(manifest.folder)
        ) from error


def _evidence(document: Mapping[str, Any]) -> Answers:
    """Read columns of equal length; raises TypeError and ValueError."""
    found = Answers(
        sure=tuple(float(value) for value in document.get("sure", ())),
        right=tuple(bool(value) for value in document.get("right", ())),
        artist=tuple(int(value) for value in document.get("artist", ())),
    )
    if not len(found.sure) == len(found.right) == len(found.artist):
        raise ValueError("its evidence is of unequal length")
    return found


def load_beyond(manifest: Manifest) -> "dict[str, NDArray[Any]] | None":
    """Read the arrays of beyond.npz beside the manifest; None where the model has none.

    Raises ModelError where they cannot be read.
    """
    import numpy as np

    path = manifest.folder / BEYOND
    if not path.exists():  # made without a backbone, or by an older program
        return None
    try:
        with np.load(path, allow_pickle=False) as held:
            return {name: held[name] for name in held.files}
    except (OSError, ValueError, BadZipFile) as error:
        raise ModelError(
            "what the model knows of other genres cannot be read", str(path), "use another version"
        ) from error


def base_dir(*, backbone: bool) -> Path:
    """Return the folder of the model that comes with the program; loading it tells if it is not.

    With *backbone* the newest that hears with one, else the newest that needs none.
    """
    home = Path(__file__).resolve().parent / "base"
    versions = sorted(path.parent for path in home.glob("*/manifest.json"))
    suited = [path for path in versions if backbone == (_needed(path) is not None)]
    return (suited or versions or [home])[-1]


def backbone_dir() -> Path:
    """Return where this environment keeps its converted backbone, whether it is there or not.

    It belongs to the environment, as the package it is made from does: one conversion serves
    all state directories, and goes when the environment goes.
    """
    return Path(sys.prefix) / "share" / "genrewatch" / "backbone"


def backbone_file(folder: Path) -> Path:
    """Return the network in the backbone's *folder*, verified; raises ModelError."""
    remedy = "run: python -m core.learning.backbone"
    if not (folder / "manifest.json").is_file():
        raise ModelError("the backbone is not there", str(folder), remedy)
    document = _document(folder / "manifest.json")
    if document.get("format") != BACKBONE_FORMAT:
        raise ModelError("the backbone is of another format", str(folder), remedy)
    try:
        _verify(folder, document["files"])
        _require_verified(folder, document, [document["file"]])
        return folder / str(document["file"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError("the backbone's manifest is incomplete", str(folder), remedy) from error
    except ModelError as error:
        raise ModelError(error.what, error.path, remedy) from error


def backbone_source(folder: Path) -> str | None:
    """Return the sha256 of the weights that the backbone in *folder* is made from.

    None where there is no whole backbone. Cheap: verified once for each state of the folder.
    """
    try:
        paths = sorted(folder.iterdir())
        states = tuple((path.name, *_state(path)) for path in paths)
    except OSError:
        return None
    return _backbone_source(folder, states)


@lru_cache(maxsize=4)
def _backbone_source(folder: Path, _states: tuple[Any, ...]) -> str | None:
    try:
        backbone_file(folder)
        files = _document(folder / "manifest.json")["source"]["files"]
        return next(str(digest) for name, digest in files.items() if name.startswith(".data"))
    except (ModelError, KeyError, TypeError, AttributeError, StopIteration):
        return None


def _state(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


class Registry:
    """The versions under one `models/` folder, the shipped ones among them.

    *plain* is the shipped model that needs no backbone, *rich* the one that hears with it;
    *backbone* says which backbone there is just now, as `backbone_source` does.
    """

    def __init__(
        self,
        root: Path,
        plain: Path,
        rich: Path | None = None,
        backbone: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._root = root
        self._plain = plain
        self._rich = rich or plain
        self._backbone = backbone
        self._needs: dict[Path, str | None] = {}  # of folders, which never change
        self._named: tuple[tuple[int, int] | None, Path | None] | None = None  # as last read

    def versions(self) -> list[Path]:
        """Return the folders of all versions, the shipped first, then by name (by age)."""
        return [*dict.fromkeys((self._plain, self._rich)), *self._mine()]

    def _mine(self) -> list[Path]:
        """The folders of the versions made here; one that is still written is none."""
        found = [path.parent for path in self._root.glob("*/manifest.json")]
        return sorted((path for path in found if VERSION.fullmatch(path.name)), key=_by_age)

    def folder(self, version: str) -> Path:
        """Return the folder of *version*; raises ModelError where there is none."""
        for path in self.versions():
            if path.name == version:
                return path
        known = ", ".join(path.name for path in self.versions())
        raise ModelError(f"there is no model version {version}", None, f"known are {known}")

    def champion_dir(self) -> Path:
        """Return the folder of the model in use: cheap, asked before every job.

        In place of one whose backbone is not here stands the shipped one that needs none.
        """
        chosen = self._chosen()
        return chosen if self._can_hear(chosen) else self._plain

    def missed(self) -> str | None:
        """Return the version that should be in use but misses its backbone."""
        chosen = self._chosen()
        return None if self._can_hear(chosen) else chosen.name

    def champion(self) -> Manifest:
        """Return the model in use, verified."""
        return load(self.champion_dir())

    def proven(self) -> str | None:
        """Return the model in use where the gate put it there, not a person."""
        note = champion.read(self._root)
        return note.history[-1] if note.proven and note.history else None

    def use(self, version: str, *, proven: bool = False) -> Manifest:
        """Make *version* the champion, atomically, after verifying it.

        *proven*: by the gate, not by a person's choice. Raises ModelError for one that is
        damaged or whose backbone is not here.
        """
        manifest = load(self.folder(version))
        if not self._can_hear(manifest.folder):
            raise ModelError(
                f"model {version} hears with a backbone that is not here",
                None,
                'run `make setup` and do not set backbone = "none" under [model]',
            )
        try:
            history = [past for past in self._history() if past != version]
        except ModelError:  # a damaged note is mended by naming a version
            history = []
        champion.save(self.root(), [*history, version][-KEPT - 1 :], proven=proven)
        return manifest

    def before(self) -> str | None:
        """Return the version that `rollback` leads to; None where there is no earlier one."""
        history = self._history()
        if not history:
            return None
        return history[-2] if len(history) > 1 else self._shipped().name

    def rollback(self) -> Manifest:
        """Go back to the champion before; raises ModelError when there is none."""
        earlier = self.before()
        if earlier is None:
            raise ModelError("there is no earlier model to go back to")
        manifest = load(self.folder(earlier))
        champion.save(self.root(), self._history()[:-1])
        return manifest

    def prune(self) -> tuple[str, ...]:
        """Remove the versions made here but the last ones and those that going back may need.

        A shipped one is never removed, nor the one in use. Returns the names of those that
        are gone; raises ModelError where the folder does not allow it.
        """
        mine = self._mine()
        kept = {*self._history(), self._chosen().name, *(path.name for path in mine[-KEPT:])}
        old = [path for path in mine if path.name not in kept and not self._is_shipped(path)]
        for path in old:
            self._remove(path)
        return tuple(path.name for path in old)

    def _is_shipped(self, folder: Path) -> bool:
        return folder in (self._plain, self._rich)

    def _remove(self, folder: Path) -> None:
        """Remove *folder* so that it is there whole, or no version any more."""
        aside = folder.with_name(f".{folder.name}.gone")
        try:
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
            shutil.rmtree(aside)
        except OSError as error:
            raise ModelError(
                f"an old version cannot be removed ({error.strerror})", str(folder), "remove it"
            ) from error

    def new_version(self, day: str) -> str:
        """Return a version name never used before, such as 2026-11-24.1; *day* is an ISO date.

        One that was removed stays taken, since the record names models by it.
        """
        numbers = [_by_age(path)[1] for path in self.versions() if _by_age(path)[0] == day]
        return f"{day}.{max(numbers, default=0) + 1}"

    def root(self) -> Path:
        """Return the folder that new versions are written into, created where absent."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._root

    def _chosen(self) -> Path:
        mark = champion.mark(self._root)
        if self._named is None or self._named[0] != mark:
            history = self._history()
            self._named = (mark, self.folder(history[-1]) if history else None)
        return self._named[1] or self._shipped()

    def _shipped(self) -> Path:
        return self._rich if self._can_hear(self._rich) else self._plain

    def _can_hear(self, folder: Path) -> bool:
        """Say whether the backbone is here that the model in *folder* needs, if any."""
        if folder not in self._needs:
            self._needs[folder] = _needed(folder)
        needed = self._needs[folder]
        return needed is None or needed == self._backbone()

    def _history(self) -> list[str]:
        named = champion.read(self._root).history
        return [version for version in named if not self._was_shipped(version)]

    def _was_shipped(self, version: str) -> bool:
        """Say whether an older program brought *version*: what this one brings stands for it."""
        shipped = (self._plain.name, self._rich.name)
        return SHIPPED.fullmatch(version) is not None and version not in shipped


def _by_age(folder: Path) -> tuple[str, int]:
    """By day and number, since .10 came after .9; other names by themselves."""
    day, _, number = folder.name.rpartition(".")
    return (day, int(number)) if day and number.isdigit() else (folder.name, 0)


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError("the model cannot be read", str(path), "use another version") from error
    if not isinstance(document, dict):
        raise ModelError("the model cannot be read", str(path), "use another version")
    return document


def _needed(folder: Path) -> str | None:
    """Return the backbone that the model in *folder* needs; loading it tells if it is damaged."""
    try:
        return _backbone_of(_document(folder / "manifest.json"))
    except (ModelError, KeyError, TypeError):
        return None


def _backbone_of(document: Mapping[str, Any]) -> str | None:
    named = document.get("backbone")  # older manifests say nothing
    return None if named is None else str(named["sha256"])


def _verify(folder: Path, files: Mapping[str, str]) -> None:
    entries = list(folder.iterdir())
    links = [path.name for path in entries if not stat.S_ISREG(path.lstat().st_mode)]
    if links:
        raise ModelError(
            f"the model's folder holds what is no file of its own ({', '.join(sorted(links))})",
            str(folder),
            "use another version",
        )
    present = {path.name for path in entries} - {"manifest.json"}
    if present != set(files):
        raise ModelError(
            f"the model's files are not those of its manifest ({sorted(present ^ set(files))})",
            str(folder),
            "use another version",
        )
    for name, expected in files.items():
        with (folder / name).open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != expected:
            raise ModelError(
                f"the model's file {name} was changed or damaged",
                str(folder),
                "use another version",
            )


def _require_verified(folder: Path, document: Mapping[str, Any], named: list[Any]) -> None:
    """Refuse a manifest that has us load what it gives no hash of, or from elsewhere."""
    unknown = [str(name) for name in named if name not in document["files"]]
    if unknown:
        raise ModelError(
            f"the model's manifest gives no hash of {', '.join(unknown)}",
            str(folder),
            "use another version",
        )


def _manifest(folder: Path, document: Mapping[str, Any]) -> Manifest:
    return Manifest(
        folder=folder,
        version=str(document["version"]),
        created=str(document["created"]),
        feature_version=int(document["feature_version"]),
        genres=tuple(document["genres"]),
        weights=tuple(float(member["weight"]) for member in document["members"]),
        provenance=str(document["provenance"]),
        licence=str(document["licence"]),
        fingerprints=frozenset(document["training"]["fingerprints"]),
        metrics=dict(document["metrics"]),
        backbone=_backbone_of(document),
        kinds=tuple(str(member.get("kind", "")) for member in document["members"]),
        linear=document.get("linear"),
    )
