"""The backbone's front end against librosa, what it hears of a track, and the network's words."""

import shutil
import warnings
from itertools import pairwise
from pathlib import Path

import librosa
import numpy as np
import pytest
import soxr

from core.analysis import analyse
from core.analysis.backbone import (
    BACKBONE_RATE,
    PATCH_FRAMES,
    PATCHES,
    TAGS,
    Backbone,
    log_mel,
    patch_of,
    patches_of,
    stretches,
)
from core.analysis.banks import mel_bank
from core.analysis.decode import Recording, Scan, listen
from core.analysis.features import extract
from core.analysis.segments import RATE, plan_segments
from core.errors import ModelError
from core.learning.backbone import REFERENCE
from core.registry import base_dir
from tests.audio import encode, make_audio, synthesise

STRETCH = 188 * 256  # samples at 16 kHz under one patch


def sound(seconds: float = 3.2, style: str = "metal", seed: int = 1) -> np.ndarray:
    """Music at 16 kHz."""
    return synthesise(style, seconds, seed, BACKBONE_RATE).astype(np.float32)


def recorded(sound: np.ndarray) -> Recording:
    """A recording of samples at RATE, as the decoder would make it."""
    plan = plan_segments(len(sound) / RATE)
    pieces = tuple(sound[window.start : window.stop] for window in plan.windows)
    return Recording(
        scan=Scan(fingerprint="", duration_s=len(sound) / RATE), plan=plan, pieces=pieces
    )


def starts(recording: Recording) -> np.ndarray:
    """Where all planned segments begin, in s."""
    return np.array([s.start / RATE for s in recording.plan.segments], dtype=np.float32)


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Likeness of each row."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.sum(one * other, axis=1) / lengths


# --- the front end ---------------------------------------------------------------------


def test_the_bank_is_librosas():
    """96 Slaney bands of area 1 up to 8 kHz; float32, so equal to 1e-9 of at most 0.03."""
    wanted = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=96)

    assert np.allclose(mel_bank(16_000, 512, 96), wanted.T, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("seconds", [0.01, 1.0, 3.2])
def test_log_mel_is_librosas(seconds):
    """Power, centred frames, zeros beyond the ends; to 1e-4 of values up to 7."""
    heard = sound()[: int(seconds * BACKBONE_RATE)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that 0.01 s are less than a frame
        mel = librosa.feature.melspectrogram(
            y=heard, sr=16_000, n_fft=512, hop_length=256, n_mels=96, pad_mode="constant"
        )

    assert np.allclose(log_mel(heard), np.log10(10_000 * mel.T + 1), atol=1e-4)


def test_loud_music_stays_finite():
    """In float16, 10,000 times a mel band of ordinary loud music is infinite."""
    loud = np.sign(sound(style="techno"))
    frames = log_mel(loud)

    assert 10 ** frames.max() > np.finfo(np.float16).max
    assert np.isfinite(frames).all()
    assert np.isfinite(log_mel(16 * loud)).all()  # as loud as the decoder lets through
    assert frames.dtype == np.float32


def test_the_level_is_not_evened_out():
    """Half the amplitude is less in every band that sounds."""
    frames = log_mel(sound())
    quiet = log_mel(sound() / 2)

    assert np.all(quiet <= frames)
    assert np.median(frames - quiet) > 0.3


def test_a_patch_is_the_middle():
    """Of more than 187 frames as much goes at each end."""
    frames = np.arange(191, dtype=np.float32)[:, None] * np.ones((1, 96), np.float32)

    assert np.array_equal(patch_of(frames)[:, 0], np.arange(2, 189))
    assert np.array_equal(patch_of(frames[:187]), frames[:187])


@pytest.mark.parametrize("count", [1, 5, 100, 186])
def test_too_few_frames_are_repeated(count):
    """From the first again until the patch is full."""
    frames = np.random.default_rng(1).random((count, 96)).astype(np.float32)

    patch = patch_of(frames)

    assert patch.shape == (PATCH_FRAMES, 96)
    assert np.array_equal(patch[:count], frames)
    assert np.array_equal(patch[count:], patch[: PATCH_FRAMES - count])


def test_the_frames_of_a_stretch_are_those_of_the_track():
    """A stretch has half a frame more at each end, so that no frame meets its edge."""
    whole = sound(6.0)
    first = 100 * 256

    patch = patch_of(log_mel(whole[first : first + STRETCH]))

    assert np.allclose(patch, log_mel(whole)[101 : 101 + PATCH_FRAMES], atol=1e-4)


# --- which stretches of a track --------------------------------------------------------


def test_stretches_lie_around_the_middle_of_segments():
    """At most ten, spread evenly, and not the same one twice."""
    seconds = 240
    ramp = np.linspace(0, 1, seconds * RATE, dtype=np.float32)  # its value tells the time
    recording = recorded(ramp)

    heard = stretches(recording, starts(recording))

    middles = [float(np.median(piece)) * seconds for piece in heard]
    segments = starts(recording) + (plan_segments(seconds).segments[0].frames * 512 / RATE) / 2
    assert len(heard) == PATCHES
    assert all(len(piece) == STRETCH for piece in heard)
    assert all(np.min(np.abs(segments - middle)) < 0.1 for middle in middles)
    steps = [late - early for early, late in pairwise(middles)]
    assert 15 < min(steps) <= max(steps) < 30


@pytest.mark.parametrize("hours", [0.2, 1.0, 3.0, 24.0])
def test_stretches_of_a_long_recording(hours):
    """Seconds in float32 are off by whole samples then, and mean the same segments."""
    plan = plan_segments(hours * 3600)
    pieces = tuple(np.zeros(w.stop - w.start, dtype=np.float32) for w in plan.windows)
    scan = Scan(fingerprint="", duration_s=hours * 3600)
    recording = Recording(scan=scan, plan=plan, pieces=pieces)

    heard = stretches(recording, starts(recording))

    assert [len(piece) for piece in heard] == [STRETCH] * PATCHES


def test_stretches_leave_silence_out():
    """Only segments that were heard count."""
    recording = recorded(np.linspace(0, 1, 60 * RATE, dtype=np.float32))

    heard = stretches(recording, starts(recording)[[0]])

    assert len(heard) == 1
    assert float(np.median(heard[0])) * 60 == pytest.approx(5.5, abs=0.5)
    assert stretches(recording, starts(recording)[:0]) == ()


@pytest.mark.parametrize("seconds", [0.005, 0.5, 2.0, 3.0, 3.1, 4.9, 5.5])
def test_short_audio_is_one_stretch(seconds):
    """Of what there is, never more than a patch needs."""
    recording = recorded(synthesise("folk", seconds, 1, RATE)[: int(seconds * RATE)])

    (heard,) = stretches(recording, starts(recording))

    assert len(heard) == pytest.approx(min(STRETCH, seconds * BACKBONE_RATE), abs=2)


def test_audio_shorter_than_a_patch_is_heard_from_two_beginnings():
    """The seam of the repetition lies elsewhere in each; longer audio is heard once."""
    short, long = np.arange(100.0)[:, None] + np.zeros(96), np.zeros((PATCH_FRAMES, 96))

    first, second = patches_of(short)

    assert first[:2, 0].tolist() == [0, 1]
    assert second[:2, 0].tolist() == [50, 51]
    assert sorted(set(second[:, 0])) == list(range(100))
    assert len(patches_of(long)) == 1


def test_resampling_twice_is_as_good_as_once():
    """44.1 → 22.05 → 16 kHz equals 44.1 → 16 kHz: the backbone ends at 8 kHz, the piece at 11."""
    rate = 44_100
    full = synthesise("metal", 5.5, 1, rate).astype(np.float32)
    recording = recorded(soxr.resample(full, rate, RATE, quality="HQ"))

    (twice,) = stretches(recording, starts(recording))

    once = soxr.resample(full, rate, BACKBONE_RATE, quality="HQ")
    offset = int(np.argmax(np.correlate(once, twice[1000:3000], mode="valid"))) - 1000
    difference = log_mel(twice) - log_mel(once[offset : offset + len(twice)])
    assert np.sqrt(np.mean(difference**2)) < 0.02


# --- the network -----------------------------------------------------------------------


def test_there_are_fifty_tags():
    """In the network's order."""
    assert len(set(TAGS)) == 50
    assert (TAGS[0], TAGS[9], TAGS[33], TAGS[49]) == ("rock", "jazz", "Hip-Hop", "happy")


def test_it_says_what_the_reference_says(exported):
    """Through LiteRT with float16 weights, against the float32 network."""
    with np.load(REFERENCE) as known:
        embedding, tags = Backbone(exported).run(known["patches"].astype(np.float32))

        assert np.abs(tags - known["tags"]).max() < 2e-3
        assert cosines(embedding, known["embedding"]).min() > 0.9999


def test_each_piece_is_one_patch(exported):
    """Shapes, also of nothing; tags are probabilities."""
    net = Backbone(exported)

    embedding, tags = net.embed([sound(), sound(0.1), np.zeros(16, np.float32)])

    assert embedding.shape == (3, 200)
    assert tags.shape == (3, 50)
    assert tags.min() >= 0
    assert tags.max() <= 1
    assert [part.shape for part in net.embed([])] == [(0, 200), (0, 50)]


def test_analyse_hears_with_it(exported, tmp_path):
    """Embedding and tags come with the hearing where a backbone is named, and only then."""
    path = str(make_audio(tmp_path / "x.mp3", seconds=12, rate=44_100, channels=2))

    plain = analyse(path, str(base_dir(backbone=False)))
    heard = analyse(path, str(base_dir(backbone=False)), backbone=str(exported))

    assert plain.embedding is None
    assert plain.tags is None
    recording = listen(path, plan_segments)
    wanted = Backbone(exported).embed(stretches(recording, extract(recording)[1]))
    assert np.array_equal(heard.embedding, wanted[0])
    assert np.array_equal(heard.tags, wanted[1])
    assert np.array_equal(heard.features, plain.features)


def test_silence_has_no_patches(exported, tmp_path):
    """The backbone was there, but there was nothing to hear."""
    path = tmp_path / "x.flac"
    encode(path, np.zeros(4 * RATE, np.float32), RATE, "flac")

    heard = analyse(str(path), str(base_dir(backbone=False)), backbone=str(exported))

    assert heard.embedding.shape == (0, 200)
    assert heard.tags.shape == (0, 50)


def test_a_damaged_backbone_is_refused(exported, tmp_path):
    """Every file is checked against the manifest before it is run."""
    folder = tmp_path / "backbone"
    shutil.copytree(exported, folder)
    with (folder / "backbone.tflite").open("r+b") as network:
        network.seek(100_000)
        network.write(b"\0" * 8)

    with pytest.raises(ModelError, match=r"changed or damaged; run: python -m core\.learning"):
        Backbone(folder)


def test_an_absent_backbone_is_told(tmp_path: Path):
    """With what to do about it."""
    with pytest.raises(ModelError, match="not there; run: python -m"):
        Backbone(tmp_path)
