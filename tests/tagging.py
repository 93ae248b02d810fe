"""Tags as other programs write and read them, to judge the program's own writes by.

Everything here goes through plain mutagen and PyAV, none of it through core/tags.
"""

import hashlib
from pathlib import Path

import av
import mutagen
from mutagen.apev2 import APEv2File
from mutagen.asf import ASF, ASFByteArrayAttribute
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, COMM, GEOB, ID3, PRIV, TDRC, TPE1, TXXX, USLT
from mutagen.mp4 import MP4, MP4Cover, MP4FreeForm

__all__ = ["fill", "others", "packets", "picture"]

Name = str | bytes | Path


def picture(size: int = 300_000) -> bytes:
    """Return bytes that no compression shrinks, as a cover would be."""
    seed = hashlib.shake_128(b"cover").digest(size - 4)
    return b"\xff\xd8\xff\xe0" + seed


def fill(path: Name, v2_version: int = 4, cover: int = 300_000) -> None:
    """Give a file a large picture, custom fields, comments, several artists; no genre.

    *cover* is the picture's size in bytes; Ogg and ASF get a smaller one unless it is huge.
    """
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    if isinstance(file.tags, ID3):
        _fill_id3(file.tags, picture(cover))
        if v2_version == 3:
            file.tags.update_to_v23()
        file.save(v2_version=v2_version)
        return
    if isinstance(file, MP4):
        file["covr"] = [MP4Cover(picture(cover))]
        file["\xa9ART"] = ["One", "Two/Three"]
        file["\xa9cmt"] = "a comment; with marks / in it"
        file["----:com.apple.iTunes:MOOD"] = [MP4FreeForm(b"calm"), MP4FreeForm("süß".encode())]
        file["trkn"] = [(3, 12)]
        file["tmpo"] = [128]
    elif isinstance(file, ASF):
        file["WM/Picture"] = [ASFByteArrayAttribute(picture(_small(cover, 40_000)))]
        file["Author"] = ["One", "Two/Three"]
        file["WM/Mood"] = ["calm"]
    elif isinstance(file, APEv2File):
        file["Artist"] = ["One", "Two/Three"]
        file["Comment"] = "a comment; with marks / in it"
        file["Cover Art (Front)"] = mutagen.apev2.APEBinaryValue(b"cover.jpg\0" + picture(cover))
    else:
        _fill_vorbis(file, cover)
    file.save()


def _fill_id3(tags: ID3, cover: bytes) -> None:
    tags.add(APIC(encoding=0, mime="image/jpeg", type=3, desc="front", data=cover))
    tags.add(APIC(encoding=3, mime="image/jpeg", type=4, desc="bäck", data=picture(1000)))
    tags.add(TPE1(encoding=3, text=["One", "Two/Three"]))
    tags.add(TXXX(encoding=3, desc="MOOD", text=["calm", "süß"]))
    tags.add(TXXX(encoding=0, desc="replaygain_track_gain", text=["-3.2 dB"]))
    tags.add(COMM(encoding=3, lang="eng", desc="", text=["a comment; with marks / in it"]))
    tags.add(COMM(encoding=3, lang="deu", desc="x", text=["Grüße"]))
    tags.add(USLT(encoding=3, lang="eng", desc="", text="la la\nla"))
    tags.add(PRIV(owner="someone", data=bytes(range(256))))
    tags.add(
        GEOB(encoding=0, mime="application/octet-stream", filename="", desc="Cues", data=b"\1")
    )
    tags.add(TDRC(encoding=0, text=["1999-05-17"]))


def _fill_vorbis(file: mutagen.FileType, size: int) -> None:
    file["artist"] = ["One", "Two/Three"]
    file["comment"] = ["a comment; with marks / in it", "another"]
    file["mood"] = "süß"
    if isinstance(file, FLAC):
        cover = Picture()
        cover.type, cover.mime, cover.data = 3, "image/jpeg", picture(size)
        file.add_picture(cover)
    else:
        import base64

        file["metadata_block_picture"] = [base64.b64encode(picture(_small(size, 60_000))).decode()]


def _small(size: int, most: int) -> int:
    return size if size > 1_000_000 else min(size, most)


def others(path: Name) -> list[tuple[str, str]]:
    """Return every tag but the genre as plain mutagen reads it, untranslated, sorted."""
    file = mutagen.File(path)
    if file.tags is None:
        return []
    if isinstance(file.tags, ID3):
        with open(path, "rb") as raw:  # noqa: PTH123
            tags = _raw_id3(raw, file)
        return sorted((key, repr(tags[key])) for key in tags if not key.startswith("TCON"))
    pairs = list(file.tags.items()) if not isinstance(file, ASF) else list(file.tags)
    found = [(key, repr(value)) for key, value in pairs if key.lower() not in _GENRES]
    if isinstance(file, FLAC):
        found += [("picture", repr(p.data)) for p in file.pictures]
    return sorted(found)


_GENRES = {"genre", "\xa9gen", "wm/genre"}


def _raw_id3(raw: object, file: mutagen.FileType) -> ID3:
    """Re-read without mutagen's translation to 2.4, where the tag stands at the start."""
    try:
        return ID3(raw, translate=False)
    except mutagen.id3.ID3NoHeaderError:
        return file.tags  # in a chunk of WAV or AIFF


def packets(path: Name) -> list[tuple[str, int, str]]:
    """Return for each stream its type, its number of packets and a hash over them."""
    with open(path, "rb") as file, av.open(file) as container:  # noqa: PTH123
        found = [(stream.type, [0], hashlib.sha256()) for stream in container.streams]
        for packet in container.demux():
            if packet.size:
                found[packet.stream_index][1][0] += 1
                found[packet.stream_index][2].update(bytes(packet))
    return [(kind, count[0], digest.hexdigest()) for kind, count, digest in found]
