"""Effects: each does what its knobs say, and leaves length and finiteness alone."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from core.learning.tracks import effects

RATE = 22_050
Sound = NDArray[np.float32]


def a_tone(hertz: float, seconds: float = 1.0) -> Sound:
    """A sine at a moderate level."""
    time = np.arange(int(seconds * RATE)) / RATE
    return np.asarray(0.2 * np.sin(2 * np.pi * hertz * time), dtype=np.float32)


def clicks(every_s: float, seconds: float = 4.0) -> Sound:
    """A train of short bursts."""
    sound = np.zeros(int(seconds * RATE), np.float32)
    burst = np.random.default_rng(0).standard_normal(200).astype(np.float32) * 0.3
    for start in np.arange(0.1, seconds - 0.1, every_s):
        first = int(start * RATE)
        sound[first : first + len(burst)] += burst
    return sound


def pitch_of(sound: Sound) -> float:
    """The strongest frequency in Hz."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(spectrum.argmax() * RATE / len(sound))


def level_db(sound: Sound) -> float:
    """Root mean square in dB."""
    return float(20 * np.log10(np.sqrt(np.mean(sound.astype(float) ** 2))))


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_stretching_keeps_the_pitch_and_moves_the_beat(factor: float) -> None:
    """A tone stays itself; beats come as much sooner or later as asked."""
    tone = effects.stretched(a_tone(440), factor)
    beat = effects.stretched(clicks(0.5), factor)

    assert len(tone) == int(RATE / factor)
    assert abs(pitch_of(tone) - 440) < 4
    loud = np.flatnonzero(np.abs(beat) > 0.1)
    starts = loud[np.flatnonzero(np.diff(loud, prepend=-RATE) > RATE // 10)] / RATE
    assert abs(float(np.median(np.diff(starts))) - 0.5 / factor) < 0.02


@pytest.mark.parametrize("semitones", [-1.0, 1.0])
def test_pitching_keeps_the_length_and_moves_the_pitch(semitones: float) -> None:
    """By a twelfth of an octave for each semitone."""
    heard = effects.pitched(a_tone(440), RATE, semitones)

    assert len(heard) == RATE
    assert abs(pitch_of(heard) - 440 * 2 ** (semitones / 12)) < 3


def test_the_bass_alone_is_raised() -> None:
    """6 dB at 40 Hz, nothing at 2 kHz."""
    low, high = (
        level_db(effects.lowest_raised(a_tone(hertz), RATE, 6.0)) - level_db(a_tone(hertz))
        for hertz in (40, 2000)
    )

    assert abs(low - 6) < 0.3
    assert abs(high) < 0.1


def test_the_equaliser_bends_each_place_by_its_gain() -> None:
    """6 dB more at 500 Hz, 6 dB less at 4 kHz."""
    gains = np.array([0.0, 0.0, 6.0, 0.0, -6.0, 0.0])
    for hertz, wanted in ((500, 6.0), (4000, -6.0), (60, 0.0)):
        heard = effects.equalised(a_tone(hertz), RATE, gains)
        assert abs(level_db(heard) - level_db(a_tone(hertz)) - wanted) < 0.5


def test_drive_makes_overtones() -> None:
    """The third harmonic of a pure tone, and the more the harder it is driven."""
    shares = []
    for db in (0.0, 12.0):
        spectrum = np.abs(np.fft.rfft(effects.driven(a_tone(440), db)))
        shares.append(float(spectrum[1320] / spectrum[440]))
    assert shares[1] > 2 * shares[0] > 0


def test_a_room_rings_on() -> None:
    """After a click there is sound where there was none, and it dies away."""
    click = np.zeros(RATE, np.float32)
    click[100] = 0.5
    heard = effects.reverberant(click, RATE, 0.5, 6.0, np.random.default_rng(0))
    early, late = (np.abs(heard[at : at + 2000]).max() for at in (500, 12_000))

    assert early > 10 * late > 0


def test_a_small_speaker_loses_both_ends() -> None:
    """What lies inside stays."""
    lost = [
        level_db(effects.narrowed(a_tone(hertz), RATE, 100, 5000)) - level_db(a_tone(hertz))
        for hertz in (30, 1000, 9000)
    ]
    assert lost[0] < -20
    assert abs(lost[1]) < 0.5
    assert lost[2] < -20


@pytest.mark.parametrize("below", [15.0, 45.0])
def test_noise_lies_as_far_below_as_asked(below: float) -> None:
    """White and pink alike."""
    sound = a_tone(440)
    for colour in (0.0, 1.0):
        added = effects.noisy(sound, colour, below, np.random.default_rng(0)) - sound
        assert abs(level_db(sound) - level_db(added) - below) < 0.1


def test_loudness_stops_at_full_scale() -> None:
    """6 dB more is twice as much, and never beyond 1."""
    assert abs(level_db(effects.louder(a_tone(440), 6.0)) - level_db(a_tone(440)) - 6) < 0.01
    assert np.abs(effects.louder(a_tone(440), 30.0)).max() == 1.0


def test_mp3_keeps_the_place_and_changes_the_sound() -> None:
    """The same each time, aligned to the sample, not what went in."""
    rng = np.random.default_rng(0)
    sound = np.asarray(0.1 * rng.standard_normal(RATE), np.float32)
    once, twice = (effects.coded(sound, RATE, 64) for _ in range(2))

    assert np.array_equal(once, twice)
    assert not np.allclose(once, sound, atol=1e-3)
    lags = np.correlate(once[2000:12_000], sound[4000:10_000], "valid")
    assert int(lags.argmax()) == 2000


WAYS: dict[str, Callable[[Sound], Sound]] = {
    "stretched": lambda sound: effects.stretched(sound, 1.1),
    "pitched": lambda sound: effects.pitched(sound, RATE, -1.0),
    "equalised": lambda sound: effects.equalised(sound, RATE, np.full(6, 8.0)),
    "lowest_raised": lambda sound: effects.lowest_raised(sound, RATE, 8.0),
    "narrowed": lambda sound: effects.narrowed(sound, RATE, 100, 6000),
    "driven": lambda sound: effects.driven(sound, 12.0),
    "reverberant": lambda s: effects.reverberant(s, RATE, 0.5, 6.0, np.random.default_rng(0)),
    "noisy": lambda sound: effects.noisy(sound, 0.5, 20.0, np.random.default_rng(0)),
    "louder": lambda sound: effects.louder(sound, 6.0),
    "coded": lambda sound: effects.coded(sound, RATE, 32),
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_breaks_on_odd_sound(way: str) -> None:
    """Silence, a handful of samples, full scale: finite, float32, and as long unless stretched."""
    loud = np.sign(a_tone(100, 0.2))
    for sound in (np.zeros(RATE, np.float32), a_tone(440, 0.01), a_tone(440, 0.0001), loud):
        heard = WAYS[way](sound)

        assert np.isfinite(heard).all()
        assert heard.dtype == np.float32
        assert way == "stretched" or len(heard) == len(sound)
