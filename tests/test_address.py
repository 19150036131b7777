"""Every copy of the repository's address is the one in pyproject.toml."""

import re

import address
import pytest

BADGE = "https://mybinder.org/v2/gh/{0}/main?urlpath=lab/tree/notebooks/00_start_here.ipynb"
COLAB = "https://colab.research.google.com/github/{0}/blob/main/notebooks/00_start_here.ipynb"
INSTALL = "%pip install -q git+https://github.com/{0}\\n"
LINK = "See https://github.com/{0}."
COPIES = [BADGE, COLAB, INSTALL, INSTALL.replace("{0}", "{0}.git"), LINK, f"[x]({BADGE})"]


def test_every_copy_is_the_address_in_pyproject():
    ours = address.slug()
    assert [(file, copy) for file, copy in address.listing() if copy != ours] == []


@pytest.mark.parametrize("text", COPIES)
@pytest.mark.parametrize("slug", ["a-b/c", "other/genaug.lessons"])
def test_a_copy_is_found_wherever_it_may_stand(text, slug):
    name = slug.split("/")[1]
    assert address.copies(text.format(slug), f"ours/{name}") == [slug]


def test_links_to_other_repositories_are_left_alone():
    assert address.copies("https://github.com/pytorch/examples/tree/main/vae", "a/c") == []


def test_one_command_rewrites_every_copy(tmp_path):
    (tmp_path / "notebooks").mkdir()
    project = '[project.urls]\nRepository = "https://github.com/a/c"\n'
    other = "https://github.com/a/cc and https://github.com/pytorch/examples"
    (tmp_path / "pyproject.toml").write_text(project)
    (tmp_path / "README.md").write_text("\n".join([*COPIES, other]).replace("{0}", "a/c"))
    (tmp_path / "notebooks" / "00.ipynb").write_text(INSTALL.format("forgotten/c"))

    address.rewrite("https://github.com/new-owner/new.name", tmp_path)
    assert address.slug(tmp_path) == "new-owner/new.name"
    assert {copy for _, copy in address.listing(tmp_path)} == {"new-owner/new.name"}
    assert len(address.listing(tmp_path)) == len(COPIES) + 1
    assert other in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize(
    "wrong",
    [
        "https://example.org/a/c",
        "https://github.com/a",
        "https://github.com/a/..",
        "https://github.com/a/.",
        "https://github.com/a/c..d",
        "https://github.com/-a/c",
        "https://github.com/a--b/c",
        "https://github.com/a_b/c",
        "https://github.com/ü/c",
        "https://github.com/a/ñ",
        "https://github.com/a/c/d",
        "https://github.com/a/c\n",
        "",
    ],
)
def test_an_address_that_cannot_be_is_refused_and_nothing_is_rewritten(tmp_path, wrong):
    project = '[project.urls]\nRepository = "https://github.com/a/c"\n'
    (tmp_path / "pyproject.toml").write_text(project)
    with pytest.raises(ValueError, match=f"OWNER/NAME, got {re.escape(wrong)}"):
        address.rewrite(wrong, tmp_path)
    assert (tmp_path / "pyproject.toml").read_text() == project


def test_the_command_says_in_one_line_what_is_wrong_with_an_address(monkeypatch):
    monkeypatch.setattr(address.sys, "argv", ["address.py", "https://example.org/a/c"])
    with pytest.raises(SystemExit, match=r"^address must be .*, got https://example\.org/a/c$"):
        address.main()


@pytest.mark.parametrize("given", ["A1-b/c.d-e_f", "a/c.git", "a/c/", "a/c.d.git/"])
def test_an_address_may_end_as_browsers_and_git_write_it(tmp_path, given):
    (tmp_path / "pyproject.toml").write_text(
        '[project.urls]\nRepository = "https://github.com/old/old"\n'
    )
    address.rewrite(f"https://github.com/{given}", tmp_path)
    assert address.slug(tmp_path) == given.rstrip("/").removesuffix(".git")
