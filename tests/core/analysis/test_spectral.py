"""Timbre, contrast, shape and dynamics: against librosa and against paper."""

import librosa
import numpy as np
import pytest

from core.analysis import banks, spectral
from core.analysis.segments import FRAME, HOP, RATE
from tests.core.analysis import signals

SOUNDS = {
    "techno": signals.music(),
    "chord": signals.tone(220, 277.18, 329.63) + signals.noise() * np.float32(0.01),
    "noise": signals.noise(),
}
FRAMES = {"n_fft": FRAME, "hop_length": HOP, "center": False}


@pytest.fixture(params=SOUNDS)
def sound(request):
    """Three very different sounds."""
    return SOUNDS[request.param]


def rows(librosa_matrix):
    """Mean and std over time, as ours."""
    return np.concatenate((librosa_matrix.mean(axis=1), librosa_matrix.std(axis=1)))


def shape_of(samples):
    """Block C with its columns named."""
    power = signals.power(samples)
    values = spectral.shape(np.sqrt(power), power, spectral.sign_changes(samples))
    names = ("centroid", "bandwidth", "rolloff", "flatness", "flux", "crossings")
    return dict(zip([*names, *(f"{name}_std" for name in names)], values, strict=True))


# --- banks and the shared spectrum -----------------------------------------------------


def test_mel_bank_is_librosas():
    """Slaney's triangles, area 1."""
    expected = librosa.filters.mel(sr=RATE, n_fft=FRAME, n_mels=banks.MELS)

    assert banks.mel_bank() == pytest.approx(expected.T, abs=1e-8)


def test_pieces_of_the_mel_bank_are_all_of_it():
    """What is left out is zeros."""
    whole = np.zeros_like(banks.mel_bank())
    for bins, bands, piece in banks.mel_pieces():
        whole[bins, bands] += piece

    assert np.array_equal(whole, banks.mel_bank())


def test_chroma_bank_is_librosas():
    """With tuning 0, so no time is spent on guessing it."""
    expected = librosa.filters.chroma(sr=RATE, n_fft=FRAME, tuning=0.0)

    assert banks.chroma_bank() == pytest.approx(expected.T, abs=1e-6)


def test_spectrum_is_librosas(sound):
    """Float32 all through: within 1e-5 of the loudest bin."""
    expected = np.abs(librosa.stft(sound, **FRAMES)).T ** 2

    assert np.abs(signals.power(sound) - expected).max() < 1e-5 * expected.max()


def test_sine_has_its_peak_in_its_bin():
    """Hann window: the peak is (amplitude · 1024 / 2) squared."""
    hertz = 100 * RATE / FRAME
    power = signals.power(signals.tone(hertz))

    assert set(power.argmax(axis=1)) == {100}
    assert power[:, 100] == pytest.approx((0.2 * FRAME / 4) ** 2, rel=1e-3)


# --- A timbre --------------------------------------------------------------------------


def test_mfcc_is_librosas(sound):
    """Means and deviations within 0.01 dB."""
    expected = librosa.feature.mfcc(y=sound, sr=RATE, n_mfcc=20, **FRAMES)

    ours = spectral.timbre(signals.mel(sound))

    assert ours[:40] == pytest.approx(rows(expected), abs=0.01)


def test_slope_is_librosas_delta(sound):
    """Std of delta-MFCC 1-12, ends repeated."""
    mfcc = librosa.feature.mfcc(y=sound, sr=RATE, n_mfcc=13, **FRAMES)
    expected = librosa.feature.delta(mfcc, mode="nearest")[1:].std(axis=1)

    assert spectral.timbre(signals.mel(sound))[40:] == pytest.approx(expected, abs=1e-3)


def test_louder_sound_changes_only_the_first_mfcc():
    """A gain is one number in the logarithm: 20 dB are 20 · sqrt(128) in MFCC 0."""
    mel = signals.mel(signals.music()) + 1  # far above the floor

    quiet, loud = spectral.timbre(mel), spectral.timbre(mel * 100)

    assert loud[0] - quiet[0] == pytest.approx(20 * np.sqrt(128), rel=1e-4)
    assert loud[1:] == pytest.approx(quiet[1:], abs=2e-3)


# --- B contrast ------------------------------------------------------------------------


def test_contrast_is_librosas(sound):
    """Within 0.05 dB where there is sound; the top band ends in the resampler's noise."""
    magnitude = np.sqrt(signals.power(sound))
    expected = rows(librosa.feature.spectral_contrast(S=magnitude.T, sr=RATE))

    assert spectral.contrast(magnitude) == pytest.approx(expected, abs=0.05)


def test_one_tone_in_noise_stands_out_in_its_octave():
    """1,000 Hz lies in the band 800-1,600 Hz, the fourth."""
    samples = signals.tone(1000) + signals.noise() * np.float32(0.01)

    contrast = spectral.contrast(np.sqrt(signals.power(samples)))[:7]

    assert contrast.argmax() == 3
    assert contrast[3] > contrast[[0, 1, 2, 4, 5]].max() + 20


# --- C shape ---------------------------------------------------------------------------


def test_shape_is_librosas(sound):
    """Centroid and bandwidth within 0.1 Hz, roll-off exact, flatness within 1e-3."""
    magnitude = np.sqrt(signals.power(sound)).T
    flatness = np.log(librosa.feature.spectral_flatness(S=magnitude))

    ours = shape_of(sound)

    for name, expected, tolerance in (
        ("centroid", librosa.feature.spectral_centroid(S=magnitude, sr=RATE), 0.1),
        ("bandwidth", librosa.feature.spectral_bandwidth(S=magnitude, sr=RATE), 0.1),
        ("rolloff", librosa.feature.spectral_rolloff(S=magnitude, sr=RATE), 0.5),
        ("flatness", flatness, 1e-3),
    ):
        assert ours[name] == pytest.approx(expected.mean(), abs=tolerance), name
        assert ours[f"{name}_std"] == pytest.approx(expected.std(), abs=tolerance), name


def test_crossings_are_librosas(sound):
    """Within 1 in 2,048: we count the step into a frame, librosa does not."""
    expected = librosa.feature.zero_crossing_rate(
        sound, frame_length=FRAME, hop_length=HOP, center=False
    )

    assert spectral.sign_changes(sound) == pytest.approx(expected[0], abs=1.01 / FRAME)


def test_sine_is_where_its_frequency_says():
    """Centroid and roll-off at 2 kHz, narrow, no noise, 2 · f crossings a second."""
    shape = shape_of(signals.tone(2000))

    assert shape["centroid"] == pytest.approx(2000, abs=20)
    assert shape["rolloff"] == pytest.approx(2000, abs=2 * RATE / FRAME)
    assert shape["bandwidth"] < 150
    assert shape["flatness"] < -8
    assert shape["crossings"] == pytest.approx(2 * 2000 / RATE, rel=0.01)
    assert shape["flux"] < 0.05


def test_white_noise_is_flat():
    """Centroid in the middle, log flatness of white noise is minus Euler's constant."""
    shape = shape_of(signals.noise())

    assert shape["centroid"] == pytest.approx(RATE / 4, rel=0.02)
    assert shape["rolloff"] == pytest.approx(0.85 * RATE / 2, rel=0.02)
    assert shape["flatness"] == pytest.approx(-0.5772, abs=0.03)
    assert shape["crossings"] == pytest.approx(0.5, abs=0.02)


def test_rising_chirp_moves_and_a_tone_does_not():
    """From 500 Hz to 8 kHz the centroid spreads as a uniform distribution does."""
    time = signals.seconds(signals.SEGMENT)
    rate = (8000 - 500) / time[-1]
    chirp = np.sin(2 * np.pi * (500 * time + rate * time**2 / 2)).astype(np.float32) * 0.2

    shape = shape_of(chirp.astype(np.float32))

    assert shape["centroid"] == pytest.approx(4250, rel=0.02)
    assert shape["centroid_std"] == pytest.approx(7500 / np.sqrt(12), rel=0.05)
    assert shape["flux"] > 10 * shape_of(signals.tone(2000))["flux"]


# --- D dynamics ------------------------------------------------------------------------


def test_energy_lies_in_the_band_of_the_tone():
    """All of a 100 Hz tone is at 60-250 Hz."""
    shares = spectral.dynamics(signals.power(signals.tone(100)))[3:]

    assert shares.argmax() == 1
    assert shares[1] == pytest.approx(0, abs=0.01)
    assert shares[[2, 3]].max() < -3


def test_steady_tone_has_no_dynamics_and_a_half_quiet_one_has():
    """Half the frames 20 dB down: 10 dB std, 20 dB range, half the frames quiet."""
    steady = signals.tone(440)
    halved = steady * np.where(np.arange(len(steady)) < len(steady) // 2, 1, 0.1)

    assert spectral.dynamics(signals.power(steady))[:2] == pytest.approx([0, 0], abs=0.01)
    std, range_db, quiet = spectral.dynamics(signals.power(halved.astype(np.float32)))[:3]
    assert std == pytest.approx(10, abs=0.3)
    assert range_db == pytest.approx(20, abs=0.3)
    assert quiet == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("frames", [1, 2, 3, 10])
def test_few_frames_are_enough(frames):
    """What is shorter than nine frames still has a slope, a flux and a spread."""
    power = signals.power(signals.noise(FRAME + (frames - 1) * HOP))
    assert len(power) == frames

    magnitude, crossings = np.sqrt(power), np.zeros(frames, dtype=np.float32)
    parts = (
        spectral.timbre(power @ banks.mel_bank()),
        spectral.contrast(magnitude),
        spectral.shape(magnitude, power, crossings),
        spectral.dynamics(power),
    )
    assert [len(part) for part in parts] == [52, 14, 12, 7]
    assert all(np.isfinite(part).all() for part in parts)
