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


def test_recipes_are_named_after_their_defects():
    """No name stands twice, since the benchmark tells files by their names."""
    names = [recipe.name for recipe in RECIPES]

    assert len(set(names)) == len(names)
