"""Runs a benchmark by name and keeps its last result: `python -m benchmarks NAME [--json] …`.

Whatever else stands on the command line is passed on. Results lie in benchmarks/results,
with the commit and the date that they were measured at.
"""

import contextlib
import importlib
import json
import os
import pkgutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NONE = {"__main__", "tools"}  # what lies here and is no benchmark
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS")


def names() -> list[str]:
    """Return the benchmarks there are."""
    return sorted({module.name for module in pkgutil.iter_modules([str(HERE)])} - NONE)


def commit() -> str:
    """Return the commit checked out, with a plus where files differ from it; "" without git."""
    try:
        short = _git("rev-parse", "--short", "HEAD").strip()
        changed = _git(
            "status",
            "--porcelain",
            "--untracked-files=no",
            "--",
            ":(top,exclude)benchmarks/results",
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return short + ("+" if changed.strip() else "")


def run(name: str, argv: list[str], *, as_json: bool) -> dict[str, Any]:
    """Run one benchmark, keep its result, return it; with *as_json* it may not print to stdout."""
    for variable in THREADS:  # as a worker runs: one thread, set before numpy is imported
        os.environ.setdefault(variable, "1")
    module = importlib.import_module(f"benchmarks.{name}")
    with contextlib.redirect_stdout(sys.stderr if as_json else sys.stdout):
        figures = module.main(argv)
    result = {
        "benchmark": name,
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "arguments": argv,
        **figures,
    }
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    text = json.dumps(result, indent=2, ensure_ascii=False)
    (results / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    return result


def main(arguments: list[str]) -> int:
    """Return 0 when the benchmark ran and met its aims, 1 when not, 2 on wrong usage."""
    known = names()
    if not arguments or arguments[0] not in known:
        print("usage: python -m benchmarks NAME [--json] [arguments]", file=sys.stderr)
        print("benchmarks:", ", ".join(known), file=sys.stderr)
        return 2
    as_json = "--json" in arguments
    result = run(arguments[0], [a for a in arguments[1:] if a != "--json"], as_json=as_json)
    if as_json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
    return 0 if result.get("passed", True) else 1


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=HERE, check=True, capture_output=True, text=True
    ).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
