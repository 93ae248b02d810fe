"""A half of the artists for what the program ships, the other half as somebody's library.

The base side trains a whole model folder, as the program's own base is made. The library is
the P1 clips of all other artists, tagged as the splits table knows them, on albums that a
seed makes up. No artist is on both sides.
"""

import csv
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.store import Arrays, digest
from core.learning.ensemble.fitting import Recipe, Studio, no_check
from core.learning.tracks.dataset import Track, apart, genres_of
from core.learning.train import feature_groups, train
from core.registry import backbone_source

__all__ = ["CHEAP", "Clip", "Half", "albums", "half", "known_artists", "shipped"]

# What is trained anew for every half and every night. The transformers take nine tenths of the
# time; a row of the benchmark says what leaving them out costs.
CHEAP = Recipe(members=0)
SMALL, LARGE = 2, 6  # files of an album
LEAST = 2  # artists of each genre on each side
CODE = ("core.learning.train", "core.learning.ensemble.export", "core.learning.ensemble.fitting")
CREATED = "2026-01-01T00:00:00+00:00"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clip:
    """A file of the library: what is heard in it, what it is, and how it is tagged."""

    track: Track
    genre: str  # the truth
    who: str  # whose it is in truth, for intervals; never told to the program
    artist: str | None  # as tagged; None where the table does not know
    album: str | None
    path: str

    @property
    def fingerprint(self) -> str:
        """The track's."""
        return self.track.fingerprint


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Half:
    """One side of the artists to train on, the other to live with."""

    seed: int
    swapped: bool
    base: tuple[Track, ...]
    judged: NDArray[np.bool_]  # [base], short excerpts: those that its accuracy is about
    library: tuple[Clip, ...]  # in random order
    changed: str = ""  # how the library is another than the collection's

    @property
    def name(self) -> str:
        """Which half it is, as figures name it."""
        return f"{self.seed}{'b' if self.swapped else 'a'}{self.changed}"


def half(bench: Bench, seed: int, swapped: bool = False) -> Half:
    """Return the half of *seed*; *swapped* lets the two sides change places.

    Artists are dealt by the seed, and dealt anew where one side would have a single artist of
    some genre: nobody can train on that. Clips of an unknown artist are an artist of their own.
    """
    mine = _dealt(bench, seed) ^ swapped
    base, rest = apart(bench.tracks, ~mine)
    short = bench.short[~mine]
    clips = albums(
        [track for track, is_short in zip(rest, short, strict=True) if is_short],
        known_artists(bench.data),
        seed=seed,
    )
    order = np.random.default_rng([seed, int(swapped)]).permutation(len(clips))
    return Half(
        seed=seed,
        swapped=swapped,
        base=base,
        judged=bench.short[mine],
        library=tuple(clips[place] for place in order),
    )


def _dealt(bench: Bench, seed: int) -> NDArray[np.bool_]:
    """Which tracks [tracks] are of the first half of the artists."""
    rng = np.random.default_rng(seed)
    names = np.array([track.group for track in bench.tracks])
    artists = np.unique(names)
    while True:
        first = rng.permutation(artists)[: len(artists) // 2]
        mine = np.isin(names, first)
        if all(_is_enough(bench, names, side) for side in (mine, ~mine)):
            return mine


def _is_enough(bench: Bench, names: NDArray[np.str_], side: NDArray[np.bool_]) -> bool:
    return all(
        len(np.unique(names[side & (bench.truth == genre)])) >= LEAST
        for genre in range(len(bench.genres))
    )


def known_artists(data: Path | None) -> frozenset[str] | None:
    """Return the artists that the splits table under *data* knows; None where nothing is told."""
    if data is None:
        return None
    with (data / "splits" / "artist_folds.csv").open(newline="", encoding="utf-8") as lines:
        rows = csv.DictReader(lines)
        return frozenset(row["group"] for row in rows if row["artist_known"] == "yes")


def albums(tracks: Sequence[Track], known: frozenset[str] | None, *, seed: int) -> list[Clip]:
    """Return *tracks* as files: each artist's dealt to albums of 2 to 6, the unknown untagged.

    *known* None knows all artists.
    """
    rng = np.random.default_rng([seed, 7])
    clips: list[Clip] = []
    for who in sorted({track.group for track in tracks}):
        mine = [track for track in tracks if track.group == who]
        tagged = known is None or who in known
        place = 0
        for number, size in enumerate(_sizes(rng, len(mine))):
            for track in mine[place : place + size]:
                clips.append(_clip(track, who if tagged else None, f"Album {number + 1}"))
            place += size
    return clips


def shipped(bench: Bench, side: Half, root: Path, recipe: Recipe = CHEAP) -> Path:
    """Return the model folder under *root* that the program would ship, trained on the base side.

    Model, calibration, statistics and threshold, all by the program's own code; kept in the
    bench's store.
    """
    names = digest(*(track.fingerprint for track in side.base))
    key = f"shipped {recipe} {bench.identity} {names} {bench.tags is not None}"

    def make() -> Arrays:
        with tempfile.TemporaryDirectory() as room:
            return _packed(_trained(bench, side, recipe, Path(room)))

    return _unpacked(bench.store.kept(key, make, code=CODE), root / "base-1")


def _trained(bench: Bench, side: Half, recipe: Recipe, room: Path) -> Path:
    from core.learning.ensemble.export import Paper, write_model

    genres = genres_of(side.base)
    made = train(
        side.base,
        recipe,
        lambda stage, done, total: None,
        no_check,
        judged=side.judged,
        tags=bench.tags,
        studio=Studio(genres, feature_groups(), recipe, bench.tags),
    )
    paper = Paper(
        version="base-1",
        created=CREATED,
        provenance="half of the artists",
        licence="none",
        backbone=backbone_source(Path(bench.folder)) if bench.folder else "made up",
    )
    return write_model(made, paper, room)


def _sizes(rng: np.random.Generator, count: int) -> Iterator[int]:
    while count > 0:
        size = min(count, int(rng.integers(SMALL, LARGE + 1)))
        yield size
        count -= size


def _clip(track: Track, artist: str | None, album: str) -> Clip:
    place = f"/music/{artist}/{album}" if artist else "/music/loose"
    return Clip(
        track=replace(track, copies=()),
        genre=track.genre,
        who=track.group,
        artist=artist,
        album=album if artist else None,
        path=f"{place}/{track.fingerprint}.flac",
    )


def _packed(folder: Path) -> Arrays:
    """A model folder as bytes by name."""
    return {
        path.name: np.frombuffer(path.read_bytes(), np.uint8) for path in sorted(folder.iterdir())
    }


def _unpacked(held: Arrays, folder: Path) -> Path:
    """Put a model folder where it is wanted, in place of any that lies there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in held.items():
        (folder / name).write_bytes(content.tobytes())
    json.loads((folder / "manifest.json").read_text("utf-8"))
    return folder
