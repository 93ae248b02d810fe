"""The bench on real excerpts, from where each benchmark begins that learns from them.

Hears them with the program's own copies, or takes what is kept of that.
"""

import sys
from pathlib import Path

from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.hearings import heard_excerpts
from benchmarks.accuracy.store import Store
from core import registry
from core.learning.ensemble.fitting import Recipe
from core.learning.train import backbone_named, tags_in

__all__ = ["heard_bench", "say"]

FACTOR = 5  # augmented copies of each excerpt
SOME = 20  # progress is told once in so many


def heard_bench(data: Path, store: Store, *, backbone: str | None = None) -> Bench:
    """Return the bench on the excerpts in *data*, with the program's recipe.

    *backbone* is its folder, or "none"; by default the one of this environment.
    """
    recipe = Recipe()
    folder, _ = backbone_named(backbone or str(registry.backbone_dir()))
    excerpts = heard_excerpts(data, store, _told, seed=recipe.seed, factor=FACTOR, backbone=folder)
    return Bench(
        excerpts=excerpts,
        recipe=recipe,
        store=store,
        tags=tags_in(folder),
        folder=folder,
        data=data,
    )


def say(text: str) -> None:
    """Tell how far it is, beside the figures."""
    print(text, file=sys.stderr, flush=True)


def _told(stage: str, done: int, total: int) -> None:
    if done == total or not done % SOME:
        say(f"  {stage} {done}/{total}")
