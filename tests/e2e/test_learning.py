"""A new model comes into use under the running daemon: it changes verdicts, no file."""

from pathlib import Path

import pytest

from core.library.hearings import verdict_of
from tests.audio import STYLES, genres_in, make_audio, retag
from tests.conftest import House

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def judged_by(house: House, path: Path) -> str:
    """Return the version of the model whose verdict on the file is kept."""
    row = house.row(path)
    assert row is not None
    verdict = verdict_of(house.db, row.fingerprint)
    assert verdict is not None
    return verdict.model_version


def test_a_retrained_model_is_used_for_the_next_file(house: House) -> None:
    """Corrections, `retrain`, the next file: no restart; files that are tagged stay as they are."""
    house.start()
    tagged = [house.tagged(f"{s}.mp3", style=s, seed=50, artist=f"A {s}") for s in STYLES]
    for path in tagged[:2]:
        retag(path, genre=tagged[2].stem)
    house.wait_until(lambda: len(house.feedback()) == 2)
    house.wait_all(tagged)
    first = judged_by(house, tagged[3])
    before = {path: path.read_bytes() for path in tagged}

    done = house.cli("retrain")

    assert done.returncode == 0, done.stderr
    status = house.status()
    training = status["last_training"]
    assert training["outcome"] in ("promoted", "refused"), training
    assert training["reason"]
    assert status["feedback_since_training"] == 0
    if training["outcome"] == "refused":  # kept with its reason, and put to use by hand
        assert status["model"]["version"] == first
        assert house.cli("models", "use", training["version"]).returncode == 0
    version = house.status()["model"]["version"]
    assert version == training["version"] != first
    new = house.tagged("new.mp3", style="folk", seed=77)
    assert judged_by(house, new) == version
    assert {path: path.read_bytes() for path in tagged} == before
    assert len(house.feedback()) == 2

    assert house.cli("models", "rollback").returncode == 0
    newer = house.tagged("newer.mp3", style="folk", seed=78)
    assert judged_by(house, newer) == first


def test_train_from_nothing_beside_the_daemon(house: House) -> None:
    """`train` needs nothing of the old model, names other genres, and goes live at once."""
    house.start()
    old = house.tagged("old.mp3", style="techno")
    before = old.read_bytes()
    samples = house.root / "samples"
    for genre, style in {"Loud": "metal", "Quiet": "ambient"}.items():
        (samples / genre).mkdir(parents=True)
        for take in range(5):
            make_audio(samples / genre / f"{take}.wav", style=style, seconds=3.0, seed=300 + take)
    groups = house.root / "groups.csv"
    rows = [f"{p.relative_to(samples)},artist {p.stem}" for p in sorted(samples.rglob("*.wav"))]
    groups.write_text("\n".join(["file,artist", *rows]) + "\n", "utf-8")

    options = ["--augment-factor", "1", "--no-advanced-aug", "--epochs", "2", "--batch-size", "16"]
    test_file = make_audio(house.root / "test.flac", style="metal", seed=9)
    done = house.cli(
        "train", "--sample-dir", samples, "--groups", groups, *options, "--test-file", test_file
    )

    assert done.returncode == 0, done.stderr
    assert "Loud" in done.stdout
    model = house.status()["model"]
    assert model["n"] == 10
    assert model["version"] in done.stdout
    new = house.tagged("new.mp3", style="ambient", seed=3)
    assert genres_in(new) == ["Quiet"]
    assert old.read_bytes() == before
    listed = {item["version"]: item for item in house.json("models", "list")}
    assert listed[model["version"]]["in_use"]
