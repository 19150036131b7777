"""Every relative link in the prose leads to a file and a heading that exist."""

import re
from pathlib import Path
from urllib.parse import unquote

import lesson
import pytest

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "notebooks").glob("*.ipynb"))]
LINK = re.compile(r"\]\(<?([^)\s>]+)|(?:href|src)=\"([^\"]+)\"")


def prose(page: Path) -> str:
    """The page's Markdown without code, where brackets mean other things."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        cells = lesson.read(page).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What may follow `#`: each heading as Jupyter writes it, or on other pages as GitHub does."""
    text = prose(page)
    headings = [title.strip() for title in re.findall(r"^#+ +(.*)$", text, re.MULTILINE)]
    ids = set(re.findall(r"\bid=\"([^\"]+)\"", text))
    if page.suffix == ".ipynb":
        return ids | {title.replace(" ", "-") for title in headings}
    return ids | {re.sub(r"[^\w\- ]", "", t).lower().replace(" ", "-") for t in headings}


def broken_links(page: Path) -> list[str]:
    """The relative links of a page that lead nowhere."""
    links = [unquote(a or b) for a, b in LINK.findall(prose(page))]
    broken = []
    for link in links:
        if re.match(r"[a-z]+:", link):
            continue  # another site, which CI cannot rely on
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    assert broken_links(page) == []


def test_links_that_lead_nowhere_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# What is *here*, and why?\n"
        "[a](page.md) [b](#what-is-here-and-why) [c](page.md#no) ![d](gone.png) `[e](f)`\n"
        '[g](https://example.org/gone) <img src="away.png"> [h](sub%20folder/x.md)\n'
        "```\n[i](j.md)\n```\n"
    )
    assert broken_links(page) == ["page.md#no", "gone.png", "away.png", "sub folder/x.md"]
