"""When the night is."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest

from core.library.codec import as_time
from daemon.config import Training
from daemon.learning.schedule import (
    _once_a_day,
    missed_night,
    next_night,
    start_over,
    start_schedule,
)

NOW = datetime.now(UTC)


def at(moment: datetime, grace_hours: float = 12.0) -> Training:
    return Training(at=f"{moment.astimezone():%H:%M}", grace_hours=grace_hours)


def test_the_next_night_is_at_the_local_time() -> None:
    """And within a day."""
    training = at(NOW + timedelta(hours=3))

    moment = as_time(next_night(training, NOW) or "")

    assert timedelta(0) < moment - NOW <= timedelta(hours=25)
    assert f"{moment.astimezone():%H:%M}" == training.at


@pytest.mark.parametrize(
    ("hours_ago", "last_run_hours_ago", "missed"),
    [(3, None, True), (3, 5, True), (3, 1, False), (20, None, False)],
)
def test_a_night_that_we_were_not_there_for_is_made_up_for(
    hours_ago: int, last_run_hours_ago: int | None, missed: bool
) -> None:
    """Within the grace, and only once."""
    last = None
    if last_run_hours_ago is not None:
        last = (NOW - timedelta(hours=last_run_hours_ago)).isoformat()

    assert missed_night(at(NOW - timedelta(hours=hours_ago)), NOW, last) is missed


def test_a_sleeping_laptop_loses_no_night() -> None:
    """Coalesced, with a grace of hours, set for all jobs."""
    schedule = start_schedule(at(NOW + timedelta(hours=2), grace_hours=12), lambda: None)
    try:
        job = schedule.get_job("night")

        assert job.coalesce is True
        assert job.misfire_grace_time == 12 * 3600
        assert job.max_instances == 1
    finally:
        schedule.shutdown(wait=True)


def test_the_record_is_checked_at_once_and_backed_up_later() -> None:
    """The check runs now, the backup only once the start is over."""
    checked, made = threading.Event(), threading.Event()
    schedule = start_schedule(at(NOW), lambda: None, check=checked.set, back_up=made.set)
    try:
        assert checked.wait(10)
        assert not made.is_set()
        due = schedule.get_job("backup").next_run_time
        assert due - datetime.now(UTC) > timedelta(minutes=5)
    finally:
        schedule.shutdown(wait=True)


def test_an_hour_that_comes_twice_is_one_night() -> None:
    """Where summer time ends, 02:30 comes twice; the day after is another night."""
    days = iter([date(2026, 10, 25), date(2026, 10, 25), date(2026, 10, 26)])
    nights: list[int] = []
    once = _once_a_day(lambda: nights.append(1), lambda: next(days))

    for expected in (1, 1, 2):
        once()
        assert len(nights) == expected


def test_a_clock_set_back_delays_no_night() -> None:
    """Jobs that wait for what is now the far future are reckoned anew."""
    training = at(NOW + timedelta(hours=3))
    schedule = start_schedule(training, lambda: None)
    try:
        for name in ("night", "backup"):
            schedule.modify_job(name, next_run_time=NOW + timedelta(days=1500))
        start_over(schedule, training)

        for name in ("night", "backup"):
            assert schedule.get_job(name).next_run_time - NOW < timedelta(hours=25)
    finally:
        schedule.shutdown(wait=True)


def test_a_schedule_that_is_stopped_at_once_ends_without_a_word() -> None:
    """Its thread may be about to do what is due at the start."""
    for _ in range(50):
        checked = threading.Event()
        schedule = start_schedule(at(NOW + timedelta(hours=2)), lambda: None, check=checked.set)
        checked.wait(0.0005)
        schedule.shutdown(wait=True)
