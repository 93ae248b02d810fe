"""What every question on the terminal shares: the prompt, and how to have enough of them."""

import click

__all__ = ["Enough", "prompted", "yes"]


class Enough(Exception):
    """The person ended the asking by Ctrl-C or the input: what was answered stands."""


def prompted(question: str) -> str:
    """Return the answer; raises Enough at the end of input or at Ctrl-C."""
    try:
        answer: str = click.prompt(question, default="", show_default=False)
    except click.Abort as abort:
        click.echo()
        raise Enough from abort
    return answer.strip()


def yes(question: str) -> bool:
    """Say whether the answer is yes; anything else is no."""
    return prompted(f"{question} y or n").casefold() in ("y", "yes")
