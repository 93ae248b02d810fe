"""Difficult files: written with everything else intact, or refused; undone bit for bit."""

import shutil

import pytest

from benchmarks.difficult import lay, try_ours
from benchmarks.tools.judging import look
from tests.difficult import RECIPES

pytestmark = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="FFmpeg judges here")


@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.name for recipe in RECIPES])
def test_only_the_genre_changes(tmp_path, recipe):
    """FFmpeg, mutagen and a parser of the test's own find nothing else changed."""
    name = f"x.{recipe.name.rpartition('.')[2]}"
    path = lay(tmp_path / "file" / name, recipe.make(tmp_path))
    before = look(path)

    tried = try_ours(path, before)

    assert tried.harms == ()
    if recipe.refused is None:
        assert (tried.outcome, tried.reason, tried.undone) == ("written", "", True)
    else:
        assert tried.outcome == "refused"
        assert recipe.refused in tried.reason
        assert tried.reason.count(". ") == 0


ALONE = [recipe for recipe in RECIPES if recipe.name.startswith("id3v1-alone")]


@pytest.mark.parametrize("recipe", ALONE, ids=[recipe.name for recipe in ALONE])
def test_where_id3v1_is_alone_a_genre_with_a_number_is_one_byte(tmp_path, recipe):
    """Whatever encoding its texts are in: nothing has to repeat them."""
    data = recipe.make(tmp_path)
    path = lay(tmp_path / "file" / "x.mp3", data)

    tried = try_ours(path, look(path), ("Jazz",))

    assert (tried.outcome, tried.harms, tried.undone) == ("written", (), True)


def test_recipes_are_named_after_their_defects():
    """No name stands twice, since the benchmark tells files by their names."""
    names = [recipe.name for recipe in RECIPES]

    assert len(set(names)) == len(names)
