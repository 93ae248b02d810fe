"""A bad file is left byte for byte or gets its genre and nothing else; a refusal is one sentence.

The short form of `python -m benchmarks hostile`: real workers, judged by plain PyAV and
mutagen. The bombs are chosen by kind, the dice are the first of them.
"""

from pathlib import Path

import pytest

from benchmarks.hostile import GENRE, live_with, try_all
from benchmarks.tools.mutants import bombs, mutant, seeds
from benchmarks.tools.outcomes import difference
from tests.audio import retag

DICE = 100


@pytest.mark.parametrize("part", [0, 4, 5])
def test_bombs_go_off_in_nobodys_hands(tmp_path: Path, part: int) -> None:
    """Sizes of gigabytes, thousands of levels, frames that unpack without end."""
    found = try_all(tmp_path, range(part, len(bombs()), 6), seed=1)

    assert found["bad"] == []


def test_damage_of_any_kind_is_refused_or_kept(tmp_path: Path) -> None:
    """Cut, flipped, spliced, doubled, with false sizes: of every format there is a sample."""
    first = len(bombs())

    found = try_all(tmp_path, range(first, first + DICE), seed=1)

    assert found["bad"] == []
    assert found["ends"]["done"] > DICE / 10  # not all was refused, so writing was tried


@pytest.mark.slow
def test_the_daemon_lives_with_them(tmp_path: Path) -> None:
    """Pipes, sockets, loops and sparse giants lie between them; each has its state."""
    found = live_with(tmp_path, 40, seed=1)

    assert found["bad"] == []


def test_the_same_number_is_the_same_file() -> None:
    """So that what was found can be looked at again."""
    assert mutant(len(bombs()) + 7).content == mutant(len(bombs()) + 7).content
    assert mutant(len(bombs()) + 7, seed=2).content != mutant(len(bombs()) + 7).content


@pytest.mark.parametrize("name", sorted(seeds()))
def test_the_judge_sees_what_must_not_be(tmp_path: Path, name: str) -> None:
    """A change of sound or of another tag is told; a change of the genre alone is none."""
    end, content = seeds()[name]
    before, after = tmp_path / f"before{end}", tmp_path / f"after{end}"
    before.write_bytes(content)
    after.write_bytes(content)
    if name in ("adts", "caf", "ac3", "mka"):
        pytest.skip("nobody can tag this kind")
    retag(after, genre=GENRE)
    assert difference(str(before), str(after), GENRE) == ""
    assert difference(str(before), str(after), "Jazz")

    retag(after, title="another")
    assert "other tags" in difference(str(before), str(after), GENRE)

    spoilt = bytearray(content)
    middle = 5 * len(content) // 8
    spoilt[middle : middle + 64] = bytes(byte ^ 0x55 for byte in content[middle : middle + 64])
    after.write_bytes(spoilt)
    retag(after, genre=GENRE)
    assert difference(str(before), str(after), GENRE)
