"""When the night is, and its missed nights made up for; and when to look for a backup."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from core.library.codec import as_time, time_text
from daemon.config import Training

__all__ = ["missed_night", "next_night", "start_over", "start_schedule"]


BACK_UP_S = 600  # how often to look whether the day's backup can be made
# A job that is due once is removed after it ran, and where the scheduler is stopped meanwhile
# APScheduler does not find it (JobLookupError on its thread); one due again is not removed.
NEVER_AGAIN = IntervalTrigger(days=36500)


def start_schedule(
    training: Training,
    night: Callable[[], None],
    *,
    check: Callable[[], None] = lambda: None,
    back_up: Callable[[], None] = lambda: None,
) -> BackgroundScheduler:
    """Start the thread that calls *night* at the local time, *check* now and *back_up* often.

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
        once = _once_a_day(night, lambda: datetime.now().astimezone().date())
        scheduler.add_job(once, _trigger(training), id="night")
    scheduler.add_job(check, NEVER_AGAIN, next_run_time=datetime.now(UTC), id="check")
    scheduler.add_job(back_up, _often(), id="backup")
    scheduler.start()
    return scheduler


def start_over(scheduler: BackgroundScheduler, training: Training) -> None:
    """Reckon anew when the jobs are due: the clock was set back, and they wait for its future."""
    if training.nightly:
        scheduler.reschedule_job("night", trigger=_trigger(training))
    scheduler.reschedule_job("backup", trigger=_often())


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


def _once_a_day(act: Callable[[], None], today: Callable[[], date]) -> Callable[[], None]:
    """Return *act* for one time a day: an hour that summer time repeats is one night."""
    done: set[date] = set()

    def once() -> None:
        day = today()
        if day not in done:
            done.clear()
            done.add(day)
            act()

    return once


def _often() -> IntervalTrigger:
    return IntervalTrigger(seconds=BACK_UP_S)


def _trigger(training: Training) -> CronTrigger:
    hour, _, minute = training.at.partition(":")
    return CronTrigger(hour=int(hour), minute=int(minute))
