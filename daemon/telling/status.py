"""What `status` tells: the truth from the record, whether the daemon runs or not."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database

from core import registry
from core.errors import ModelError
from core.library import feedback_log, files, hearings, runs, writes
from core.library.codec import time_text
from core.library.files import FileRow
from core.library.hearings import VerdictRow
from daemon.backbone import backbone_trouble, model_trouble
from daemon.config import Config, expand
from daemon.learning.learning_run import lessons_of
from daemon.learning.patience import NO_START, WAITS, to_learn, too_little
from daemon.learning.schedule import next_night
from daemon.learning.turning_back import last_return
from daemon.life.undoing import undo_trouble
from daemon.state import State, is_locked
from daemon.telling.audits import count_due
from daemon.telling.promises import promise_of
from daemon.telling.questions import Questions, questions

__all__ = [
    "Judged",
    "Status",
    "backlog_of",
    "collect",
    "judged",
    "review_json",
    "status_json",
    "watched_now",
]

RECENT = 10
GUESSES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A file with its last verdict."""

    row: FileRow
    verdict: VerdictRow | None

    def guesses(self) -> list[dict[str, Any]]:
        """Return the three best genres, as JSON shows them."""
        found = self.verdict.genres[:GUESSES] if self.verdict else ()
        return [{"genre": genre, "confidence": confidence} for genre, confidence in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """All that `status` shows, to people and to programs."""

    running: bool
    paused: bool
    daemon: dict[str, Any]  # pid, since, folders, of the last start
    folders: tuple[str, ...]
    counts: dict[str, int]
    guessed: int  # of those tagged: best guesses, outside the promise
    backlog: dict[str, Any]  # what lay there before and is still to be read
    lessons: dict[str, Any]  # how far the learning from a tagged library has come
    skipped: dict[str, int]
    failed: tuple[FileRow, ...]
    review: tuple[Judged, ...]
    recent: tuple[Judged, ...]
    audits: int  # files that wait for a yes or no, so that the promise rests on more than errors
    questions: Questions  # that wait beside those on files
    feedback: int
    feedback_since_training: int
    model: dict[str, Any]
    promise: dict[str, Any]  # on what it rests, and what is written
    last_training: dict[str, Any] | None
    went_back: dict[str, Any] | None  # the last model that corrections took out of use
    next_training: str | None
    training_waits: str | None  # for what: labels, mains power, an idle machine
    trouble: tuple[str, ...]  # whatever needs the user


def collect(
    db: Database,
    state: State,
    models: registry.Registry,
    config: Config,
    now: datetime,
    fault: str | None = None,
) -> Status:
    """Gather the status from the record; *fault* is why the options could not be read."""
    running = is_locked(state.daemon_lock)
    daemon = runs.get_setting(db, "daemon") or {}
    paused = bool(runs.get_setting(db, "paused"))
    model, model_trouble = _model(models)
    learned = runs.last_learned_feedback(db)
    folders = daemon.get("folders") if running else None
    promise = promise_of(db, models, config.policy)
    return Status(
        running=running,
        paused=paused,
        daemon=daemon,
        folders=tuple(folders or (expand(folder) for folder in config.watch.folders)),
        counts=_counts(db, running=running),
        guessed=len(writes.guesses_standing(db)),
        backlog=backlog_of(db, now, running=running, paused=paused),
        lessons=lessons_of(db, state, now),
        skipped=runs.get_setting(db, "skipped") or {"folders": 0, "files": 0},
        failed=tuple(files.files_in_state(db, "failed")),
        review=judged(db, files.files_in_state(db, "not_sure")),
        recent=judged(db, files.latest_verdict_paths(db, RECENT)),
        audits=count_due(db, now, config.review.audits_per_week),
        questions=questions(db),
        feedback=feedback_log.count_since(db, 0),
        feedback_since_training=feedback_log.count_since(db, learned),
        model=model,
        promise=promise,
        last_training=_last_training(db),
        went_back=_went_back(db),
        next_training=next_night(config.training, now) if config.training.nightly else None,
        training_waits=_waits(db, config, running=running),
        trouble=_trouble(
            db,
            fault,
            model_trouble,
            promise.get("trouble"),
            backbone_trouble(config.model),
            undo_trouble(db, config.tags),
            _no_start(db),
        ),
    )


def watched_now(db: Database, state: State) -> tuple[str, ...]:
    """Return the folders that the daemon of this record watches; none where none runs."""
    if not is_locked(state.daemon_lock):
        return ()
    return tuple((runs.get_setting(db, "daemon") or {}).get("folders", ()))


def status_json(status: Status) -> dict[str, Any]:
    """Return the document that `status --json` prints."""
    return {
        "running": status.running,
        "paused": status.paused,
        "since": status.daemon.get("since"),
        "folders": list(status.folders),
        "pending": status.counts.get("pending", 0),
        "tagged": status.counts.get("tagged", 0),
        "guessed": status.guessed,
        "not_sure": status.counts.get("not_sure", 0),
        "left": status.counts.get("left", 0),
        "backlog": status.backlog,
        "lessons": status.lessons,
        "skipped": status.skipped,
        "failed": [_failed_json(row) for row in status.failed],
        "review": [review_json(item) for item in status.review],
        "audits": status.audits,
        "questions": asdict(status.questions),
        "feedback": status.feedback,
        "feedback_since_training": status.feedback_since_training,
        "model": status.model,
        "promise": status.promise,
        "last_training": status.last_training,
        "went_back": status.went_back,
        "next_training": status.next_training,
        "training_waits": status.training_waits,
        "trouble": list(status.trouble),
    }


def _failed_json(row: FileRow) -> dict[str, Any]:
    return {"path": row.path, "reason": row.reason, "retry_at": row.retry_at}


def review_json(item: Judged) -> dict[str, Any]:
    """Return one not-sure file as JSON shows it."""
    return {"path": item.row.path, "reason": item.row.reason, "genres": item.guesses()}


def judged(db: Database, rows: Iterable[FileRow]) -> tuple[Judged, ...]:
    """Return these files, each with its last verdict."""
    return tuple(Judged(row=row, verdict=hearings.verdict_of(db, row.fingerprint)) for row in rows)


def _model(models: registry.Registry) -> tuple[dict[str, Any], str | None]:
    try:
        manifest = models.champion()
        trouble = model_trouble(models)
    except ModelError as error:
        return {"version": None, "accuracy": None, "n": None, "protocol": None}, str(error)
    metrics = manifest.metrics
    shown = {key: metrics.get(key) for key in ("accuracy", "low", "high", "n", "protocol")}
    return {"version": manifest.version, **shown, "provenance": manifest.provenance}, trouble


def _counts(db: Database, *, running: bool) -> dict[str, int]:
    """Count the files by state; waiting are also those that were not read yet."""
    counts = files.count_states(db)
    queue = runs.get_setting(db, "queue") or 0 if running else 0
    return counts | {"pending": max(counts.get("pending", 0), queue)}


def backlog_of(db: Database, now: datetime, *, running: bool, paused: bool) -> dict[str, Any]:
    """Return size, rate and end of what lay there before and is still to be read."""
    left = files.count_unread(db)
    told = runs.get_setting(db, "backlog") or {}
    waits = told.get("waits")
    if not running or paused:
        waits = "paused" if running else "the daemon is not running"
    rate = told.get("a_minute") if left and not waits else None
    ends = time_text(now + timedelta(minutes=left / rate)) if rate else None
    return {
        "left": left,
        "a_minute": round(rate, 1) if rate else None,
        "ends": ends,
        "waits": waits if left else None,
    }


def _trouble(db: Database, *faults: str | None) -> tuple[str, ...]:
    told = [*faults, runs.get_setting(db, "config_error")]
    told += runs.get_setting(db, "watch_trouble") or []
    return tuple(dict.fromkeys(filter(None, told)))


def _waits(db: Database, config: Config, *, running: bool) -> str | None:
    """Say what the next training waits for, if for anything that is known now."""
    if not config.training.nightly:
        return None
    machine: str | None = runs.get_setting(db, WAITS) if running else None
    return too_little(config.training, *to_learn(db)) or machine


def _no_start(db: Database) -> str | None:
    run = runs.last_run(db)
    return run.reason if run is not None and run.reason.startswith(NO_START) else None


def _went_back(db: Database) -> dict[str, Any] | None:
    done = last_return(db)
    return None if done is None else {**asdict(done), "reason": done.reason}


def _last_training(db: Database) -> dict[str, Any] | None:
    run = runs.last_run(db)
    if run is None:
        return None
    return {
        "at": run.ended_at,
        "asked_by": run.asked_by,
        "outcome": run.outcome,
        "reason": run.reason,
        "version": run.version,
    }
