"""What was heard is kept: found again exactly, never a stale or damaged entry, bounded."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from core.learning.tracks.kept import Entry, Kept

RNG = np.random.default_rng(0)


def rows(count: int, width: int = 135) -> np.ndarray:  # type: ignore[type-arg]
    """Random float32 rows."""
    return RNG.standard_normal((count, width)).astype(np.float32)


def an_entry() -> Entry:
    """Three segments, three copies, the second of them silent."""
    copies = (rows(2), rows(0), rows(1))
    return Entry(features=rows(3), embedding=rows(1, 200)[0], copies=copies)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """An empty folder of them."""
    return Kept(folder=tmp_path / "heard")


def test_an_entry_comes_back_to_the_bit(kept: Kept) -> None:
    """Numbers and silent copies alike."""
    entry = an_entry()
    kept.keep("print", 1, entry=entry)
    found = kept.find("print", 1, copies=3)

    assert found is not None
    assert np.array_equal(found.features, entry.features)
    assert found.embedding is not None
    assert np.array_equal(found.embedding, np.asarray(entry.embedding))
    assert [len(copy) for copy in found.copies] == [2, 0, 1]
    assert all(np.array_equal(a, b) for a, b in zip(found.copies, entry.copies, strict=True))


def test_without_a_backbone_there_is_no_embedding(kept: Kept) -> None:
    """And with no copies none come back."""
    kept.keep("x", entry=Entry(features=rows(1), embedding=None, copies=()))
    found = kept.find("x", copies=0)

    assert found is not None
    assert found.embedding is None
    assert found.copies == ()


def test_other_parts_find_nothing(kept: Kept) -> None:
    """Another seed, another genre, another code is another entry."""
    kept.keep("print", "jazz", 1, entry=an_entry())

    assert kept.find("print", "jazz", 2, copies=0) is None
    assert kept.find("print", "rock", 1, copies=0) is None


def test_fewer_copies_are_the_first_ones_and_more_are_made_anew(kept: Kept) -> None:
    """A copy follows from its number, so the first two of three are the two."""
    entry = an_entry()
    kept.keep("print", entry=entry)
    fewer = kept.find("print", copies=1)

    assert fewer is not None
    assert np.array_equal(fewer.copies[0], entry.copies[0])
    assert len(fewer.copies) == 1
    assert kept.find("print", copies=4) is None


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign"])
def test_a_damaged_entry_is_made_anew(kept: Kept, damage: str) -> None:
    """It is never found, and gone afterwards."""
    kept.keep("print", entry=an_entry())
    (path,) = kept.folder.glob("*.npz")
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[len(data) // 2] ^= 0xFF
    torn = {"cut": data[:200], "flipped": data, "empty": b"", "foreign": b"no archive" * 30}
    path.write_bytes(torn[damage])

    assert kept.find("print", copies=0) is None
    assert not path.exists()


def test_the_folder_stays_within_its_bound(tmp_path: Path) -> None:
    """What was used longest ago goes first, and torn writes go."""
    kept = Kept(folder=tmp_path / "heard", most_bytes=1)
    for number in range(3):
        kept.keep(number, entry=an_entry())
    size = max(path.stat().st_size for path in kept.folder.glob("*.npz"))
    for age, path in enumerate(sorted(kept.folder.glob("*.npz"))):
        os.utime(path, (1000 + age, 1000 + age))
    (kept.folder / "torn.partial").write_bytes(b"x")
    oldest, _, newest = sorted(kept.folder.glob("*.npz"))

    Kept(folder=kept.folder, most_bytes=size).trim()

    assert newest.exists()
    assert not oldest.exists()
    assert [path.suffix for path in kept.folder.iterdir()] == [".npz"]


def test_what_is_kept_is_its_owners_alone(kept: Kept) -> None:
    """Whatever the umask: it is what somebody's music sounds like."""
    kept.keep("print", entry=an_entry())

    assert stat.S_IMODE(kept.folder.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in kept.folder.iterdir())


def test_a_folder_that_cannot_be_made_costs_nothing(tmp_path: Path) -> None:
    """Then every training hears anew."""
    (tmp_path / "file").write_text("in the way")
    kept = Kept(folder=tmp_path / "file" / "heard")
    kept.keep("print", entry=an_entry())
    kept.trim()

    assert kept.find("print", copies=0) is None
