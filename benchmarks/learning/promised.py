"""The promise in use: how much of what was written is right, and how much is written when."""

from typing import Any

from benchmarks.accuracy.bench import Bench
from benchmarks.learning import figures, taste

__all__ = ["rows"]

PROMISED = 0.9
WINDOW = 50  # files in which coverage after 0, 100, 200 is counted


def rows(bench: Bench, seeds: taste.Seeds) -> dict[str, Any]:
    """Return precision and coverage for those who correct every error, 30 % and none."""
    found = {}
    for person in ("every error", "30 %"):
        for condition in ("static", "all"):
            lives = taste.through(bench, seeds, person, condition)
            precision = figures.share(lives, lambda d: ~d.wrote_wrongly, lambda d: d.wrote)
            found[f"{person}, {condition}"] = {
                "precision of what was written": precision,
                "promised": PROMISED,
                "met": precision["value"] is None or precision["value"] >= PROMISED,
                **{
                    f"written on arrival after {after} files": figures.share(
                        lives, lambda d: d.written, taste.between(after, after + WINDOW)
                    )
                    for after in (0, 100, 200)
                },
                "written in all": figures.share(lives, lambda d: d.wrote),
            }
    return found
