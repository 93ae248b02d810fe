"""What happens to a file, step by step. Pure: event in, instructions out.

Knows no thread, disk, clock or SQL. Its state may be thrown away at any instant: the
rescan and the journal rebuild it. The supervisor carries the instructions out and turns
what came of them into the next event.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from core.decision.feedback import Origin
from core.decision.identity import Met
from core.decision.policy import Action, Decision

__all__ = [
    "LINK",
    "TABLE",
    "Arm",
    "Changed",
    "Event",
    "Hear",
    "Heard",
    "Instruction",
    "Lifecycle",
    "Note",
    "Outdated",
    "Probe",
    "Probed",
    "Rest",
    "Save",
    "Stage",
    "Still",
    "Trouble",
    "Vanished",
    "Write",
    "Written",
    "table_text",
]


LINK = "a symbolic link; drop the file itself"  # why such a path is left


class Stage(StrEnum):
    """Where a file is on its way; a file at rest has no stage."""

    RESTING = "resting"
    SETTLING = "settling"  # waiting until it is still
    PROBING = "probing"  # a worker reads who it is and what its tag says
    CONFIRMING = "confirming"  # a person seems to have spoken: waiting to read it once more
    PROBING_AGAIN = "probing again"
    HEARING = "hearing"  # a worker listens
    WRITING = "writing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The file is new, or not as last known, or was left unfinished."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanished:
    """There is no such file any more."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """The file has been still for the settle time."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """A worker read the file; *met* is what the record makes of it."""

    path: str
    met: Met
    has_segments: bool  # its segments are kept, so nothing need be decoded for training


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A worker listened and the verdict was judged; None where it was only for training."""

    path: str
    decision: Decision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outdated:
    """What was heard of a file at rest does not do for the model in use, whose word is wanted."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The tag write was committed."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """The step failed for good; *reason* is one sentence for the user."""

    path: str
    reason: str


Event = Changed | Vanished | Still | Probed | Heard | Outdated | Written | Trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """Wait until the file is still."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Let a worker read the file."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Save:
    """Record what the probe found: the row, and where it moved from."""

    path: str
    met: Met


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Record what a person said by this retag (already read twice)."""

    path: str
    met: Met
    still_to_hear: bool = False  # its segments are wanted for training


@dataclass(frozen=True, slots=True, kw_only=True)
class Hear:
    """Let a worker listen; *judge* is False where only the features are wanted."""

    path: str
    judge: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Write the genre through the journal."""

    path: str
    genre: str
    guessed: bool = False  # the promise does not hold for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Record what became of the file."""

    path: str
    state: str
    reason: str = ""


Instruction = Arm | Probe | Save | Note | Hear | Write | Rest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What the lifecycle remembers of one file on its way."""

    stage: Stage
    dirty: bool = False  # changed again meanwhile: look once more at the end
    first: Met | None = None  # the first of two readings


Step = tuple[_Place | None, list[Instruction]]
Handler = Callable[[_Place, Event], Step]


class Lifecycle:
    """The files under way. Feed it events; carry out what it returns, in order."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}

    def handle(self, event: Event) -> list[Instruction]:
        """Return the instructions for *event*; an event out of place means nothing."""
        place = self._places.get(event.path, _Place(stage=Stage.RESTING))
        handler = TABLE.get((place.stage, type(event)))
        if handler is None:
            return []
        after, instructions = handler(place, event)
        if after is None:
            self._places.pop(event.path, None)
        else:
            self._places[event.path] = after
        return instructions

    def stage(self, path: str) -> Stage:
        """Return where the file is on its way."""
        place = self._places.get(path)
        return place.stage if place else Stage.RESTING

    def __len__(self) -> int:
        return len(self._places)


def _arm(place: _Place, event: Event) -> Step:
    return _Place(stage=Stage.SETTLING), [Arm(path=event.path)]


def _remember_change(place: _Place, event: Event) -> Step:
    return _Place(stage=place.stage, dirty=True, first=place.first), []


def _probe(place: _Place, event: Event) -> Step:
    return _Place(stage=Stage.PROBING), [Probe(path=event.path)]


def _probe_again(place: _Place, event: Event) -> Step:
    return _Place(stage=Stage.PROBING_AGAIN, first=place.first), [Probe(path=event.path)]


def _forget(place: _Place, event: Event) -> Step:
    return None, []


def _on_probed(place: _Place, event: Event) -> Step:
    assert isinstance(event, Probed)  # noqa: S101  the table says so
    if place.dirty:
        return _arm(place, event)
    if event.met.meaning.speaks:
        return _Place(stage=Stage.CONFIRMING, first=event.met), [Arm(path=event.path)]
    return _after_reading(event)


def _on_probed_again(place: _Place, event: Event) -> Step:
    assert isinstance(event, Probed)  # noqa: S101
    if place.dirty or place.first is None:
        return _arm(place, event)
    if not _agree(place.first, event.met):
        return _on_probed(_Place(stage=Stage.PROBING), event)
    hear = _is_still_to_hear(event)
    note = Note(path=event.path, met=event.met, still_to_hear=hear)
    after, instructions = _after_word(event)
    return after, [note, *instructions]


def _agree(first: Met, second: Met) -> bool:
    return first.row.stamp == second.row.stamp and first.row.genres == second.row.genres


def _after_word(event: Probed) -> Step:
    """A person spoke: their word stands, and the track becomes material for training."""
    if _is_still_to_hear(event):
        place = _Place(stage=Stage.HEARING, first=event.met)
        return place, [Hear(path=event.path, judge=False)]
    return None, [Rest(path=event.path, state="left", reason=event.met.word)]


def _is_still_to_hear(event: Probed) -> bool:
    return bool(event.met.row.genres) and not event.has_segments


def _after_reading(event: Probed) -> Step:
    """Nobody spoke: record what was read, and listen where a verdict is wanted."""
    met = _as_unfinished(event.met)
    save = Save(path=event.path, met=met)
    if met.row.state != "pending":
        return None, [save]
    if met.row.hands_off:
        reason = "undone or put back; left alone until you name it again"
        return None, [save, Rest(path=event.path, state="left", reason=reason)]
    if met.meaning.origin is Origin.PERSON:
        after, instructions = _after_word(event)
        return after, [save, *instructions]
    if met.meaning.origin is Origin.OURS:
        reason = "a copy of a track that we tagged" if met.is_new else ""
        return None, [save, Rest(path=event.path, state="tagged", reason=reason)]
    if met.meaning.origin is not Origin.NONE:
        reason = f"already has a genre: {', '.join(met.row.genres)}"
        return None, [save, Rest(path=event.path, state="left", reason=reason)]
    if met.row.existing:
        reason = "was there before the folder was watched; ask with: genrewatch tag --existing"
        return None, [save, Rest(path=event.path, state="left", reason=reason)]
    return _Place(stage=Stage.HEARING), [save, Hear(path=event.path, judge=True)]


def _hear_again(place: _Place, event: Event) -> Step:
    return _Place(stage=Stage.HEARING), [Hear(path=event.path, judge=True)]


def _as_unfinished(met: Met) -> Met:
    """Let what was set aside wait for its verdict again, should we die meanwhile."""
    if met.row.state != "failed" and met.row.reason != LINK:
        return met
    return replace(met, row=replace(met.row, state="pending"))


def _on_heard(place: _Place, event: Event) -> Step:
    assert isinstance(event, Heard)  # noqa: S101
    if place.dirty:
        return _arm(place, event)
    decision = event.decision
    if decision is None:
        return None, _rest_on_word(place, event)
    if decision.action is Action.WRITE and decision.genre is not None:
        write = Write(path=event.path, genre=decision.genre, guessed=decision.guessed)
        return _Place(stage=Stage.WRITING), [write]
    state = "not_sure" if decision.action is Action.NOT_SURE else "left"
    return None, [Rest(path=event.path, state=state, reason=decision.reason)]


def _rest_on_word(place: _Place, event: Event) -> list[Instruction]:
    if place.first is None:  # nobody waits for this any more
        return []
    return [Rest(path=event.path, state="left", reason=place.first.word)]


def _on_written(place: _Place, event: Event) -> Step:
    return _arm(place, event) if place.dirty else (None, [])


def _on_trouble(place: _Place, event: Event) -> Step:
    assert isinstance(event, Trouble)  # noqa: S101
    if place.dirty:
        return _arm(place, event)
    return None, [Rest(path=event.path, state="failed", reason=event.reason)]


TABLE: Mapping[tuple[Stage, type[Event]], Handler] = {
    (Stage.RESTING, Changed): _arm,
    (Stage.RESTING, Heard): _on_heard,  # judged anew: another model, or a word on its album
    (Stage.RESTING, Outdated): _hear_again,
    (Stage.SETTLING, Changed): _arm,
    (Stage.SETTLING, Still): _probe,
    (Stage.SETTLING, Vanished): _forget,
    (Stage.PROBING, Changed): _remember_change,
    (Stage.PROBING, Probed): _on_probed,
    (Stage.PROBING, Trouble): _on_trouble,
    (Stage.PROBING, Vanished): _forget,
    (Stage.CONFIRMING, Changed): _arm,  # what was read before is no first reading any more
    (Stage.CONFIRMING, Still): _probe_again,
    (Stage.CONFIRMING, Vanished): _forget,
    (Stage.PROBING_AGAIN, Changed): _remember_change,
    (Stage.PROBING_AGAIN, Probed): _on_probed_again,
    (Stage.PROBING_AGAIN, Trouble): _on_trouble,
    (Stage.PROBING_AGAIN, Vanished): _forget,
    (Stage.HEARING, Changed): _remember_change,
    (Stage.HEARING, Heard): _on_heard,
    (Stage.HEARING, Trouble): _on_trouble,
    (Stage.HEARING, Vanished): _forget,
    (Stage.WRITING, Changed): _remember_change,
    (Stage.WRITING, Written): _on_written,
    (Stage.WRITING, Trouble): _on_trouble,
    (Stage.WRITING, Vanished): _forget,
}


def table_text() -> str:
    """Return the transition table as Markdown, as printed in ARCHITECTURE.md."""
    lines = ["| stage | event | what happens |", "|---|---|---|"]
    for (stage, event), handler in TABLE.items():
        name = handler.__name__.strip("_").replace("_", " ")
        lines.append(f"| {stage.value} | {event.__name__} | {name} |")
    return "\n".join(lines)
