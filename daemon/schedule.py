"""When the night is: APScheduler with one cron job, and its missed nights made up for."""

from collections.abc import Callable
from datetime import datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from core.library.codec import as_time, time_text
from daemon.config import Training

__all__ = ["missed_night", "next_night", "start_schedule"]


def start_schedule(training: Training, night: Callable[[], None]) -> BackgroundScheduler:
    """Start the thread that calls *night* at the configured local time.

    APScheduler drops a job that is a second late, which on a sleeping laptop is every
    night: hence coalesce and a grace of hours, for all jobs.
    """
    scheduler = BackgroundScheduler(
        job_defaults={
            "coalesce": True,
            "misfire_grace_time": int(training.grace_hours * 3600),
            "max_instances": 1,
        }
    )
    if training.nightly:
        scheduler.add_job(night, _trigger(training), id="night")
    scheduler.start()
    return scheduler


def missed_night(training: Training, now: datetime, last_run: str | None) -> bool:
    """Say whether the last night passed while we did not run, less than the grace ago.

    *last_run* is when a training last ended. APScheduler makes up for what a sleeping
    process missed, but not for what one that was not there did.
    """
    if not training.nightly:
        return False
    grace = timedelta(hours=training.grace_hours)
    due = _trigger(training).get_next_fire_time(None, now - grace)
    if due is None or due > now:
        return False
    return last_run is None or as_time(last_run) < due


def next_night(training: Training, now: datetime) -> str | None:
    """Return when the next nightly retraining is due, ISO 8601 UTC."""
    moment = _trigger(training).get_next_fire_time(None, now)
    return time_text(moment) if moment else None


def _trigger(training: Training) -> CronTrigger:
    hour, _, minute = training.at.partition(":")
    return CronTrigger(hour=int(hour), minute=int(minute))
