"""Difficult files of the rarer formats: ASF, WavPack, TrueAudio, OptimFROG, and no music."""

import struct
from pathlib import Path

import mutagen

from tests.recipes.material import (
    OLD,
    WORDS,
    ape,
    audio,
    recipe,
    tag,
    v1,
)

__all__ = ["OTHERS"]


def _wma(room: Path, **attributes: str) -> bytes:
    path = room / "wma.wma"
    path.write_bytes(audio(room, "wma", tags=True))
    file = mutagen.File(path)
    for name, value in attributes.items():
        file[name.replace("_", "/")] = value
    file.save()
    return path.read_bytes()


OTHERS = (
    recipe("asf-genre-and-number.wma", lambda room: _wma(room, WM_Genre="Old", WM_GenreID="(17)")),
    recipe("asf-no-genre.wma", _wma),
    recipe("wavpack-id3v1-behind.wv", lambda room: audio(room, "wavpack") + v1()),
    recipe("wavpack-apev2-and-id3v1.wv", lambda room: audio(room, "wavpack") + ape(*WORDS) + v1()),
    recipe("wavpack-apev2-of-no-items.wv", lambda room: audio(room, "wavpack") + ape()),
    recipe(
        "wavpack-torn-in-a-block.wv",
        lambda room: audio(room, "wavpack")[:-200],
        refused="end is torn",
    ),
    recipe("trueaudio-id3v1-behind.tta", lambda room: audio(room, "tta") + v1()),
    recipe(
        "trueaudio-apev2-behind.tta",
        lambda room: tag(3, OLD) + audio(room, "tta") + ape(*WORDS),
    ),
    recipe(
        "optimfrog.ofr",
        lambda room: b"OFR " + struct.pack("<IIHBBI", 15, 9, 0, 0, 1, 44100) + bytes(999),
    ),
    recipe(
        "adts.aac", lambda room: b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(500), refused="no place"
    ),
    recipe("text-named-mp3.mp3", lambda room: b"This is no music\n" * 90, refused="no kind"),
)
