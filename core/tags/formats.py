"""The one table of formats: how each is known, where its genre stands, how it is written.

A file is known by its content, never by its name. `read` never takes an unreadable tag
for an empty one, and lets no foreign exception out. A new format is a new row, and the
tests follow from the row.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from core.errors import GenrewatchError, TagError, UntaggableFile
from core.tags import TagReading
from core.tags.asf import asf_contents, write_asf
from core.tags.chunks import (
    AIFF,
    DSDIFF,
    dsf_contents,
    iff_contents,
    wav_contents,
    write_dsf,
    write_iff,
    write_wav,
)
from core.tags.contents import Contents
from core.tags.id3 import find_blocks
from core.tags.mp4 import mp4_contents, write_mp4
from core.tags.mpeg import ape_first, audio_range, id3_first, write_ape_first, write_id3_first
from core.tags.splice import digest, hash_of_range, size_of, slice_of, whole
from core.tags.vorbis import flac_contents, ogg_contents, write_flac, write_ogg

__all__ = [
    "FORMATS",
    "UNTAGGABLE",
    "Format",
    "bytes_between_tags",
    "format_of",
    "opened",
    "read",
    "read_file",
    "translated",
]

# what is read goes to the record and to the screen: no file may flood them
LONGEST_GENRES, LONGEST_FIELD = 2_000, 1_000
HEAD = 1 << 16  # bytes looked at; junk between a tag and the first MPEG frame may be long


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One row: a kind of file and everything that tags need to know of it."""

    name: str
    title: str  # as people call it
    suffixes: tuple[str, ...]  # as people name such files; never used to recognise one
    sniff: Callable[[bytes], bool]  # the first 64 KiB after any ID3v2 tag
    field: str  # where the genre stands
    several: str  # how more than one genre is kept
    version: str  # which tag version is kept or made
    contents: Callable[[BinaryIO], Contents]
    write: Callable[[BinaryIO, tuple[str, ...]], None]  # changes the open copy in place
    # the bytes whose packets are compared: some demuxers leak tags behind into the last one
    audio: Callable[[BinaryIO], tuple[int, int]] = whole
    # False: nothing here can cut it into packets; then all bytes of *audio* are compared, and
    # it is written only for a person who names the genre
    packets: bool = True
    outside: bool = False  # all tags stand outside *audio*: its very bytes must stay the same
    tag_behind: bool = False  # a new tag stands behind the last packet, which must be whole then
    tested: bool = True  # False: no encoder here could make a sample; verified on each write


def read(path: str) -> TagReading:
    """Read the tag of the file at *path*.

    Raises TagError where it cannot be read, UntaggableFile where this kind of file has no
    place for a genre that is known here.
    """
    with opened(path) as file, translated(path):
        return read_file(file, path)


def read_file(file: BinaryIO, path: str) -> TagReading:
    """Read the tag of an open file; *path* is for errors only."""
    with translated(path):
        row = format_of(file, path)
        found = row.contents(file)
    if sum(map(len, found.genres)) > LONGEST_GENRES:
        raise TagError(f"its genres are longer than {LONGEST_GENRES:,} characters", path)
    field = {name: "; ".join(texts)[:LONGEST_FIELD] for name, texts in found.fields.items()}
    return TagReading(
        format=row.name,
        genres=found.genres,
        artist=field.get("artist"),
        album_artist=field.get("album_artist"),
        album=field.get("album"),
        title=field.get("title"),
        composer=field.get("composer"),
        compilation=field.get("compilation", "0").lower() in ("1", "true", "yes"),
        other=digest(repr(found.values)),
        unwritable=found.unwritable,
    )


def format_of(file: BinaryIO, path: str) -> Format:
    """Return the row of an open file by its content."""
    if not size_of(file):
        raise TagError("the file is empty", path)
    blocks = find_blocks(file)
    start = blocks[-1][1] if blocks else 0
    head = slice_of(file, start, start + HEAD)
    for row in FORMATS:
        if row.sniff(head):
            return row
    raise UntaggableFile(_what_it_is(head), path)


def bytes_between_tags(path: str) -> str | None:
    """Return a hash of the audio's bytes where nothing here cuts its kind into packets.

    None for all other kinds of files, and for what cannot be read.
    """
    try:
        with opened(path) as file, translated(path):
            row = format_of(file, path)
            return None if row.packets else hash_of_range(file, *row.audio(file))
    except TagError:
        return None


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """Open a regular file for reading; a FIFO or a device is refused without waiting for it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise TagError(f"the file cannot be opened ({error.strerror})", path) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise TagError("this is not a regular file", path)
    with open(fd, "rb") as file:  # noqa: PTH123  (a descriptor, not a name)
        yield file


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn whatever mutagen or the disk raises into a TagError; the one wrapper for both."""
    try:
        yield
    except GenrewatchError as error:
        error.path = error.path or path
        error.args = (error.what, error.path, error.remedy)
        raise
    except OSError as error:
        raise TagError(f"the file cannot be read ({error.strerror or error})", path) from error
    except MemoryError as error:
        raise TagError("the tag states a size that does not fit in memory", path) from error
    # mutagen raises whatever its parsers stumble over (IndexError, struct.error, …): a tag
    # that breaks the parser is an unreadable tag, not a crash
    except Exception as error:
        why = str(error) or type(error).__name__
        raise TagError(f"the tag cannot be read ({why})", path) from error


# --- how each kind is known ------------------------------------------------------------


def _starts(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(marks)


def _form(outer: tuple[bytes, ...], *inner: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[:4] in outer and head[8:12] in inner


def _ogg(mark: bytes) -> Callable[[bytes], bool]:
    # the codecs' first pages stand at the very start, one for each stream
    return lambda head: head.startswith(b"OggS") and mark in head[:512]


_MP4_ATOMS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_MPEG_RATES = 0b11  # this sample rate index is reserved
_FRAMES_BEHIND_JUNK = 3  # fewer are found by chance in 64 KiB of anything
_MPEG_FREE, _MPEG_BAD = 0, 15  # bit rate indices without a length, or forbidden


def _is_mp4(head: bytes) -> bool:
    return head[4:8] in _MP4_ATOMS


def _is_mpeg(head: bytes) -> bool:
    """Whether MPEG layer I–III frames follow one another here, at once or behind junk."""
    at = head.find(b"\xff")
    while at >= 0:
        if _mpeg_frames(head, at) >= (1 if at == 0 else _FRAMES_BEHIND_JUNK):
            return True
        at = head.find(b"\xff", at + 1)
    return False


def _mpeg_frames(head: bytes, at: int) -> int:
    """Count the frames from *at* on that are each followed by another or by the end."""
    count = 0
    while count < _FRAMES_BEHIND_JUNK and (length := _mpeg_frame(head[at : at + 4])):
        at += length
        if at + 4 <= len(head) and not _mpeg_frame(head[at : at + 4]):
            break
        count += 1
    return count


_KBITS = {  # by (MPEG version 1?, layer)
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _mpeg_frame(head: bytes) -> int:
    """Return the length of the MPEG audio frame with this header, 0 where it is none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:  # noqa: PLR2004
        return 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    rate_index, bit_index = head[2] >> 2 & 3, head[2] >> 4
    if version == 1 or layer == 4 or rate_index == _MPEG_RATES:  # noqa: PLR2004
        return 0
    if bit_index in (_MPEG_FREE, _MPEG_BAD):
        return 0
    rate = (44_100, 48_000, 32_000)[rate_index] // {3: 1, 2: 2, 0: 4}[version]
    bits = _KBITS[version == 3, layer][bit_index] * 1000  # noqa: PLR2004
    padding = head[2] >> 1 & 1
    if layer == 1:
        return (12 * bits // rate + padding) * 4
    samples = 72 if layer == 3 and version != 3 else 144  # noqa: PLR2004
    return samples * bits // rate + padding


def _what_it_is(head: bytes) -> str:
    for marks, what in UNTAGGABLE:
        if head.startswith(marks):
            return f"{what} files have no place for a genre that is known here"
    return "the file is of no kind whose tags are known here"


UNTAGGABLE: tuple[tuple[tuple[bytes, ...], str], ...] = (
    ((b"\xff\xf1", b"\xff\xf9", b"\xff\xf0", b"\xff\xf8"), "raw AAC"),
    ((b"\x0b\x77",), "raw AC-3"),
    ((b"\x1a\x45\xdf\xa3",), "Matroska and WebM"),
    ((b"riff",), "Sony Wave64"),
    ((b"OggS",), "Ogg of another codec"),
    ((b".snd",), "AU"),
    ((b"caff",), "CAF"),
    ((b"#!AMR",), "AMR"),
    ((b"MThd",), "MIDI"),
)

_ID3_SEVERAL = "v2.4: NUL between values; v2.2, v2.3: one text joined by '; '"
_ID3_VERSION = "as found; a new tag is v2.4"
_VORBIS_SEVERAL = "one GENRE entry each"

FORMATS: tuple[Format, ...] = (
    Format(
        name="flac",
        title="FLAC",
        suffixes=(".flac",),
        sniff=_starts(b"fLaC"),
        field="GENRE",
        several=_VORBIS_SEVERAL,
        version="one Vorbis comment; genres in ID3 tags around it follow",
        contents=flac_contents,
        write=write_flac,
        audio=audio_range,
    ),
    Format(
        name="oggflac",
        title="Ogg FLAC",
        suffixes=(".oga", ".ogg"),
        sniff=_ogg(b"\x7fFLAC"),
        field="GENRE",
        several=_VORBIS_SEVERAL,
        version="Vorbis comment",
        contents=partial(ogg_contents, codec="oggflac"),
        write=partial(write_ogg, codec="oggflac"),
    ),
    Format(
        name="opus",
        title="Opus",
        suffixes=(".opus", ".ogg"),
        sniff=_ogg(b"OpusHead"),
        field="GENRE",
        several=_VORBIS_SEVERAL,
        version="Vorbis comment",
        contents=partial(ogg_contents, codec="opus"),
        write=partial(write_ogg, codec="opus"),
    ),
    Format(
        name="speex",
        title="Speex",
        suffixes=(".spx", ".ogg"),
        sniff=_ogg(b"Speex   "),
        field="GENRE",
        several=_VORBIS_SEVERAL,
        version="Vorbis comment",
        contents=partial(ogg_contents, codec="speex"),
        write=partial(write_ogg, codec="speex"),
        tested=False,
    ),
    Format(
        name="ogg",
        title="Ogg Vorbis",
        suffixes=(".ogg", ".oga"),
        sniff=_ogg(b"\x01vorbis"),
        field="GENRE",
        several=_VORBIS_SEVERAL,
        version="Vorbis comment",
        contents=partial(ogg_contents, codec="ogg"),
        write=partial(write_ogg, codec="ogg"),
    ),
    Format(
        name="m4a",
        title="MP4: AAC, ALAC, audiobooks",
        suffixes=(".m4a", ".m4b", ".mp4", ".alac"),
        sniff=_is_mp4,
        field="©gen",
        several="one data atom each",
        version="iTunes metadata; the numeric gnre is read, and replaced on writing",
        contents=mp4_contents,
        write=write_mp4,
    ),
    Format(
        name="wav",
        title="WAV, also RF64 and BW64",
        suffixes=(".wav",),
        sniff=_form((b"RIFF", b"RF64", b"BW64"), b"WAVE"),
        field="TCON in the id3 chunk; INFO IGNR kept in step",
        several=_ID3_SEVERAL,
        version=_ID3_VERSION,
        contents=wav_contents,
        write=write_wav,
    ),
    Format(
        name="aiff",
        title="AIFF",
        suffixes=(".aiff", ".aif", ".aifc"),
        sniff=_form((b"FORM",), b"AIFF", b"AIFC"),
        field="TCON in the ID3 chunk",
        several=_ID3_SEVERAL,
        version=_ID3_VERSION,
        contents=partial(iff_contents, layout=AIFF),
        write=partial(write_iff, layout=AIFF),
    ),
    Format(
        name="wma",
        title="Windows Media",
        suffixes=(".wma", ".asf"),
        sniff=_starts(bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")),
        field="WM/Genre",
        several="repeated attribute",
        version="ASF",
        contents=asf_contents,
        write=write_asf,
    ),
    Format(
        name="wavpack",
        title="WavPack",
        suffixes=(".wv",),
        sniff=_starts(b"wvpk"),
        field="Genre",
        several="NUL between values",
        version="APEv2",
        contents=ape_first,
        write=write_ape_first,
        audio=audio_range,
        tag_behind=True,
        outside=True,
    ),
    Format(
        name="monkeysaudio",
        title="Monkey's Audio",
        suffixes=(".ape",),
        sniff=_starts(b"MAC "),
        field="Genre",
        several="NUL between values",
        version="APEv2",
        contents=ape_first,
        write=write_ape_first,
        audio=audio_range,
        outside=True,
        tested=False,
    ),
    Format(
        name="musepack",
        title="Musepack",
        suffixes=(".mpc", ".mp+"),
        sniff=_starts(b"MPCK", b"MP+"),
        field="Genre",
        several="NUL between values",
        version="APEv2",
        contents=ape_first,
        write=write_ape_first,
        audio=audio_range,
        tag_behind=True,
        outside=True,
        tested=False,
    ),
    Format(
        name="tak",
        title="TAK",
        suffixes=(".tak",),
        sniff=_starts(b"tBaK"),
        field="Genre",
        several="NUL between values",
        version="APEv2",
        contents=ape_first,
        write=write_ape_first,
        audio=audio_range,
        outside=True,
        tested=False,
    ),
    Format(
        name="tta",
        title="TrueAudio",
        suffixes=(".tta",),
        sniff=_starts(b"TTA1", b"TTA2"),
        field="TCON",
        several=_ID3_SEVERAL,
        version=_ID3_VERSION,
        contents=id3_first,
        write=write_id3_first,
        audio=audio_range,
        outside=True,
    ),
    Format(
        name="dsf",
        title="DSF",
        suffixes=(".dsf",),
        sniff=_starts(b"DSD "),
        field="TCON at the end",
        several=_ID3_SEVERAL,
        version=_ID3_VERSION,
        contents=dsf_contents,
        write=write_dsf,
        tested=False,
    ),
    Format(
        name="dsdiff",
        title="DSDIFF",
        suffixes=(".dff",),
        sniff=lambda head: head[:4] == b"FRM8" and head[12:16] == b"DSD ",
        field="TCON in the ID3 chunk",
        several=_ID3_SEVERAL,
        version=_ID3_VERSION,
        contents=partial(iff_contents, layout=DSDIFF),
        write=partial(write_iff, layout=DSDIFF),
        tested=False,
    ),
    Format(
        name="optimfrog",
        title="OptimFROG",
        suffixes=(".ofr", ".ofs"),
        sniff=_starts(b"OFR "),
        field="Genre",
        several="NUL between values",
        version="APEv2",
        contents=ape_first,
        write=write_ape_first,
        audio=audio_range,
        outside=True,
        packets=False,
        tested=False,
    ),
    # last: MPEG audio has no mark of its own, only frames that follow one another
    Format(
        name="mp3",
        title="MP3, MP2",
        suffixes=(".mp3", ".mp2"),
        sniff=_is_mpeg,
        field="TCON; APEv2 Genre and ID3v1's byte kept in step",
        several=_ID3_SEVERAL,
        version=_ID3_VERSION,
        contents=id3_first,
        write=write_id3_first,
        audio=audio_range,
        outside=True,
    ),
)
