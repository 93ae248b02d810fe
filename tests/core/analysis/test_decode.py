"""Files become samples: exactly, in every format, with their true length."""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soxr
from mutagen.ogg import OggPage

from core.analysis import decode
from core.analysis.decode import listen, mono, scan
from core.analysis.segments import FRAME, HOP, RATE, Plan, Span, plan_segments
from core.errors import AudioError
from tests.audio import FORMATS_UNDER_TEST, encode, make_audio, suffix, synthesise

ALL_FORMATS = (*FORMATS_UNDER_TEST, "oggflac", "wavpack", "wma", "tta")


def whole_file(path: Path) -> np.ndarray:
    """All samples at RATE, decoded in one go by the plainest means there are."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    planes = [f.to_ndarray() for f in frames]
    if not frames[0].format.is_planar:
        planes = [
            p.reshape(-1, f.layout.nb_channels).T for p, f in zip(planes, frames, strict=True)
        ]
    samples = np.concatenate(planes, axis=1)
    if samples.dtype.kind == "i":
        samples = samples / -float(np.iinfo(samples.dtype).min)
    return soxr.resample(samples.mean(axis=0), frames[0].sample_rate, RATE, quality="HQ")


def two_windows(duration_s: float) -> Plan:
    """Ask for one second early and one late in the track."""
    starts = (HOP * 100, int((duration_s - 2) * RATE) // HOP * HOP)
    spans = tuple(Span(start=s, stop=s + RATE) for s in starts)
    return Plan(segments=spans, contexts=spans, windows=spans)


def assert_same_sound(piece: np.ndarray, whole: np.ndarray, span: Span, tolerance: float) -> None:
    """Equal within a share of the level, but for 10 ms at the ends (the resampler's reach)."""
    inner = slice(RATE // 100, -RATE // 100)
    wanted = whole[span.start : span.stop][inner]
    assert len(piece) == span.stop - span.start
    assert np.std(piece[inner] - wanted) < tolerance * np.std(wanted)


# --- exactness -------------------------------------------------------------------------


@pytest.mark.parametrize("fmt", [fmt for fmt in ALL_FORMATS if fmt != "wma"])
def test_windows_are_the_samples_of_the_whole_file(tmp_path, fmt):
    """Seeking loses no sample and shifts none (WMA: all by one constant, so not here)."""
    path = make_audio(tmp_path / f"x{suffix(fmt)}", fmt, seconds=20, rate=44_100, channels=2)
    # Opus predicts from packet to packet and agrees fully only after longer than the pre-roll;
    # AAC draws its noise at random
    tolerance = {"opus": 0.05, "m4a": 0.2}.get(fmt, 1e-3)

    heard = listen(str(path), two_windows)

    whole = whole_file(path)
    for piece, span in zip(heard.pieces, heard.plan.windows, strict=True):
        assert_same_sound(piece, whole, span, tolerance)


@pytest.mark.parametrize("fmt", ["flac", "mp3", "ogg"])
def test_file_that_cannot_seek_is_decoded_in_order(tmp_path, fmt, monkeypatch):
    """Where seeking fails the windows are the same, found by counting samples."""
    path = make_audio(tmp_path / f"x{suffix(fmt)}", fmt, seconds=12, rate=44_100, channels=2)
    sought = listen(str(path), two_windows)

    def fail(self: object, span: Span) -> None:
        raise decode._CannotSeek

    monkeypatch.setattr(decode._Audio, "_seek_and_decode", fail)
    counted = listen(str(path), two_windows)

    for one, other in zip(sought.pieces, counted.pieces, strict=True):
        assert np.max(np.abs(one - other)) < 2e-3


@pytest.mark.parametrize(
    ("rate", "channels"), [(8_000, 1), (22_050, 1), (48_000, 2), (48_000, 6), (192_000, 2)]
)
def test_any_rate_and_channels_become_mono_at_one_rate(tmp_path, rate, channels):
    """A tone keeps its pitch and its length."""
    time = np.arange(8 * rate) / rate
    tone = np.repeat(0.5 * np.sin(2 * np.pi * 1000 * time)[:, None], channels, axis=1)
    encode(tmp_path / "x.flac", tone.astype(np.float32), rate, "flac")

    heard = listen(str(tmp_path / "x.flac"), plan_segments)

    spectrum = np.abs(np.fft.rfft(heard.pieces[0] * np.hanning(len(heard.pieces[0]))))
    assert heard.scan.duration_s == pytest.approx(8, abs=1e-3)
    assert np.argmax(spectrum) * RATE / len(heard.pieces[0]) == pytest.approx(1000, abs=1)
    assert np.sqrt(np.mean(heard.pieces[0] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("u1", [0, 128, 255], [-1, 0, 127 / 128]),
        ("i2", [-(2**15), 0, 2**14], [-1, 0, 0.5]),
        ("i4", [-(2**31), 0, 2**30], [-1, 0, 0.5]),
        ("f4", [-1, 0, 0.5], [-1, 0, 0.5]),
        ("f8", [np.nan, np.inf, -1e300], [0, 16, -16]),
    ],
)
def test_every_sample_type_is_scaled_to_one(kind, values, expected):
    """Two equal channels give one of the same level; floats out of range are tamed."""
    with np.errstate(over="ignore"):
        mixed = mono([np.array(values, dtype=kind)] * 2)

    assert mixed.dtype == np.float32
    assert mixed == pytest.approx(expected)


def test_opposite_channels_cancel():
    """The mix is the mean of the channels."""
    left = np.array([0.5, -0.25], dtype=np.float32)

    assert mono([left, -left]) == pytest.approx([0, 0])


# --- true length -----------------------------------------------------------------------


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_length_is_that_of_the_sound(tmp_path, fmt):
    """Within the padding of the encoder, from a tenth of a second on."""
    path = make_audio(tmp_path / f"x{suffix(fmt)}", fmt, seconds=7, rate=44_100)

    assert scan(str(path)).duration_s == pytest.approx(7, abs=0.12)


def vbr_without_xing(path: Path, seconds: int = 30) -> None:
    """A quiet half, then a loud one: the first frames tell nothing of the bit rate."""
    rng = np.random.default_rng(3)
    noise = rng.standard_normal(seconds * 44_100).astype(np.float32)
    noise *= np.repeat([0, 0.3], len(noise) // 2).astype(np.float32)
    with av.open(str(path), "w", format="mp3", options={"write_xing": "0"}) as out:
        stream = out.add_stream("libmp3lame", rate=44_100, layout="mono")
        stream.options = {"flags": "+qscale", "global_quality": "236"}
        for frame in framed(noise[None], 44_100):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def framed(planes: np.ndarray, rate: int) -> Iterator[av.AudioFrame]:
    """Frames of 1152 samples with their time stamps."""
    for start in range(0, planes.shape[1], 1152):
        part = np.ascontiguousarray(planes[:, start : start + 1152])
        frame = av.AudioFrame.from_ndarray(part, "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield frame


def test_vbr_without_xing_header_has_its_true_length(tmp_path):
    """The estimate from the first frames is far off, the packets are not."""
    vbr_without_xing(tmp_path / "x.mp3")
    with av.open(str(tmp_path / "x.mp3")) as container:
        estimate_s = container.duration / 1e6
    assert abs(estimate_s - 30) > 5, "the recipe makes no difficult file any more"

    heard = listen(str(tmp_path / "x.mp3"), plan_segments)

    assert heard.scan.duration_s == pytest.approx(30, abs=0.1)
    assert sum(map(len, heard.pieces)) == sum(w.stop - w.start for w in heard.plan.windows)


def test_vbr_without_xing_header_seeks_to_the_right_place(tmp_path):
    """The quiet half is quiet, the loud half is loud."""
    vbr_without_xing(tmp_path / "x.mp3")

    heard = listen(str(tmp_path / "x.mp3"), two_windows)

    quiet, loud = (float(np.std(piece)) for piece in heard.pieces)
    assert quiet < 1e-3
    assert loud > 0.1


# --- what cannot be heard --------------------------------------------------------------


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_torn_file_is_refused(tmp_path, fmt):
    """Half a file is half a download, whatever the format."""
    path = make_audio(tmp_path / f"x{suffix(fmt)}", fmt, seconds=8, rate=22_050)
    os.truncate(path, path.stat().st_size // 2)

    with pytest.raises(AudioError) as caught:
        scan(str(path))

    assert caught.value.path == str(path)
    assert "again" in str(caught.value)
    assert "\n" not in caught.value.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"this is text, whatever its name says\n" * 200, "is not audio"),
        (b"ID3\x04\x00\x00\x00\x00\x00\x00", "is not audio"),
        (b"#EXTM3U\n#EXTINF:9,\nhttp://example.org/x.mp3\n#EXT-X-ENDLIST\n", "is not audio"),
        (b"ffconcat version 1.0\nfile /etc/hostname\n", "is not audio"),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), "is not audio"),
        (b"RIFF\x04\x00\x00\x00WAVE", "audio"),
        (b"OggS" + bytes(40), "audio"),
        (b"fLaC" + bytes(40), "audio"),
        (np.random.default_rng(0).bytes(100_000), "audio"),
    ],
)
def test_what_is_no_audio_gets_one_sentence(tmp_path, content, reason):
    """Playlists and the like are not followed: they are no audio."""
    path = tmp_path / "x.mp3"
    path.write_bytes(content)

    with pytest.raises(AudioError, match=reason) as caught:
        scan(str(path))

    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_directory_and_missing_file_are_refused(tmp_path):
    """A folder named like a file is no file."""
    (tmp_path / "x.flac").mkdir()

    with pytest.raises(AudioError, match="is not a file"):
        scan(str(tmp_path / "x.flac"))
    with pytest.raises(AudioError, match="No such file"):
        scan(str(tmp_path / "y.flac"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission_is_refused(tmp_path):
    """The reason names the permission."""
    path = make_audio(tmp_path / "x.flac", seconds=1)
    path.chmod(0)

    with pytest.raises(AudioError, match="Permission denied"):
        scan(str(path))


def test_named_pipe_does_not_block(tmp_path):
    """Opening a pipe would wait for ever."""
    os.mkfifo(tmp_path / "x.mp3")

    with pytest.raises(AudioError, match="is not a file"):
        scan(str(tmp_path / "x.mp3"))


def test_junk_in_the_middle_is_passed_over(tmp_path):
    """Damaged packets cost what they hold, not the track."""
    path = make_audio(tmp_path / "x.mp3", seconds=20, rate=44_100)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = np.random.default_rng(1).bytes(2000)
    path.write_bytes(data)

    heard = listen(str(path), plan_segments)

    assert sum(map(len, heard.pieces)) / RATE == pytest.approx(19, abs=1.5)
    assert all(np.isfinite(piece).all() for piece in heard.pieces)


# --- names and kinds -------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["new\nline.mp3", "🎵 émoji.mp3", os.fsdecode(b"not utf-8 \xff\xfe.mp3"), "http:colon.mp3"],
)
def test_any_name_can_be_heard(tmp_path, name):
    """FFmpeg is given an open file, so it never sees the name."""
    path = tmp_path / "x.mp3"
    make_audio(path, seconds=1)
    odd = os.path.join(tmp_path, name)  # noqa: PTH118
    os.rename(path, odd)  # noqa: PTH104

    assert scan(odd).duration_s == pytest.approx(1, abs=0.1)


def test_content_counts_and_not_the_suffix(tmp_path):
    """An M4A named .mp3 is heard as what it is."""
    m4a = make_audio(tmp_path / "x.m4a", seconds=3)
    (tmp_path / "x.mp3").write_bytes(m4a.read_bytes())

    assert scan(str(tmp_path / "x.mp3")) == scan(str(m4a))


def test_tag_in_an_unknown_encoding_does_not_matter(tmp_path):
    """Bytes in a RIFF INFO chunk that are no UTF-8 are no reason to fail."""
    info = b"INFOINAM\x04\x00\x00\x00\xe9\xff\xfe\x00"
    chunk = b"LIST" + len(info).to_bytes(4, "little") + info
    data = bytearray(make_audio(tmp_path / "x.wav", seconds=1).read_bytes())
    data[12:12] = chunk
    data[4:8] = (len(data) - 8).to_bytes(4, "little")
    (tmp_path / "x.wav").write_bytes(data)

    assert scan(str(tmp_path / "x.wav")).duration_s == pytest.approx(1, abs=0.01)


@pytest.mark.slow
def test_three_hours_cost_little_memory(tmp_path):
    """Only the windows are decoded: four minutes at most, whatever the length."""
    rate, block = 8_000, np.random.default_rng(0).integers(-99, 99, 8_000 * 600).astype("<i2")
    path = tmp_path / "x.wav"
    size = block.nbytes * 18
    with path.open("wb") as file:
        file.write(b"RIFF" + (size + 36).to_bytes(4, "little") + b"WAVEfmt \x10\x00\x00\x00")
        file.write(b"\x01\x00\x01\x00" + rate.to_bytes(4, "little"))
        file.write((rate * 2).to_bytes(4, "little") + b"\x02\x00\x10\x00")
        file.write(b"data" + size.to_bytes(4, "little"))
        for _ in range(18):
            file.write(block.tobytes())

    heard = listen(str(path), plan_segments)

    assert heard.scan.duration_s == pytest.approx(3 * 3600)
    assert len(heard.pieces) == 24
    assert sum(map(len, heard.pieces)) == 24 * (426 * HOP + FRAME)


# --- fingerprint -----------------------------------------------------------------------


def test_other_take_of_the_same_style_is_another_track(tmp_path):
    """The fingerprint tells tracks apart."""
    one = make_audio(tmp_path / "1.mp3", seconds=2, seed=1)
    two = make_audio(tmp_path / "2.mp3", seconds=2, seed=2)

    assert scan(str(one)).fingerprint != scan(str(two)).fingerprint


def test_fingerprint_survives_another_container(tmp_path):
    """FLAC packets are the same in FLAC and in Ogg."""
    sound = synthesise("techno", 3, 0)
    encode(tmp_path / "x.flac", sound, 22_050, "flac")
    encode(tmp_path / "x.oga", sound, 22_050, "oggflac")

    one, two = scan(str(tmp_path / "x.flac")), scan(str(tmp_path / "x.oga"))
    assert one.fingerprint == two.fingerprint
    assert len(one.fingerprint) == 32


@pytest.mark.parametrize("cut", [100, 5_000])
def test_vorbis_cut_by_its_last_page_is_as_long_as_it_plays(tmp_path, cut):
    """A cut of more than one packet makes FFmpeg state that one as 2^32 ticks long less a few."""
    path = make_audio(tmp_path / "x.ogg", "ogg", seconds=4, rate=44_100)
    pages = []
    with path.open("rb") as file:
        while file.peek(1):
            pages.append(OggPage(file))
    pages[-1].position -= cut
    path.write_bytes(b"".join(page.write() for page in pages))

    heard = listen(str(path), two_windows)

    assert heard.scan.duration_s == pytest.approx(4 - cut / 44_100, abs=0.1)
    assert all(piece.size == RATE for piece in heard.pieces)


def test_uneven_time_stamps_of_vorbis_tear_no_hole():
    """Where Vorbis changes its block size, one frame is stamped 10 ms late; nothing is missing."""
    rate, count = 44_100, 4 * 44_100
    sound = np.sin(2 * np.pi * 440 * np.arange(count) / rate).astype(np.float32)
    window = decode._Window(Span(start=0, stop=3 * RATE))
    at, blocks = 0, [1024, 576, *[128] * 7, 576]  # long, into short ones, and back
    for size in blocks * (count // sum(blocks)):
        frame = av.AudioFrame.from_ndarray(sound[None, at : at + size], "fltp", "mono")
        frame.sample_rate = rate
        if not window.take(frame, (at + 448 * (size == 576)) / rate):
            break
        at += size

    span = Span(start=0, stop=3 * RATE)
    assert_same_sound(window.finish(), soxr.resample(sound, rate, RATE), span, tolerance=1e-4)


def test_sound_that_nothing_here_decodes_is_refused(tmp_path):
    """A header that names a codec nobody knows, or makes the decoder give up for good."""
    flac, caf = make_audio(tmp_path / "a.flac", seconds=2.0), tmp_path / "a.caf"
    with av.open(str(caf), "w", format="caf") as out:
        stream = out.add_stream("pcm_s16be", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.ones((1, 8000), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))

    for path, at, bad in ((flac, 8, bytes(4)), (caf, 28, b"what")):
        content = path.read_bytes()
        path.write_bytes(content[:at] + bad + content[at + 4 :])
        assert len(scan(str(path)).fingerprint) == 32  # it can be known, though not heard
        with pytest.raises(AudioError, match="decode"):
            listen(str(path), plan_segments)
