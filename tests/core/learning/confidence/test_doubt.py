"""Learning whether the first genre will be right, from answers given blind."""

import numpy as np

from core.decision.surety import SIGNS, signs, sureness
from core.learning.confidence.calibrate import identity
from core.learning.confidence.doubt import Blind, learn_surety

GENRES, TRACKS = 4, 160


def answers(seed: int, *, telling: bool) -> Blind:
    """Return words as wrong as they are far from what was learned, if it is *telling*."""
    rng = np.random.default_rng(seed)
    truth = np.arange(TRACKS) % GENRES
    lost = rng.random(TRACKS) < 0.35
    said = np.where(lost, (truth + 1) % GENRES, truth)
    words = np.full((TRACKS, GENRES), 0.1)
    words[np.arange(TRACKS), said] = 0.7
    embedding = 3 * np.eye(GENRES)[truth] + rng.normal(0, 0.3, (TRACKS, GENRES))
    if not telling:
        embedding = rng.normal(0, 1, (TRACKS, GENRES))
    return Blind(
        scores=list(np.log(words)[:, None, None, :]),
        weights=np.ones(1),
        words=words,
        calibration=identity(GENRES),
        truth=truth,
        groups=np.arange(TRACKS) // 2,
        folds=np.arange(TRACKS) // 2 % 5,
        embedding=embedding,
    )


def test_a_sign_that_tells_is_learned() -> None:
    """Far from where the first genre lies means wrong, so distance weighs against it."""
    blind = answers(0, telling=True)

    learned = learn_surety(blind)

    assert learned is not None
    right = blind.words.argmax(axis=1) == blind.truth
    assert learned.surety.weights[SIGNS.index("distance")] < 0
    assert learned.sure[right].min() > learned.sure[~right].max()


def test_what_is_learned_is_what_is_used() -> None:
    """The model's own signs of a new track say the same as those that were learned from."""
    blind = answers(0, telling=True)
    learned = learn_surety(blind)
    assert learned is not None and blind.embedding is not None

    found = [
        signs(
            blind.scores[i],
            blind.weights,
            blind.words[i],
            blind.embedding[i],
            learned.surety.places,
        )
        for i in range(TRACKS)
    ]
    used = np.array([sureness(0.7, each, learned.surety) for each in found])

    assert np.corrcoef(used, learned.sure)[0, 1] > 0.95


def test_signs_that_tell_nothing_are_not_kept() -> None:
    """Noise ranks no better than the confidence, so nothing is made of it."""
    kept = [learn_surety(answers(seed, telling=False)) for seed in range(4)]

    assert sum(each is not None for each in kept) <= 1
