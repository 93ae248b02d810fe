"""The report as a page: it stands alone, escapes what it is told, and hides nothing."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from core.learning.figures import evaluate
from core.learning.figures.evaluate import Figure
from core.learning.figures.findings import Brings, Findings, InUse, Leak
from core.learning.figures.report import page

HOSTILE = '<script src="https://example.org/x.js">&"\''


@pytest.fixture(scope="module")
def found() -> Findings:
    """An evaluation whose every name is hostile."""
    rng = np.random.default_rng(3)
    words = rng.dirichlet(np.ones(3), 60)
    truth, groups = np.arange(60) % 3, (np.arange(60) // 3).astype(np.int32)
    summary = evaluate.summary(words, truth, groups)
    nothing = Figure(value=0.0, low=-0.1, high=0.1)
    harm = Figure(value=-0.2, low=-0.3, high=-0.1)
    return Findings(
        subject=HOSTILE,
        protocol=HOSTILE,
        genres=(HOSTILE, "Jazz", "Rock"),
        words=words,
        truth=truth,
        groups=groups,
        summary=summary,
        leak=Leak(model=HOSTILE, apart=nothing, leaky=nothing, gain=nothing),
        members=(Brings(name=HOSTILE, accuracy=nothing, log_loss=nothing),),
        blocks=(Brings(name="H modulation", accuracy=harm, log_loss=nothing),),
        fair=summary,
        in_use=InUse(version=HOSTILE, unseen=summary, new_artists=None),
        notes=(HOSTILE,),
    )


def test_page_is_well_formed_whatever_it_is_told(found: Findings) -> None:
    """No name opens an element: a strict parser finds those that we wrote, and no other."""
    whole = page(found, created="2026-05-01T12:00:00+00:00")
    body = whole[whole.index("<body>") : whole.index("</html>")]

    tree = ElementTree.fromstring(body)  # noqa: S314  our own page

    assert {element.tag for element in tree.iter()}.isdisjoint({"script", "img", "a", "link"})
    assert HOSTILE in "".join(tree.itertext())


def test_page_asks_nobody_for_anything(found: Findings) -> None:
    """No address, no import, no handler; its policy forbids what a mistake would bring."""
    whole = page(found, created="2026-05-01")
    head, body = whole[: whole.index("<body>")], whole[whole.index("<body>") :]
    tree = ElementTree.fromstring(body[: body.index("</html>")])  # noqa: S314  our own page
    named = {name for element in tree.iter() for name in element.attrib}

    assert "default-src 'none'" in head
    assert not re.search(r"<script|<link|<img|url\(|@import", head)
    assert named <= {
        *("class", "scope", "style", "role", "id", "aria-labelledby", "viewBox", "transform"),
        *("x", "y", "width", "height", "rx", "x1", "x2", "y1", "y2", "cx", "cy", "r", "points"),
        *("text-anchor", "fill-opacity"),
    }
    assert "url(" not in "".join(element.attrib.get("style", "") for element in tree.iter())


def test_every_picture_can_be_read_aloud(found: Findings) -> None:
    """Each has a title and a description of its own, named by its id."""
    whole = page(found, created="2026-05-01")
    pictures = re.findall(r"<svg .*?</svg>", whole, re.DOTALL)
    names = [re.findall(r'aria-labelledby="(\w+) (\w+)"', picture)[0] for picture in pictures]

    assert len(pictures) == 6
    assert len({name for pair in names for name in pair}) == 12
    for picture, (title, told) in zip(pictures, names, strict=True):
        tree = ElementTree.fromstring(picture)  # noqa: S314  our own page
        assert tree.attrib["role"] == "img"
        assert tree[0].attrib["id"] == title
        assert tree[1].attrib["id"] == told
        assert (tree[1].text or "").strip()


def test_what_did_not_help_is_said(found: Findings) -> None:
    """And what hurts; the leak is marked."""
    whole = page(replace(found, members=(replace(found.members[0], name="a net"),)), created="x")

    assert "Not shown to help: a net." in whole
    assert "Hurts: H modulation." in whole
    assert '<td class="leaky">LEAKY</td>' in whole


def test_page_has_no_section_for_what_was_not_measured(found: Findings) -> None:
    """Without a model in use, members or notes nothing stands in for them."""
    bare = replace(found, in_use=None, fair=None, members=(), blocks=(), notes=())
    whole = page(bare, created="2026-05-01")

    for title in ("The model in use", "On a fair sample", "What each member brings", "Notes"):
        assert f"<h2>{title}</h2>" not in whole
        assert f"<h2>{title}</h2>" in page(found, created="2026-05-01")


def test_page_is_the_same_each_time(found: Findings) -> None:
    """Nothing of the clock or of chance is in it but what it is told."""
    assert page(found, created="2026-05-01") == page(found, created="2026-05-01")
