"""Have it found out how good the program is, in a process of its own, and say it in words."""

from collections.abc import Callable, Sequence
from typing import Any

from core.errors import TrainingError
from core.registry import Registry
from daemon import processes
from daemon.backbone import backbone_folder
from daemon.config import Config
from daemon.limits import trainer_mb
from daemon.state import State

__all__ = ["evaluate", "in_words"]

Document = dict[str, Any]


def evaluate(
    state: State,
    models: Registry,
    config: Config,
    arguments: Sequence[str],
    progress: Callable[[Document], None],
) -> Document:
    """Return the findings as one JSON document: on people's labels, or on the folder named.

    *arguments* are those of `core.learning.evaluation`; without --sample-dir the record is
    read. What was heard of a folder is kept as `train` keeps it, and the memory is bounded as
    the night's. Raises TrainingError where there are too few labels or the evaluation fails.
    """
    record = ("--library", str(state.library), "--champion", str(models.champion_dir()))
    source = () if "--sample-dir" in arguments else record
    heard_with = ("--backbone", backbone_folder(config.model) or "none")
    bounds = ("--max-memory-mb", str(trainer_mb(config.training.max_memory_mb)))
    wishes = [*arguments, *source, *heard_with, "--heard", str(state.heard), *bounds]
    for message in processes.run_trainer(processes.EVALUATION, wishes, task="evaluation"):
        progress(message)
        if message.get("event") == "done":
            found: Document = message["findings"]
            return found
    raise TrainingError("the evaluation ended without a word")


def in_words(found: Document, report: str | None = None) -> list[str]:
    """Return what was found in a few lines, the leaky figure marked; *report* is named last."""
    figures = found["figures"]
    return [
        f"On {found['subject']}: {figures['n']} tracks of {figures['artists']} artists,"
        f" {found['protocol']}.",
        f"First genre right: {_percent(figures['accuracy'])};"
        f" among the first three: {_percent(figures['top_3'])};"
        f" macro-F1 {_number(figures['macro_f1'])}.",
        f"Confidence: off by {max(0.0, figures['ece_excess']):.1%} beyond what chance makes,"
        f" slope {_number(figures['slope'])} (1 is honest, less is too sure).",
        *_fair(found["fair_sample"]),
        *_in_use(found["in_use"]),
        *(_brings(part) for part in found["members"]),
        *(_brings(part) for part in found["blocks"]),
        f"LEAKY, with artists on both sides: {_percent(found['leak']['random_folds_LEAKY'])}"
        f" instead of {_percent(found['leak']['artists_apart'])} ({found['leak']['model']}).",
        *found["notes"],
        *([f"The report is in {report}"] if report else []),
    ]


def _fair(summary: Document | None) -> list[str]:
    named = "On labels that you came up with yourself, a fair sample"
    return [f"{named}: {_of(summary)}."] if summary else []


def _in_use(model: Document | None) -> list[str]:
    if model is None:
        return []
    tracks, artists = model["unseen_tracks"], model["unseen_artists"]
    new = f"; of artists new to it {_of(artists)}" if artists else ""
    return [f"Model {model['version']}, on labels that it has not seen: {_of(tracks)}{new}."]


def _of(summary: Document) -> str:
    return f"{_percent(summary['accuracy'])}, n = {summary['n']}"


def _brings(part: Document) -> str:
    gain = [f"{100 * part['accuracy'][end]:+.1f}" for end in ("value", "low", "high")]
    return f"{part['name']}: {gain[0]} points [{gain[1]} to {gain[2]}], {part['judgement']}"


def _percent(figure: Document) -> str:
    return f"{figure['value']:.1%} [{100 * figure['low']:.1f}-{100 * figure['high']:.1f}]"


def _number(figure: Document) -> str:
    return f"{figure['value']:.2f} [{figure['low']:.2f}-{figure['high']:.2f}]"
