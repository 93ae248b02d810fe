"""Walk a person through what we are not sure of: one key for a whole group, each a word of theirs.

Asks and prints; what an answer means for files is carried out at the desk. Everything that
one answer writes is one lot, taken back by one undo.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

import click

from core.decision.batches import MANY
from core.library.files import FileRow
from core.taxonomy import fold, is_name
from daemon.acts import Desk, Tagged
from daemon.life.writing import Lot
from daemon.review.asking import prompted, yes
from daemon.review.groups import By, Group, Guess, by_album, one_by_one
from daemon.review.renewing import renew_at
from daemon.showing.show import counted, percent, progress, say, show_tagged

__all__ = ["Act", "Answer", "Walk", "meaning", "walk_through"]

KEYS = "1–3 that guess · or the name of a genre · n not the first guess · Enter later · ? more keys"
MORE = (
    "1–3          that guess, for every file of the group",
    "a name       that genre, for every file of the group",
    "n            none of them is the first guess; asked again another time",
    "o            open the group: its files one by one",
    "a            its albums one by one",
    "Enter or s   later",
    "q            end; what was answered stands",
)
EXAMPLES = 3  # files of a group that are named
TOLD = 5  # refused files that are named
UNDO = "genrewatch undo"


class Act(Enum):
    """What an answer asks for."""

    TAKE = auto()
    NOT_THIS = auto()
    OPEN = auto()
    ALBUMS = auto()
    LATER = auto()
    END = auto()
    HELP = auto()
    UNCLEAR = auto()


LETTERS = {
    "": Act.LATER,
    "s": Act.LATER,
    "n": Act.NOT_THIS,
    "o": Act.OPEN,
    "a": Act.ALBUMS,
    "q": Act.END,
    "?": Act.HELP,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered; *genre* is what to write, or what it is not."""

    act: Act
    genre: str = ""
    is_new: bool = False  # a genre that nobody has named yet, and no model knows


def meaning(text: str, guesses: Sequence[str], known: Mapping[str, str]) -> Answer:
    """Return what *text* means where *guesses* are offered; *known* genres are folded → spelled.

    A number that stands for no guess and a letter that is no key mean nothing: a slip of a key
    must not become the genre of a whole group.
    """
    act = LETTERS.get(text.casefold())
    if act is Act.NOT_THIS:
        return Answer(act=act, genre=guesses[0]) if guesses else Answer(act=Act.UNCLEAR)
    if act is not None:
        return Answer(act=act)
    if text.isdecimal():  # "²" is a digit that int() does not know
        place = int(text) - 1
        good = 0 <= place < len(guesses)
        return Answer(act=Act.TAKE, genre=guesses[place]) if good else Answer(act=Act.UNCLEAR)
    if len(text) < 2 or not is_name(text):  # noqa: PLR2004  an arrow key is typed as an escape
        return Answer(act=Act.UNCLEAR)
    spelled = {fold(genre): genre for genre in guesses}
    genre = spelled.get(fold(text)) or known.get(fold(text))
    return Answer(act=Act.TAKE, genre=genre or text, is_new=genre is None)


def walk_through(
    groups: Sequence[Group],
    desk: Desk,
    now: Callable[[], datetime],
    known: Mapping[str, str],
    parents: Mapping[str, str] | None = None,
) -> None:
    """Ask about each group in turn until all are answered or the person has enough.

    *known* genres are folded → spelled; so are the *parents* of genres. Raises Enough.
    """
    if not groups:
        click.echo("Nothing to review.")
        return
    count = sum(len(group.files) for group in groups)
    many = f"{counted(count, 'file')} in {counted(len(groups), 'group')}"
    say(f"{many}, the ones that teach most first.")
    say(KEYS)
    walk = Walk(desk, now, known, parents or {})
    left = list(groups)
    try:
        while left and not walk.ended:
            left = [*walk.ask(left[0]), *left[1:]]
    finally:
        walk.tell()


class Walk:
    """One sitting: asks about groups, carries answers out, and counts."""

    def __init__(
        self,
        desk: Desk,
        now: Callable[[], datetime],
        known: Mapping[str, str],
        parents: Mapping[str, str],
    ) -> None:
        self._desk = desk
        self._now = now
        self._known = dict(known)
        self._parents = parents
        self._answered = 0
        self._lots: dict[str, Lot] = {}  # what is said of one artist in a sitting is one act
        self.ended = False

    def ask(self, group: Group) -> tuple[Group, ...]:
        """Ask about *group*; return the groups to ask about instead where it was opened."""
        fresh = self._as_it_is_now(group)
        if fresh is None:
            return ()
        offered = self._offered(fresh)
        _show(fresh, offered, len(fresh.guesses))
        while True:
            answer = self._answer(fresh, [guess.genre for guess in offered])
            match answer.act:
                case Act.HELP:
                    _show_keys()
                case Act.UNCLEAR:
                    say("  no such guess and no key; ? shows the keys")
                case _:
                    return self._carry_out(answer, fresh)

    def tell(self) -> None:
        """Say what was done, and how to take it back."""
        if self._answered:
            say()
            say(
                f"Answered for {counted(self._answered, 'file')}. The last answer, or all on that "
                f"artist, is taken back by: {UNDO}"
            )

    def _as_it_is_now(self, group: Group) -> Group | None:
        """The group without what was settled meanwhile, judged by what was answered so far."""
        if not self._answered:
            return group
        with progress("Judging anew", self._desk.by_album(group.files)) as albums:
            fresh = [self._desk.judged_anew(items, self._now()) for items in albums]
        left = tuple(item for items in fresh for item in items)
        return Group(by=group.by, name=group.name, files=left) if left else None

    def _offered(self, group: Group) -> tuple[Guess, ...]:
        """The guesses, and what the first of them belongs to."""
        above = group.above(self._parents)
        return (*group.guesses, above) if above else group.guesses

    def _answer(self, group: Group, offered: Sequence[str]) -> Answer:
        text = prompted(f"  genre for {_all_of(group)}")
        answer = meaning(text, offered, self._known)
        if answer.is_new and len(group.files) > 1 and not _is_meant(answer.genre, group):
            return Answer(act=Act.UNCLEAR)
        return answer

    def _carry_out(self, answer: Answer, group: Group) -> tuple[Group, ...]:
        match answer.act:
            case Act.TAKE:
                self._take(answer.genre, group)
            case Act.NOT_THIS:
                self._refuse(answer.genre, group)
            case Act.OPEN:
                return one_by_one(group.files)
            case Act.ALBUMS:
                return by_album(group)
            case Act.END:
                self.ended = True
        return ()

    def _take(self, genre: str, group: Group) -> None:
        lot, before = self._lot(group), self._desk.last_word()
        with progress("Writing", group.files) as each:
            done = [self._tagged(item.row, genre, lot) for item in each]
        if len(done) > MANY:
            self._desk.take_as_one(before, "review", self._now())
        self._known.setdefault(fold(genre), genre)
        self._told(done, f"{genre}: written to")

    def _tagged(self, row: FileRow, genre: str, lot: Lot) -> Tagged:
        return self._desk.tag(
            row.path, (genre,), self._now(), dry_run=False, via="review", lot=lot, shown=row
        )

    def _lot(self, group: Group) -> Lot:
        """The lot of an answer: an artist's answers are taken back at once."""
        artists = {item.row.keys.artist for item in group.files}
        if group.by is not By.ARTIST or len(artists) != 1:
            return Lot()
        return self._lots.setdefault(artists.pop(), Lot())

    def _refuse(self, genre: str, group: Group) -> None:
        lot = self._lot(group)
        with progress("Noting", group.files) as each:
            done = [
                self._desk.confirm_not(item.row.path, genre, self._now(), lot=lot, shown=item.row)
                for item in each
            ]
        renew_at(self._desk, group.files, self._now)
        self._told(done, f"not {genre}: remembered for")

    def _told(self, done: Sequence[Tagged], what: str) -> None:
        refused = [item for item in done if item.failed]
        self._answered += len(done) - len(refused)
        if len(done) == 1:
            show_tagged(done[0])
            return
        say(f"  {what} {counted(len(done) - len(refused), 'file')}", fg="green")
        if refused:
            say(f"  refused: {counted(len(refused), 'file')}", fg="red")
        for item in refused[:TOLD]:
            show_tagged(item)


def _show(group: Group, offered: Sequence[Guess], guesses: int) -> None:
    say()
    say(_title(group), bold=True)
    if group.by is By.FILE:
        say(f"  {group.files[0].row.reason}")
    else:
        names = [item.row.path.rpartition("/")[2] for item in group.files]
        more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
        say(f"  {', '.join(names[:EXAMPLES])}{more}")
    for number, guess in enumerate(offered, start=1):
        first = f", first for {guess.first}" if group.by is not By.FILE and guess.first else ""
        kind = ", of some kind" if number > guesses else ""
        say(f"  {number}  {guess.genre} ({percent(guess.confidence)}{first}{kind})")


def _title(group: Group) -> str:
    count = counted(len(group.files), "file")
    albums = len({item.row.keys.album for item in group.files} - {""})
    match group.by:
        case By.FILE:
            return group.files[0].row.path
        case By.ALBUM:
            artists = len({item.row.keys.artist for item in group.files} - {""})
            of = f" by {artists} artists" if artists > 1 else ""
            return f"{count} of the album {group.name}{of}"
        case By.ARTIST:
            return f"{count} by {group.name}" + (f", {albums} albums" if albums > 1 else "")
        case By.COMPOSER:
            return f"{count} composed by {group.name}"
        case By.GUESS:
            return f"{count} of no known artist" + (
                f", perhaps {group.name}" if group.name else ", in which nothing was heard"
            )


def _show_keys() -> None:
    for line in MORE:
        say(f"  {line}")


def _is_meant(genre: str, group: Group) -> bool:
    return yes(f'  "{genre}" is new here. Write it to {_all_of(group)}?')


def _all_of(group: Group) -> str:
    return f"all {len(group.files)}" if len(group.files) > 1 else "it"
