"""Synthetic artists: each genre has a sound, each artist a stronger one of its own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.learning.ensemble.export import Paper, Trained, write_model
from core.learning.ensemble.fitting import Recipe, no_check
from core.learning.tracks.dataset import Track
from core.learning.train import train

FEATURES = 135
QUICK = Recipe(epochs=2, members=1, folds=3)
PAPER = Paper(
    version="test-1", created="2026-01-01T00:00:00+00:00", provenance="old songs", licence="none"
)
Artists = Callable[..., tuple[Track, ...]]


def make_artists(
    *,
    seed: int = 0,
    genres: tuple[str, ...] = ("Jazz", "Metal", "Rock"),
    artists: int = 8,
    each: int = 4,
    genre_pull: float = 0.35,
    artist_pull: float = 1.0,
) -> tuple[Track, ...]:
    """Return tracks of *artists* per genre, *each* tracks by one, 1 to 3 segments a track."""
    rng = np.random.default_rng(seed)
    tracks = []
    for genre in genres:
        sound = rng.normal(0, genre_pull, FEATURES)
        for artist in range(artists):
            studio = sound + rng.normal(0, artist_pull, FEATURES)
            for number in range(each):
                rows = studio + rng.normal(0, 0.5, (int(rng.integers(1, 4)), FEATURES))
                tracks.append(
                    Track(
                        fingerprint=f"{genre[:4]}{artist:02}{number:02}".ljust(32, "0"),
                        genre=genre,
                        group=f"{genre} artist {artist}",
                        features=rows.astype(np.float32),
                    )
                )
    return tuple(tracks)


@pytest.fixture
def artists() -> Artists:
    """The maker of synthetic artists."""
    return make_artists


@pytest.fixture(scope="session")
def some_tracks() -> tuple[Track, ...]:
    """Three genres of eight artists."""
    return make_artists()


def make_embedded(tracks: tuple[Track, ...], *, seed: int = 7) -> tuple[Track, ...]:
    """Return *tracks* with embeddings in which the genre is louder than the artist."""
    rng = np.random.default_rng(seed)
    pulls = {genre: rng.normal(0, 1.0, 200) for genre in sorted({t.genre for t in tracks})}
    return tuple(
        replace(t, embedding=(pulls[t.genre] + rng.normal(0, 2.0, 200)).astype(np.float32))
        for t in tracks
    )


@pytest.fixture
def embedded() -> Callable[..., tuple[Track, ...]]:
    """The maker of synthetic embeddings."""
    return make_embedded


@pytest.fixture(scope="session")
def rich_trained(some_tracks: tuple[Track, ...]) -> Trained:
    """One quick training on tracks with embeddings, shared."""
    return train(make_embedded(some_tracks), QUICK, lambda *_: None, no_check)


@pytest.fixture(scope="session")
def rich_dir(rich_trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its model folder, version "test-1"."""
    paper = replace(PAPER, backbone="abc")
    return write_model(rich_trained, paper, tmp_path_factory.mktemp("rich"))


@pytest.fixture(scope="session")
def trained(some_tracks: tuple[Track, ...]) -> Trained:
    """One quick training, shared."""
    return train(some_tracks, QUICK, lambda *_: None, no_check)


@pytest.fixture(scope="session")
def model_dir(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its model folder, version "test-1"."""
    return write_model(trained, PAPER, tmp_path_factory.mktemp("models"))


def pytest_configure(config: pytest.Config) -> None:
    """Bear with what Keras and TensorFlow 2.19 say of themselves under NumPy 2.1."""
    for known in (
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    ):
        config.addinivalue_line("filterwarnings", known)
