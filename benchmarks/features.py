"""How fast a track is heard, on one core, against decoding exactly the samples that are read.

First path → 135 features, also against plain librosa, which is given the decoded segments for
nothing. Then the whole analysis, path → scores, of each kind of source, without and with the
backbone. What it is held against decodes the same windows to the same rates, and no more.
"""

import argparse
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import librosa
import numpy as np
from numpy.typing import NDArray

from benchmarks.tools.timing import Times, in_turns, machine, ratio, table
from core import registry
from core.analysis import analyse, backbone, decode
from core.analysis.features import extract, features_of
from core.analysis.segments import RATE, Plan, Span, plan_segments
from tests.audio import encode, synthesise

Samples = NDArray[np.float32]

MOST_TIMES_DECODE = 2.5
LEAST_TIMES_FASTER = 5.0
OURS, DECODE, LIBROSA = "path → 135 features", "decode alone", "plain librosa, decoded"

SOURCES = (("mp3", 44_100), ("mp3", 48_000), ("mp3", 22_050), ("flac", 96_000))
WITHOUT, WITH, BOTH_RATES = "whole, 135 alone", "whole, with backbone", "decode to both rates"
MUST = {WITHOUT: 3.0, WITH: 12.0}
AIM = {WITHOUT: 2.0, WITH: 6.0}


def make_track(path: Path, seconds: int, rate: int = 44_100) -> None:
    """A stereo file of *seconds*, as its name ends: 20 s of music, repeated."""
    take = synthesise("techno", 20, 0, rate, 2)
    repeats = -(-seconds // 20)
    encode(path, np.tile(take, (repeats, 1))[: seconds * rate], rate, path.suffix[1:])


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
        whole = {}
        for kind, rate in SOURCES:
            source = Path(folder) / f"whole-{rate}.{kind}"
            make_track(source, options.seconds, rate)
            name = f"{kind.upper()} at {rate / 1000:g} kHz"
            whole[name] = _whole(_measure_whole(str(source), options.rounds))
    figures = _figures(times, plan_segments(options.seconds))
    figures["whole"] = whole
    figures["passed"] &= all(row["met"] for rows in whole.values() for row in rows.values())
    _report(times, figures)
    return figures


# the whole analysis -----------------------------------------------------------------------


def _measure_whole(path: str, rounds: int) -> dict[str, Times]:
    """Sides with the backbone are left out where there is none."""
    plan = decode.listen(path, plan_segments).plan
    plain = str(registry.base_dir(backbone=False))
    sides: dict[str, Callable[[], object]] = {
        WITHOUT: lambda: analyse(path, plain),
        DECODE: lambda: _decoded(path, plan),
    }
    folder = registry.backbone_dir()
    if registry.backbone_source(folder) is not None:
        rich = str(registry.base_dir(backbone=True))
        starts_s = extract(decode.listen(path, plan_segments))[1]
        sides[WITH] = lambda: analyse(path, rich, str(folder))
        sides[BOTH_RATES] = lambda: _to_both_rates(path, plan, starts_s)
    return in_turns(sides, rounds=rounds)


def _decoded(path: str, plan: Plan) -> tuple[Samples, ...]:
    with decode._opened(path) as audio:
        return audio.windows(plan.windows)


def _to_both_rates(path: str, plan: Plan, starts_s: Samples) -> None:
    """Decode what the 135 read and, of that, what the backbone reads at its own rate."""
    scan = decode.Scan(fingerprint="", duration_s=0.0)
    recording = decode.Recording(scan=scan, plan=plan, pieces=_decoded(path, plan))
    backbone.stretches(recording, starts_s)


def _whole(times: dict[str, Times]) -> dict[str, Any]:
    bases = {WITHOUT: DECODE, WITH: BOTH_RATES}
    rows = {}
    for name in (side for side in (WITHOUT, WITH) if side in times):
        against = ratio(times[name], times[bases[name]])
        rows[name] = {
            "times_decode": against,
            "seconds": times[name].as_dict(),
            "decode_seconds": times[bases[name]].as_dict(),
            "must": MUST[name],
            "aim": AIM[name],
            "met": against["median"] <= MUST[name],
            "aim_met": against["median"] <= AIM[name],
        }
    return rows


# the 135 features -------------------------------------------------------------------------


def _measure(path: str, rounds: int) -> dict[str, Times]:
    recording = decode.listen(path, plan_segments)
    plan = recording.plan
    pairs = [
        (_cut(recording, segment), _cut(recording, context))
        for segment, context in zip(plan.segments, plan.contexts, strict=True)
    ]

    def by_librosa() -> None:
        for segment, context in pairs:
            plain_librosa(segment, context)

    sides = {
        OURS: lambda: features_of(path),
        DECODE: lambda: _decoded(path, plan),
        LIBROSA: by_librosa,
    }
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
    for source, rows in figures["whole"].items():
        for name, row in rows.items():
            found = row["times_decode"]
            print(
                f"{source}, {name}: {found['median']} × decode ({found['least']}–{found['most']}; "
                f"must {row['must']:g}, aim {row['aim']:g})"
            )
    print("met" if figures["passed"] else "NOT met")
