"""Which tags of a library look wrong; no network is trained here."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from core.learning.ensemble.fitting import Recipe, Studio
from core.learning.lessons import doubts, out_of_fold, suspicious
from core.learning.tracks.dataset import Track, from_lessons, genres_of
from core.learning.train import feature_groups

Artists = Callable[..., tuple[Track, ...]]


def test_a_tag_against_all_others_is_doubted() -> None:
    """By the models and by the same artist's other files; either alone is not enough."""
    words = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.02, 0.98]])
    artists = np.array([0, 0, 0, 1, 1, 2])

    wrong = suspicious(words, np.array([0, 0, 1, 1, 1, 1]), artists)[0]
    assert wrong.tolist() == [False, False, True, False, False, False]

    alone = suspicious(words, np.array([0, 0, 0, 1, 1, 0]), artists)[0]
    assert alone.tolist() == [False] * 5 + [True]

    of_one_mind = suspicious(words, np.array([1, 1, 1, 1, 1, 1]), artists)[0]
    assert not of_one_mind.any()


def test_the_rarer_genre_of_an_artist_is_not_doubted() -> None:
    """Two of ten songs in another genre are a habit, one is an oddity."""
    words = np.tile([0.8, 0.2], (30, 1))
    words[20:] = [0.1, 0.9]
    artists = np.repeat([0, 1, 2], 10)
    tags = np.repeat([0, 0, 1], 10)
    tags[:2], tags[10] = 1, 1

    assert np.flatnonzero(suspicious(words, tags, artists)[0]).tolist() == [10]


def test_tags_made_wrong_are_found(artists: Artists) -> None:
    """Nine of ten that are doubted were made wrong, and few are missed."""
    tracks = artists(seed=3, artists=10, each=4, genre_pull=0.5)
    genres = genres_of(tracks)
    spoilt = set(range(0, len(tracks), 13))
    lessons = [
        replace(t, genre=genres[(genres.index(t.genre) + 1) % 3] if i in spoilt else t.genre)
        for i, t in enumerate(tracks)
    ]
    studio = Studio(genres, feature_groups(), Recipe(members=0))

    found = doubts(lessons, out_of_fold(lessons, studio), genres)

    wrong = {lessons[i].fingerprint for i in spoilt}
    hit = {doubt.fingerprint for doubt in found} & wrong
    assert len(hit) >= 0.8 * len(wrong)
    assert len(hit) >= 0.8 * len(found)
    assert all(doubt.instead != doubt.tagged for doubt in found)
    assert [d.probability for d in found] == sorted(d.probability for d in found)


def test_silence_is_no_lesson(artists: Artists) -> None:
    """As it is no label."""
    heard = artists(artists=1, each=1)[0]

    assert not from_lessons([_Lesson(heard, np.zeros((0, 135), np.float32))])
    (lesson,) = from_lessons([_Lesson(heard, heard.features)])
    assert (lesson.arrived, lesson.labelled) == (True, False)


class _Lesson:
    """A lesson as the library gives it."""

    def __init__(self, track: Track, features: np.ndarray) -> None:
        self.fingerprint, self.genre, self.group = track.fingerprint, track.genre, track.group
        self.features, self.embedding, self.doubted = features, None, False
