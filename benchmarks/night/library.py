"""Made-up libraries of named tracks, and a small model that has carried some of them before.

Tracks are drawn with noise from those that the shipped model carries, by made-up artists, and
named by a person in the record. Nothing that is measured of accuracy on them means anything.
"""

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from sqlite_utils import Database
from xxhash import xxh3_128_hexdigest

from benchmarks.tools.house import House
from core import registry
from core.analysis.features import FEATURE_VERSION
from core.learning.tracks.dataset import Track, from_replay
from core.library import feedback_log, files, hearings
from core.library.feedback_log import FeedbackRow
from core.library.hearings import HearingRow
from core.library.schema import writing

__all__ = ["CHAMPION", "FEW", "copied", "dealt", "drawn", "furnished", "models_of", "small"]

NOW = datetime(2026, 11, 1, tzinfo=UTC)
BY_ONE = (3, 13)  # tracks of a made-up artist
SEGMENTS = (8, 25)  # of a track, as a whole track of three minutes has
OWN_SOUND, OF_TRACK, OF_SEGMENT = 0.3, 0.3, 0.4  # noise, in standard deviations
CHAMPION = "2026-10-01.1"  # the version of the small model
FEW = ("Classical", "Disco", "Metal")  # what it knows
BY_ONE_IN_SMALL = (2, 5)  # so that few tracks are of many artists


def furnished(root: Path, tracks: int, seed: int) -> House:
    """Make a house in which a person has named so many tracks."""
    root.mkdir()
    house = House(root, {})
    base = registry.base_dir(backbone=True)
    with writing(house.db):
        for number, track in enumerate(drawn(from_replay(base).tracks, tracks, seed)):
            _name(house.db, track, registry.load(base).genres, number)
    return house


def small(root: Path, tracks: int, seed: int) -> House:
    """Make a house with a model that carries about half of so many tracks; a person named the rest.

    A night on them has every stage of a long one, from members of its own to start from to the
    gate, in little time.
    """
    root.mkdir()
    house = House(root, {})
    before, named = dealt(tracks, seed)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:  # TensorFlow is large
        alone.submit(_trained, before, house.state / "models").result()
    models_of(house).use(CHAMPION)
    with writing(house.db):
        for number, track in enumerate(named):
            _name(house.db, track, FEW, number)
    return house


def dealt(tracks: int, seed: int) -> tuple[list[Track], list[Track]]:
    """Deal made-up artists of a few genres in turns; each genre has as many tracks."""
    replay = from_replay(registry.base_dir(backbone=True)).tracks
    sides: tuple[list[Track], list[Track]] = ([], [])
    for genre in FEW:
        near = [track for track in replay if track.genre == genre]
        for track in drawn(near, tracks // len(FEW), seed, BY_ONE_IN_SMALL, genre):
            sides[int(track.group.split()[-1]) % 2].append(track)
    return sides


def _trained(tracks: Sequence[Track], root: Path) -> None:
    """Write a quickly trained model on *tracks* into *root*; runs in a process of its own."""
    from core.learning.ensemble.course import Course
    from core.learning.ensemble.export import Paper, write_model
    from core.learning.ensemble.fitting import Recipe, no_check
    from core.learning.train import tags_in, train

    paper = Paper(
        version=CHAMPION,
        created="2026-10-01T00:00:00+00:00",
        provenance="made-up tracks",
        licence="none",
        backbone=registry.load(registry.base_dir(backbone=True)).backbone,
    )
    recipe, course = Recipe(epochs=5, members=1), Course(lends=True)
    tags = tags_in(str(registry.backbone_dir()), lambda message: None)
    made = train(tracks, recipe, lambda *_: None, no_check, tags=tags, course=course)
    write_model(made, paper, root)


def copied(still: House, root: Path) -> House:
    """Return another house with the same state."""
    root.mkdir()
    house = House(root, {})
    shutil.copytree(still.state, house.state, dirs_exist_ok=True)
    return house


def models_of(house: House) -> registry.Registry:
    """Return the versions in *house*, as the program sees them where the backbone is there."""
    rich, plain = (registry.base_dir(backbone=backbone) for backbone in (True, False))
    heard = registry.load(rich).backbone
    return registry.Registry(house.state / "models", plain, rich, lambda: heard)


def drawn(
    replay: Sequence[Track],
    count: int,
    seed: int,
    by_one: tuple[int, int] = BY_ONE,
    whose: str = "Artist",
) -> Iterator[Track]:
    """Draw *count* tracks with noise, each made-up artist around one track of *replay*.

    An artist has as many tracks as *by_one* bounds, the second left out, and is called after
    *whose*.
    """
    rng = np.random.default_rng(seed)
    wide = np.concatenate([track.features for track in replay]).std(axis=0)
    heard = np.stack([t.embedding for t in replay if t.embedding is not None])
    spread = heard.std(axis=0)
    made, artist = 0, 0
    while made < count:
        near = replay[int(rng.integers(len(replay)))]
        sound = wide * rng.normal(0, OWN_SOUND, len(wide))
        place = near.embedding + spread * rng.normal(0, OWN_SOUND, len(spread))
        for _ in range(min(count - made, int(rng.integers(*by_one)))):
            rows = near.features[rng.integers(len(near.features), size=rng.integers(*SEGMENTS))]
            noise = rng.normal(0, OF_SEGMENT, rows.shape) + rng.normal(0, OF_TRACK, len(wide))
            embedding = place + spread * rng.normal(0, OF_TRACK, len(spread))
            yield Track(
                fingerprint=xxh3_128_hexdigest(f"{whose} {made}"),
                genre=near.genre,
                group=f"{whose} {artist}",
                features=(rows + sound + wide * noise).astype(np.float32),
                embedding=embedding.astype(np.float32),
            )
            made += 1
        artist += 1


def _name(db: Database, track: Track, genres: Sequence[str], number: int) -> None:
    """Let the record know the track, what was heard in it, and what a person says of it."""
    files.remember_track(db, track.fingerprint, 180.0, NOW)
    silent = np.zeros((1, len(genres)), np.float32)
    row = HearingRow(
        fingerprint=track.fingerprint,
        feature_version=FEATURE_VERSION,
        model_version=registry.base_dir(backbone=True).name,
        genres=tuple(genres),
        segments=len(track.features),
        track_features=np.stack([track.features.mean(axis=0), track.features.std(axis=0)]),
        pooled_scores=silent,
        embedding=track.embedding,
        starts_s=np.arange(len(track.features), dtype=np.float32),
        features=track.features,
        scores=np.zeros((1, len(track.features), len(genres)), np.float32),
    )
    hearings.save_hearing(db, row)
    word = FeedbackRow(
        path=f"/music/{track.group}/{number}.mp3",
        fingerprint=track.fingerprint,
        kind="label",
        old=(),
        new=(track.genre,),
        via="retag",
        artist=track.group,
    )
    feedback_log.record_feedback(db, word, NOW)
