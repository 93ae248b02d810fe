"""The small questions of review: whose a batch of edits was, whether a genre was renamed.

One key each; Enter leaves a question for another time. What contradicts itself is only shown.
"""

from collections.abc import Callable, Sequence

from core.decision.conflicts import Conflict
from core.decision.vocabulary import Rename
from core.library.batches import Batch
from daemon.review.asking import prompted
from daemon.showing.show import counted, local_time, say

__all__ = ["ask_of_batches", "ask_of_renames", "show_conflicts"]

NAMED = 3  # genres of a batch that are named
SHOWN = 5  # conflicts that are shown
KEYS = {"m": "person", "mine": "person", "p": "program", "program": "program"}


def ask_of_batches(batches: Sequence[Batch], answer: Callable[[int, str], bool]) -> None:
    """Ask of each batch whether a person or a program made it.

    *answer* takes its id and whose it is, and says whether it is there still.
    """
    for batch in batches:
        genres = ", ".join(batch.genres[:NAMED])
        more = ", …" if len(batch.genres) > NAMED else ""
        say()
        say(
            f"{counted(batch.files, 'file')} were changed at {local_time(batch.begun_at)} "
            f"({counted(len(batch.genres), 'genre')}: {genres}{more}). Was that you?",
            bold=True,
        )
        whose = _chosen("  m mine, p a program's, Enter later", KEYS)
        if whose is None:
            continue
        if not answer(batch.id, whose):
            say("  more edits came since, with which they are one; you will be asked about all")
            continue
        said = "yours: learned from" if whose == "person" else "a program's: it teaches little"
        say(f"  noted as {said}", fg="green")


def ask_of_renames(
    renames: Sequence[Rename],
    rename: Callable[[Rename], None],
    decline: Callable[[Rename], None],
) -> None:
    """Ask of each genre that seems to have a new name whether it is called so now."""
    for item in renames:
        say()
        say(
            f"{item.renamed} of {item.tracks} tracks of {item.old} became {item.new}. "
            f"Is {item.old} called {item.new} now?",
            bold=True,
        )
        answer = _chosen("  y, n, Enter later", {"y": "y", "yes": "y", "n": "n", "no": "n"})
        if answer == "y":
            rename(item)
            say(f"  {item.old} means {item.new} from now on; files stay as they are", fg="green")
        elif answer == "n":
            decline(item)


def show_conflicts(conflicts: Sequence[Conflict]) -> None:
    """Print a short list of what contradicts itself, the latest first."""
    if not conflicts:
        return
    say()
    say("These words of yours contradict each other; each is obeyed for its file:", bold=True)
    for conflict in list(reversed(conflicts))[:SHOWN]:
        say(f"  {conflict.reason}")
    if len(conflicts) > SHOWN:
        say(f"  and {len(conflicts) - SHOWN} more: genrewatch feedback --conflicts")


def _chosen(question: str, keys: dict[str, str]) -> str | None:
    """What the key that was typed stands for; None for later."""
    while True:
        text = prompted(question).casefold()
        if text in keys or text in ("", "s", "q"):
            return keys.get(text)
        say("  that is no key here; Enter leaves it for another time")
