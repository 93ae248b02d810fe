"""From sample files to tracks, and the whole command on real audio."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.analysis.features import extract
from core.learning.tracks.dataset import LeftOut, Sample, Track
from core.learning.tracks.hearing import Augmentation, hear, hear_all, heard, thinned
from tests.audio import STYLES, encode, make_audio

HOME = Path(__file__).resolve().parents[4]


def sample(path: Path, genre: str = "Techno") -> Sample:
    """A file as the folder gives it."""
    return Sample(path=str(path), genre=genre, group=f"artist:{path.stem}")


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine seconds of techno."""
    path = tmp_path_factory.mktemp("songs") / "song.flac"
    make_audio(path, "flac", style="techno", seconds=9.0, seed=1)
    return path


def test_copies_belong_to_their_track(song: Path) -> None:
    """They have its artist and genre, other numbers, and are the same each time."""
    track, again = (hear(sample(song), Augmentation(factor=3)) for _ in range(2))

    assert isinstance(track, Track)
    assert isinstance(again, Track)
    assert (track.genre, track.group) == ("Techno", "artist:song")
    assert len(track.copies) == 3
    assert all(not np.allclose(copy, track.features) for copy in track.copies)
    assert all(np.array_equal(a, b) for a, b in zip(track.copies, again.copies, strict=True))
    assert np.array_equal(track.features, again.features)


def test_a_track_has_one_embedding_by_the_backbone(song: Path, exported: Path) -> None:
    """The mean over its patches; its features and copies are the same as without."""
    plain = hear(sample(song), Augmentation(factor=1))
    rich = hear(sample(song), Augmentation(factor=1), str(exported))

    assert isinstance(plain, Track)
    assert isinstance(rich, Track)
    assert plain.embedding is None
    assert rich.embedding is not None
    assert rich.embedding.shape == (200,)
    assert np.isfinite(rich.embedding).all()
    assert np.array_equal(rich.features, plain.features)
    assert np.array_equal(rich.copies[0], plain.copies[0])


def test_what_was_heard_is_not_heard_again(song: Path, tmp_path: Path) -> None:
    """The second time all comes from what is kept, to the bit; a damaged entry is heard anew."""
    kept = tmp_path / "heard"
    first, again = (hear(sample(song), Augmentation(factor=2), kept=kept) for _ in range(2))
    (entry,) = kept.iterdir()
    with np.load(entry) as held:
        marked = {name: held[name] for name in held.files}
    np.savez(entry, **{**marked, "features": marked["features"] + 1})
    recalled = hear(sample(song), Augmentation(factor=2), kept=kept)
    entry.write_bytes(entry.read_bytes()[:500])
    anew = hear(sample(song), Augmentation(factor=2), kept=kept)

    assert isinstance(first, Track)
    assert isinstance(recalled, Track)
    assert np.array_equal(recalled.features, first.features + 1)
    for other in (again, anew):
        assert isinstance(other, Track)
        assert np.array_equal(first.features, other.features)
        assert all(np.array_equal(a, b) for a, b in zip(first.copies, other.copies, strict=True))
        assert len(other.copies) == 2


def test_a_rare_genre_gets_more_copies(song: Path, tmp_path: Path) -> None:
    """One file of house beside two of techno: twice as many of its one."""
    paths = []
    for number in range(3):
        paths.append(tmp_path / f"{number}.flac")
        make_audio(paths[-1], "flac", style="techno", seconds=3.0, seed=number)
    samples = [sample(paths[0]), sample(paths[1]), sample(paths[2], "House")]

    material = hear_all(samples, Augmentation(factor=1), lambda *_: None, processes=1)

    assert [len(track.copies) for track in material.tracks] == [1, 1, 2]


def test_a_long_track_is_thinned_for_its_copies(tmp_path: Path) -> None:
    """At most six segments, each with all of its context, and no more audio than they need."""
    path = tmp_path / "long.wav"
    make_audio(path, "wav", style="techno", seconds=100.0, seed=1)
    whole, features, _ = heard(str(path), None)
    few = thinned(whole, 6)

    assert len(few.plan.segments) <= 6 < len(whole.plan.segments)
    assert sum(map(len, few.pieces)) < 0.8 * sum(map(len, whole.pieces))
    rows, _ = extract(few)
    picked = [whole.plan.segments.index(segment) for segment in few.plan.segments]
    assert np.allclose(rows, features[picked], rtol=1e-2, atol=0.05)


def test_factor_zero_makes_no_copies(song: Path) -> None:
    """And plain effects are another draw than all."""
    track = hear(sample(song), Augmentation(factor=0))

    assert isinstance(track, Track)
    assert track.copies == ()


def test_what_cannot_be_heard_is_left_out_with_its_reason(song: Path, tmp_path: Path) -> None:
    """Text, silence, a missing file, the same audio twice; the rest is heard."""
    text = tmp_path / "text.mp3"
    text.write_text("this is no music")
    silence = tmp_path / "silence.wav"
    encode(silence, np.zeros(22_050 * 3, np.float32), 22_050, "wav")
    samples = [sample(path) for path in (song, text, silence, tmp_path / "gone.mp3", song)]
    steps: list[tuple[str, int, int]] = []

    material = hear_all(samples, Augmentation(factor=0), lambda *step: steps.append(step))

    reasons = {Path(left.path).name: left.reason for left in material.left_out}
    assert [track.group for track in material.tracks] == ["artist:song"]
    assert set(reasons) == {"text.mp3", "silence.wav", "gone.mp3", "song.flac"}
    assert reasons["silence.wav"] == "it is silent"
    assert reasons["song.flac"] == "the same audio is there twice"
    assert steps[-1] == ("features", 5, 5)


def test_one_audio_under_two_genres_is_no_example(song: Path) -> None:
    """Neither genre gets it, and both are named."""
    samples = [sample(song, "Techno"), sample(song, "House")]

    material = hear_all(samples, Augmentation(factor=0), lambda *_: None, processes=1)

    assert material.tracks == ()
    assert material.left_out == (
        LeftOut(path=str(song), reason="the same audio is in Techno and in House"),
    )


@pytest.mark.slow
def test_the_command_trains_on_a_folder(tmp_path: Path) -> None:
    """JSON lines alone on stdout, the last one done; the model is where it says."""
    styles = list(STYLES)[:3]
    for style in styles:
        for take in range(4):
            path = tmp_path / "samples" / style / f"{style}-{take}.flac"
            path.parent.mkdir(parents=True, exist_ok=True)
            make_audio(path, "flac", style=style, seconds=4.0, seed=take, artist=f"Band {take % 2}")
    fresh = tmp_path / "fresh.flac"
    make_audio(fresh, "flac", style=styles[0], seconds=4.0, seed=9)
    command = [sys.executable, "-m", "core.learning.train"]
    command += ["--sample-dir", str(tmp_path / "samples"), "--out", str(tmp_path / "models")]
    command += ["--augment-factor", "1", "--no-advanced-aug", "--epochs", "2"]
    command += ["--version", "v1", "--test-file", str(fresh)]

    ran = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)

    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == 0, ran.stderr
    assert lines[-1]["event"] == "done"
    assert lines[-1]["version"] == "v1"
    assert (tmp_path / "models" / "v1" / "manifest.json").is_file()
    assert {line["event"] for line in lines} == {"note", "progress", "done"}
    assert lines[-1]["test"][0]["genre"] == styles[0]


def test_a_wrong_folder_is_one_line_of_error(tmp_path: Path) -> None:
    """With what, path and remedy, and exit 1."""
    command = [sys.executable, "-m", "core.learning.train"]
    command += ["--sample-dir", str(tmp_path / "none"), "--out", str(tmp_path)]

    ran = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)

    (line,) = map(json.loads, ran.stdout.splitlines())
    assert ran.returncode == 1
    assert (line["event"], line["path"]) == ("error", str(tmp_path / "none"))
    assert line["remedy"]
