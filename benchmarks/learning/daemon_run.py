"""One library through the daemon itself, and the same in one process: the same decisions.

Real audio that is made up, real files and tags, the daemon as a process with its workers;
beside it the house of paper with the same hearings, order and retags. What is compared is
each first guess with its reason, and how each file ends.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from benchmarks.accuracy.bench import Bench
from benchmarks.learning.house import House, room
from benchmarks.learning.library import Clip
from benchmarks.tools.house import House as Outside
from benchmarks.tools.house import until
from core.analysis import analyse, mean_of
from core.learning.tracks.dataset import Track
from core.library import feedback_log, files, runs
from core.library.arrivals import ArrivalRow, arrival_of
from core.library.files import FileRow
from daemon.backbone import backbone_folder, open_models
from daemon.config import Model, Policy
from tests.audio import STYLES, make_audio, retag

__all__ = ["Take", "compared", "rows", "takes"]

THRESHOLD = 0.5  # so that some are written and some are not
SECONDS = 6.0
EACH = 3  # files of a style: the first two by one artist
STILL_S = 1.5  # so long nothing must have happened for the daemon to be at rest
PATIENCE_S = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """A file that is to come, and what the person does to it then."""

    path: Path  # where it is made, before it is dropped
    place: str  # below the music folder
    artist: str
    album: str
    genre: str | None  # that the person gives it once it was judged; None: they do nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What became of one file."""

    guess: str | None
    confidence: float
    sure: float
    source: str
    decision: str
    state: str
    genres: tuple[str, ...]

    @classmethod
    def of(cls, arrival: ArrivalRow, row: FileRow) -> "Ended":
        """Return what two rows of the record say."""
        return cls(
            guess=arrival.genre,
            confidence=round(arrival.confidence, 3),
            sure=round(arrival.sure, 3),
            source=arrival.source,
            decision=arrival.decision,
            state=row.state,
            genres=row.genres,
        )


def rows(bench: Bench, seeds: Sequence[int]) -> dict[str, Any]:
    """Return how many decisions are the same; the excerpts of *bench* are not heard for this."""
    with tempfile.TemporaryDirectory() as made:
        coming = takes(Path(made), list(STYLES), each=EACH)
        outside, inside = compared(Path(made), coming)
    differing = [
        f"{take.place}: {by_daemon} is in one process {here}"
        for take, by_daemon, here in zip(coming, outside, inside, strict=True)
        if by_daemon != here
    ]
    return {
        "through the daemon": {
            "files": len(coming),
            "retags": sum(take.genre is not None for take in coming),
            "written": sum(end.decision == "written" for end in outside),
            "decided with memory": sum(end.source != "model" for end in outside),
            "differing": differing,
            "must": "identical",
            "met": not differing,
        }
    }


def takes(root: Path, styles: Sequence[str], *, each: int) -> list[Take]:
    """Make *each* files of each style under *root*; the first of each will be retagged."""
    found = []
    for number in range(each):
        for style in styles:
            artist = f"{style} band" if number < EACH - 1 else f"another {style} band"
            path = root / f"{style}-{number}.flac"
            make_audio(
                path, style=style, seconds=SECONDS, seed=900 + number, artist=artist, album="First"
            )
            place = f"{artist}/{path.name}"
            genre = f"My {style}" if number == 0 else None
            found.append(Take(path=path, place=place, artist=artist, album="First", genre=genre))
    return found


def compared(root: Path, coming: Sequence[Take]) -> tuple[list[Ended], list[Ended]]:
    """Let the takes come to the daemon, and to a house in this process; return how each ended."""
    model = Model()
    base = open_models(root / "none", model).champion_dir()
    hearings = [_clip(take, base, backbone_folder(model)) for take in coming]
    (root / "outside").mkdir()
    outside = _by_daemon(root / "outside", coming)
    with room() as inside:
        return outside, _in_process(inside / "house", base, coming, hearings)


def _clip(take: Take, base: Path, backbone: str | None) -> Clip:
    heard = analyse(str(take.path), str(base), backbone)
    track = Track(
        fingerprint=heard.fingerprint,
        genre="",
        group=take.artist,
        features=heard.features,
        embedding=mean_of(heard.embedding),
    )
    return Clip(
        track=track,
        genre="",
        who=take.artist,
        artist=take.artist,
        album=take.album,
        path=f"/music/{take.place}",
    )


def _in_process(
    root: Path, base: Path, coming: Sequence[Take], clips: Sequence[Clip]
) -> list[Ended]:
    by_name = {clip.fingerprint: clip for clip in clips}
    house = House(root, base, by_name, policy=Policy(threshold=THRESHOLD))
    try:
        for take, clip in zip(coming, clips, strict=True):
            house.arrive(clip)
            if take.genre is not None:
                house.retag((clip, (take.genre,)))
        return [Ended.of(house.guessed(clip), house.row(clip)) for clip in clips]
    finally:
        house.close()


def _by_daemon(root: Path, coming: Sequence[Take]) -> list[Ended]:
    house = Outside(root, {"watch": {"settle_seconds": 0.3}, "policy": {"threshold": THRESHOLD}})
    with house.daemon():
        for take in coming:
            target = house.music / take.place
            target.parent.mkdir(exist_ok=True)
            take.path.replace(target)
            _until_judged(house.db, target)
            if take.genre is not None:
                before = feedback_log.last_feedback_id(house.db)
                retag(target, genre=take.genre)
                until(
                    lambda before=before: feedback_log.last_feedback_id(house.db) > before,
                    f"a word on {target.name}",
                    within=PATIENCE_S,
                )
                _until_still(house.db)
        return [_ended(house.db, house.music / take.place) for take in coming]


def _ended(db: Database, path: Path) -> Ended:
    row = files.file_at(db, str(path))
    arrival = arrival_of(db, row.fingerprint) if row else None
    if row is None or arrival is None:
        raise LookupError(f"the daemon did not judge {path.name}")
    return Ended.of(arrival, row)


def _until_judged(db: Database, path: Path) -> None:
    def is_judged() -> bool:
        row = files.file_at(db, str(path))
        return row is not None and row.state in ("tagged", "not_sure", "left", "failed")

    until(is_judged, f"{path.name} is judged", within=PATIENCE_S, every=0.1)
    _until_still(db)


def _until_still(db: Database) -> None:
    """Wait until nothing is under way, and has not been for a while."""

    def seen() -> tuple[object, ...]:
        words = feedback_log.last_feedback_id(db)
        states = db.execute("select path, state, genres from files order by path").fetchall()
        return words, runs.get_setting(db, "queue"), tuple(states)

    end = time.monotonic() + PATIENCE_S
    last, since = seen(), time.monotonic()
    while time.monotonic() - since < STILL_S or last[1] or _is_pending(last):
        if time.monotonic() > end:
            raise TimeoutError("the daemon never comes to rest")
        time.sleep(0.1)
        now = seen()
        if now != last:
            last, since = now, time.monotonic()


def _is_pending(seen: Sequence[Any]) -> bool:
    return any(state == "pending" for _, state, _ in seen[2])
