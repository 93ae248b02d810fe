"""`stats` in words, for a terminal: every figure with what it is a share of."""

from collections.abc import Iterator

from core.decision.progress import Block, Genre, Share, Tally, Written
from daemon.showing.show import counted, local_time, percent, say
from daemon.telling.promises import promise_line
from daemon.telling.stats import Night, Stats

__all__ = ["in_words", "show_stats"]

FEW = 10  # named files of a kind, below which no rate is told
NOTHING = "No first guess yet: drop music without a genre into a watched folder."


def show_stats(found: Stats) -> None:
    """Print how far it has learned."""
    for line in in_words(found):
        say(line, bold=not line.startswith(" "))


def in_words(found: Stats) -> Iterator[str]:
    """Yield the lines; those that stand under another begin with two spaces."""
    if found.begun is None:
        yield NOTHING
        return
    yield f"First guesses since {local_time(found.begun)}: {counted(found.all.files, 'file')}"
    yield from _first_guesses(found.all)
    if found.all.wrong.of:
        yield from _tables(found)
    yield promise_line(found.promise)
    yield from _coverage(found)
    yield from _written(found.written)
    if found.guessed.files:
        yield "Best guesses, of which nothing is promised"
        yield from _written(found.guessed)
    if found.propagated.files:
        yield "Changed with a file that you corrected"
        yield from _written(found.propagated)
    yield from _night(found.night)


def _tables(found: Stats) -> Iterator[str]:
    yield "Wrong first guesses per 100 files that you named, in the order they came"
    yield from (f"  {_block(block)}" for block in found.blocks)
    yield "By artist, and by whose word the guess was"
    yield f"  artists that you had not named before: {_rate(found.new_artists)}"
    yield f"  artists that you had named: {_rate(found.met_artists)}"
    yield from (f"  {name}: {_rate(counted)}" for name, counted in found.sources.items())
    yield "Genre by genre, of the files that you named"
    yield from (f"  {_genre(genre)}" for genre in found.genres)


def _first_guesses(all_: Tally) -> Iterator[str]:
    wrong = all_.wrong
    if wrong.of:
        yield f"  you named {wrong.of} of them: {_wrong(wrong)}"
    else:
        yield "  you have named none of them, so nobody knows yet how many are wrong"
    if all_.silent:
        best = f": then {100 * (all_.at_best or 0):.0f} per 100 were wrong" if wrong.of else ""
        yield f"  {all_.silent} stand as they were written; perhaps all are right{best}"
    if all_.unknown:
        yield f"  of {all_.unknown} nothing is known: they count nowhere"


def _guesses(count: int) -> str:
    return "1 first guess was" if count == 1 else f"{count:,} first guesses were"


def _wrong(wrong: Share) -> str:
    return (
        f"{_guesses(wrong.hits)} wrong, {100 * (wrong.value or 0):.0f} per 100"
        f" [{100 * wrong.low:.0f} to {100 * wrong.high:.0f}]"
    )


def _block(block: Block) -> str:
    return f"{block.first}–{block.last} (to {local_time(block.ended)[:10]}): {_rate(block.tally)}"


def _rate(counted: Tally) -> str:
    wrong = counted.wrong
    if not wrong.of:
        return "none named"
    named = f"{wrong.hits} of {wrong.of} named files"
    if wrong.of >= FEW:
        named = f"{100 * (wrong.value or 0):.0f} per 100 ({named})"
    if not counted.silent or counted.at_best is None:
        return named
    return f"{named}; {100 * counted.at_best:.0f} if the {counted.silent} left alone are right"


def _genre(genre: Genre) -> str:
    guessed = (
        f"guessed {counted(genre.guessed, 'time')}, {genre.right} right"
        if genre.guessed
        else "never guessed"
    )
    return f"{genre.name}: {counted(genre.named, 'file')}; {guessed}"


def _coverage(found: Stats) -> Iterator[str]:
    asked = found.at_once + found.waited
    if asked:
        now, share = found.written.files, percent(found.at_once / asked)
        yield f"  written on arrival: {found.at_once} of {counted(asked, 'file')} ({share})"
        yield f"  written by now: {now} ({percent(now / asked)})"


def _written(found: Written) -> Iterator[str]:
    if not found.files:
        return
    at_best = percent(found.at_best or 0)
    files = f"{counted(found.files, 'file')} written"
    yield f"  you changed {found.changed} of {files}: at best {at_best} are right"
    if found.undone:
        yield f"  you took {found.undone} back without naming another genre"
    asked = found.asked
    if asked.of:
        yield (
            f"  of {asked.of} that you were asked about, {asked.hits} are right:"
            f" {percent(asked.value or 0)} [{percent(asked.low)} to {percent(asked.high)}]"
        )


def _night(night: Night | None) -> Iterator[str]:
    if night is None:
        yield "Last training: none yet"
        return
    run = night.run
    yield f"Last training {local_time(run.ended_at or '')}: {run.outcome} – {run.reason}"
    if night.since is not None:
        yield (
            f"  judged anew, of what it was not sure of: {counted(night.since.judged, 'file')},"
            f" {night.since.differing} now with another first genre than on arrival;"
            f" {night.since.written} that waited were written since"
        )
