"""Percussion, rhythm and modulation: against librosa and against click trains."""

import librosa
import numpy as np
import pytest

from core.analysis import rhythm
from core.analysis.segments import HOP, RATE
from core.analysis.spectral import decibels
from tests.core.analysis import signals

NAMES = ("tempo", "peak", "clarity", "onsets", "mean", "std")


def beat(samples):
    """Block G: the first six by name, then the thirteen ratios."""
    values = rhythm.rhythm(decibels(signals.mel(samples)))
    return dict(zip(NAMES, values[:6], strict=True)), values[6:]


# --- F ---------------------------------------------------------------------------------


def test_clicks_are_percussive_and_tones_harmonic():
    """The share of percussive energy goes from nearly none to nearly all."""
    click = rhythm.percussion(signals.mel(signals.clicks(240, signals.SEGMENT)))[0]
    chord = rhythm.percussion(signals.mel(signals.tone(220, 330, 440)))[0]

    assert click > 0.9
    assert chord < 0.1


def test_beats_over_a_chord_are_found():
    """The percussive onsets of the mix are stronger than those of the chord alone."""
    chord = signals.tone(220, 330, 440)
    mix = chord + signals.clicks(120, signals.SEGMENT)

    assert rhythm.percussion(signals.mel(mix))[2] > 3 * rhythm.percussion(signals.mel(chord))[2]


def test_harmonic_part_of_noise_is_flatter_than_that_of_a_chord():
    """Log flatness: near 0 for noise (over mel bands), far below for lines."""
    noise = rhythm.percussion(signals.mel(signals.noise()))[1]

    assert noise > rhythm.percussion(signals.mel(signals.tone(220, 330, 440)))[1] + 3


# --- G ---------------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [signals.music(signals.CONTEXT), signals.clicks(100)])
def test_onset_strength_is_librosas(samples):
    """Within 1e-3 dB of librosa's on the same mel spectrum."""
    mel_db = decibels(signals.mel(samples))
    expected = librosa.onset.onset_strength(S=mel_db.T, sr=RATE, hop_length=HOP, center=False)

    assert rhythm.onset_strength(mel_db) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("bpm", [75, 90, 100, 120, 128, 140, 160])
def test_click_train_has_its_tempo(bpm):
    """Within 2 %, which is half a frame at 120 BPM."""
    head, _ = beat(signals.clicks(bpm))

    assert 2 ** head["tempo"] == pytest.approx(bpm, rel=0.02)


@pytest.mark.parametrize("style", ["techno", "metal", "swing"])
def test_tempo_of_music_is_librosas_or_an_octave_off(style):
    """Another estimator may take the half or the double."""
    samples = signals.music(signals.CONTEXT, style)
    strength = rhythm.onset_strength(decibels(signals.mel(samples)))
    expected = librosa.feature.tempo(onset_envelope=strength, sr=RATE, hop_length=HOP)[0]

    ratio = 2 ** beat(samples)[0]["tempo"] / expected
    assert min(abs(np.log2(ratio * factor)) for factor in (0.5, 1, 2)) < 0.08


def test_clicks_a_second_are_the_onset_rate():
    """Two clicks a second at 120 BPM."""
    head, _ = beat(signals.clicks(120))

    assert head["onsets"] == pytest.approx(2, abs=0.15)


def test_beat_repeats_at_its_multiples():
    """High at the half tempo and the tempo, low at two thirds of it."""
    _, ratios = beat(signals.clicks(120))
    factor = dict(zip(rhythm._FACTORS, ratios, strict=True))

    assert factor[1] > 0.6
    assert factor[1 / 2] > 0.6
    assert factor[2 / 3] < 0.2
    assert factor[2] < 0.2


def test_clicks_pulse_clearly_and_noise_does_not():
    """Peak over mean of the autocorrelation."""
    clicks, noise = beat(signals.clicks(120))[0], beat(signals.noise(signals.CONTEXT))[0]

    assert clicks["peak"] > 0.6
    assert noise["peak"] < 0.3
    assert clicks["clarity"] > 1.5 * noise["clarity"]


def test_noise_has_an_autocorrelation_of_one_at_zero():
    """And little elsewhere."""
    correlation = rhythm._autocorrelation(signals.noise(400))

    assert correlation[0] == pytest.approx(1)
    assert np.abs(correlation[1:]).max() < 0.3


# --- H ---------------------------------------------------------------------------------


def pulsing_noise(hertz):
    """Noise whose level in dB swings by a sine of 10 dB at *hertz*."""
    level = 10 * np.sin(2 * np.pi * hertz * signals.seconds(signals.CONTEXT))
    return (signals.noise(signals.CONTEXT) * 10 ** (level / 20)).astype(np.float32)


@pytest.mark.parametrize(("hertz", "band"), [(1.4, 0), (3, 1), (5, 2)])
def test_swing_is_found_in_its_band(hertz, band):
    """A sine of 10 dB has a variance of 50 dB²; frames of 93 ms smooth the faster ones."""
    values = rhythm.modulation(decibels(signals.mel(pulsing_noise(hertz))))

    assert values[:3].argmax() == values[3:].argmax() == band
    assert 10 ** values[3 + band] == pytest.approx(50, rel=0.4)


def test_low_swing_is_told_from_a_high_one():
    """A pulsing 80 Hz tone under steady hiss moves the low bands only."""
    swing = 1 + 0.9 * np.sin(2 * np.pi * 3 * signals.seconds(signals.CONTEXT))
    mix = signals.tone(80, count=signals.CONTEXT) * swing + 0.01 * signals.noise(signals.CONTEXT)

    values = rhythm.modulation(decibels(signals.mel(mix.astype(np.float32))))

    assert values[1] > values[4] + 0.5


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 20, 60])
def test_few_frames_and_silence_are_finite(frames):
    """A tenth of a second has no tempo; it gets the usual one."""
    for mel in (np.zeros((frames, 128), np.float32), signals.mel(signals.noise())[:frames]):
        parts = (
            rhythm.percussion(mel),
            rhythm.rhythm(decibels(mel)),
            rhythm.modulation(decibels(mel)),
        )
        assert [len(part) for part in parts] == [3, 19, 7]
        assert all(np.isfinite(part).all() for part in parts)
