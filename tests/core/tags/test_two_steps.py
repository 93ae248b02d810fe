"""Prepare, then take the place: what each step leaves, every race between, disks that fail."""

import contextlib
import errno
import os
import struct
import subprocess
import sys
from pathlib import Path

import mutagen
import pytest

from core.errors import TagError, WriteDelayed, WriteError, WriteRefused
from core.stamp import Stamp
from core.tags import Manner, copying, places, rewrite
from core.tags.faults import write_error
from core.tags.rewrite import prepare, prepare_back, take_place, write_genres
from core.tags.swap import NotHere
from tests.audio import genres_in, make_audio, retag

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")


@pytest.fixture
def path(tmp_path):
    """An MP3 with a genre, alone in its folder."""
    return make_audio(tmp_path / "a.mp3", seconds=1, genre="Old")


@pytest.fixture
def scratch(path):
    """The name that the copy gets."""
    return path.with_name(".genrewatch-1.tmp")


def names(folder):
    """Return what lies in a folder, sorted."""
    return sorted(entry.name for entry in folder.iterdir())


def prepared(path, scratch, genre="New", **options):
    """Make the copy."""
    return prepare(str(path), (genre,), scratch=str(scratch), **options)


# --- the two steps ---------------------------------------------------------------------


def test_the_copy_lies_ready_and_the_file_is_as_before(path, scratch):
    """Prepared says all that the journal needs before anything happens."""
    before, stamp = path.read_bytes(), Stamp.of(path.stat())

    made = prepared(path, scratch)

    assert (path.read_bytes(), Stamp.of(path.stat())) == (before, stamp)
    assert (made.old, made.new, made.before, made.changed) == (("Old",), ("New",), stamp, True)
    assert genres_in(scratch) == ["New"]
    assert made.copy == Stamp.of(scratch.stat())
    assert made.hash_before != made.hash_after
    assert 0 < len(made.undo) < 200


def test_the_original_is_kept_until_it_is_let_go(path, scratch):
    """The two have changed places, and the result tells both stamps."""
    before = path.read_bytes()
    made = prepared(path, scratch)

    result = take_place(str(path), str(scratch), made)

    assert (result.old, result.new, result.kept) == (("Old",), ("New",), True)
    assert genres_in(path) == ["New"]
    assert scratch.read_bytes() == before
    assert result.before == made.before
    assert result.after == Stamp.of(path.stat())
    assert result.original == Stamp.of(scratch.stat())


@pytest.mark.parametrize("how", ["asked", "not there"])
def test_without_exchange_the_copy_replaces_the_file(path, scratch, monkeypatch, how):
    """No original is kept then; everything else is the same."""
    made = prepared(path, scratch)
    if how == "not there":
        monkeypatch.setattr(rewrite, "exchange", raises(NotHere(errno.EINVAL, "no")))

    result = take_place(str(path), str(scratch), made, by_exchange=how != "asked")

    assert (result.kept, result.original) == (False, None)
    assert result.after == Stamp.of(path.stat())
    assert genres_in(path) == ["New"]
    assert names(path.parent) == ["a.mp3"]


def test_nothing_to_do_needs_no_copy(path, scratch):
    """The genre stands already: no scratch file, no swap, no record."""
    made = prepared(path, scratch, "Old")
    result = take_place(str(path), str(scratch), made)

    assert (made.changed, made.undo, result.kept) == (False, b"", False)
    assert result.before == result.after == Stamp.of(path.stat())
    assert names(path.parent) == ["a.mp3"]


def raises(error):
    """Return a function that raises *error* whatever it is given."""

    def refuse(*_args, **_options):
        raise error

    return refuse


# --- races -----------------------------------------------------------------------------


def test_a_change_between_the_steps_wins(path, scratch):
    """The copy was made of another file: it goes."""
    made = prepared(path, scratch)
    retag(path, genre="Mine")

    with pytest.raises(WriteRefused, match="changed meanwhile"):
        take_place(str(path), str(scratch), made)

    assert genres_in(path) == ["Mine"]
    assert names(path.parent) == ["a.mp3"]


@pytest.mark.parametrize("call", ["evidence", "_contents"])
def test_a_file_edited_while_it_is_read_is_not_called_damaged(path, scratch, monkeypatch, call):
    """Its proof fails or its tag is torn since somebody is at it: it is looked at again."""
    original = getattr(rewrite, call)

    def late(*arguments):
        found = original(*arguments)
        retag(path, title="edited")
        if call == "_contents":
            raise TagError("the tag is torn", str(path))
        return found

    monkeypatch.setattr(rewrite, call, late)

    with pytest.raises(WriteRefused, match="changed meanwhile"):
        prepared(path, scratch)

    assert names(path.parent) == ["a.mp3"]


@pytest.mark.parametrize("by_exchange", [True, False])
def test_a_file_moved_between_the_steps_is_not_made_anew(path, scratch, by_exchange):
    """It lies where its mover put it, once."""
    made = prepared(path, scratch)
    path.rename(path.with_name("moved.mp3"))

    with pytest.raises(WriteRefused, match="moved away"):
        take_place(str(path), str(scratch), made, by_exchange=by_exchange)

    assert names(path.parent) == ["moved.mp3"]
    assert genres_in(path.with_name("moved.mp3")) == ["Old"]


def test_a_copy_that_somebody_changed_is_not_used(path, scratch):
    """What was proven is no longer what lies there."""
    made = prepared(path, scratch)
    with scratch.open("ab") as copy:
        copy.write(b"x")

    with pytest.raises(WriteRefused, match="working copy"):
        take_place(str(path), str(scratch), made)

    assert genres_in(path) == ["Old"]
    assert names(path.parent) == ["a.mp3"]


def test_another_file_under_the_scratch_name_is_left(path, scratch):
    """It is not our copy, so it is not ours to use or remove."""
    made = prepared(path, scratch)
    theirs = path.with_name("theirs")
    theirs.write_bytes(scratch.read_bytes())
    theirs.replace(scratch)

    with pytest.raises(WriteRefused):
        take_place(str(path), str(scratch), made)

    assert names(path.parent) == [scratch.name, "a.mp3"]
    assert genres_in(path) == ["Old"]


@pytest.fixture
def racing(monkeypatch):
    """Let another program act right before or right after the exchange."""
    original = rewrite.exchange

    def arrange(before=lambda: None, after=lambda: None):
        def late(one, other):
            before()
            original(one, other)
            after()

        monkeypatch.setattr(rewrite, "exchange", late)

    return arrange


def test_a_file_moved_at_the_last_moment_is_not_made_anew(path, scratch, racing):
    """The exchange finds no file, and does nothing."""
    made = prepared(path, scratch)
    racing(before=lambda: path.rename(path.with_name("moved.mp3")))

    with pytest.raises(WriteRefused, match="moved away"):
        take_place(str(path), str(scratch), made)

    assert names(path.parent) == ["moved.mp3"]


def test_a_file_put_there_at_the_last_moment_stays(path, scratch, racing):
    """What came out is not what was copied, so it goes back."""
    other = make_audio(path.with_name("b.mp3"), seconds=1, seed=2, genre="Mine")
    text = other.read_bytes()
    made = prepared(path, scratch)
    racing(before=lambda: other.replace(path))

    with pytest.raises(WriteRefused, match="changed meanwhile"):
        take_place(str(path), str(scratch), made)

    assert path.read_bytes() == text
    assert names(path.parent) == ["a.mp3"]


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_what_is_no_file_goes_back_as_it_was(path, scratch, racing, kind):
    """A folder or a link that took the name at the last moment."""
    made = prepared(path, scratch)
    moved = path.with_name("moved.mp3")

    def other():
        path.rename(moved)
        path.mkdir() if kind == "folder" else path.symlink_to(moved)

    racing(before=other)

    with pytest.raises(WriteRefused, match="changed meanwhile"):
        take_place(str(path), str(scratch), made)

    assert path.is_dir() if kind == "folder" else path.is_symlink()
    assert names(path.parent) == ["a.mp3", "moved.mp3"]
    assert genres_in(moved) == ["Old"]


def test_a_file_that_moves_on_before_it_can_go_back_gets_there(path, scratch, racing):
    """One program puts a file in place, another moves it on: it arrives, and only there."""
    other = make_audio(path.with_name("b.mp3"), seconds=1, seed=2, genre="Mine")
    album = path.with_name("album")
    album.mkdir()
    made = prepared(path, scratch)
    racing(before=lambda: other.replace(path), after=lambda: path.rename(album / "c.mp3"))

    with pytest.raises(WriteRefused, match="changed meanwhile"):
        take_place(str(path), str(scratch), made)

    assert names(path.parent) == ["album"]
    assert names(album) == ["c.mp3"]
    assert genres_in(album / "c.mp3") == ["Mine"]


def test_a_file_moved_after_the_exchange_has_its_genre(path, scratch, racing):
    """The write was done; the mover moved the new file."""
    made = prepared(path, scratch)
    racing(after=lambda: path.rename(path.with_name("moved.mp3")))

    result = take_place(str(path), str(scratch), made)

    moved = path.with_name("moved.mp3")
    assert names(path.parent) == [scratch.name, "moved.mp3"]
    assert genres_in(moved) == ["New"]
    assert result.after == Stamp.of(moved.stat())


def test_a_disk_that_dies_behind_the_exchange_leaves_both(path, scratch, monkeypatch):
    """Neither checked nor taken back: the stamp given fits no file, so the journal looks again."""
    before = path.read_bytes()
    made = prepared(path, scratch)
    exchange, dead = rewrite.exchange, raises(OSError(errno.EIO, "dead"))

    def last(one, other):
        exchange(one, other)
        monkeypatch.setattr(rewrite, "stamp_of", dead)
        monkeypatch.setattr(rewrite, "put_back", dead)

    monkeypatch.setattr(rewrite, "exchange", last)

    result = take_place(str(path), str(scratch), made)

    assert genres_in(path) == ["New"]
    assert scratch.read_bytes() == before
    assert result.original != Stamp.of(scratch.stat())


_MOVER = """
import itertools, os, random, sys, time
here, there = sys.argv[1:]
rng = random.Random(1)
print(flush=True)
for _ in itertools.count():
    for one, other, pause in ((here, there, 0.005), (there, here, 1)):
        os.rename(one, other)
        time.sleep(rng.uniform(0, pause))
"""


def test_a_mover_never_makes_two_of_one(path, scratch):
    """A real process renames the file to and fro while it is written again and again."""
    folder = path.with_name("elsewhere")
    folder.mkdir()
    there, done = folder / "b.mp3", 0
    heard = path.stat().st_size
    with moving(path, there):
        for number in range(10_000):
            with contextlib.suppress(WriteError, TagError):
                write_genres(str(path), (f"G{number % 7}",), scratch=str(scratch))
                done += 1
            assert not scratch.exists()
            if done == 20:
                break

    left = [entry for entry in (path, there) if entry.exists()]
    assert len(left) == 1
    assert names(path.parent) in (["a.mp3", "elsewhere"], ["elsewhere"])
    assert names(folder) in (["b.mp3"], [])
    assert genres_in(left[0])[0] in {"Old", *(f"G{n}" for n in range(7))}
    assert abs(left[0].stat().st_size - heard) < 4096
    assert done == 20


@contextlib.contextmanager
def moving(here, there):
    """Run the mover until the block ends."""
    command = [sys.executable, "-c", _MOVER, str(here), str(there)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


_EDITOR = """
import os, random, shutil, sys, time
from mutagen.id3 import ID3, TIT2
here, there, ways, seconds = sys.argv[1:]
rng, edits, end = random.Random(1), 0, time.time() + float(seconds)
print(flush=True)
while time.time() < end or not edits:
    way = rng.choice(ways.split())
    for name in (here, there):
        try:
            before = os.stat(name)
            work = name + ".edit" if way == "rename" else name
            if way == "rename":
                shutil.copy2(name, work)
            with open(work, "r+b") as file:
                tag = ID3(file)
                tag.add(TIT2(encoding=3, text=str(edits + 1)))
                file.seek(0)
                tag.save(file)
                if way == "secretly":
                    file.flush()
                    os.utime(file.fileno(), ns=(before.st_atime_ns, before.st_mtime_ns))
            if way == "rename":
                os.rename(work, name)
            edits += 1
            break
        except FileNotFoundError:
            pass
    time.sleep(rng.uniform(0, 0.08))
print(edits)
"""


@pytest.mark.parametrize("ways", ["in-place secretly rename", "in-place secretly mover"])
def test_no_edit_is_lost(path, scratch, ways):
    """Real processes edit in place, put the old time back, rename over, and move, all at once."""
    retag(path, title="0")
    there = path.with_name("b.mp3")
    edits = ways.replace(" mover", "")
    command = [sys.executable, "-c", _EDITOR, str(path), str(there), edits, "2"]
    mover = moving(path, there) if "mover" in ways else contextlib.nullcontext()
    with mover, subprocess.Popen(command, stdout=subprocess.PIPE) as editor:
        editor.stdout.readline()
        number = 0
        while editor.poll() is None:
            for name in (path, there):
                number += 1
                with contextlib.suppress(WriteError, TagError):
                    write_genres(str(name), (f"G{number}",), scratch=str(scratch))
                assert not scratch.exists()
        done = editor.stdout.read().decode().strip()

    left = list(path.parent.iterdir())
    assert len(left) == 1
    assert str(mutagen.File(left[0])["TIT2"]) == done


# --- undo ------------------------------------------------------------------------------


def back(path, scratch, made, record=None, **options):
    """Prepare the undo of *made*."""
    return prepare_back(
        str(path), made.undo if record is None else record, made.hash_after, made.hash_before,
        made.old, made.new, scratch=str(scratch), **options,
    )  # fmt: skip


def written(path, scratch, genre="New"):
    """Write, and return what was prepared for it."""
    made = prepared(path, scratch, genre)
    take_place(str(path), str(scratch), made)
    scratch.unlink()
    return made


@pytest.mark.parametrize("record", [b"", b"\1damaged"])
def test_without_a_good_record_the_genre_goes_back_by_value(path, scratch, record):
    """Writes of older versions have none; a damaged one is never trusted."""
    made = written(path, scratch)

    take_place(str(path), str(scratch), back(path, scratch, made, record))

    assert genres_in(path) == ["Old"]


def test_a_genre_that_a_person_changed_since_stands(path, scratch):
    """There is nothing of ours to take back."""
    made = written(path, scratch)
    retag(path, genre="Mine")

    with pytest.raises(WriteRefused, match="changed since"):
        back(path, scratch, made)

    assert genres_in(path) == ["Mine"]
    assert names(path.parent) == ["a.mp3"]


def test_what_a_person_took_back_already_needs_no_write(path, scratch):
    """The old genre stands again, in a file that is otherwise another."""
    made = written(path, scratch)
    retag(path, genre="Old", title="edited")

    assert not back(path, scratch, made).changed
    assert names(path.parent) == ["a.mp3"]


def test_an_undo_keeps_to_the_rules_of_a_write(path, scratch):
    """A changed file, a symbolic link, hard links: as for any other."""
    made = written(path, scratch)
    expected = Stamp.of(path.stat())
    path.with_name("b.mp3").hardlink_to(path)

    with pytest.raises(WriteRefused, match="hard links"):
        back(path, scratch, made)
    with pytest.raises(WriteRefused, match="changed meanwhile"):
        back(path, scratch, made, expected=expected, manner=Manner(allow_hard_links=True))

    assert names(path.parent) == ["a.mp3", "b.mp3"]


# --- disks -----------------------------------------------------------------------------

LATER = ("ENOSPC", "EDQUOT", "EIO", "EROFS", "EBUSY", "EAGAIN", "ETXTBSY", "ESTALE")
PERSON = ("EACCES", "EPERM", "EFBIG")


@pytest.mark.parametrize("name", [*LATER, *PERSON])
@pytest.mark.parametrize("call", ["copy_bytes", "sync_file", "exchange"])
def test_a_failing_call_is_told_by_its_kind(path, scratch, monkeypatch, name, call):
    """Later or by a person; the file is as before and the copy is gone."""
    before = path.read_bytes()
    code = getattr(errno, name)
    monkeypatch.setattr(rewrite, call, raises(OSError(code, os.strerror(code))))

    with pytest.raises(WriteError) as told:
        write_genres(str(path), ("New",), scratch=str(scratch))

    assert isinstance(told.value, WriteDelayed) == (name in LATER)
    assert os.strerror(code) in told.value.reason
    assert path.read_bytes() == before
    assert names(path.parent) == ["a.mp3"]


def test_a_disk_that_fails_under_the_parser_is_not_the_files_fault(path, scratch, monkeypatch):
    """An I/O error while the tag is read or changed is tried again, and no verdict on it."""
    dead = raises(OSError(errno.EIO, os.strerror(errno.EIO)))
    monkeypatch.setattr("core.tags.splice.splice", dead)
    monkeypatch.setattr("core.tags.mpeg.splice", dead)
    with pytest.raises(WriteDelayed, match=r"Input/output error\); check the disk"):
        prepared(path, scratch)
    monkeypatch.setattr("core.tags.mpeg.find_blocks", dead)
    with pytest.raises(WriteDelayed, match=r"Input/output error\); check the disk"):
        prepared(path, scratch)

    assert names(path.parent) == ["a.mp3"]


def test_what_went_away_is_refused_and_other_faults_are_plain():
    """ENOENT is no failure of the disk; an unknown number is told as it is."""
    assert isinstance(write_error(FileNotFoundError(errno.ENOENT, "x"), "p"), WriteRefused)
    other = write_error(OSError(errno.EDOM, "x"), "p")

    assert type(other) is WriteError
    assert other.remedy is None


@contextlib.contextmanager
def disk(folder, *options):
    """Mount a small disk of its own in *folder*."""
    folder.mkdir()
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine lets nobody mount ({done.stderr.decode().strip()})")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@root
def test_a_disk_that_is_full_keeps_the_file(tmp_path, monkeypatch):
    """Told before; where it fills up meanwhile, told by the disk itself."""
    with disk(tmp_path / "m", "-t", "tmpfs", "-o", "size=1m", "none") as folder:
        path = make_audio(folder / "a.wav", seconds=12, genre="Old")
        before, scratch = path.read_bytes(), folder / ".scratch"
        for room, why in ((places.ROOM, "no room for a second copy"), (-(1 << 30), "No space")):
            monkeypatch.setattr(places, "ROOM", room)
            with pytest.raises(WriteDelayed, match=f"{why}.*; free some"):
                prepared(path, scratch)

        assert path.read_bytes() == before
        assert names(folder) == ["a.wav"]


@root
def test_a_disk_that_is_read_only_waits(tmp_path):
    """Not the file's permissions are at fault."""
    with disk(tmp_path / "m", "-t", "tmpfs", "none") as folder:
        path = make_audio(folder / "a.mp3", seconds=1)
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)

        with pytest.raises(WriteDelayed, match="read-only; mount it for writing"):
            prepared(path, folder / ".scratch")


@root
@pytest.mark.parametrize("kind", ["btrfs", "xfs"])
def test_file_systems_that_share_bytes_do_so(tmp_path, kind, monkeypatch):
    """The copy is a clone there, and all else is as anywhere."""
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(400 << 20)
    try:
        subprocess.run([f"mkfs.{kind}", "-q", image], check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no such file system can be made here ({error})")
    with disk(tmp_path / "m", "-o", "loop", image) as folder:
        path = make_audio(folder / "a.flac", seconds=2, genre="Old")
        os.setxattr(path, "user.xdg.tags", b"party")
        monkeypatch.setattr(copying, "_copied_by_kernel", raises(AssertionError("no clone")))

        result = take_place(str(path), f"{folder}/.s", prepared(path, folder / ".s"))

        assert result.kept
        assert genres_in(path) == ["New"]
        assert os.getxattr(path, "user.xdg.tags") == b"party"


# --- what a folder gives ---------------------------------------------------------------


def acl(*entries):
    """Return an ACL as Linux keeps it: (tag, permissions, user or group)."""
    head = (2).to_bytes(4, "little")
    return head + b"".join(struct.pack("<HHI", tag, bits, who) for tag, bits, who in entries)


NOBODY = 0xFFFFFFFF
DEFAULT = acl((1, 6, NOBODY), (2, 6, 1234), (4, 4, NOBODY), (16, 6, NOBODY), (32, 0, NOBODY))


@pytest.mark.skipif(sys.platform != "linux", reason="macOS copies ACLs by fcopyfile")
@pytest.mark.parametrize("own", [False, True], ids=["without an ACL", "with its own"])
def test_the_copy_has_the_acl_of_the_file_not_of_the_folder(path, scratch, own):
    """A default ACL would give somebody rights that the file does not give him."""
    path.chmod(0o640)
    theirs = acl((1, 6, NOBODY), (2, 4, 4321), (4, 4, NOBODY), (16, 4, NOBODY), (32, 0, NOBODY))
    try:
        if own:
            os.setxattr(path, "system.posix_acl_access", theirs)
        os.setxattr(path.parent, "system.posix_acl_default", DEFAULT)
    except OSError:
        pytest.skip("this file system keeps no ACLs")
    before = attributes(path)

    take_place(str(path), str(scratch), prepared(path, scratch))

    assert attributes(path) == before


def attributes(path):
    """Return mode and every extended attribute."""
    return path.stat().st_mode, {name: os.getxattr(path, name) for name in os.listxattr(path)}


class Mac:
    """Stands for macOS's libc: gives a creation time, records what is set. Nothing ran on a Mac."""

    def __init__(self, fails=False):
        self.fails, self.set = fails, []

    def fgetattrlist(self, fd, asked, buffer, size, options):
        assert (fd, asked, size.value, options.value) == (3, copying._CREATED, 20, 0)
        buffer.raw = struct.pack("=Iqq", 20, 1_000_000_000, 5)
        return -1 if self.fails else 0

    def fsetattrlist(self, fd, asked, buffer, size, options):
        assert (asked, size.value, options.value) == (copying._CREATED, 16, 0)
        self.set.append((fd, struct.unpack("=qq", buffer)))
        return 0


def test_the_creation_time_is_carried_over_on_macos():
    """By the calls that the manual names, through a stand-in."""
    mac, network = Mac(), Mac(fails=True)

    copying.keep_birth(mac, 3, 4)
    copying.keep_birth(network, 3, 4)

    assert mac.set == [(4, (1_000_000_000, 5))]
    assert network.set == []
    assert len(copying._CREATED) == 24


def test_a_copy_is_private_until_it_has_the_files_mode(path, scratch, monkeypatch):
    """Nobody reads half of a file that he may not read."""
    seen = []
    original = rewrite.copy_bytes

    def look(source, copy):
        seen.append(Path(scratch).stat().st_mode & 0o777)
        original(source, copy)

    monkeypatch.setattr(rewrite, "copy_bytes", look)
    prepared(path, scratch)

    assert seen == [0o600]
