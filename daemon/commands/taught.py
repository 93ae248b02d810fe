"""After the files of a library were heard: find wrong tags, train, say what came of it.

The figures are about the tags as they stand, on artists that the models had not met.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlite_utils import Database

from core.library import lessons
from core.library.lessons import LessonRow, Progress
from core.registry import Registry
from core.taxonomy import fold
from daemon import processes
from daemon.backbone import backbone_folder
from daemon.config import Config
from daemon.learning import training
from daemon.learning.learning_from import Choice, Heard
from daemon.limits import trainer_mb
from daemon.showing.show import counted, does
from daemon.state import State

__all__ = [
    "Doubted",
    "Result",
    "choice_json",
    "choice_lines",
    "doubt_lines",
    "heard_lines",
    "in_short",
    "kept_doubt_json",
    "kept_doubt_lines",
    "look_for_wrong_tags",
    "result_json",
    "result_lines",
    "stopped_line",
    "train",
]

NOTHING = "no genre"  # what stands in a file that has none
SHOWN = 20  # doubted tags, left-out values
MINUTE, HOUR = 60, 3600
Message = dict[str, Any]
Tell = Callable[[Message], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubted:
    """A file whose tag looks wrong."""

    path: str
    tagged: str
    probability: float  # of the tagged genre, as the others have it
    instead: str
    surely: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a training on the lessons came to."""

    outcome: str
    reason: str
    version: str | None
    figures: dict[str, float] = field(default_factory=dict)  # on the library, before and after


def look_for_wrong_tags(
    db: Database, state: State, models: Registry, config: Config, tell: Tell
) -> tuple[Doubted, ...]:
    """Have the tags judged by models that had not met their artists; the doubts are recorded.

    Raises TrainingError where there is too little to judge by, or it takes more than a night may.
    """
    limits = config.training
    wishes = [
        *("--library", str(state.library)),
        *("--champion", str(models.champion_dir())),
        *("--backbone", backbone_folder(config.model) or "none"),
        *("--max-minutes", str(limits.max_minutes)),
        *("--max-memory-mb", str(trainer_mb(limits.max_memory_mb))),
    ]
    found: list[Message] = []
    seconds = limits.max_minutes * 60 + 60
    for message in processes.run_trainer(
        processes.LESSONS, wishes, seconds=seconds, task="look for wrong tags"
    ):
        tell(message)
        if message.get("event") == "done":
            found = message["doubted"]
    said = {doubt["fingerprint"]: doubt for doubt in found}
    lessons.doubt(db, {name: doubt["probability"] for name, doubt in said.items()})
    return tuple(_doubted(row, said[row.fingerprint or ""]) for row in lessons.doubted(db))


def _doubted(row: LessonRow, said: Message) -> Doubted:
    return Doubted(
        path=row.path,
        tagged=row.genre,
        probability=said["probability"],
        instead=said["instead"],
        surely=said["surely"],
    )


def train(db: Database, state: State, config: Config, tell: Tell) -> Result:
    """Spend a night on what people said and on the lessons; raises TrainingError if another does.

    The new model is used only if it passes the gate, as each night.
    """
    ended: Message = {}

    def hear(message: Message) -> None:
        tell(message)
        if message.get("event") == "done":
            ended.update(message)

    done = training.retrain(db, state, config, asked_by="command", progress=hear)
    metrics = ended.get("metrics") or {}
    return Result(
        outcome=done.outcome,
        reason=done.reason,
        version=done.version,
        figures={name: value for name, value in metrics.items() if name.startswith("library_")},
    )


# --- in words -------------------------------------------------------------------------------


def choice_lines(choice: Choice) -> list[str]:
    """Say what the library teaches, genre by genre, and what is left out and why."""
    taught, reading = choice.taught, choice.reading
    files = len(reading.files) + len(reading.unread)
    lines = [
        f"{len(taught.lessons):,} of {counted(files, 'file')}"
        f" {does(len(taught.lessons), 'teaches', 'teach')} a genre;"
        f" {len(choice.sample):,} of them chosen to be heard."
    ]
    if taught.lessons:
        lines.append(f"  {'genre':24} {'files':>7} {'artists':>8} {'chosen':>7}")
    for row in _by_genre(choice):
        line = f"  {row['genre']:24} {row['files']:>7,} {row['artists']:>8,} {row['chosen']:>7,}"
        lines.append(line + (f"  (also {', '.join(row['also'])})" if row["also"] else ""))
    dropped = _dropped(choice)
    if dropped:
        lines.append("Left out:")
    lines += [_dropped_line(*item) for item in dropped[:SHOWN]]
    if len(dropped) > SHOWN:
        rest = sum(n for _, _, n in dropped[SHOWN:])
        others = counted(len(dropped) - SHOWN, "other value")
        lines.append(f"  and {counted(rest, 'file')} with {others}")
    if taught.lessons:
        lines.append(
            "Two names of one genre? Say so, then learn again: genrewatch genres alias X Y"
        )
    return lines


def _dropped_line(value: str, why: str, files: int) -> str:
    return f"  {counted(files, 'file')}: {why}" + (f" ({value})" if value != NOTHING else "")


def choice_json(choice: Choice) -> dict[str, Any]:
    """Return the same as one JSON document."""
    return {
        "files": len(choice.reading.files) + len(choice.reading.unread),
        "lessons": len(choice.taught.lessons),
        "chosen": len(choice.sample),
        "genres": _by_genre(choice),
        "left_out": [
            {"value": value, "reason": why, "files": n} for value, why, n in _dropped(choice)
        ],
    }


def _by_genre(choice: Choice) -> list[dict[str, Any]]:
    """What is said of each genre, that of most files first."""
    chosen = Counter(item.genre for item in choice.sample)
    rows = []
    for genre, files in Counter(item.genre for item in choice.taught.lessons).most_common():
        mine = [item for item in choice.taught.lessons if item.genre == genre]
        spelled = {value for item in mine for value in item.tagged if fold(value) == fold(genre)}
        joined = {value for item in mine for value in item.tagged[:1] if fold(value) != fold(genre)}
        rows.append(
            {
                "genre": genre,
                "files": files,
                "artists": len({item.group for item in mine}),
                "chosen": chosen[genre],
                "also": sorted((spelled | joined) - {genre}),
            }
        )
    return rows


def _dropped(choice: Choice) -> list[tuple[str, str, int]]:
    """(value, reason, files) of what is left out, the commonest first."""
    counted = Counter((item.value, item.why.value) for item in choice.taught.dropped)
    counted.update(("", reason) for _, reason in choice.reading.unread)
    return [(value or NOTHING, why, n) for (value, why), n in counted.most_common()]


def heard_lines(heard: Heard, all_of_it: Progress, reasons: dict[str, int]) -> list[str]:
    """Say honestly how the hearing ended."""
    done = heard.heard + heard.failed
    lines = [f"Heard in all: {all_of_it.heard:,} of {counted(all_of_it.total, 'file')}."]
    if done:
        each = heard.seconds / done
        lines = [
            f"Heard {counted(heard.heard, 'file')} in {_span(heard.seconds)} ({each:.1f} s each);"
            f" in all {all_of_it.heard:,} of {all_of_it.total:,}."
        ]
    if all_of_it.failed:
        teach = does(all_of_it.failed, "teaches", "teach")
        lines.append(f"{all_of_it.failed:,} {teach} nothing:")
        lines += [
            f"  {counted(n, 'file')}: {reason}" for reason, n in list(reasons.items())[:SHOWN]
        ]
    if not all_of_it.heard and not heard.waiting:
        lines.append("There is nothing to learn from; nothing was trained.")
    if heard.waiting:
        lines.append(stopped_line(heard.waiting))
    return lines


def stopped_line(waiting: int) -> str:
    """Say that a run was stopped, and how to go on."""
    rest = f": {counted(waiting, 'file')} still to hear" if waiting else ""
    return f"Stopped{rest}; go on with: genrewatch learn"


def doubt_lines(doubts: Sequence[Doubted]) -> list[str]:
    """Show the tags that look wrong."""
    if not doubts:
        return ["No tag looks wrong."]
    one = "1 file looks wrongly tagged; it counts less, and stays as it is:"
    many = f"{len(doubts):,} files look wrongly tagged; they count less, and stay as they are:"
    lines = [one if len(doubts) == 1 else many]
    lines += [
        f"  {doubt.path}: {doubt.tagged} ({doubt.probability:.0%}),"
        f" rather {doubt.instead} ({doubt.surely:.0%})"
        for doubt in doubts[:SHOWN]
    ]
    if len(doubts) > SHOWN:
        more = len(doubts) - SHOWN
        lines.append(f"  and {more:,} more; all of them: genrewatch learn --doubted")
    return lines


def kept_doubt_lines(doubts: Sequence[LessonRow]) -> list[str]:
    """List all tags that looked wrong when they were last looked through."""
    if not doubts:
        return ["No tag looks wrong."]
    return [f"{row.path}: {row.genre} ({row.doubted or 0:.0%})" for row in doubts]


def kept_doubt_json(doubts: Sequence[LessonRow]) -> list[Message]:
    """Return the same as JSON takes it."""
    return [{"path": r.path, "tagged": r.genre, "probability": r.doubted} for r in doubts]


def result_lines(result: Result) -> list[str]:
    """Say what the training brought on this library, and whether its model is used."""
    lines = [f"{result.outcome}: {result.reason}", *_what_now(result)]
    f = result.figures
    if f:
        gain = [f"{100 * f[f'library_gain{end}']:+.1f}" for end in ("", "_low", "_high")]
        lines = [
            f"On the tags of {f['library_tracks']:,.0f} tracks by {f['library_artists']:,.0f}"
            " artists of this library, each judged by a model that had not met its artist:",
            f"  right before {_share(f, 'before')}, after {_share(f, 'after')};"
            f" {gain[0]} points [{gain[1]} to {gain[2]}].",
            "  (in brackets 95 %, by artist; the tags are taken as they stand, the doubted too)",
            *lines,
        ]
    return lines


def _what_now(result: Result) -> list[str]:
    """Say what is used from now on."""
    if result.outcome == "promoted":
        return [f"Model {result.version} is used from the next file on."]
    if result.outcome == "refused":
        return [
            "The model before stays in use. What the tags say still counts for other music of"
            " their artists, and later nights learn from it."
        ]
    return []


def in_short(result: Result) -> str:
    """Say in one line what the training brought: `status` shows it beside the last training."""
    f = result.figures
    if not f:
        return f"{result.outcome}: {result.reason}"
    return (
        f"on its tags, of artists not met, right before {_share(f, 'before')},"
        f" after {_share(f, 'after')}; {result.outcome}"
    )


def result_json(result: Result) -> dict[str, Any]:
    """Return the same as JSON takes it."""
    return asdict(result)


def _share(figures: dict[str, float], name: str) -> str:
    value, low, high = (100 * figures[f"library_{name}{end}"] for end in ("", "_low", "_high"))
    return f"{value:.1f}% [{low:.1f}-{high:.1f}]"


def _span(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds // HOUR:.0f} h {seconds % HOUR // MINUTE:.0f} min"
