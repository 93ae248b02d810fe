"""What is spoilt is spoilt, and who tells the truth was never met."""

import json
from pathlib import Path

import pytest

from benchmarks.accuracy.made_up import made_up, quick
from benchmarks.accuracy.store import Store
from benchmarks.challengers import _truly_better
from benchmarks.challengers.poison import KINDS
from benchmarks.challengers.sides import dealt, thinned
from core import registry
from core.errors import ModelError


def test_no_artist_is_in_two_parts(tmp_path: Path) -> None:
    """Each genre's artists are dealt by themselves, and every part has some of all."""
    tracks = made_up(Store(tmp_path), quick(), artists=8).tracks

    sides = dealt(tracks, 1, (0.4, 0.3))

    parts = [{track.group for track in part} for part in (sides.base, sides.user, sides.truth)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 24
    assert all(len({name[:4] for name in part}) == 3 for part in parts)
    thin = thinned(sides.base, 2)
    assert len(thin) == 6
    assert len({track.group for track in thin}) == 6


def test_only_the_truly_better_count() -> None:
    """Drawn until there are enough, or three times as many were drawn."""
    gains = [0.01, 0.06, -0.1, 0.2, 0.05]

    found, drawn = _truly_better(lambda number: {"truth": {"gain": gains[number]}}, 2)

    assert ([item["truth"]["gain"] for item in found], drawn) == ([0.06, 0.2], 4)
    assert _truly_better(lambda number: {"truth": {"gain": 0.0}}, 2) == ([], 6)


@pytest.mark.parametrize("turn", range(7))
def test_a_file_that_was_cut_is_no_model(tmp_path: Path, turn: int) -> None:
    """Whichever file it is; where its hash was made anew, whoever runs it finds out."""
    folder = tmp_path / "model"
    folder.mkdir()
    for path in registry.base_dir(backbone=True).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    poison = KINDS["truncated file"](turn)

    (poison.damage or poison.later)(folder)  # type: ignore[misc]

    if "member" in poison.how and "anew" in poison.how:
        registry.load(folder)
        assert json.loads((folder / "manifest.json").read_text("utf-8"))["files"]
        return
    with pytest.raises(ModelError):
        registry.load_calibration(registry.load(folder))


def test_every_kind_has_its_ways() -> None:
    """Spread over the turns, each told in words."""
    assert len(KINDS) == 7
    for kind, make in KINDS.items():
        assert {make(turn).kind for turn in range(8)} == {kind}
        assert len({make(turn).how for turn in range(8)}) > 1
