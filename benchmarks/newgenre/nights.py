"""The whole night with a genre that the champion has not: training, export, gate, judging.

Each genre is left out of a base in turn; eight labels are all that was said. Counted is what
the gate lets through, and how often the challenger, loaded as the daemon loads it, is right on
the genre's music by artists that neither met.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.bench import Bench, over_folds
from benchmarks.learning.library import CHEAP
from benchmarks.newgenre.few import draws_of
from core import registry
from core.learning.ensemble.export import Paper, write_model
from core.learning.ensemble.fitting import Studio, no_check
from core.learning.nightly import Night, Request, night
from core.learning.proving.evidence import says
from core.learning.proving.gate import Outcome
from core.learning.tracks.dataset import Track, apart, genres_of
from core.learning.train import feature_groups, train
from core.library.hearings import Label
from core.registry import backbone_source

__all__ = ["rows"]

CREATED = "2026-01-01T00:00:00+00:00"
CODE = ("core.learning.nightly", "core.learning.train", "benchmarks.newgenre.nights")


def rows(bench: Bench) -> dict[str, Any]:
    """Return what came of one night for each genre."""
    found = {}
    for number, genre in enumerate(bench.genres):
        key = f"night of a new genre {genre} {CHEAP} {bench.identity}"
        found[genre] = bench.store.kept(key, lambda n=number: _night(bench, n), code=CODE)
    promoted = sum(item["outcome"] == Outcome.PROMOTED for item in found.values())
    return {"each genre": found, "promoted": promoted, "nights": len(found)}


def _night(bench: Bench, genre: int) -> dict[str, Any]:
    fold = over_folds(bench.folds)[genre % len(over_folds(bench.folds))]
    drawn = next(iter(draws_of(bench, genre, fold)), None)
    if drawn is None:
        return {"outcome": "too few tracks"}
    away = np.isin(bench.groups, bench.groups[bench.folds == fold])
    kept, held = apart(bench.tracks, away)
    known = [track for track in kept if track.genre != bench.genres[genre]]
    unheard = [t for t in held if t.genre == bench.genres[genre]]
    with TemporaryDirectory() as room:
        champion = _champion(bench, known, Path(room))
        came = _come_of(bench, champion, drawn, Path(room))
        heard = _recall(Path(room) / "night-1", unheard, bench.genres[genre])
    return {"outcome": came.outcome.value, "reason": came.reason, **heard}


def _champion(bench: Bench, tracks: list[Track], room: Path) -> Path:
    studio = Studio(genres_of(tracks), feature_groups(), CHEAP, bench.tags)
    made = train(tracks, CHEAP, lambda *_: None, no_check, tags=bench.tags, studio=studio)
    paper = Paper(
        version="base-1",
        created=CREATED,
        provenance="without one genre",
        licence="none",
        backbone=_backbone(bench),
    )
    return write_model(made, paper, room)


def _come_of(bench: Bench, champion: Path, drawn: NDArray[np.int64], room: Path) -> Night:
    labels = [_label(bench.tracks[i]) for i in drawn]
    request = Request(
        champion=champion,
        out=room,
        version="night-1",
        created=CREATED,
        members=0,
        backbone=_backbone(bench),
        tags=bench.tags,
    )
    return night(request, labels, lambda *_: None, no_check)


def _backbone(bench: Bench) -> str | None:
    return backbone_source(Path(bench.folder)) if bench.folder else "made up"


def _label(track: Track) -> Label:
    return Label(
        fingerprint=track.fingerprint,
        genre=track.genre,
        group=track.group,
        features=track.features,
        embedding=track.embedding,
    )


def _recall(folder: Path, tracks: list[Track], genre: str) -> dict[str, Any]:
    manifest = registry.load(folder)
    said = says(manifest, [replace(track, copies=()) for track in tracks])
    first = [manifest.genres[place] for place in said.argmax(axis=1)]
    return {
        "genres": len(manifest.genres),
        "recall": round(float(np.mean([name == genre for name in first])), 3),
        "n": len(first),
    }
