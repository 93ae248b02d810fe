"""`python -m core.tags` prints the table of formats as the README has it."""

from core.tags.formats import FORMATS, UNTAGGABLE, Format

__all__ = ["table"]

HEAD = "| files | genre stands in | several genres | tag version | tested |"


def table() -> str:
    """Return the formats that can be tagged, a row each, and a line on those that cannot."""
    rows = [HEAD, "|---|---|---|---|---|", *map(_row, FORMATS)]
    without = ", ".join(dict.fromkeys(what for _, what in UNTAGGABLE))
    return "\n".join([*rows, "", f"Without a place for a genre that is known here: {without}."])


def _row(row: Format) -> str:
    tested = "yes" if row.tested else "no"
    if not row.packets:
        tested += "; written only by `tag --genre`, since nothing here decodes it"
    files = f"{row.title} ({', '.join(row.suffixes)})"
    return f"| {files} | {row.field} | {row.several} | {row.version} | {tested} |"


if __name__ == "__main__":
    print(table())
