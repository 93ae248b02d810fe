"""Augmented copies: other masterings of the same music, the same each time."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.learning.augment import EFFECTS, PLAIN, chosen, disturb, random_for

RATE = 22_050


def a_chord(seconds: float = 2.0) -> NDArray[np.float32]:
    """Three tones at a moderate level."""
    time = np.arange(int(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * pitch * time) for pitch in (220, 277.2, 329.6))
    return np.asarray(0.1 * tones, dtype=np.float32)


def test_a_copy_follows_from_fingerprint_seed_and_number() -> None:
    """Built twice, a model is the same; another number is another copy."""
    sound = (a_chord(),)

    first = disturb(sound, RATE, random_for("a", 1, 0), advanced=True)
    again = disturb(sound, RATE, random_for("a", 1, 0), advanced=True)
    other = disturb(sound, RATE, random_for("a", 1, 1), advanced=True)

    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


def test_all_pieces_of_a_track_hear_the_same_knobs() -> None:
    """A track is mastered once: two equal pieces stay equal."""
    one, two = disturb((a_chord(), a_chord()), RATE, random_for("b", 1, 0), advanced=True)

    assert np.array_equal(one, two)


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)
def test_every_effect_keeps_length_and_stays_finite(effect: object) -> None:
    """Also on silence and on a handful of samples."""
    for sound in (a_chord(), np.zeros(RATE, np.float32), a_chord(0.05)):
        out = effect.apply(sound, RATE, np.random.default_rng(0))  # type: ignore[attr-defined]

        assert out.shape == sound.shape
        assert np.isfinite(out).all()


@pytest.mark.parametrize("advanced", [False, True])
def test_every_effect_comes_at_least_once_in_ten(advanced: bool) -> None:
    """The draw knows no genre, so no genre can be told by its effects."""
    effects = EFFECTS if advanced else PLAIN
    drawn = [
        effect.name
        for number in range(500)
        for effect in chosen(random_for("c", 1, number), advanced=advanced)
    ]

    assert all(drawn.count(effect.name) >= 50 for effect in effects)
    assert set(drawn) == {effect.name for effect in effects}


def test_plain_has_equaliser_noise_and_loudness() -> None:
    """What --no-advanced-aug leaves."""
    assert {effect.name for effect in PLAIN} == {"equaliser", "noise", "loudness"}


def test_noise_lies_under_the_sound() -> None:
    """15 to 45 dB below it."""
    sound = a_chord()
    noise = next(effect for effect in EFFECTS if effect.name == "noise")

    for seed in range(20):
        added = noise.apply(sound, RATE, np.random.default_rng(seed)) - sound
        distance = 20 * np.log10(np.std(sound) / np.std(added))
        assert 14.5 < distance < 45.5
