"""Difficult files of our own making: one recipe for each defect, named after it.

Each is made of synthesised audio and bytes laid out by hand, as other programs, old players
and accidents have left them. `refused` names words of the reason where nothing may be
written; everything else is written with all the rest intact.
"""

from tests.recipes.chunks import CHUNKS
from tests.recipes.id3 import ID3
from tests.recipes.material import Recipe
from tests.recipes.mp4 import MP4
from tests.recipes.others import OTHERS
from tests.recipes.xiph import XIPH

__all__ = ["RECIPES", "Recipe"]

RECIPES: tuple[Recipe, ...] = (*ID3, *CHUNKS, *XIPH, *MP4, *OTHERS)
