"""Ask whether what was written is right: one list, Enter for all, numbers for the wrong ones.

Which files are asked about was drawn before; each answer is a word of the person's, and the
answers to one list are one lot.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from core.decision.auditing import Why
from core.taxonomy import fold, is_name
from daemon.acts import Desk, Tagged
from daemon.life.writing import Lot
from daemon.review.asking import Enough, prompted
from daemon.showing.show import counted, progress, say, show_tagged
from daemon.telling.audits import Audit

__all__ = ["ask_audits", "numbers"]

INTRODUCED = {
    Why.FIRST: "These are the first files that were written, all of them.",
    Why.RANDOM: "These were drawn at random from what was written last week.",
}
Answer = tuple[Audit, str | None]  # None: not what we wrote, and nobody knows what
QUESTION = "  Enter if all are right, or the numbers of the wrong ones (s later)"


def ask_audits(
    audits: Sequence[Audit],
    desk: Desk,
    now: Callable[[], datetime],
    guesses: Callable[[Audit], Sequence[str]],
    known: Mapping[str, str],
) -> int:
    """Ask about *audits* and return how many were answered.

    *guesses* gives what else it might be; *known* genres are folded → spelled. Raises Enough
    once what was answered until then is carried out.
    """
    standing = [item for item in audits if not item.taken_back]
    numbered = _asked_for_wrong(standing) if standing else ()
    if numbered is None:
        return 0
    right = [(item, item.genre) for n, item in enumerate(standing, 1) if n not in numbered]
    wrong = [standing[number - 1] for number in numbered]
    asked = [*wrong, *(item for item in audits if item.taken_back)]
    named, enough = _named(asked, guesses, known)
    # who ends here has said all the same which are wrong: else only what is right would count
    named += [(item, None) for item in wrong[len(named) :]]
    count = _carried_out([*named, *right], desk, now)
    if enough is not None:
        raise enough
    return count


def numbers(text: str, count: int) -> tuple[int, ...] | None:
    """Return the numbers in *text*, each from 1 to *count*; None where it says anything else."""
    if not re.fullmatch(r"[\d\s,;]*", text):
        return None
    found = tuple(dict.fromkeys(int(part) for part in re.findall(r"\d+", text)))
    return found if all(1 <= number <= count for number in found) else None


def _asked_for_wrong(standing: Sequence[Audit]) -> tuple[int, ...] | None:
    """The numbers of the wrong ones; None for "later"."""
    say()
    say(f"Are these right? {INTRODUCED[standing[0].why]} The promise rests on it.", bold=True)
    width = max(len(item.genre) for item in standing)
    for number, item in enumerate(standing, start=1):
        say(f"  {number:>3}  {item.genre:<{width}}  {_title(item)}")
    while True:
        text = prompted(QUESTION)
        if text.casefold() in ("s", "q"):
            return None
        wrong = numbers(text, len(standing))
        if wrong is not None:
            return wrong
        say(f"  give numbers from 1 to {len(standing)}, such as 3 17; Enter for none")


def _named(
    audits: Sequence[Audit],
    guesses: Callable[[Audit], Sequence[str]],
    known: Mapping[str, str],
) -> tuple[list[Answer], Enough | None]:
    """What each of these is, None where the person does not know, until there was enough."""
    answers: list[Answer] = []
    try:
        for item in audits:
            answers.append((item, _what_is_it(item, guesses(item), known) or None))
    except Enough as enough:
        return answers, enough
    return answers, None


def _what_is_it(item: Audit, guesses: Sequence[str], known: Mapping[str, str]) -> str:
    """The right genre; "" where the person does not know."""
    say()
    what = f"{item.genre} was taken back" if item.taken_back else f"not {item.genre}"
    say(f"{_title(item)}: {what}. What is it?", bold=True)
    others = [genre for genre in guesses if fold(genre) != fold(item.genre)]
    for number, genre in enumerate(others, start=1):
        say(f"  {number}  {genre}")
    while True:
        text = prompted("  number or name, Enter where you do not know")
        if not text:
            return text
        if text.isdecimal() and 1 <= int(text) <= len(others):
            return others[int(text) - 1]
        if not text.isdecimal() and len(text) > 1 and is_name(text):
            return known.get(fold(text), text)
        say("  no such guess; a name has two letters at least")


def _carried_out(answers: Sequence[Answer], desk: Desk, now: Callable[[], datetime]) -> int:
    lot = Lot()
    done: list[Tagged] = []
    with progress("Noting", answers) as each:
        for item, genre in each:
            done.append(desk.answer_audit(item, genre, now(), lot))
    refused = [item for item in done if item.failed]
    for failed in refused:
        show_tagged(failed)
    if done:
        say(f"  noted for {counted(len(done) - len(refused), 'file')}", fg="green")
    return len(done) - len(refused)


def _title(item: Audit) -> str:
    row = item.row
    name = row.path.rpartition("/")[2]
    return f"{row.artist} – {row.title}" if row.artist and row.title else name
