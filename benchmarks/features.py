"""How fast a track is heard: path → 135 features, against decoding alone and plain librosa.

Aims: at most 2.5 × decoding (and resampling) exactly the samples that the analysis reads;
at least 5 × faster than plain librosa, which is given the decoded segments for nothing.
"""

import argparse
import tempfile
import warnings
from pathlib import Path
from typing import Any

import librosa
import numpy as np
from numpy.typing import NDArray

from benchmarks.tools.timing import Times, in_turns, machine, ratio, table
from core.analysis import decode
from core.analysis.features import features_of
from core.analysis.segments import RATE, Plan, Span, plan_segments
from tests.audio import encode, synthesise

Samples = NDArray[np.float32]

MOST_TIMES_DECODE = 2.5
LEAST_TIMES_FASTER = 5.0
OURS, DECODE, LIBROSA = "path → 135 features", "decode alone", "plain librosa, decoded"


def make_track(path: Path, seconds: int) -> None:
    """A stereo MP3 at 44.1 kHz of *seconds*: 20 s of music, repeated."""
    take = synthesise("techno", 20, 0, 44_100, 2)
    repeats = -(-seconds // 20)
    encode(path, np.tile(take, (repeats, 1))[: seconds * 44_100], 44_100, "mp3")


def plain_librosa(segment: Samples, context: Samples) -> None:
    """One call with y= for each family of the 135, as its documentation shows them."""
    feature = librosa.feature
    mfcc = feature.mfcc(y=segment, sr=RATE, n_mfcc=20)
    feature.delta(mfcc)
    feature.spectral_contrast(y=segment, sr=RATE)
    feature.spectral_centroid(y=segment, sr=RATE)
    feature.spectral_bandwidth(y=segment, sr=RATE)
    feature.spectral_rolloff(y=segment, sr=RATE)
    feature.spectral_flatness(y=segment)
    feature.zero_crossing_rate(segment)
    feature.rms(y=segment)
    feature.chroma_stft(y=segment, sr=RATE)
    feature.tonnetz(y=segment, sr=RATE)
    librosa.effects.hpss(segment)
    librosa.onset.onset_strength(y=context, sr=RATE)
    feature.tempo(y=context, sr=RATE)
    feature.tempogram_ratio(y=context, sr=RATE)
    feature.melspectrogram(y=context, sr=RATE)


def main(argv: list[str]) -> dict[str, Any]:
    """Measure and return the figures; `passed` tells whether both aims are met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks features")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=240, help="length of the track")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "track.mp3"
        make_track(path, options.seconds)
        times = _measure(str(path), options.rounds)
    figures = _figures(times, plan_segments(options.seconds))
    _report(times, figures)
    return figures


def _measure(path: str, rounds: int) -> dict[str, Times]:
    recording = decode.listen(path, plan_segments)
    plan = recording.plan
    pairs = [
        (_cut(recording, segment), _cut(recording, context))
        for segment, context in zip(plan.segments, plan.contexts, strict=True)
    ]

    def by_decoding() -> None:
        with decode._opened(path) as audio:
            audio.windows(plan.windows)

    def by_librosa() -> None:
        for segment, context in pairs:
            plain_librosa(segment, context)

    sides = {OURS: lambda: features_of(path), DECODE: by_decoding, LIBROSA: by_librosa}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # librosa warns of an empty chroma in silence
        return in_turns(sides, rounds=rounds)


def _cut(recording: decode.Recording, span: Span) -> Samples:
    for window, piece in zip(recording.plan.windows, recording.pieces, strict=True):
        if window.start <= span.start < window.stop:
            return piece[span.start - window.start : span.stop - window.start]
    raise AssertionError("a span outside all windows")


def _figures(times: dict[str, Times], plan: Plan) -> dict[str, Any]:
    against_decode = ratio(times[OURS], times[DECODE])
    against_librosa = ratio(times[LIBROSA], times[OURS])
    return {
        "passed": against_decode["median"] <= MOST_TIMES_DECODE
        and against_librosa["median"] >= LEAST_TIMES_FASTER,
        "tracks_per_s": round(1 / times[OURS].median_s, 2),
        "times_decode": against_decode,
        "times_faster_than_librosa": against_librosa,
        "segments": len(plan.segments),
        "seconds_decoded": round(sum(w.stop - w.start for w in plan.windows) / RATE, 1),
        "times": {name: side.as_dict() for name, side in times.items()},
        "machine": machine(),
    }


def _report(times: dict[str, Times], figures: dict[str, Any]) -> None:
    where = figures["machine"]
    print(f"{figures['segments']} segments, {figures['seconds_decoded']} s decoded, one core of")
    print(f"{where['processor']} ({where['system']}, load {where['load']})\n")
    print(table(times, base=DECODE))
    print(f"\n{figures['tracks_per_s']} tracks/s")
    for name, aim in (
        ("times_decode", f"aim: at most {MOST_TIMES_DECODE}"),
        ("times_faster_than_librosa", f"aim: at least {LEAST_TIMES_FASTER:g}"),
    ):
        found = figures[name]
        spread = f"{found['least']}–{found['most']}"
        print(f"{name.replace('_', ' ')}: {found['median']} ({spread}; {aim})")
    print("met" if figures["passed"] else "NOT met")
