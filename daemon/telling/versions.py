"""What is known of each model version: its manifest, how it came about, whether it is in use."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from core import registry
from core.errors import ModelError
from core.library import runs
from core.library.runs import RunRow
from core.registry import Manifest, Registry

__all__ = ["Version", "all_versions", "figures_of", "version_json", "version_named"]
FIGURES = ("macro_f1", "top_3", "calibration_error")  # beside the accuracy, out of fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A model version on disk."""

    name: str
    folder: Path
    in_use: bool
    manifest: Manifest | None  # None where it is damaged
    trouble: str | None  # and why
    size: int  # bytes, of all files in the folder
    run: RunRow | None  # the training that made it, where the record knows
    back_to: str | None  # the version that going back leads to, of the one in use


def all_versions(db: Database, models: Registry) -> list[Version]:
    """Return all versions, the shipped first; a damaged one is told and hides no other."""
    return [_version(db, models, folder) for folder in models.versions()]


def version_named(db: Database, models: Registry, name: str | None) -> Version:
    """Return the version *name*, the one in use where none is named; raises ModelError."""
    return _version(db, models, models.folder(name) if name else models.champion_dir())


def version_json(found: Version, *, whole: bool = False) -> dict[str, Any]:
    """Return what `models list --json` prints of a version; with *whole* what `show` does."""
    manifest = found.manifest
    return {
        "version": found.name,
        "created": manifest.created if manifest else None,
        "in_use": found.in_use,
        "genres": list(manifest.genres) if manifest else [],
        "metrics": dict(manifest.metrics) if manifest else {},
        "provenance": manifest.provenance if manifest else None,
        "licence": manifest.licence if manifest else None,
        "trouble": found.trouble,
        **(_whole(found) if whole else {}),
    }


def figures_of(manifest: Manifest) -> dict[str, str]:
    """Return the manifest's further figures by name, as people read them."""
    members = ", ".join(
        f"{kind or 'member'} {weight:.0%}"
        for kind, weight in zip(manifest.kinds, manifest.weights, strict=True)
    )
    told = {name: manifest.metrics[name] for name in FIGURES if name in manifest.metrics}
    return {
        "made": manifest.created,
        "trained on": f"{len(manifest.fingerprints)} tracks",
        "members": members,
        **{name.replace("_", " "): f"{value:.3f}" for name, value in told.items()},
        "hears with": "the backbone" if manifest.backbone else "the 135 features alone",
    }


def _version(db: Database, models: Registry, folder: Path) -> Version:
    manifest, trouble = _loaded(folder)
    in_use = folder == models.champion_dir()
    return Version(
        name=folder.name,
        folder=folder,
        in_use=in_use,
        manifest=manifest,
        trouble=trouble,
        size=sum(path.lstat().st_size for path in folder.iterdir()),
        run=runs.run_of(db, folder.name),
        back_to=models.before() if in_use else None,
    )


def _loaded(folder: Path) -> tuple[Manifest | None, str | None]:
    try:
        return registry.load(folder), None
    except ModelError as error:
        return None, str(error)


def _whole(found: Version) -> dict[str, Any]:
    manifest, run = found.manifest, found.run
    return {
        "folder": str(found.folder),
        "bytes": found.size,
        "backbone": manifest.backbone if manifest else None,
        "trained_on": len(manifest.fingerprints) if manifest else None,
        "members": _members(manifest) if manifest else [],
        "training": {"asked_by": run.asked_by, "outcome": run.outcome, "reason": run.reason}
        if run
        else None,
        "back_to": found.back_to,
    }


def _members(manifest: Manifest) -> list[dict[str, Any]]:
    pairs = zip(manifest.kinds, manifest.weights, strict=True)
    return [{"kind": kind, "weight": round(weight, 4)} for kind, weight in pairs]
