"""The table of 135, and what extraction promises for any sound."""

import numpy as np
import pytest

from core.analysis.decode import Recording, Scan
from core.analysis.features import FEATURES, extract, features_of, features_of_samples
from core.analysis.segments import RATE, plan_segments
from tests.audio import encode, make_audio, synthesise
from tests.core.analysis import signals

# No level, no position, no length of file: these may move a little, by resampling or coding.
LOUDNESS = 10.0 ** (-12 / 20)


def recording_of(samples, missing=0):
    """A recording as `listen` gives it; *missing* samples at the end could not be decoded."""
    plan = plan_segments(len(samples) / RATE)
    decoded = samples[: len(samples) - missing]
    pieces = tuple(decoded[w.start : w.stop] for w in plan.windows)
    scan = Scan(fingerprint="", duration_s=len(samples) / RATE)
    return Recording(scan=scan, plan=plan, pieces=pieces)


def spread_of(features):
    """How much each feature differs between sounds, for tolerances in its own unit."""
    return np.maximum(features.std(axis=0), 1e-3)


@pytest.fixture(scope="module")
def styles():
    """Features of 20 s in each style [rows, 135]."""
    rows = [features_of_samples(synthesise(s, 20, 1), RATE) for s in ("techno", "folk", "metal")]
    return np.concatenate(rows)


# --- the table -------------------------------------------------------------------------


def test_there_are_exactly_135_features_with_names_of_their_own():
    """A model is bound to their number and order."""
    assert len(FEATURES) == 135
    assert len({feature.name for feature in FEATURES}) == 135


@pytest.mark.parametrize(
    ("block", "count"),
    [("A", 52), ("B", 14), ("C", 12), ("D", 7), ("E", 21), ("F", 3), ("G", 19), ("H", 7)],
)
def test_blocks_have_their_sizes_and_stand_in_order(block, count):
    """The blocks follow each other in the table."""
    blocks = [feature.block for feature in FEATURES]

    assert blocks.count(block) == count
    assert blocks == sorted(blocks)


def test_every_feature_has_a_unit_and_a_source():
    """Nothing in the table is unexplained."""
    assert all(feature.unit and feature.source for feature in FEATURES)


def test_columns_hold_what_their_names_say():
    """A 2 kHz tone with clicks at 120 BPM, read by name from the finished vector."""
    count = 12 * RATE
    samples = signals.tone(2000, count=count) * np.float32(0.05) + signals.clicks(120, count)
    row = dict(zip([f.name for f in FEATURES], features_of_samples(samples, RATE)[1], strict=True))

    assert 2 ** row["tempo"] == pytest.approx(120, rel=0.02)
    assert row["onset_rate"] == pytest.approx(2, abs=0.2)
    assert row["chroma_mean_00"] == max(row[f"chroma_mean_{k:02d}"] for k in range(12))
    assert row["percussive_energy"] > 0.5
    assert row["tempo_ratio_06"] == pytest.approx(row["tempo_peak"])
    assert 1000 < row["centroid_mean"] < 6000
    assert row["energy_sub"] < row["energy_high"] < 0


# --- extraction ------------------------------------------------------------------------


def test_rows_are_the_segments_in_order():
    """Starts rise and fit the plan."""
    features, starts = extract(recording_of(synthesise("techno", 30, 0)))

    assert features.shape == (9, 135)
    assert features.dtype == starts.dtype == np.float32
    assert starts == pytest.approx(np.linspace(1.5, 23.5, 9), abs=0.03)


def test_louder_file_has_the_same_features(styles):
    """12 dB less is the same music, within a hundredth of what tells sounds apart."""
    samples = synthesise("folk", 20, 1)

    loud, quiet = (features_of_samples(samples * g, RATE) for g in (np.float32(1), LOUDNESS))

    assert np.abs(loud - quiet).max(axis=0) / spread_of(styles) == pytest.approx(0, abs=0.01)


def test_segment_is_the_same_whether_spectra_are_shared_or_not():
    """Overlapping segments give what each gives alone (blocks A to F need no context)."""
    samples = synthesise("metal", 30, 2)
    plan = plan_segments(30)
    features, _ = extract(recording_of(samples))
    third = plan.segments[2]

    alone = features_of_samples(samples[third.start : third.stop], RATE)[0]

    # the valley under 200 Hz is the bin at 0 Hz: what direct current the window around had
    own = [
        i
        for i, feature in enumerate(FEATURES)
        if feature.block in "ABCDEF" and feature.name not in {"contrast_mean_00", "contrast_std_00"}
    ]
    scale = np.maximum(np.abs(alone[own]), 1)
    assert np.abs(features[2][own] - alone[own]) / scale == pytest.approx(0, abs=5e-3)


def test_silent_segments_are_dropped():
    """The second half of the track is silence."""
    samples = synthesise("techno", 40, 0)
    samples[len(samples) // 2 :] = 0

    _, starts = extract(recording_of(samples))

    assert 3 < len(starts) < 13
    assert starts.max() < 20


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(20 * RATE),
        np.full(20 * RATE, 0.7),
        np.full(20 * RATE, np.float32(1e-5)) * np.sin(np.arange(20 * RATE)),
        np.zeros(1),
        np.zeros(0),
    ],
    ids=["zeros", "direct current", "-100 dB", "one sample", "nothing"],
)
def test_silence_has_no_segments(samples):
    """n = 0, and the shape says 135 all the same."""
    assert features_of_samples(samples.astype(np.float32), RATE).shape == (0, 135)


ODD = {
    "clipped": np.sign(signals.noise(10 * RATE)),
    "square wave": np.sign(signals.tone(100, count=10 * RATE)),
    "one click": np.eye(1, 10 * RATE, 5 * RATE)[0],
    "tone": signals.tone(440, count=10 * RATE),
    "tone on direct current": signals.tone(440, count=10 * RATE) + 0.6,
    "enormous": signals.noise(10 * RATE) * 100,
    "alternating": np.tile([0.5, -0.5], 5 * RATE),
}


@pytest.mark.parametrize("name", ODD)
def test_no_sound_gives_nan(name):
    """Finite and without a warning, whatever comes in."""
    features = features_of_samples(ODD[name].astype(np.float32), RATE)

    assert len(features) >= 1
    assert np.isfinite(features).all()


@pytest.mark.parametrize(
    "count", [1, 2, 600, 2047, 2048, 2049, 2560, 5000, 22_050, 44_100, 110_081]
)
def test_any_length_gives_one_segment(count):
    """From one sample on; a single sample has no movement and so is silence."""
    features = features_of_samples(signals.noise(count), RATE)

    assert features.shape == (min(1, count - 1), 135)
    assert np.isfinite(features).all()


def test_missing_end_costs_only_its_segments():
    """What could not be decoded is not heard as silence."""
    samples = synthesise("techno", 30, 0)
    whole, _ = extract(recording_of(samples))

    heard, starts = extract(recording_of(samples, missing=10 * RATE))

    assert 0 < len(heard) < len(whole)
    assert starts.max() < 18
    assert heard[0] == pytest.approx(whole[0], rel=0.01, abs=0.01)


# --- across formats and rates ----------------------------------------------------------


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000, 96_000])
def test_samples_of_any_rate_are_taken(rate):
    """Training hands over augmented sound at the rate it has."""
    features = features_of_samples(synthesise("techno", 6, 0, rate), rate)

    assert features.shape == (1, 135)
    assert np.isfinite(features).all()


def test_file_and_samples_give_the_same(tmp_path):
    """A lossless file is its samples, to 16 bits."""
    samples = synthesise("folk", 15, 0)
    encode(tmp_path / "x.flac", samples, RATE, "flac")

    from_file, starts, duration_s, fingerprint = features_of(str(tmp_path / "x.flac"))
    direct = features_of_samples(samples, RATE)

    assert from_file.shape == direct.shape == (4, 135)
    assert len(starts) == 4
    assert duration_s == pytest.approx(15)
    assert len(fingerprint) == 32
    assert np.median(np.abs(from_file - direct) / spread_of(direct)) < 0.05


@pytest.mark.parametrize("fmt", ["mp3", "m4a", "opus", "ogg"])
def test_codec_changes_little(tmp_path, fmt, styles):
    """The median feature moves by less than a fifth of what tells sounds apart."""
    lossless = make_audio(tmp_path / "x.flac", seconds=20, rate=44_100, channels=2, style="metal")
    coded = make_audio(
        tmp_path / f"x.{fmt}", fmt, seconds=20, rate=44_100, channels=2, style="metal"
    )

    one, two = (features_of(str(path))[0].mean(axis=0) for path in (lossless, coded))

    assert np.median(np.abs(one - two) / spread_of(styles)) < 0.2


def test_hearing_twice_is_the_same(tmp_path):
    """No chance in it."""
    path = str(make_audio(tmp_path / "x.mp3", seconds=12, rate=44_100))

    assert np.array_equal(features_of(path)[0], features_of(path)[0])
