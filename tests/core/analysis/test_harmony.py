"""Harmony: against librosa and against chords whose theory is known."""

import librosa
import numpy as np
import pytest

from core.analysis import harmony
from core.analysis.segments import RATE
from tests.core.analysis import signals

# one octave above the middle one, where bins of 10.8 Hz tell semitones apart
C, E_FLAT, E, F_SHARP, G, A = 523.25, 622.25, 659.26, 739.99, 783.99, 880.0


def parts(samples):
    """Block E split into its parts."""
    values = harmony.harmony(signals.power(samples))
    entropy, change, majorness = values[18:]
    return values[:12], values[12:18], float(entropy), float(change), float(majorness)


@pytest.mark.parametrize("samples", [signals.music(), signals.tone(C, E, G), signals.noise()])
def test_chroma_and_tonnetz_are_librosas(samples):
    """Within 1e-4 of librosa with tuning 0."""
    power = signals.power(samples)
    expected = librosa.feature.chroma_stft(S=power.T, sr=RATE, tuning=0.0)
    network = librosa.feature.tonnetz(chroma=expected, sr=RATE)

    chroma = harmony.chroma(power)

    assert chroma == pytest.approx(expected.T, abs=1e-4)
    assert harmony.tonnetz(chroma) == pytest.approx(network.T, abs=1e-4)


@pytest.mark.parametrize(("hertz", "pitch_class"), [(C, 0), (E, 4), (A, 9), (2 * C, 0), (A / 2, 9)])
def test_tone_is_in_its_pitch_class(hertz, pitch_class):
    """In every octave."""
    chroma = harmony.chroma(signals.power(signals.tone(hertz)))

    assert set(chroma.argmax(axis=1)) == {pitch_class}


def test_first_chroma_is_the_strongest_class():
    """The key is rotated away."""
    assert parts(signals.tone(A))[0].argmax() == 0
    assert parts(signals.music())[0].argmax() == 0


def test_transposed_chord_has_the_same_harmony():
    """Four semitones up: the numbers move by less than the bins are coarse."""
    up = 2 ** (4 / 12)
    one = parts(signals.tone(2 * C, 2 * E, 2 * G))
    two = parts(signals.tone(2 * C * up, 2 * E * up, 2 * G * up))

    assert one[0] == pytest.approx(two[0], abs=0.3)
    assert one[4] == pytest.approx(two[4], abs=0.1)


def test_major_and_minor_triads_have_opposite_signs():
    """C-E-G fits the major profile better, C-E flat-G the minor."""
    assert parts(signals.tone(C, E, G))[4] > 0.01
    assert parts(signals.tone(C, E_FLAT, G))[4] < -0.01


def test_one_hot_chroma_sits_on_the_circles_of_the_tonal_space():
    """Radius 1 on the circles of fifths and minor thirds, 0.5 on that of major thirds."""
    centroids = harmony.tonnetz(np.eye(12, dtype=np.float32))
    radii = np.hypot(centroids[:, ::2], centroids[:, 1::2])

    assert radii == pytest.approx(np.tile([1, 1, 0.5], (12, 1)), abs=1e-6)


def test_entropy_is_that_of_the_classes():
    """One class 0 bits, twelve equal ones log2 12."""
    assert harmony._entropy(np.eye(12, dtype=np.float32)) == pytest.approx(np.zeros(12), abs=1e-6)
    assert harmony._entropy(np.ones((1, 12), np.float32)) == pytest.approx([np.log2(12)])


def test_noise_has_more_entropy_and_change_than_a_tone():
    """A held tone does not change at all."""
    _, _, entropy, change, _ = parts(signals.noise())
    _, _, tone_entropy, tone_change, _ = parts(signals.tone(A))

    assert entropy > tone_entropy + 1
    assert change > 100 * max(tone_change, 1e-6)


def test_alternating_chords_move_on_the_tone_network():
    """C and F sharp lie opposite on the circle of fifths."""
    half = signals.SEGMENT // 2
    moving = np.concatenate((signals.tone(C, count=half), signals.tone(F_SHARP, count=half)))

    still = parts(signals.tone(C))[1]
    assert still.max() < 0.01
    assert parts(moving)[1][:2].max() > 0.5


def test_silence_and_one_frame_are_finite():
    """No division by an empty chroma."""
    for frames in (1, 2, 5):
        values = harmony.harmony(np.zeros((frames, 1025), dtype=np.float32))
        assert values.shape == (21,)
        assert np.isfinite(values).all()
