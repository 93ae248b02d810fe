"""The benchmark of the features runs, on a short track."""

import pytest

from benchmarks import features
from benchmarks.tools.timing import Times, ratio


@pytest.mark.slow
def test_benchmark_of_features_gives_its_figures(capsys):
    """Both ratios, tracks a second, and what it was measured on."""
    figures = features.main(["--rounds", "1", "--seconds", "10"])

    assert figures["segments"] == 2
    assert figures["tracks_per_s"] > 0
    assert figures["times_decode"]["median"] > 1
    assert figures["machine"]["cores"] >= 1
    assert len(figures["whole"]) == len(features.SOURCES)
    for rows in figures["whole"].values():
        assert rows[features.WITHOUT]["times_decode"]["median"] > 1
    assert "plain librosa" in capsys.readouterr().out


def test_ratio_is_taken_round_by_round():
    """A round in which the machine was slow for both counts as any other."""
    one = Times(cpu_s=(1.0, 10.0, 3.0), wall_s=(0, 0, 0))
    other = Times(cpu_s=(0.5, 5.0, 1.0), wall_s=(0, 0, 0))

    assert ratio(one, other) == {"median": 2.0, "least": 2.0, "most": 3.0}
