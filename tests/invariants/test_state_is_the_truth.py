"""Invariant 3: the rescan finds what events miss, and accidents are no one's word.

No event reaches these houses: all is found by comparing. What a sync tool, a restore, a
player, a copy or a torn file does is told apart from what a person says.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.watching.scan import Found
from tests.puppets import PaperHouse, guess, paper, read_paper


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PaperHouse]:
    """A house with two folders that has looked at them."""
    made = PaperHouse(tmp_path, folders=("music", "other"))
    made.live()
    yield made
    made.close()


@pytest.fixture
def tagged(house: PaperHouse) -> Path:
    """A file that we tagged, of which a backup from before exists as `backup`."""
    path = house.music / "a.mp3"
    paper(path, "A", title="one")
    shutil.copy2(path, house.root / "backup")
    os.utime(house.root / "backup", (1_000_000_000, 1_000_000_000))
    house.settle()
    assert read_paper(path)["genres"] == [guess("A")]
    return path


def test_what_happened_while_we_were_away_is_found(house: PaperHouse, tagged: Path) -> None:
    """A retag, a drop, a move and a deletion, all without us."""
    doomed, moved = house.music / "doomed.mp3", house.music / "moved.mp3"
    paper(doomed, "B")
    paper(moved, "C")
    house.settle()
    house.close()
    paper(tagged, "A", ("Zydeco",), "one")
    doomed.unlink()
    moved.rename(house.folders[1] / "moved.mp3")
    paper(house.music / "new.mp3", "D")

    house.reborn()

    assert house.kinds() == ["correction"]
    assert house.row(doomed).gone_at
    assert house.row(house.folders[1] / "moved.mp3").state == "tagged"
    assert read_paper(house.music / "new.mp3")["genres"] == [guess("D")]
    assert len(house.done(house.folders[1] / "moved.mp3")) == 1


def test_the_same_size_and_mtime_hide_nothing(house: PaperHouse, tagged: Path) -> None:
    """An editor with padding that puts the mtime back shows in the ctime alone."""
    before = tagged.stat()
    said = tagged.read_text()
    other = next(
        g for g in ("Rock", "Jazz", "Folk") if g != guess("A") and len(g) == len(guess("A"))
    )
    tagged.write_text(said.replace(guess("A"), other))
    os.utime(tagged, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert tagged.stat().st_size == before.st_size

    house.settle()

    assert house.kinds() == ["correction"]


@pytest.mark.parametrize("spelling", [lambda g: g.upper(), lambda g: f" {g}", lambda g: g.lower()])
def test_another_spelling_is_no_correction(house: PaperHouse, tagged: Path, spelling) -> None:  # type: ignore[no-untyped-def]
    """It makes the person the owner and teaches the spelling."""
    paper(tagged, "A", (spelling(guess("A")),), "one")
    house.settle()

    assert house.kinds() == []
    assert house.row(tagged).origin == "person"


def test_another_order_is_nothing(house: PaperHouse) -> None:
    """A list is compared as a set."""
    path = house.music / "a.mp3"
    paper(path, "A", ("Rock", "Jazz"))
    house.settle()
    paper(path, "A", ("Jazz", "Rock"))
    house.settle()

    assert house.kinds() == []
    assert house.row(path).origin == "arrived"


def test_a_restored_backup_is_a_reversion(house: PaperHouse, tagged: Path) -> None:
    """Last week's file put back with its old time: nobody rejected anything."""
    shutil.copy2(house.root / "backup", tagged)
    for _ in range(3):
        house.settle()

    assert house.kinds() == ["reversion"]
    assert read_paper(tagged)["genres"] == []
    assert len(house.done(tagged)) == 1


def test_a_restored_backup_is_a_reversion_where_we_keep_the_mtime(tmp_path: Path) -> None:
    """The file's own time says nothing then; the time of our write does."""
    house = PaperHouse(tmp_path)
    house.live()
    path = house.music / "a.mp3"
    paper(path, "A")
    old = 1_000_000_000
    os.utime(path, (old, old))
    shutil.copy2(path, tmp_path / "backup")
    house.settle()
    house.db.execute("update tag_writes set after_mtime_ns = ?", [old * 10**9])
    os.utime(path, (old, old))
    house.settle()

    shutil.copy2(tmp_path / "backup", path)
    house.settle()

    assert house.kinds() == ["reversion"]
    house.close()


def test_a_backup_of_what_we_wrote_is_no_ones_word(house: PaperHouse, tagged: Path) -> None:
    """Put back over a person's word, it is ours again; they never said it."""
    shutil.copy2(tagged, house.root / "later")
    paper(tagged, "A", ("Zydeco",), "one")
    house.settle()
    shutil.copy2(house.root / "later", tagged)
    house.settle()

    assert house.kinds() == ["correction"]
    assert house.row(tagged).origin == "ours"


def test_a_word_that_agrees_with_us_is_a_word(house: PaperHouse, tagged: Path) -> None:
    """A copy without a genre that a person gives the one which we wrote elsewhere."""
    paper(tagged, "A", (), "one")
    house.settle()
    copy = house.music / "copy.mp3"
    shutil.copyfile(tagged, copy)
    house.settle()
    paper(copy, "A", (guess("A"),), "one")
    house.settle()

    assert house.kinds() == ["rejection", "label"]
    assert house.row(copy).origin == "person"


def test_a_players_database_is_a_reversion(house: PaperHouse, tagged: Path) -> None:
    """It writes all fields as it knew them, with a new time."""
    paper(tagged, "A", (), "One (feat. Two)")
    house.settle()

    assert house.kinds() == ["reversion"]
    assert read_paper(tagged)["genres"] == []


def test_deleted_and_dropped_again_is_no_rejection(house: PaperHouse, tagged: Path) -> None:
    """The original from before our write, dropped once more, is not a person's "not this"."""
    paper(house.music / "another.mp3", "B")  # an emptied folder would be a lost mount
    tagged.unlink()
    house.settle()
    shutil.copyfile(house.root / "backup", tagged)
    house.settle()

    assert "rejection" not in house.kinds()


def test_dropped_again_elsewhere_is_no_rejection(house: PaperHouse, tagged: Path) -> None:
    """Likewise under another name."""
    tagged.unlink()
    house.settle()
    shutil.copyfile(house.root / "backup", house.music / "again.mp3")
    house.settle()

    assert "rejection" not in house.kinds()


def test_a_cleared_tag_is_a_rejection(house: PaperHouse, tagged: Path) -> None:
    """Nothing but the genre changed, and just now: that is a word."""
    paper(tagged, "A", (), "one")
    house.settle()

    assert house.kinds() == ["rejection"]


def test_clear_then_write_is_one_edit(house: PaperHouse, tagged: Path) -> None:
    """An editor that clears first and writes a moment later is seen once, whole."""
    paper(tagged, "A", (), "one")
    for finding in house.daemon._scan.all():
        house.daemon._steps.take_in(finding)
    house.time += 1.0
    house.step()  # it falls due and is read: a rejection, so it is read once more
    house.step()
    assert house.kinds() == []
    paper(tagged, "A", ("Zydeco",), "one")
    house.settle()

    assert house.kinds() == ["correction"]


def test_truncate_and_refill_is_nothing(house: PaperHouse, tagged: Path) -> None:
    """A file that cannot be read says nothing, and is as before once it can."""
    whole = tagged.read_bytes()
    tagged.write_bytes(whole[:7])
    house.settle()
    assert house.row(tagged).state == "failed"
    tagged.write_bytes(whole)
    house.settle()

    assert house.kinds() == []
    assert house.row(tagged).state == "tagged"
    assert len(house.done(tagged)) == 1


def test_other_audio_at_the_same_path_is_a_new_track(house: PaperHouse, tagged: Path) -> None:
    """A re-rip without a genre rejects nothing, and gets a genre of its own."""
    paper(tagged, "B", (), "one")
    house.settle()

    assert house.kinds() == []
    assert read_paper(tagged)["genres"] == [guess("B")]


def test_a_copy_of_ours_is_ours(house: PaperHouse, tagged: Path) -> None:
    """Its genre is no label of anybody's, and is not written again."""
    copy = house.folders[1] / "copy.mp3"
    shutil.copyfile(tagged, copy)
    house.settle()

    assert house.kinds() == []
    assert (house.row(copy).origin, house.row(copy).state) == ("ours", "tagged")
    assert house.done(copy) == []


def test_a_copy_never_takes_a_moved_files_place(house: PaperHouse) -> None:
    """Retagged and moved while a copy of its twin arrives: the word is the moved file's."""
    path, twin = house.music / "m.mp3", house.music / "twin.mp3"
    paper(path, "A", ("Zydeco",))
    house.settle()
    shutil.copyfile(path, twin)
    house.settle()
    paper(path, "A", ("Cajun",))
    path.rename(house.music / "z.mp3")
    shutil.copyfile(twin, house.music / "a.mp3")  # which is met first
    house.settle()

    assert house.kinds() == ["label"]
    assert house.row(house.music / "z.mp3").origin == "person"
    assert house.row(house.music / "a.mp3").origin == "arrived"


def test_another_rip_never_takes_a_moved_files_place(house: PaperHouse) -> None:
    """Of two new files that may be the one that is missed, it is the one with its inode."""
    path = house.music / "m.mp3"
    paper(path, "A", ("Zydeco",))
    house.settle()
    paper(path, "A", ("Cajun",))
    path.rename(house.music / "z.mp3")
    paper(house.music / "a.mp3", "A")  # which no second reading keeps waiting
    house.settle()

    assert house.kinds() == ["label"]
    assert house.row(house.music / "z.mp3").origin == "person"
    assert house.row(house.music / "a.mp3").origin == "ours"


def test_a_copy_beside_a_deleted_twin_is_no_word(house: PaperHouse, tagged: Path) -> None:
    """It says what the file says that it was copied from, not something new of the lost one."""
    twin = house.music / "twin.mp3"
    shutil.copyfile(tagged, twin)
    house.settle()
    paper(tagged, "A", ("Zydeco",), "one")
    house.settle()
    tagged.unlink()
    house.settle()
    shutil.copyfile(twin, house.music / "copy.mp3")
    house.settle()

    assert house.kinds() == ["correction"]
    assert house.row(house.music / "copy.mp3").origin == "ours"


@pytest.mark.parametrize("way", ["emptied", "absent"])
def test_a_lost_mount_is_not_all_deleted(house: PaperHouse, tagged: Path, way: str) -> None:
    """An emptied or absent folder loses no file, and what comes back was never away."""
    before = house.row(tagged)
    aside = house.root / "aside"
    house.music.rename(aside)
    if way == "emptied":
        house.music.mkdir()
    house.settle()
    house.reborn()
    assert house.row(tagged).gone_at is None

    if house.music.exists():
        house.music.rmdir()
    aside.rename(house.music)
    house.settle()

    assert house.row(tagged) == before
    assert house.kinds() == []


def test_the_last_file_moved_out_of_a_folder_is_a_move(house: PaperHouse, tagged: Path) -> None:
    """An inbox is empty each time its last file is filed; that is no lost mount."""
    new = house.folders[1] / "filed.mp3"
    paper(tagged, "A", ("Zydeco",), "one")  # retagged on the way
    tagged.rename(new)
    house.settle()

    assert house.kinds() == ["correction"]
    assert len(house.done(new)) == 1


def test_a_rescan_finds_nothing_where_nothing_changed(house: PaperHouse, tagged: Path) -> None:
    """Our own writes, too, are known as they lie there."""
    assert [f for f in house.daemon._scan.all() if isinstance(f, Found)] == []


def test_a_move_is_not_heard_again(house: PaperHouse, tagged: Path) -> None:
    """Identity, verdict and history go along, within a folder and across."""
    heard = house.db.execute("select count(*) from hearings").fetchone()
    row = house.row(tagged)
    for new in (house.music / "sub" / "b.mp3", house.folders[1] / "c.mp3"):
        new.parent.mkdir(exist_ok=True)
        tagged.rename(new)
        tagged = new
        house.settle()
        assert house.row(new).state == "tagged"
        assert house.row(new).first_seen_at == row.first_seen_at
    assert house.db.execute("select count(*) from hearings").fetchone() == heard
    assert len(house.done(tagged)) == 1
    assert house.kinds() == []
    assert not house.desk.undo(str(tagged), house.now(), dry_run=False).failed
