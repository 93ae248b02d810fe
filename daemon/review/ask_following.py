"""Ask whether files that we tagged on the same evidence shall follow a correction.

Nothing is changed without a yes; what one yes changes is one lot.
"""

from collections.abc import Callable, Collection
from datetime import datetime

from daemon.acts import Desk
from daemon.judging.following import Offer
from daemon.life.writing import Lot
from daemon.review.asking import prompted
from daemon.showing.show import counted, progress, say, show_tagged

__all__ = ["ask_to_follow"]

EXAMPLES = 3  # files that are named
TOLD = 5  # refused files that are named
QUESTION = "  also change them? y, n, l list them, Enter later"


def ask_to_follow(
    desk: Desk, now: Callable[[], datetime], but: Collection[Offer] = ()
) -> tuple[Offer, ...]:
    """Ask about each offer *but* these; return those that are left for another time."""
    return tuple(offer for offer in desk.offers() if offer in but or not _ask(offer, desk, now))


def _ask(offer: Offer, desk: Desk, now: Callable[[], datetime]) -> bool:
    """Ask about one offer; say whether it was answered."""
    _show(offer)
    while True:
        text = prompted(QUESTION)
        match text.casefold():
            case "y" | "yes":
                _change(offer, desk, now)
                return True
            case "n" | "no":
                desk.decline(offer)
                return True
            case "l":
                for row in offer.files:
                    say(f"  {row.genres[0]} → {offer.genre}  {row.path}")
            case "" | "s" | "q":
                return False
            case _:
                say("  y changes them, n leaves them, l lists them, Enter asks another time")


def _show(offer: Offer) -> None:
    names = [row.path.rpartition("/")[2] for row in offer.files]
    more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
    tagged = ", ".join(dict.fromkeys(row.genres[0] for row in offer.files))
    of = f" by {offer.name}" if offer.name else ""
    say()
    many = counted(len(names), "file")
    if offer.by_model:
        why = f"We tagged {many}{of} {tagged}; the model in use says {offer.genre}:"
    else:
        why = (
            f"You named {offer.genre}. {many}{of} that we tagged on the same "
            f"evidence ({tagged}) would be {offer.genre}, too:"
        )
    say(why, bold=True)
    say(f"  {', '.join(names[:EXAMPLES])}{more}")


def _change(offer: Offer, desk: Desk, now: Callable[[], datetime]) -> None:
    lot = Lot()
    with progress("Writing", offer.files) as each:
        done = [desk.follow(row.path, offer.genre, now(), lot) for row in each]
    refused = [item for item in done if item.failed]
    say(f"  {offer.genre}: written to {counted(len(done) - len(refused), 'file')}", fg="green")
    if refused:
        say(f"  refused: {counted(len(refused), 'file')}", fg="red")
    for item in refused[:TOLD]:
        show_tagged(item)
