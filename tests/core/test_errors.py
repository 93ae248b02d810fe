"""Errors cross processes and end as one sentence."""

import pickle

import pytest

from core import errors

KINDS = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_survives_pickling(kind: type[errors.GenrewatchError]) -> None:
    """One that does not would break the whole process pool."""
    error = kind("it broke", "/m/a.mp3", "mend it")

    back = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes

    assert type(back) is kind
    assert str(back) == "/m/a.mp3: it broke; mend it"
    assert back.reason == "it broke; mend it"


def test_usage_errors_exit_with_two() -> None:
    """A wrong configuration is told from a failure."""
    assert errors.ConfigError.exit_code == 2
    assert errors.AudioError.exit_code == 1
