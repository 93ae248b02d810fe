"""Difficult ID3, APEv2, Lyrics3 and ID3v1 tags on MP3."""

import struct
from collections.abc import Callable
from pathlib import Path

from tests.recipes.material import (
    COVER,
    OLD,
    SONG,
    WORDS,
    ape,
    audio,
    frame,
    recipe,
    sevens,
    tag,
    v1,
)
from tests.tagging import picture

__all__ = ["ID3"]


def _mp3(room: Path, before: bytes = b"", behind: bytes = b"") -> bytes:
    return before + audio(room, "mp3") + behind


def _in_front(frames: bytes, major: int = 3, **how: int) -> Callable[[Path], bytes]:
    return lambda room: _mp3(room, tag(major, frames, **how))


def _behind(*tails: bytes, front: bytes = b"") -> Callable[[Path], bytes]:
    return lambda room: _mp3(room, front, b"".join(tails))


_LYRICS = b"LYRICSBEGININD0000200LYR00004la l"
_LYRICS_2 = _LYRICS + f"{len(_LYRICS):06d}".encode() + b"LYRICS200"
_PLUS = b"TAG+" + bytes(180) + b"\2" + b"Old".ljust(30, b"\0") + bytes(12)
_APPENDED = tag(4, SONG + OLD, flags=0x10)
_CHAPTER = frame(b"CHAP", b"one\0" + struct.pack(">IIII", 0, 500, 0, 0) + SONG)
_ODD = b"".join(
    (
        frame(b"RVAD", b"\3\x10\0\1\0\1\0\1\0\1"),
        frame(b"SYLT", b"\0eng\2\1\0la\0\0\0\0\1"),
        frame(b"TYER", b"\x001999"),
        frame(b"TDAT", b"\x001705"),
        frame(b"TORY", b"\x001970"),
        frame(b"IPLS", b"\0producer\0Who"),
        frame(b"WXXX", b"\0here\0nowhere"),
        frame(b"TXXX", b"\1\xff\xfem\0\0\0\xff\xfeo\0"),
        frame(b"UFID", b"someone\0" + bytes(range(20))),
        frame(b"MCDI", bytes(range(90))),
    )
)

ID3 = (
    recipe(
        "id3-v22.mp3",
        _in_front(
            frame(b"TT2", b"\0Song")
            + frame(b"TCO", b"\0(17)")
            + frame(b"PIC", b"\0JPG\3\0" + bytes(300)),
            major=2,
            padding=30,
        ),
    ),
    recipe(
        "id3-v22-ids-padded.mp3", _in_front(SONG + frame(b"TS2\0", b"\0Sort") + OLD, padding=30)
    ),
    recipe("id3-v23-frames-that-2.4-has-not.mp3", _in_front(_ODD + OLD, padding=9)),
    recipe(
        "id3-duplicate-frames.mp3",
        _in_front(frame(b"TIT2", b"\0one") + COVER + frame(b"TIT2", b"\0two") + COVER + OLD + OLD),
    ),
    recipe(
        "id3-unknown-frames.mp3", _in_front(frame(b"XYZW", b"\7what") + frame(b"NCON", bytes(50)))
    ),
    recipe(
        "id3-undecodable-text.mp3",
        _in_front(
            frame(b"TIT2", b"\x09no such encoding") + frame(b"TPE1", b"\3\xff\xfe\xfd") + OLD,
            padding=40,
        ),
    ),
    recipe(
        "id3-encrypted-frame.mp3",
        _in_front(frame(b"TIT2", b"\xff" + bytes(30), flags=b"\0\x40") + OLD, padding=9),
    ),
    recipe(
        "id3-unsynchronised.mp3",
        _in_front(
            frame(b"TIT2", b"\1\xff\0\xfeS\0", size=5)
            + frame(b"PRIV", b"x\0" + b"\xff\0" * 9, size=11),
            flags=0x80,
            padding=60,
        ),
    ),
    recipe(
        "id3-v24-unsynchronised-frames.mp3",
        _in_front(
            frame(b"PRIV", b"x\0\xff\0\xe0", flags=b"\0\2") + OLD, major=4, flags=0x80, padding=20
        ),
    ),
    recipe(
        "id3-chapters.mp3",
        _in_front(frame(b"CTOC", b"toc\0\3\1one\0") + _CHAPTER + OLD, major=4, padding=30),
    ),
    recipe(
        "id3-extended-header.mp3", _in_front(b"\0\0\0\6" + bytes(6) + SONG, flags=0x40, padding=80)
    ),
    recipe(
        "id3-v24-extended-header.mp3",
        _in_front(b"\0\0\0\6\1\0" + SONG + OLD, major=4, flags=0x40, padding=80),
    ),
    recipe(
        "id3-checksum.mp3",
        _in_front(b"\0\0\0\x0a\x80\0" + bytes(8) + SONG, flags=0x40, padding=80),
        refused="checksum",
    ),
    recipe("id3-frame-overruns.mp3", _in_front(OLD + frame(b"APIC", b"\0cut", size=9999))),
    recipe(
        "id3-genre-behind-damage.mp3",
        _in_front(frame(b"TPE1", b"", size=1 << 30) + OLD, padding=50),
        refused="damaged",
    ),
    recipe("id3-size-swallows-audio.mp3", lambda room: _swallowed(audio(room, "mp3"))),
    recipe("id3-two-tags.mp3", _behind(front=tag(4, SONG, padding=50) + tag(3, OLD + COVER))),
    recipe("id3-behind-the-audio.mp3", _behind(_APPENDED + b"3DI" + _APPENDED[3:10])),
    recipe(
        "id3-plain-sizes-in-v24.mp3",
        _in_front(frame(b"COMM", b"\0eng\0" + b"x" * 300) + OLD, major=4, padding=20),
    ),
    recipe(
        "id3-no-padding-huge-picture.mp3",
        _in_front(frame(b"APIC", b"\0image/jpeg\0\3\0" + picture(2_000_000)) + SONG),
    ),
    recipe("id3-numeric-genre.mp3", _in_front(frame(b"TCON", b"\0(17)(4)Eurodisco"), padding=9)),
    recipe("id3v1-alone.mp3", _behind(v1())),
    recipe("id3v1-alone-in-utf-8.mp3", _behind(v1(255, "Für Elise".encode())), refused="ASCII"),
    recipe("id3v1-alone-in-latin-1.mp3", _behind(v1(255, b"F\xfcr Elise")), refused="ASCII"),
    recipe("id3v1-in-utf-8-with-id3v2.mp3", _behind(v1(17, "Für".encode()), front=tag(3, SONG))),
    recipe("id3v1-with-fields-of-its-own.mp3", _behind(v1(), front=tag(3, OLD, padding=30))),
    recipe("id3v1-twice.mp3", _behind(v1(), v1(8), front=tag(3, SONG))),
    recipe("id3v1-longer-form.mp3", _behind(_PLUS, v1())),
    recipe("id3v1-behind-apev2.mp3", _behind(ape(*WORDS), v1(), front=tag(4, OLD))),
    recipe("id3v1-behind-lyrics3.mp3", _behind(ape(*WORDS), _LYRICS_2, v1())),
    recipe("lyrics3-old.mp3", _behind(b"LYRICSBEGINla la LYRICSEND", v1(255))),
    recipe("apev2-alone.mp3", _behind(ape(*WORDS))),
    recipe("apev2-without-header.mp3", _behind(ape(*WORDS, header=False), front=tag(3, SONG))),
    recipe("apev2-wrong-count.mp3", _behind(ape(*WORDS, count=7), front=tag(3, SONG))),
    recipe(
        "apev2-key-that-is-no-ascii.mp3",
        _behind(ape((b"\xc3\x83", b"odd", 0), *WORDS), front=tag(3, SONG)),
    ),
    recipe(
        "apev2-item-overruns.mp3",
        _behind(
            ape((b"Artist", b"Who", 0)).replace(
                b"\3\0\0\0\0\0\0\0Artist", b"\x7f\0\0\0\0\0\0\0Artist"
            ),
            front=tag(3, SONG),
        ),
        refused="damaged",
    ),
    recipe("junk-before-the-first-frame.mp3", lambda room: _mp3(room, tag(4, SONG) + b"junk" * 25)),
    recipe("zeros-behind-the-tags.mp3", _behind(v1(), bytes(200), front=tag(4, OLD))),
    recipe("last-frame-cut-short.mp3", lambda room: _mp3(room, tag(4, OLD))[:-50]),
)


def _swallowed(audio: bytes) -> bytes:
    """A tag whose size counts three bytes of the first frame as its own."""
    head, frames = tag(3, OLD, padding=200)[:10], OLD + bytes(200)
    return head[:6] + sevens(len(frames) + 3) + frames + audio
