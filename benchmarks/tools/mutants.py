"""Damaged and malicious files, made from sound ones: the same number gives the same bytes.

The seeds are small files of every format that can be made here, tagged by plain mutagen.
The first mutants are bombs, each made by hand for one weak spot of a parser; the others
are dice. Nothing here reads or judges a file.
"""

import base64
import io
import random
import struct
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import mutagen
import numpy as np
from mutagen.apev2 import APEBinaryValue, APEv2, APEv2File
from mutagen.asf import ASF
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, COMM, ID3, TCON, TXXX
from mutagen.mp4 import MP4, MP4Cover, MP4FreeForm

from tests.audio import ALL_FORMATS, make_audio, suffix

__all__ = ["Mutant", "bombs", "mutant", "seeds"]

SECONDS = 1.5
COVER = bytes(range(256)) * 8
TINY = 600  # the head of a file, where most structure stands

# name: suffix, container, codec; formats that can be heard, most of them without a genre
EXTRA = {
    "adts": (".aac", "adts", "aac"),
    "caf": (".caf", "caf", "pcm_s16be"),
    "ac3": (".ac3", "ac3", "ac3"),
    "mka": (".mka", "matroska", "libopus"),
    "mp2": (".mp2", "mp2", "mp2"),
}
MARKS = (
    *(b"ID3", b"TAG", b"APIC", b"TCON", b"COMM", b"TXXX", b"APETAGEX", b"LYRICS200", b"Xing"),
    *(b"fLaC", b"OggS", b"vorbis", b"OpusHead", b"OpusTags", b"reference libFLAC", b"GENRE="),
    *(b"ftyp", b"moov", b"udta", b"meta", b"ilst", b"\xa9gen", b"data", b"covr", b"mdat", b"free"),
    *(b"stts", b"stsz", b"stco", b"stsc", b"mdhd", b"trak", b"esds", b"alac", b"mean", b"----"),
    *(b"RIFF", b"WAVE", b"fmt ", b"LIST", b"INFO", b"IGNR", b"id3 ", b"FORM", b"COMM", b"SSND"),
    *(b"wvpk", b"TTA1", b"caff", b"desc", b"\x30\x26\xb2\x75", b"\xa1\xdc\xab\x8c", b"Genre"),
)
EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, (1 << 63) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One bad file: what it was made from, how, and its bytes."""

    number: int
    seed: str
    recipe: str
    suffix: str
    content: bytes


@cache
def seeds() -> dict[str, tuple[str, bytes]]:
    """Return format → (suffix, bytes) of the sound files."""
    with tempfile.TemporaryDirectory() as room:
        made = {name: _seed(Path(room), name) for name in ALL_FORMATS}
        made["mp3-v1-ape"] = (".mp3", _crowded(Path(room), made["mp3"][1]))
    made |= {name: (row[0], _encoded(*row[1:])) for name, row in EXTRA.items()}
    return made | {"dsf": (".dsf", _dsf())}


def mutant(number: int, seed: int = 1) -> Mutant:
    """Return the mutant of this number: a bomb as long as there are some, then dice."""
    made = bombs()
    if number < len(made):
        recipe, end, content = made[number]
        return Mutant(number=number, seed="bomb", recipe=recipe, suffix=end, content=content)
    rng = random.Random(f"{seed}:{number}")
    names = sorted(seeds())
    name = names[number % len(names)]
    end, content = seeds()[name]
    recipes = [rng.choice(list(RECIPES)) for _ in range(1 + (rng.random() < 0.3))]
    for recipe in recipes:
        content = RECIPES[recipe](rng, content)
    if rng.random() < 0.1:
        end = seeds()[rng.choice(names)][0]
        recipes.append("wrong ending")
    return Mutant(number=number, seed=name, recipe=" + ".join(recipes), suffix=end, content=content)


# --- dice --------------------------------------------------------------------------------

Recipe = Callable[[random.Random, bytes], bytes]


def _truncated(rng: random.Random, data: bytes) -> bytes:
    reach = rng.choice([len(data), TINY, TINY // 8])
    return data[: rng.randrange(max(1, min(reach, len(data))))]


def _place(rng: random.Random, data: bytes) -> int:
    """Return where to hit: anywhere, the head, the tail, or beside a mark."""
    where = rng.randrange(4)
    if where == 0:
        return rng.randrange(len(data))
    if where == 1:
        return rng.randrange(min(TINY, len(data)))
    if where == 2:
        return len(data) - 1 - rng.randrange(min(TINY, len(data)))
    return min(len(data) - 1, max(0, _mark(rng, data) + rng.randrange(-8, 32)))


def _mark(rng: random.Random, data: bytes) -> int:
    found = [at for mark in MARKS if (at := data.find(mark)) >= 0]
    return rng.choice(found) if found else 0


def _flipped(rng: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16, 64])):
        out[_place(rng, data)] ^= 1 << rng.randrange(8)
    return bytes(out)


def _sized(rng: random.Random, data: bytes) -> bytes:
    """Put an extreme number beside a mark: a size, a count, a rate."""
    width = rng.choice([1, 2, 3, 4, 4, 4, 8])
    value = rng.choice(EXTREMES) & ((1 << 8 * width) - 1)
    at = max(0, _mark(rng, data) + rng.randrange(-8, 32))
    return data[:at] + value.to_bytes(width, rng.choice(["big", "little"])) + data[at + width :]


def _spliced(rng: random.Random, data: bytes) -> bytes:
    """Put the head of one format on the body of another."""
    other = seeds()[rng.choice(sorted(seeds()))][1]
    reach = rng.choice([16, 128, TINY, max(1, len(data))])
    cut = rng.randrange(reach)
    return other[:cut] + data[rng.choice([0, cut, cut // 2]) :]


def _stacked(rng: random.Random, data: bytes) -> bytes:
    """Put whole tags of other kinds before and behind."""
    before = rng.choice([b"", _id3(b""), _id3(b"") * 50, b"fLaC", bytes(1000)])
    behind = rng.choice([b"", _id3v1(), _ape(1), _ape(1) + _id3v1(), _lyrics(), _id3v1() * 30])
    return before + data + behind


def _dropped(rng: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    at = _place(rng, data)
    return data[:at] + data[at + rng.choice([1, 2, 4, 64, 4096]) :]


def _doubled(rng: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    at = _place(rng, data)
    piece = data[at : at + rng.choice([4, 64, 4096])]
    return data[:at] + piece * rng.choice([2, 3, 100]) + data[at:]


def _inserted(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, data) if data else 0
    return data[:at] + rng.randbytes(rng.choice([1, 2, 7, 512, 5000])) + data[at:]


def _blanked(rng: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    at, length = _place(rng, data), rng.choice([4, 64, 4096])
    fill = rng.choice([b"\0", b"\xff", b"\x7f"])
    return data[:at] + fill * len(data[at : at + length]) + data[at + length :]


def _same(rng: random.Random, data: bytes) -> bytes:
    return data


RECIPES: dict[str, Recipe] = {
    "truncated": _truncated,
    "bits flipped": _flipped,
    "sizes": _sized,
    "spliced": _spliced,
    "tags stacked": _stacked,
    "bytes dropped": _dropped,
    "bytes doubled": _doubled,
    "bytes inserted": _inserted,
    "blanked": _blanked,
    "untouched": _same,
}


# --- bombs -------------------------------------------------------------------------------

Bomb = tuple[str, str, bytes]  # what it is, suffix, bytes


@cache
def bombs() -> tuple[Bomb, ...]:
    """Return the files made by hand, each for one weak spot."""
    return (*_id3_bombs(), *_mp4_bombs(), *_vorbis_bombs(), *_riff_bombs(), *_other_bombs())


def _id3_bombs() -> list[Bomb]:
    sound = seeds()["mp3"][1]
    sound = sound[sound.find(b"\xff\xfb") :]
    zeros = zlib.compress(bytes(200 << 20), 9)
    packed = _frame(b"APIC", (200 << 20).to_bytes(4) + zeros, flags=b"\0\x09")
    packed_23 = _frame(b"APIC", (200 << 20).to_bytes(4) + zeros, flags=b"\0\x80", plain=True)
    many = _frame(b"TXXX", b"\3a\0b") * 50_000
    values = _frame(b"TCON", b"\3" + b"a\0" * 200_000)
    long = _frame(b"TCON", b"\3" + b"x" * (4 << 20))
    giant = b"ID3\4\0\0\x7f\x7f\x7f\x7f"
    return [
        (what, ".mp3", content)
        for what, content in (
            ("ID3 frame that unpacks to 200 MB", _id3(packed) + sound),
            ("ID3v2.3 frame that unpacks to 200 MB", _id3(packed_23, major=3) + sound),
            ("ID3 of 50,000 frames", _id3(many) + sound),
            ("ID3 genre of 200,000 values", _id3(values) + sound),
            ("ID3 genre of 4 MB", _id3(long) + sound),
            ("ID3 that states 256 MB", giant + sound),
            ("ID3 that states 256 MB and nothing else", giant),
            ("ID3 alone", _id3(b"")),
            ("2,000 ID3 tags", _id3(b"") * 2_000 + sound),
            ("2,000 ID3v1 tags", sound + _id3v1() * 2_000),
            ("APEv2 of 4 billion items", sound + _ape(0xFFFFFFFF)),
            ("APEv2 that states 2 GB", sound + _ape(1, size=0x7FFFFFFF)),
            ("APEv2 item of 2 GB", sound + _ape(1, value=0x7FFFFFFF)),
            ("Lyrics3 of a million bytes", sound + b"LYRICSBEGIN999999LYRICS200"),
            ("genre with control characters", _id3(_frame(b"TCON", b"\3\x1b[31mred\x07")) + sound),
            ("title with mark-up", _id3(_frame(b"TIT2", b"\3<script>alert(1)</script>")) + sound),
            ("genre numbers in circles", _id3(_frame(b"TCON", b"\0((17)(RX)(255)(99999")) + sound),
            ("lone surrogates in UTF-16", _id3(_frame(b"TCON", b"\1\xff\xfe\0\xd8\0\xd8")) + sound),
            ("an MP3 frame and a megabyte of nothing", sound[:417] + bytes(1 << 20)),
            ("a megabyte of sync bytes", b"\xff" * (1 << 20)),
        )
    ]


def _mp4_bombs() -> list[Bomb]:
    sound = seeds()["m4a"][1]
    nested = [
        _nested(kind, depth) for kind in (b"moov", b"udta", b"ilst") for depth in (50, 20_000)
    ]
    wide = b"".join(_atom(b"free", b"") for _ in range(100_000))
    return [
        (what, ".m4a", content)
        for what, content in (
            *((f"MP4 atoms nested {number}", _ftyp() + deep) for number, deep in enumerate(nested)),
            *(
                (f"atoms nested {number} behind", sound + deep)
                for number, deep in enumerate(nested)
            ),
            ("100,000 empty atoms", sound + wide),
            ("atoms of size 0", sound + bytes(4) + b"free" + sound),
            ("atoms of size 1", sound + b"\0\0\0\1free" + bytes(8)),
            ("an atom of 2^63 bytes", sound + b"\0\0\0\1free" + (1 << 63).to_bytes(8)),
            ("four billion samples", _patched(sound, b"stsz", 8, b"\xff" * 4)),
            ("a sample that lasts for ever", _patched(sound, b"stts", 12, b"\x7f" + b"\xff" * 3)),
            ("a negative duration of a sample", _patched(sound, b"stts", 12, b"\xff" * 4)),
            ("a time scale of 0", _patched(sound, b"mdhd", 12, bytes(4))),
            ("a time scale of 2^32", _patched(sound, b"mdhd", 12, b"\xff" * 4)),
            ("65,535 channels", _patched(sound, b"mp4a", 20, b"\xff\xff")),
            ("a cover of 2 GB", _patched(sound, b"covr", 4, b"\x7f" + b"\xff" * 3)),
            ("a meta atom without a head", _patched(sound, b"meta", 4, b"ilst")),
            ("moov before everything, twice", sound + sound[sound.find(b"moov") - 4 :]),
        )
    ]


def _vorbis_bombs() -> list[Bomb]:
    flac, ogg, opus = (seeds()[name][1] for name in ("flac", "ogg", "opus"))
    vendor = max(4, flac.find(b"Lavf"))
    declared = struct.pack(">II", 3, 0x7FFFFFFF) + b"image/png"
    lying = b"METADATA_BLOCK_PICTURE=" + base64.b64encode(declared)
    early = ogg.replace(b"OggS\0\4", b"OggS\0\4" + b"\xff" * 8)
    return [
        ("a FLAC block of 16 MB", ".flac", flac[:4] + b"\4\xff\xff\xff" + flac[8:]),
        ("a FLAC picture that states 2 GB", ".flac", _flac_block(flac, 6, declared)),
        ("FLAC of 4 billion comments", ".flac", _flac_block(flac, 4, bytes(4) + b"\xff" * 4)),
        ("a FLAC vendor of 4 GB", ".flac", _flac_block(flac, 4, b"\xff" * 8)),
        ("20,000 FLAC padding blocks", ".flac", flac[:42] + b"\1\0\0\0" * 20_000 + flac[42:]),
        ("two FLAC comments", ".flac", _flac_block(flac, 4, bytes(8))),
        ("FLAC of 2^36 samples", ".flac", flac[:21] + b"\xff" * 5 + flac[26:]),
        ("FLAC of 1 Hz", ".flac", flac[:18] + b"\0\0\x12" + flac[21:]),
        ("FLAC of 0 Hz", ".flac", flac[:18] + b"\0\0\2" + flac[21:]),
        ("a FLAC comment cut off", ".flac", flac[: vendor + 8]),
        ("Ogg comments without end", ".ogg", _patched(ogg, b"\3vorbis", 7, b"\xff" * 4)),
        ("Ogg pages of 255 segments", ".ogg", ogg[:26] + b"\xff" + ogg[27:]),
        ("an Ogg of 10,000 streams", ".ogg", ogg[:58] * 10_000),
        ("an Ogg position before time", ".ogg", early),
        ("an Ogg picture that states 2 GB", ".ogg", ogg.replace(b"GENRE=", lying, 1)),
        ("Opus comments without end", ".opus", _patched(opus, b"OpusTags", 8, b"\xff" * 4)),
        ("Opus of 255 channels", ".opus", _patched(opus, b"OpusHead", 9, b"\xff")),
    ]


def _riff_bombs() -> list[Bomb]:
    wav, aiff = seeds()["wav"][1], seeds()["aiff"][1]
    lists = b""
    for _ in range(3_000):
        lists = b"LIST" + (len(lists) + 4).to_bytes(4, "little") + b"INFO" + lists
    return [
        ("RIFF lists nested 3,000 deep", ".wav", wav + lists),
        ("100,000 empty chunks", ".wav", wav + b"junk\0\0\0\0" * 100_000),
        ("a WAV of 0 Hz", ".wav", _patched(wav, b"fmt ", 12, bytes(4))),
        ("a WAV of 4 GHz", ".wav", _patched(wav, b"fmt ", 12, b"\xff" * 4)),
        ("a WAV of 65,535 channels", ".wav", _patched(wav, b"fmt ", 10, b"\xff\xff")),
        ("a WAV without channels", ".wav", _patched(wav, b"fmt ", 10, bytes(2))),
        ("a WAV of 65,535 bits", ".wav", _patched(wav, b"fmt ", 22, b"\xff\xff")),
        ("a WAV block of 0", ".wav", _patched(wav, b"fmt ", 20, bytes(2))),
        ("WAV data of 4 GB", ".wav", _patched(wav, b"data", 4, b"\xff" * 4)),
        ("an id3 chunk of 2 GB", ".wav", _patched(wav, b"id3 ", 4, b"\xff\xff\xff\x7f")),
        ("a WAV of compressed speech", ".wav", _patched(wav, b"fmt ", 8, b"\x31\0")),
        ("AIFF of 10^300 Hz", ".aiff", _patched(aiff, b"COMM", 16, b"\x7f\xfe" + b"\xff" * 8)),
        ("AIFF of -1 Hz", ".aiff", _patched(aiff, b"COMM", 16, b"\xbf\xff" + b"\x80" + bytes(7))),
        ("AIFF of 32,767 channels", ".aiff", _patched(aiff, b"COMM", 8, b"\x7f\xff")),
        ("AIFF of 4 billion frames", ".aiff", _patched(aiff, b"COMM", 10, b"\xff" * 4)),
    ]


def _other_bombs() -> list[Bomb]:
    wma, tta, wv, dsf = (seeds()[name][1] for name in ("wma", "tta", "wavpack", "dsf"))
    bomb = zlib.compress(bytes(50 << 20), 9)
    return [
        ("an ASF object of 2^63 bytes", ".wma", wma[:16] + b"\xff" * 7 + b"\x7f" + wma[24:]),
        ("ASF of 4 billion objects", ".wma", wma[:24] + b"\xff" * 4 + wma[28:]),
        ("TTA of 4 billion samples", ".tta", _patched(tta, b"TTA1", 14, b"\xff" * 4)),
        ("TTA of 0 Hz", ".tta", _patched(tta, b"TTA1", 10, bytes(4))),
        ("a WavPack block of 4 GB", ".wv", wv[:4] + b"\xff" * 4 + wv[8:]),
        ("DSF of 2^63 bytes", ".dsf", dsf[:12] + b"\xff" * 7 + b"\x7f" + dsf[20:]),
        ("DSF whose tag lies outside", ".dsf", dsf[:20] + b"\xff" * 7 + b"\x7f" + dsf[28:]),
        ("a packed file", ".mp3", b"\x1f\x8b\x08\0" + bomb),
        ("a playlist", ".mp3", b"#EXTM3U\n/etc/passwd\nhttp://localhost/\n"),
        ("an HLS list", ".m4a", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n"),
        ("a concat script", ".mp3", b"ffconcat version 1.0\nfile /etc/passwd\n"),
        ("an SDP of a network", ".wav", b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n"),
        ("a program", ".flac", b"\x7fELF" + bytes(5000)),
        ("a shell script", ".ogg", b"#!/bin/sh\ntouch /tmp/harm\n"),
        ("a pickle", ".wav", b"cos\nsystem\n(S'touch /tmp/harm'\ntR."),
        ("one byte", ".mp3", b"\xff"),
        ("nothing", ".mp3", b""),
    ]


# --- what they are made of ---------------------------------------------------------------


def _seed(room: Path, name: str) -> tuple[str, bytes]:
    path = room / f"seed{suffix(name)}"
    make_audio(path, name, style="folk", seconds=SECONDS, seed=7)
    _dress(path)
    return suffix(name), path.read_bytes()


def _dress(path: Path) -> None:
    """Give a file what files have: names, a comment, a field of its own, a cover; no genre."""
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    if isinstance(file.tags, ID3):
        file.tags.add(APIC(encoding=0, mime="image/png", type=3, desc="", data=COVER))
        file.tags.add(COMM(encoding=3, lang="eng", desc="", text=["a comment"]))
        file.tags.add(TXXX(encoding=3, desc="MOOD", text=["calm"]))
    elif isinstance(file, MP4):
        file["covr"] = [MP4Cover(COVER)]
        file["\xa9ART"] = ["Someone"]
        file["----:com.apple.iTunes:MOOD"] = [MP4FreeForm(b"calm")]
    elif isinstance(file, ASF):
        file["Author"] = ["Someone"]
    elif isinstance(file, APEv2File):
        file["Artist"] = ["Someone"]
        file["Cover Art (Front)"] = APEBinaryValue(b"a.png\0" + COVER)
    else:
        file["artist"] = ["Someone"]
        if isinstance(file, FLAC):
            cover = Picture()
            cover.mime, cover.data = "image/png", COVER
            file.add_picture(cover)
        else:
            file["metadata_block_picture"] = [base64.b64encode(COVER).decode()]
            file["GENRE"] = ["old"]
    file.save()


def _crowded(room: Path, mp3: bytes) -> bytes:
    """Return an MP3 with ID3v2.3, APEv2 and ID3v1, each with a genre."""
    path = room / "crowded.mp3"
    path.write_bytes(mp3)
    tags = ID3(path)
    tags.add(TCON(encoding=0, text=["(17)"]))
    tags.save(path, v1=2, v2_version=3)
    ape = APEv2()
    ape["Genre"], ape["Artist"] = "Rock", "Someone"
    ape.save(path)
    return path.read_bytes()


def _encoded(container: str, codec: str) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(5).integers(-9000, 9000, (1, 48_000), np.int16)
    with av.open(buffer, "w", format=container) as out:
        stream = out.add_stream(codec, rate=48_000, layout="mono")
        size = stream.codec_context.frame_size or 1024
        to = av.AudioResampler(format=stream.format.name, layout="mono", rate=48_000)
        for at in range(0, noise.shape[1] - size, size):
            frame = av.AudioFrame.from_ndarray(noise[:, at : at + size], "s16", "mono")
            frame.sample_rate, frame.pts = 48_000, at
            for part in to.resample(frame):
                out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return buffer.getvalue()


def _dsf() -> bytes:
    """Return a second of DSD64, as no encoder here can make it: bits in blocks of 4096 bytes."""
    blocks = 12
    sound = random.Random(3).randbytes(4096 * blocks)
    head = struct.pack("<4sQQQ", b"DSD ", 28, 28 + 52 + 12 + len(sound), 0)
    samples = 8 * len(sound)
    fmt = struct.pack("<4sQIIIIIIQII", b"fmt ", 52, 1, 0, 1, 1, 2_822_400, 1, samples, 4096, 0)
    return head + fmt + struct.pack("<4sQ", b"data", 12 + len(sound)) + sound


def _synchsafe(value: int) -> bytes:
    return bytes(value >> shift & 0x7F for shift in (21, 14, 7, 0))


def _frame(name: bytes, content: bytes, *, flags: bytes = b"\0\0", plain: bool = False) -> bytes:
    size = len(content).to_bytes(4) if plain else _synchsafe(len(content))
    return name + size + flags + content


def _id3(frames: bytes, major: int = 4) -> bytes:
    return b"ID3" + bytes([major, 0, 0]) + _synchsafe(len(frames)) + frames


def _id3v1() -> bytes:
    return b"TAG" + b"Title".ljust(124, b"\0") + b"\x11"


def _ape(count: int, *, size: int | None = None, value: int = 4) -> bytes:
    item = struct.pack("<II", value, 0) + b"Genre\0Rock"
    footer = struct.pack("<8sIIIIQ", b"APETAGEX", 2000, size or len(item) + 32, count, 0, 0)
    return item + footer


def _lyrics() -> bytes:
    return b"LYRICSBEGININD0000200" + b"000021LYRICS200"


def _atom(kind: bytes, content: bytes) -> bytes:
    return (len(content) + 8).to_bytes(4) + kind + content


def _ftyp() -> bytes:
    return _atom(b"ftyp", b"M4A \0\0\0\0")


def _nested(kind: bytes, depth: int) -> bytes:
    """Return *depth* atoms, each in the one before; joined once, since it grows long."""
    return b"".join((8 * left).to_bytes(4) + kind for left in range(depth, 0, -1))


def _flac_block(flac: bytes, kind: int, content: bytes) -> bytes:
    """Put a metadata block right behind the stream's own."""
    return flac[:42] + bytes([kind]) + len(content).to_bytes(3) + content + flac[42:]


def _patched(data: bytes, mark: bytes, offset: int, value: bytes) -> bytes:
    """Put *value* at *offset* from the first *mark*."""
    at = data.find(mark) + offset
    return data[:at] + value + data[at + len(value) :]
