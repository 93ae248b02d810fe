"""Nothing that is read is ever run: no pickles, no eval, no shell, in no room of the program.

Looked for in the syntax tree, so that a comment is no finding and a new spelling of an
import is one.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "yaml"}
CALLS = {"eval", "exec", "compile", "__import__"}
ATTRIBUTES = {
    ("os", "system"), ("os", "popen"), ("subprocess", "getoutput"), ("tempfile", "mktemp"),
    ("subprocess", "getstatusoutput"), ("torch", "load"), ("pandas", "read_pickle"),
}  # fmt: skip


def findings(source: str) -> Iterator[str]:
    """Yield what runs data in a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (n.name for n in node.names if n.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield str(node.module)
        elif isinstance(node, ast.Call):
            yield from _of_call(node)


def _of_call(node: ast.Call) -> Iterator[str]:
    name = ast.unparse(node.func)
    if name in CALLS or tuple(name.rsplit(".", 1)) in ATTRIBUTES:
        yield name
    for given in node.keywords:
        asked = ast.unparse(given.value)
        if given.arg in ("shell", "allow_pickle") and asked != "False":
            yield f"{name}({given.arg}={asked})"
        if given.arg == "safe_mode" and asked != "True":
            yield f"{name}({given.arg}={asked})"
    if name.endswith((".load", "load_model")) and name.startswith(("np.", "numpy.", "keras.")):
        known = {given.arg for given in node.keywords}
        if "allow_pickle" not in known and "safe_mode" not in known:
            yield f"{name} without saying that nothing is unpickled"


def sources() -> list[Path]:
    return sorted(path for room in ("core", "daemon") for path in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_room_runs_data(path: Path) -> None:
    """Where some day it must be, it is worth a look by a person."""
    assert list(findings(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from marshal import loads",
        "eval('1')",
        "import os\nos.system('ls')",
        "subprocess.run('ls', shell=True)",
        "np.load('x', allow_pickle=True)",
        "np.load('x')",
    ],
)
def test_the_search_finds(source: str) -> None:
    """Each of the ways that it is looked for."""
    assert list(findings(source))
