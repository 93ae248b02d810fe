"""Build the model that comes with the program, from a folder of GTZAN excerpts.

`python -m core.learning.base --data DIR --out core/base` makes the same model each time;
with `--backbone DIR` the one that also judges the backbone's embedding.
Weights and features go into it; audio, artists, titles and file names never. DIR holds
`gtzan/` and `gtzan_short/` (genre = subdirectory) and `splits/artist_folds.csv`.
"""

import argparse
import csv
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import GenrewatchError, TrainingError
from core.learning.tracks.dataset import Sample, Track
from core.learning.tracks.hearing import Augmentation, Progress, hear_all
from core.learning.train import backbone_named, speak, spoken, tags_in, train

__all__ = ["Excerpts", "Piece", "hear_excerpts", "main", "pieces"]

# GTZAN's folders, and the genres as people write them.
SPELLINGS = {
    "blues": "Blues",
    "classical": "Classical",
    "country": "Country",
    "disco": "Disco",
    "hiphop": "Hip-Hop",
    "jazz": "Jazz",
    "metal": "Metal",
    "pop": "Pop",
    "reggae": "Reggae",
    "rock": "Rock",
}
FACTOR = 5  # augmented copies of each excerpt
PROVENANCE = (
    "weights and features learned from GTZAN excerpts (2 to 30 s of 461 clips, the fault-filtered"
    " ones), collected in 2000 and 2001 by G. Tzanetakis without permission notes"
)
LICENCE = (
    "The GTZAN excerpts carry no licence: they are copyrighted recordings used in research for"
    " evaluation. No audio can be rebuilt from this model. Train one of your own on music that"
    " you may use if that matters to you."
)
RICH_PROVENANCE = (
    f"{PROVENANCE}; beside them the embeddings that MSD_musicnn (J. Pons, Music Technology Group,"
    " UPF Barcelona) gives of the same excerpts"
)
RICH_LICENCE = (
    f"{LICENCE} MSD_musicnn itself is not in this model: its weights come with the package"
    " musicnn 0.1.0, under the ISC licence."
)
PROTOCOL = "out of fold: 2-3 s excerpts of GTZAN, fault-filtered, 5 folds apart by artist, pooled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One excerpt: short (2-3 s) or long (15-30 s), its clip, its artist fold."""

    sample: Sample
    clip: str
    fold: int
    short: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Excerpts:
    """The heard excerpts, row by row."""

    tracks: tuple[Track, ...]
    clips: NDArray[np.str_]  # [tracks]
    folds: NDArray[np.int64]  # [tracks]
    short: NDArray[np.bool_]  # [tracks]


def pieces(data: Path) -> tuple[Piece, ...]:
    """List the fault-filtered excerpts under *data*; raises TrainingError."""
    table = data / "splits" / "artist_folds.csv"
    try:
        with table.open(newline="", encoding="utf-8") as lines:
            rows = [row for row in csv.DictReader(lines) if row["filtered_out"] == "no"]
    except (OSError, KeyError) as error:
        raise TrainingError(
            "the artist folds cannot be read", str(table), "name the folder of the excerpts"
        ) from error
    found = [
        _piece(data / kind / row["genre"] / f"{row['clip']}.flac", row, short=kind != "gtzan")
        for row in rows
        for kind in ("gtzan", "gtzan_short")
    ]
    return tuple(piece for piece in found if Path(piece.sample.path).is_file())


def _piece(path: Path, row: dict[str, str], *, short: bool) -> Piece:
    sample = Sample(path=str(path), genre=SPELLINGS[row["genre"]], group=row["group"])
    return Piece(sample=sample, clip=row["clip"], fold=int(row["fold"]), short=short)


def hear_excerpts(
    data: Path, progress: Progress, *, seed: int, factor: int, backbone: str | None = None
) -> Excerpts:
    """Hear all excerpts with *factor* augmented copies each; raises TrainingError, ModelError."""
    listed = pieces(data)
    samples = [piece.sample for piece in listed]
    material = hear_all(
        samples, Augmentation(factor=factor, seed=seed), progress, backbone=backbone
    )
    if material.left_out or len(material.tracks) != len(listed):
        raise TrainingError("some excerpts cannot be heard", str(data), "fetch them again")
    return Excerpts(
        tracks=material.tracks,
        clips=np.array([piece.clip for piece in listed]),
        folds=np.array([piece.fold for piece in listed]),
        short=np.array([piece.short for piece in listed]),
    )


def build(
    data: Path,
    out: Path,
    *,
    version: str,
    created: str,
    progress: Progress,
    backbone: str = "none",
) -> Path:
    """Train the base model and put it under *out*, in place of any of that version.

    *backbone* is its folder, or "none". Raises TrainingError, ModelError.
    """
    from core.learning.ensemble.export import Paper, write_model
    from core.learning.ensemble.fitting import Recipe, no_check
    from core.learning.nets.networks import use_cores

    use_cores(1)
    recipe = Recipe()
    folder, source = backbone_named(backbone)
    excerpts = hear_excerpts(data, progress, seed=recipe.seed, factor=FACTOR, backbone=folder)
    trained = train(
        excerpts.tracks,
        recipe,
        progress,
        no_check,
        folds=excerpts.folds,
        judged=excerpts.short,
        protocol=PROTOCOL,
        tags=tags_in(folder),
    )
    shutil.rmtree(out / version, ignore_errors=True)
    paper = Paper(
        version=version,
        created=created,
        provenance=RICH_PROVENANCE if folder else PROVENANCE,
        licence=RICH_LICENCE if folder else LICENCE,
        backbone=source,
    )
    made = write_model(trained, paper, out)
    made.chmod(0o755)  # shipped, so for everybody
    for path in made.iterdir():
        path.chmod(0o644)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Build it, and say so in JSON lines."""
    parser = argparse.ArgumentParser(prog="python -m core.learning.base")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--version", help='default: "base-4", without a backbone "base-4-plain"')
    parser.add_argument("--backbone", default="none", help='its folder, or "none"')
    parser.add_argument("--created", default="2026-11-24T00:00:00+00:00", help="ISO 8601 UTC")
    wishes = parser.parse_args(argv)
    version = wishes.version or ("base-4-plain" if wishes.backbone == "none" else "base-4")
    try:
        folder = build(
            wishes.data,
            wishes.out,
            version=version,
            created=wishes.created,
            progress=spoken(speak),
            backbone=wishes.backbone,
        )
    except GenrewatchError as error:
        speak({"event": "error", "what": error.what, "path": error.path, "remedy": error.remedy})
        return error.exit_code
    speak({"event": "done", "version": version, "path": str(folder)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
