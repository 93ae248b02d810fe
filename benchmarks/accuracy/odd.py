"""Sounds that are no music: speech of espeak-ng in twelve voices, and seven kinds of noise.

Made anew from fixed seeds and heard as any file is. None of it is ever trained on.
"""

import shutil
import subprocess
import tempfile
import wave
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.store import Arrays
from core.learning.tracks.dataset import Track
from core.learning.tracks.hearing import heard

__all__ = ["NOISES", "VOICES", "noise", "odd_sounds", "speech"]

RATE = 22_050
EACH_NOISE = 18
EACH_VOICE = 10
SEED = 7

Samples = NDArray[np.float64]

# Voice → what it says. Three sentences each, alone and in pairs.
VOICES: Mapping[str, tuple[str, str, str]] = {
    "de": (
        "Der Zug an die Küste fährt um neun, und niemand hat den Schlüssel zur blauen Tür.",
        "Wir haben den Garten zweimal vermessen, bevor wir die Apfelbäume pflanzten.",
        "Bitte bringt siebzehn Stühle in den Saal, denn die Sitzung beginnt bald.",
    ),
    "en": (
        "The train to the coast leaves at nine, and nobody has found the key to the blue door.",
        "We measured the garden twice before we planted the apple trees along the wall.",
        "Please bring seventeen chairs into the hall, since the meeting begins at half past two.",
    ),
    "es": (
        "El tren a la costa sale a las nueve y nadie ha encontrado la llave de la puerta azul.",
        "Medimos el jardín dos veces antes de plantar los manzanos.",
        "Traigan diecisiete sillas a la sala, porque la reunión empieza pronto.",
    ),
    "fi": (
        "Juna rannikolle lähtee yhdeksältä, eikä kukaan ole löytänyt sinisen oven avainta.",
        "Mittasimme puutarhan kahdesti ennen kuin istutimme omenapuut.",
        "Tuokaa seitsemäntoista tuolia saliin, sillä kokous alkaa pian.",
    ),
    "fr": (
        "Le train pour la côte part à neuf heures et personne n'a trouvé la clé de la porte bleue.",
        "Nous avons mesuré le jardin deux fois avant de planter les pommiers.",
        "Apportez dix-sept chaises dans la salle, car la réunion va commencer.",
    ),
    "it": (
        "Il treno per la costa parte alle nove e nessuno ha trovato la chiave della porta blu.",
        "Abbiamo misurato il giardino due volte prima di piantare i meli.",
        "Portate diciassette sedie nella sala, perché la riunione comincia presto.",
    ),
    "nl": (
        "De trein naar de kust vertrekt om negen uur en niemand heeft de sleutel gevonden.",
        "We hebben de tuin twee keer gemeten voordat we de appelbomen plantten.",
        "Breng zeventien stoelen naar de zaal, want de vergadering begint zo.",
    ),
    "pl": (
        "Pociąg na wybrzeże odjeżdża o dziewiątej i nikt nie znalazł klucza do drzwi.",
        "Zmierzyliśmy ogród dwa razy, zanim posadziliśmy jabłonie.",
        "Przynieście siedemnaście krzeseł do sali, bo zebranie zaraz się zacznie.",
    ),
    "pt": (
        "O trem para a costa parte às nove e ninguém encontrou a chave da porta azul.",
        "Medimos o jardim duas vezes antes de plantar as macieiras.",
        "Tragam dezessete cadeiras para a sala, porque a reunião começa logo.",
    ),
    "sv": (
        "Tåget till kusten går klockan nio och ingen har hittat nyckeln till den blå dörren.",
        "Vi mätte trädgården två gånger innan vi planterade äppelträden.",
        "Ta med sjutton stolar till salen, för mötet börjar snart.",
    ),
    "tr": (
        "Sahile giden tren dokuzda kalkıyor ve kimse mavi kapının anahtarını bulamadı.",
        "Elma ağaçlarını dikmeden önce bahçeyi iki kez ölçtük.",
        "Lütfen salona on yedi sandalye getirin, çünkü toplantı başlıyor.",
    ),
    "en-us+f3": (
        "Nobody in the valley remembers when the bridge was built, or who paid for it.",
        "There are four kinds of bread on the table, and only one of them is fresh.",
        "If it rains tomorrow we will stay inside and sort the letters by their dates.",
    ),
}


def odd_sounds(bench: Bench) -> Mapping[str, tuple[Track, ...]]:
    """Return what was heard of speech and of noise; without espeak-ng of noise alone."""
    made: dict[str, Callable[[Path], list[Path]]] = {"noise": noise}
    if shutil.which("espeak-ng"):
        made["speech"] = speech
    return {
        kind: _tracks(kind, bench.store.kept(_key(bench, kind), partial(_heard, bench, make)))
        for kind, make in made.items()
    }


def speech(room: Path) -> list[Path]:
    """Have each voice speak, at various rates and pitches; return the files in *room*."""
    rng = np.random.default_rng(SEED)
    made = []
    for voice, said in VOICES.items():
        for number in range(EACH_VOICE):
            path = room / f"{voice}-{number}.wav"
            words = [said[number % 3], said[(number + 1) % 3]][: 1 + (number >= EACH_VOICE // 2)]
            manner = ["-s", str(rng.integers(130, 200)), "-p", str(rng.integers(20, 80))]
            subprocess.run(
                ["espeak-ng", "-v", voice, *manner, "-w", str(path), " ".join(words)], check=True
            )
            made.append(path)
    return made


def noise(room: Path) -> list[Path]:
    """Make 3 to 10 s of each kind of noise, 20 dB loud or less; return the files in *room*."""
    rng = np.random.default_rng(SEED)
    made = []
    for kind, make in NOISES.items():
        for number in range(EACH_NOISE):
            samples = make(int(RATE * rng.uniform(3, 10)), rng)
            level = 10 ** (-rng.uniform(0, 20) / 20)
            path = room / f"{kind}-{number}.wav"
            with wave.open(str(path), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(RATE)
                loud = samples / np.abs(samples).max() * level * 32_767
                file.writeframes(loud.astype("<i2").tobytes())
            made.append(path)
    return made


def _coloured(count: int, rng: np.random.Generator, slope: float) -> Samples:
    """Noise whose power falls with the frequency to the power of 2 * *slope*."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    frequency = np.maximum(np.fft.rfftfreq(count, 1 / RATE), 20)
    return np.asarray(np.fft.irfft(spectrum * frequency**-slope, count), np.float64)


def _hum(count: int, rng: np.random.Generator) -> Samples:
    """A mains hum with eleven harmonics."""
    phase = 2 * np.pi * rng.choice([50, 60]) * np.arange(count) / RATE
    parts = [rng.uniform(0.1, 1) / k * np.sin(k * phase) for k in range(1, 12)]
    return np.asarray(np.sum(parts, axis=0) + 0.01 * rng.standard_normal(count), np.float64)


def _clicks(count: int, rng: np.random.Generator) -> Samples:
    """2 to 30 decaying clicks a second."""
    samples = 1e-3 * rng.standard_normal(count)
    for place in rng.integers(0, count - 100, int(count / RATE * rng.uniform(2, 30))):
        fall = np.exp(-np.arange(100) / rng.uniform(3, 20))
        samples[place : place + 100] += rng.choice([-1, 1]) * rng.uniform(0.2, 1) * fall
    return np.asarray(samples, np.float64)


def _tone(count: int, rng: np.random.Generator) -> Samples:
    """One steady tone between 100 Hz and 4 kHz."""
    phase = 2 * np.pi * rng.uniform(100, 4000) * np.arange(count) / RATE
    return np.asarray(np.sin(phase) + 0.003 * rng.standard_normal(count), np.float64)


def _wind(count: int, rng: np.random.Generator) -> Samples:
    """Low noise that swells and falls."""
    swell = np.interp(np.arange(count), np.linspace(0, count, 12), rng.uniform(0.1, 1, 12))
    return np.asarray(swell * _coloured(count, rng, 0.7), np.float64)


NOISES: Mapping[str, Callable[[int, np.random.Generator], Samples]] = {
    "white": lambda count, rng: _coloured(count, rng, 0.0),
    "pink": lambda count, rng: _coloured(count, rng, 0.5),
    "brown": lambda count, rng: _coloured(count, rng, 1.0),
    "hum": _hum,
    "clicks": _clicks,
    "tone": _tone,
    "wind": _wind,
}


def _key(bench: Bench, kind: str) -> str:
    return f"odd sounds {kind} {bench.folder} {SEED} {EACH_NOISE} {EACH_VOICE}"


def _heard(bench: Bench, make: Callable[[Path], list[Path]]) -> Arrays:
    with tempfile.TemporaryDirectory() as room:
        found = [heard(str(path), bench.folder) for path in make(Path(room))]
    kept = [(features, mean) for _, features, mean in found if mean is not None]
    return {
        "features": np.concatenate([features for features, _ in kept]),
        "counts": np.array([len(features) for features, _ in kept]),
        "embedding": np.stack([mean for _, mean in kept]),
    }


def _tracks(kind: str, held: Arrays) -> tuple[Track, ...]:
    parts = np.split(held["features"], np.cumsum(held["counts"])[:-1])
    return tuple(
        Track(
            fingerprint=f"{kind}{number}".ljust(32, "0"),
            genre="",
            group=f"{kind}:{number}",
            features=features,
            embedding=mean,
        )
        for number, (features, mean) in enumerate(zip(parts, held["embedding"], strict=True))
    )
