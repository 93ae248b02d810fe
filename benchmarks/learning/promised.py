"""The promise in use: how much of what was written is right, and how much is written when."""

from typing import Any

from benchmarks.accuracy.bench import Bench
from benchmarks.learning import figures, taste
from benchmarks.learning.figures import Lives

__all__ = ["rows"]

PROMISED = 0.9
WINDOW = 50  # files in which coverage after 0, 100, 200 is counted
MANY = ("every error", "30 %")
FEW = ("answers audits", "two genres", "contrarian", "sloppy")


def rows(bench: Bench, seeds: taste.Seeds) -> dict[str, Any]:
    """Return precision and coverage, without learning and with all that there is."""
    found: dict[str, Any] = {}
    for person in (*MANY, *FEW):
        halves = seeds if person in MANY else seeds[: taste.FEWER]
        for condition in ("static", "all"):
            lives = taste.through(bench, halves, person, condition)
            found[f"{person}, {condition}"] = _line(lives)
        kept = found[f"{person}, all"]["precision of what was written"]["value"]
        found[f"{person}, all"]["met"] = kept is None or kept >= PROMISED
    return found


def _line(lives: Lives) -> dict[str, Any]:
    precision = figures.share(lives, lambda d: ~d.wrote_wrongly, lambda d: d.wrote)
    return {
        "precision of what was written": precision,
        "promised": PROMISED,
        "libraries where nothing was": sum(not diary.wrote.any() for diary in lives.values()),
        **{
            f"written on arrival after {after} files": figures.share(
                lives, lambda d: d.written, taste.between(after, after + WINDOW)
            )
            for after in (0, 100, 200)
        },
        "written in all": figures.share(lives, lambda d: d.wrote),
    }
