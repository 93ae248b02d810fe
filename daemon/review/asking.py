"""What every question on the terminal shares: the prompt."""

import click

__all__ = ["prompted", "yes"]


def prompted(question: str) -> str | None:
    """Return the answer; None at the end of input or at Ctrl-C: what was answered stands."""
    try:
        answer: str = click.prompt(question, default="", show_default=False)
    except click.Abort:
        click.echo()
        return None
    return answer.strip()


def yes(question: str) -> bool:
    """Say whether the answer is yes; anything else is no."""
    text = prompted(f"{question} y or n")
    return text is not None and text.casefold() in ("y", "yes")
