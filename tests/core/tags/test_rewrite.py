"""The one write path: what it changes, what it keeps, and when it refuses."""

import os
import random
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import (
    TagError,
    UntaggableFile,
    VerifyFailed,
    WriteDelayed,
    WriteError,
    WriteRefused,
)
from core.stamp import Stamp
from core.tags import Manner, places, rewrite
from core.tags.formats import read
from core.tags.rewrite import write_genres
from tests.audio import ALL_FORMATS, genres_in, make_audio, retag, suffix
from tests.tagging import fill, others, packets

SCRATCH = ".genrewatch-1"
NAMES = ("R&B/Soul", "140 / Deep Dubstep / Grime", "Techno (Peak Time, Driving)", "日本のロック")


def write(path, *genres, **options):
    """Write with a scratch name beside the file; nothing may be left under it."""
    scratch = Path(path).parent / SCRATCH
    try:
        return write_genres(str(path), genres, scratch=str(scratch), **options)
    finally:
        assert not scratch.exists()


@pytest.fixture(params=ALL_FORMATS)
def path(request, tmp_path):
    """A file of each format with a 300-kB picture, custom fields and several artists."""
    made = make_audio(tmp_path / f"a{suffix(request.param)}", request.param, seconds=1, title="T")
    fill(made)
    return made


@pytest.mark.parametrize("genre", NAMES)
def test_written_genre_is_read_by_another_program(path, genre):
    """Plain mutagen reads what was written, and our result tells old and new."""
    result = write(path, genre)

    assert (result.old, result.new) == ((), (genre,))
    assert genres_in(path) == [genre]
    assert read(str(path)).genres == (genre,)


def test_several_genres_are_written_as_the_formats_own_list(path):
    """The surest goes first, and each value stays one."""
    write(path, "Dub", "R&B/Soul", "Ω")

    assert genres_in(path) == ["Dub", "R&B/Soul", "Ω"]


def test_everything_but_the_genre_stays(path):
    """Audio packets, pictures and every other tag are as they were."""
    retag(path, genre="Old")
    before = packets(path), others(path)

    for genres in (("Jazz",), ("A long genre name " * 20).strip().split("@"), ()):
        write(path, *genres)

        assert (packets(path), others(path)) == before


def test_taking_the_genre_back_leaves_none(path):
    """Undo by value: written and removed, the file is bit for bit what it was."""
    before = path.read_bytes()
    write(path, "Jazz")

    result = write(path)

    assert (result.old, result.new) == (("Jazz",), ())
    assert genres_in(path) == []
    assert path.read_bytes() == before


def test_putting_an_old_genre_back_reads_as_at_first(path):
    """Undo by value of a file that had genres."""
    retag(path, genre=["Rock", "Pop"])
    first = read(str(path)), packets(path), others(path)

    write(path, "Jazz")
    write(path, "Rock", "Pop")

    assert (read(str(path)), packets(path), others(path)) == first


def test_a_file_without_any_tag_gets_one(tmp_path):
    """Bare audio of each format can be tagged, and untagged again."""
    for fmt in ALL_FORMATS:
        path = make_audio(tmp_path / f"bare{suffix(fmt)}", fmt, seconds=1)
        heard = packets(path)

        write(path, "Jazz")

        assert genres_in(path) == ["Jazz"]
        assert packets(path) == heard
        write(path)
        assert genres_in(path) == []


@pytest.mark.parametrize("fmt", ["mp3", "ogg", "tta"])
def test_a_very_large_picture_hinders_no_write(tmp_path, fmt):
    """Five megabytes of cover before the audio are more than some demuxers look through."""
    path = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=1)
    fill(path, cover=5_000_000)
    told = others(path)

    write(path, "Jazz")

    assert (genres_in(path), others(path)) == (["Jazz"], told)


def test_a_genre_that_stands_is_not_written_again(path):
    """Nothing to do is no write: not even the inode changes."""
    write(path, "Jazz")
    before = Stamp.of(path.stat())

    result = write(path, "Jazz")

    assert result.before == result.after == before == Stamp.of(path.stat())


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(name=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60))
@pytest.mark.parametrize("fmt", ["mp3", "ogg", "m4a", "wavpack"])
def test_any_name_is_written_as_it_is_or_refused(tmp_path, fmt, name):
    """No name is ever stored as something else; a name that could not be is refused."""
    path = tmp_path / f"a{suffix(fmt)}"
    if not path.exists():
        make_audio(path, fmt, seconds=1, artist="x")
    before = path.read_bytes()
    try:
        write(path, name)
    except WriteError:
        assert path.read_bytes() == before
    else:
        assert genres_in(path) == [name]


# --- who may be written ----------------------------------------------------------------


def test_symbolic_links_are_refused(tmp_path):
    """A link is never replaced by a file."""
    path = make_audio(tmp_path / "a.mp3", seconds=1)
    link = tmp_path / "link.mp3"
    link.symlink_to(path)

    with pytest.raises(WriteRefused, match="symbolic link"):
        write(link, "Jazz")

    assert link.is_symlink()
    assert genres_in(path) == []


def test_hard_links_are_refused_unless_allowed(tmp_path):
    """A write would separate the names of one file."""
    path = make_audio(tmp_path / "a.mp3", seconds=1)
    (tmp_path / "b.mp3").hardlink_to(path)

    with pytest.raises(WriteRefused, match="2 hard links"):
        write(path, "Jazz")

    write(path, "Jazz", manner=Manner(allow_hard_links=True))
    assert genres_in(path) == ["Jazz"]
    assert genres_in(tmp_path / "b.mp3") == []


def test_a_folder_is_refused(tmp_path):
    """Only regular files are music."""
    (tmp_path / "x.flac").mkdir()

    with pytest.raises(WriteRefused, match="not a regular file"):
        write(tmp_path / "x.flac", "Jazz")


def test_a_missing_file_is_a_write_error(tmp_path):
    """What is gone cannot be written, in a sentence."""
    with pytest.raises(WriteError, match="No such file"):
        write(tmp_path / "gone.mp3", "Jazz")


def test_what_is_no_music_is_left(tmp_path):
    """A text named .mp3 keeps its bytes."""
    path = tmp_path / "a.mp3"
    path.write_text("no music\n" * 100)

    with pytest.raises(UntaggableFile):
        write(path, "Jazz")

    assert path.read_text() == "no music\n" * 100


@pytest.mark.parametrize("genres", [("",), (" Jazz",), ("A\0B",), ("A", "A"), ("A;B",)])
def test_what_is_no_genre_is_refused(tmp_path, genres):
    """Blanks, NUL, doubles, and a text that would read as two."""
    path = make_audio(tmp_path / "a.mp3", seconds=1)

    with pytest.raises(WriteRefused):
        write(path, *genres)


def test_a_number_that_id3_would_read_as_a_name_is_refused(tmp_path):
    """ "80" in an MP3 means Folk, so the genre 80 cannot be kept there."""
    path = make_audio(tmp_path / "a.mp3", seconds=1, artist="x")
    before = path.read_bytes()

    with pytest.raises(VerifyFailed, match="Folk"):
        write(path, "80")

    assert path.read_bytes() == before


@pytest.fixture
def nobody():
    """Act as a user without rights, in a folder of that user; needs root to begin with."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    folder = Path(tempfile.mkdtemp(dir="/tmp"))  # others may enter /tmp
    os.chown(folder, 65534, 65534)
    os.seteuid(65534)
    yield folder
    os.seteuid(0)
    shutil.rmtree(folder)


def test_read_only_file_and_folder_are_left_alone(nobody):
    """A file that its user may not write is not replaced behind his back."""
    path = make_audio(nobody / "a.mp3", seconds=1)
    path.chmod(0o444)
    with pytest.raises(WriteError, match="file is read-only"):
        write(path, "Jazz")
    path.chmod(0o644)
    nobody.chmod(0o555)
    with pytest.raises(WriteError, match="folder is read-only"):
        write(path, "Jazz")
    nobody.chmod(0o755)

    assert genres_in(path) == []


def test_a_file_of_somebody_else_is_refused(nobody):
    """Its owner could not be kept by an ordinary user."""
    path = make_audio(nobody / "a.mp3", seconds=1)
    path.chmod(0o666)
    os.seteuid(0)
    os.chown(path, 1234, 1234)
    os.seteuid(65534)

    with pytest.raises(WriteRefused, match=r"owner or group .* keep_owner = false"):
        write(path, "Jazz")
    assert (path.stat().st_uid, genres_in(path)) == (1234, [])
    write(path, "Jazz", manner=Manner(ignore_owner=True))

    assert (path.stat().st_uid, genres_in(path)) == (65534, ["Jazz"])
    assert path.stat().st_mode & 0o777 == 0o666


# --- what hangs on a file --------------------------------------------------------------


def test_mode_and_attributes_are_kept(path):
    """Permissions and extended attributes come along."""
    path.chmod(0o640)
    try:
        os.setxattr(path, "user.xdg.tags", b"party")
    except OSError:
        pytest.skip("this file system keeps no extended attributes")

    write(path, "Jazz")

    assert path.stat().st_mode & 0o7777 == 0o640
    assert os.getxattr(path, "user.xdg.tags") == b"party"
    assert os.listxattr(path) == ["user.xdg.tags"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owner_and_group_are_kept(tmp_path):
    """A copy made by root still belongs to its owner."""
    path = make_audio(tmp_path / "a.mp3", seconds=1)
    os.chown(path, 1234, 2345)

    write(path, "Jazz")

    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


def test_mtime_moves_unless_it_is_to_stay(tmp_path):
    """Players notice a write by its mtime; who does not want that keeps it."""
    path = make_audio(tmp_path / "a.mp3", seconds=1)
    os.utime(path, ns=(10**18, 10**18 + 5))

    write(path, "Jazz", manner=Manner(keep_mtime=True))
    assert path.stat().st_mtime_ns == 10**18 + 5
    result = write(path, "Rock")

    assert path.stat().st_mtime_ns > 10**18 + 5
    assert result.after == Stamp.of(path.stat())


def test_names_that_are_not_text_are_written(tmp_path):
    """A file name may be any bytes."""
    name = os.fsencode(tmp_path) + b"/\xff\n\xf0\x9f\x8e\xb5.flac"
    make_audio(name, "flac", seconds=1)

    write_genres(os.fsdecode(name), ("Jazz",), scratch=str(tmp_path / SCRATCH))

    assert genres_in(name) == ["Jazz"]
    assert [os.fsencode(entry) for entry in tmp_path.iterdir()] == [name]


# --- meanwhile -------------------------------------------------------------------------


def test_a_file_that_is_no_longer_as_expected_is_refused(tmp_path):
    """The stamp that the decision rested on must still hold."""
    path = make_audio(tmp_path / "a.mp3", seconds=1)
    expected = Stamp.of(path.stat())
    retag(path, genre="Mine")

    with pytest.raises(WriteRefused, match="changed meanwhile"):
        write(path, "Jazz", expected=expected)

    assert genres_in(path) == ["Mine"]


@pytest.mark.parametrize("how", ["in place", "renamed over", "moved away"])
def test_a_change_during_the_write_wins(tmp_path, monkeypatch, how):
    """Whatever another program did while we worked stays; ours is thrown away."""
    path = make_audio(tmp_path / "a.mp3", seconds=1)
    other = make_audio(tmp_path / "b.mp3", seconds=1, seed=2, genre="Mine")
    original = rewrite.copy_attributes

    def meanwhile(*args, **options):
        original(*args, **options)
        if how == "in place":
            retag(path, genre="Mine")
        elif how == "renamed over":
            other.replace(path)
        else:
            path.replace(tmp_path / "moved.mp3")

    monkeypatch.setattr(rewrite, "copy_attributes", meanwhile)

    with pytest.raises(WriteError):
        write(path, "Jazz")

    if how == "moved away":
        assert not path.exists()
    else:
        assert genres_in(path) == ["Mine"]


def test_a_scratch_name_in_use_is_left_alone(tmp_path):
    """What lies there may be another writer's work."""
    path = make_audio(tmp_path / "a.mp3", seconds=1)
    scratch = tmp_path / SCRATCH
    scratch.write_bytes(b"theirs")

    with pytest.raises(WriteError, match="under way"):
        write_genres(str(path), ("Jazz",), scratch=str(scratch))

    assert scratch.read_bytes() == b"theirs"


def test_a_full_disk_is_noticed_before_and_while_writing(tmp_path, monkeypatch):
    """The room is looked at first; the limit on file sizes stands for a disk that fills up."""
    path = make_audio(tmp_path / "a.mp3", seconds=2)
    before = path.read_bytes()
    monkeypatch.setattr(places, "ROOM", 1 << 62)
    with pytest.raises(WriteDelayed, match="no room"):
        write(path, "Jazz")
    monkeypatch.undo()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    try:
        with pytest.raises(WriteError, match="too large"):
            write(path, "Jazz")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert path.read_bytes() == before


def test_an_unreadable_tag_is_never_taken_for_empty(tmp_path):
    """A damaged tag is an error, and the file stays as it is."""
    path = make_audio(tmp_path / "a.flac", seconds=1, genre="Mine")
    broken = bytearray(path.read_bytes())
    at = broken.index(b"genre=Mine") - 4
    broken[at : at + 4] = b"\xff\xff\xff\x7f"
    path.write_bytes(broken)

    with pytest.raises(TagError):
        write(path, "Jazz")

    assert path.read_bytes() == broken


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_a_damaged_file_is_written_whole_or_not_at_all(tmp_path, fmt):
    """Bytes flipped, cut out, put in: what is written keeps the rest, all else stays as it is."""
    path = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=1, title="T", genre="Old")
    whole = path.read_bytes()
    rng = random.Random(7)
    for mutant in range(15):
        raw = bytearray(whole)
        at = rng.choice([rng.randrange(1500), len(raw) - 1 - rng.randrange(300)])
        if mutant % 3 == 0:
            raw[at] ^= 1 << rng.randrange(8)
        elif mutant % 3 == 1:
            raw[at:at] = rng.randbytes(rng.randrange(1, 50))
        else:
            del raw[at : at + rng.randrange(1, 50)]
        path.write_bytes(raw)
        try:
            heard, told = packets(path), others(path)
        except Exception:
            heard = told = None  # the judges themselves give up on it
        try:
            write(path, "New")
        except (WriteError, TagError):
            assert path.read_bytes() == raw
        else:
            assert read(str(path)).genres == ("New",)
            assert heard is None or (packets(path), others(path)) == (heard, told)


# --- other programs --------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_ffprobe_reads_what_was_written(path):
    """FFmpeg knows nothing of mutagen's ways."""
    if path.suffix == ".wav":
        pytest.skip("ffprobe shows no text frames of a WAV file with pictures, whoever wrote them")
    write(path, "R&B/Soul")

    asked = ["ffprobe", "-v", "error", "-show_entries", "format_tags:stream_tags", str(path)]
    said = subprocess.run(asked, check=True, capture_output=True, text=True, timeout=60).stdout
    assert "R&B/Soul" in said


@pytest.mark.skipif(shutil.which("kid3-cli") is None, reason="kid3-cli is not installed")
@pytest.mark.parametrize("fmt", ["mp3", "flac", "ogg", "opus", "m4a", "wav", "aiff"])
def test_kid3_reads_what_was_written(tmp_path, fmt):
    """TagLib, which most editors and players rest on, agrees."""
    path = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=1, artist="x")
    write(path, "140 / Deep Dubstep / Grime")

    said = subprocess.run(
        ["kid3-cli", "-c", "get genre", str(path)],
        check=True, capture_output=True, text=True, timeout=60,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    ).stdout  # fmt: skip
    assert "140 / Deep Dubstep / Grime" in said
