"""Synthetic artists: each genre has a sound, each artist a stronger one of its own."""

from collections.abc import Callable

import numpy as np
import pytest

from core.learning.dataset import Track

FEATURES = 135
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


def pytest_configure(config: pytest.Config) -> None:
    """Bear with what Keras and TensorFlow 2.19 say of themselves under NumPy 2.1."""
    for known in (
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    ):
        config.addinivalue_line("filterwarnings", known)
