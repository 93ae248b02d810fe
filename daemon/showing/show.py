"""How things look on a terminal: one line a file, plain words, no odd bytes."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click

from core.library.feedback_log import FeedbackRow
from daemon.acts import Tagged
from daemon.judging.classification import Classification
from daemon.learning.learning_run import STOPPED
from daemon.restore import Copy, Restored
from daemon.telling.history import Event
from daemon.telling.promises import promise_line
from daemon.telling.status import Judged, Status
from daemon.telling.versions import Version, figures_of

__all__ = [
    "copy_json",
    "counted",
    "does",
    "feedback_json",
    "local_time",
    "percent",
    "print_json",
    "progress",
    "readable",
    "restored_json",
    "say",
    "show_classification",
    "show_copies",
    "show_event",
    "show_feedback",
    "show_status",
    "show_tagged",
    "show_version",
    "show_whole_version",
    "tagged_json",
]

SHOWN = 3
# whose a genre is from a write on
WHOSE = {
    "ours": "our guess",
    "person": "your word",
    "arrived": "as it came",
    "none": "as it came",
}


def readable(path: str) -> str:
    """Return *path* fit for a terminal: odd bytes and control characters are escaped."""
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in path)


def _escaped(letter: str) -> str:
    """Return \\xff for a byte that is no text, and what Python writes for the rest."""
    byte = ord(letter) - 0xDC00
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else repr(letter)[1:-1]  # noqa: PLR2004


def say(line: str = "", *, err: bool = False, **style: Any) -> None:
    """Print a line; no file name, tag or error in it can steer the terminal."""
    click.secho(readable(line), err=err, **style)


def percent(confidence: float) -> str:
    """Return a confidence as people read it."""
    return f"{confidence:.0%}"


def counted(count: int, what: str) -> str:
    """Return how many there are of *what*, a word that takes an s.

    >>> counted(1, "file"), counted(5000, "file")
    ('1 file', '5,000 files')
    """
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def does(count: int, one: str, many: str) -> str:
    """Return the verb that goes with so many.

    >>> does(1, "waits", "wait"), does(2, "waits", "wait")
    ('waits', 'wait')
    """
    return one if count == 1 else many


def print_json(document: Any) -> None:
    """Print one JSON document; odd bytes of paths travel as escaped surrogates."""
    click.echo(json.dumps(document, indent=2))


@contextmanager
def progress[Item](label: str, items: Sequence[Item]) -> Iterator[Iterable[Item]]:
    """Yield *items* with a progress bar on stderr, only on a terminal and only for several."""
    if len(items) < 2 or not sys.stderr.isatty():  # noqa: PLR2004
        yield items
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        yield bar.track(items, description=label)


def tagged_json(done: Tagged) -> dict[str, Any]:
    """Return one item of `tag --json` and `undo --json`."""
    return {
        "path": done.path,
        "old": list(done.old),
        "new": list(done.new),
        "written": done.written,
        "reason": done.reason,
    }


def feedback_json(row: FeedbackRow) -> dict[str, Any]:
    """Return one item of `feedback --json`."""
    return {
        "path": row.path,
        "kind": row.kind,
        "old": list(row.old),
        "new": list(row.new),
        "via": row.via,
        "at": row.at,
    }


def copy_json(copy: Copy) -> dict[str, Any]:
    """Return one item of `restore --list --json`."""
    return {
        "day": copy.backup.day.isoformat(),
        "before": copy.backup.before,
        "path": str(copy.backup.path),
        "bytes": copy.backup.size,
        "trouble": copy.trouble,
    }


def restored_json(done: Restored) -> dict[str, Any]:
    """Return what `restore --json` prints."""
    return {
        "backup": str(done.backup.path) if done.backup else None,
        "aside": done.aside,
        "writes": done.replayed.writes,
        "feedback": done.replayed.feedback,
        "unreadable": done.replayed.unreadable,
    }


def show_copies(copies: Sequence[Copy]) -> None:
    """Print the backups of the record, the newest first."""
    for copy in copies:
        backup = copy.backup
        why = f", before the step to schema {backup.before}" if backup.before else ""
        state = f"damaged ({copy.trouble})" if copy.trouble else "whole"
        say(f"{backup.day}  {backup.size / 2**20:.1f} MB, {state}{why}")
    if not copies:
        say("No backup yet: one is made each day while the daemon runs.")


def show_classification(found: Classification) -> None:
    """Print a verdict in a few lines."""
    say(found.path, bold=True)
    for item in found.genres[:SHOWN]:
        bar = "█" * round(item.confidence * 20)
        say(f"  {percent(item.confidence):>4}  {bar:<20}  {item.genre}")
    others = " or ".join(item.genre for item in found.suggested)
    if others and others not in found.reason:
        say(f"  perhaps {others} (not among the genres it has learned)")
    say(f"  {found.decision}: {found.reason}")


def show_tagged(done: Tagged) -> None:
    """Print what became of one file."""
    change = f"{_genres(done.old)} → {_genres(done.new)}  " if done.old != done.new else ""
    say(f"{done.path}: {change}{done.reason}", err=done.failed)


def show_event(event: Event) -> None:
    """Print one write or word of a file's history in a line."""
    if event.what == "feedback":
        line = _word_line(event.cause, event.by, event.old, event.new)
    else:
        whose = WHOSE.get(event.by, event.by)
        change = f"{_genres(event.old)} → {_genres(event.new)}"
        line = f"write ({event.cause}, {whose}): {change}{_ending(event)}"
    say(f"{local_time(event.at)}  {line}")


def show_feedback(row: FeedbackRow) -> None:
    """Print one feedback in a line."""
    say(f"{local_time(row.at)}  {row.path}: {_word_line(row.kind, row.via, row.old, row.new)}")


def show_version(found: Version) -> None:
    """Print a model version with its honest figure and what it was trained on."""
    say(f"{found.name}{'  (in use)' if found.in_use else ''}", bold=True)
    manifest = found.manifest
    if manifest is None:
        say(f"  {found.trouble}", fg="red")
        return
    say(f"  {_figure(dict(manifest.metrics))}")
    say(f"  {', '.join(manifest.genres)}")
    say(f"  {manifest.provenance} {manifest.licence}")


def show_whole_version(found: Version) -> None:
    """Print all that is known of a model version: figures, members, how it came about."""
    show_version(found)
    if found.manifest is not None:
        for name, value in figures_of(found.manifest).items():
            say(f"  {name}: {value}")
    say(f"  {found.size / 2**20:.1f} MB in {found.folder}")
    run = found.run
    if run is not None:
        say(f"  {run.outcome or 'under way'} (asked by {run.asked_by}): {run.reason}")
    if found.back_to is not None:
        say(f"  Going back leads to {found.back_to}: genrewatch models rollback")


def show_status(status: Status) -> None:
    """Print the status for a person."""
    _show_daemon(status)
    counts = status.counts
    guessed = f" ({status.guessed} of them best guesses)" if status.guessed else ""
    say(
        f"Files: {counts.get('tagged', 0)} tagged by us{guessed}, "
        f"{counts.get('not_sure', 0)} not sure, {counts.get('left', 0)} left alone, "
        f"{counts.get('pending', 0)} waiting, {len(status.failed)} failed"
    )
    _show_backlog(status.backlog)
    _show_lessons(status.lessons)
    if status.skipped["folders"] or status.skipped["files"]:
        skipped = status.skipped
        entered = f"{counted(skipped['folders'], 'folder')}, {counted(skipped['files'], 'file')}"
        say(f"Never entered by rule: {entered}")
    _show_recent(status.recent)
    _show_model(status)
    _show_needs(status)


def _show_daemon(status: Status) -> None:
    state = "running" if status.running else "not running; start it with: genrewatch run"
    paused = " (paused; genrewatch resume)" if status.paused else ""
    since = status.daemon.get("since")
    when = f" since {local_time(since)}" if status.running and since else ""
    say(f"genrewatch is {state}{when}{paused}", bold=True)
    for folder in status.folders:
        say(f"Watches {folder}")


def _show_backlog(backlog: dict[str, Any]) -> None:
    if not backlog["left"]:
        return
    pace = ""
    if backlog["waits"]:
        pace = f"; waits: {backlog['waits']}"
    elif backlog["ends"]:
        pace = f", {backlog['a_minute']:.0f} a minute, until about {local_time(backlog['ends'])}"
    say(f"Still to be read of what lay there before: {counted(backlog['left'], 'file')}{pace}")


def _show_lessons(found: dict[str, Any]) -> None:
    if found["running"]:
        say(f"Tagged library: {_heard(found)}, {_under_way(found)}")
    elif found["waiting"]:
        why = f" ({found['how']})" if found["how"] not in ("", STOPPED) else ""
        say(f"Tagged library: {_heard(found)}, stopped{why}; go on with: genrewatch learn")
    elif found["ended"]:
        more = f" (more in {found['log']})" if found["log"] else ""
        when = local_time(found["ended"])
        heard = counted(found["heard"], "file")
        say(f"Tagged library: {heard} heard, {when}: {found['how']}{more}")


def _heard(found: dict[str, Any]) -> str:
    done = found["heard"] + found["failed"]
    return f"{done:,} of {counted(done + found['waiting'], 'file')} heard"


def _under_way(found: dict[str, Any]) -> str:
    """What a run of `learn` does now, or waits for."""
    if found["waits"]:
        return f"{found['stage']} waits: {found['waits']}"
    if found["ends"]:
        return f"under way until about {local_time(found['ends'])}"
    steps = f" ({found['steps'][0]} of {found['steps'][1]})" if found["steps"] else ""
    return f"{found['stage']}{steps}"


def _show_recent(recent: tuple[Judged, ...]) -> None:
    if recent:
        say("Last verdicts:")
    for item in recent:
        say(f"  {_name(item.row.path)}: {_outcome(item)}")


def _outcome(item: Judged) -> str:
    guesses = ", ".join(f"{g['genre']} {percent(g['confidence'])}" for g in item.guesses())
    if item.row.state == "tagged":
        return f"tagged {_genres(item.row.genres)}" + (f" ({guesses})" if guesses else "")
    return f"not sure: {guesses or item.row.reason}"


def _show_model(status: Status) -> None:
    say(f"Model {status.model['version']}: {_figure(status.model)}")
    say(promise_line(status.promise))
    say(
        f"Feedback: {status.feedback} in all, "
        f"{status.feedback_since_training} since the last training"
    )
    last = status.last_training
    if last:
        say(f"Last training {local_time(last['at'])}: {last['outcome']} – {last['reason']}")
    else:
        say("Last training: none yet")
    if status.feedback:
        say("How far it has learned: genrewatch stats")
    back = status.went_back
    if back and (last is None or back["at"] > last["at"]):
        say(f"Went back {local_time(back['at'])}: {back['reason']}")
    if status.next_training:
        waits = f" ({status.training_waits})" if status.training_waits else ""
        say(f"Next training: {local_time(status.next_training)}{waits}")


def _figure(metrics: dict[str, Any]) -> str:
    accuracy = metrics.get("accuracy")
    if accuracy is None:
        return "no figure of its accuracy"
    low, high = metrics.get("low"), metrics.get("high")
    interval = f" [{percent(low)}–{percent(high)}]" if low is not None and high is not None else ""
    return f"{percent(accuracy)}{interval} right on {metrics['n']} tracks ({metrics['protocol']})"


def _show_needs(status: Status) -> None:
    for trouble in status.trouble:
        say(f"Needs you: {trouble}", fg="red")
    for row in status.failed[:10]:
        again = f"; tried again at {local_time(row.retry_at)}" if row.retry_at else ""
        say(f"Failed: {row.path}: {row.reason}{again}", fg="red")
    if status.counts.get("not_sure"):
        unsure = status.counts["not_sure"]
        wait = does(unsure, "waits", "wait")
        say(f"{counted(unsure, 'file')} {wait} for your answer: genrewatch review")
    if status.audits:
        say(
            f"Your yes or no to {counted(status.audits, 'written file')}, on which the promise "
            "rests, is asked for by: genrewatch review"
        )
    asked = status.questions
    if asked.batches or asked.renames:
        say(
            f"Whose edits are ({counted(asked.batches, 'question')}), and what was renamed "
            f"({asked.renames}), is asked by: genrewatch review"
        )
    if asked.conflicts:
        say(f"Words of yours at odds: {asked.conflicts} (genrewatch feedback --conflicts)")
    if status.guessed:
        bear = f"{counted(status.guessed, 'file')} {does(status.guessed, 'bears', 'bear')}"
        say(f"{bear} a best guess, which is no promise: genrewatch undo --guesses")


def _ending(event: Event) -> str:
    """Say how a write ended where it does not simply stand."""
    if event.undoes:
        return f" [takes back the write of {local_time(event.undoes)}]"
    if event.state == "done":
        return ""
    return f" [{event.state}{': ' if event.reason else ''}{event.reason}]"


def _word_line(kind: str, via: str, old: Sequence[str], new: Sequence[str]) -> str:
    if via == "undo":
        refused = f": not {_genres(new)}" if kind == "reversion" else ""
        return f"taken back (by undo){refused}"
    return f"{kind} (by {via}): {_genres(old)} → {_genres(new)}"


def _genres(genres: Sequence[str]) -> str:
    return ", ".join(genres) or "no genre"


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def local_time(moment: str) -> str:
    """Return a moment of the record as the clock on the wall shows it."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")
