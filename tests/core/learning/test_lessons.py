"""Which tags of a library look wrong, and what they brought; no network is trained here."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from core.learning.dataset import Track, from_lessons, genres_of
from core.learning.fitting import Recipe, Studio
from core.learning.gate import Evidence, Said
from core.learning.lessons import brought, doubts, out_of_fold, suspicious
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


def test_what_the_tags_brought_is_said_of_the_library_alone(artists: Artists) -> None:
    """Not of the collection beside it; a genre that was unknown before could not be right."""
    tracks = artists(artists=2, each=2)
    genres = ("Jazz", "Metal", "Rock")
    truth = np.eye(3)[[genres.index(track.genre) for track in tracks]]
    evidence = Evidence(
        truth=tuple(track.genre for track in tracks),
        groups=np.repeat(np.arange(6, dtype=np.int32), 2),
        labelled=np.zeros(12, dtype=bool),
        newest=np.zeros(12, dtype=bool),
        champion=Said(genres=genres[:2], probabilities=np.tile([0.4, 0.6], (12, 1))),
        challenger=Said(genres=genres, probabilities=truth),
        arrived=np.arange(12) >= 4,
    )

    figures = brought(evidence)

    assert figures["library_tracks"] == 8
    assert figures["library_artists"] == 4
    assert figures["library_known"] == 0.5
    assert (figures["library_before"], figures["library_after"]) == (0.5, 1.0)
    assert (figures["library_gain"], figures["library_gain_high"]) == (0.5, 1.0)
    assert brought(replace(evidence, arrived=np.zeros(12, dtype=bool))) == {}


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
