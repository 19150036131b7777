"""Check or change the address of this repository, wherever it is written.

    python tools/address.py                                   lists every copy
    python tools/address.py https://github.com/OWNER/NAME     rewrites them all

The address stands in pyproject.toml. Badges and the lessons' Colab cells need literal copies.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
COPIES = ("*.md", "notebooks/*.ipynb", "genaug_lessons/**/*.py", "binder/*", ".github/**/*.yml")
SITES = ("git+https://github.com", "mybinder.org/v2/gh", "colab.research.google.com/github")
GIVEN = r"https://github\.com/([a-z\d]+(?:-[a-z\d]+)*/[\w-]+(?:\.[\w-]+)*?)(?:\.git)?/?"
SLUG = r"([\w-]+/[\w-]+(?:\.[\w-]+)*?)(?=\.git\b|[^\w.-]|\.\W|\.?$)"  # OWNER/NAME


def slug(root: Path = ROOT) -> str:
    """OWNER/NAME, as pyproject.toml has it."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"].removeprefix("https://github.com/")


def copies(text: str, ours: str) -> list[str]:
    """Each OWNER/NAME in the text that must be this repository.

    These are the ones that install or open it, and links to a repository of the same name.
    """
    installs = "|".join(map(re.escape, SITES))
    same_name = rf"github\.com(?=/[\w-]+/{re.escape(ours.split('/')[1])}\b)"
    return re.findall(rf"(?:{installs}|{same_name})/{SLUG}", text, re.MULTILINE)


def files(root: Path = ROOT) -> list[Path]:
    """The files in which a copy may stand."""
    return sorted(path for pattern in COPIES for path in root.glob(pattern) if path.is_file())


def listing(root: Path = ROOT) -> list[tuple[str, str]]:
    """Every copy, as (file, OWNER/NAME)."""
    ours = slug(root)
    return [
        (str(path.relative_to(root)), copy)
        for path in files(root)
        for copy in copies(path.read_text(encoding="utf-8"), ours)
    ]


def rewrite(address: str, root: Path = ROOT) -> None:
    """Make `address` the repository's, in pyproject.toml and in every copy."""
    match = re.fullmatch(GIVEN, address, re.ASCII | re.IGNORECASE)
    if not match:
        raise ValueError(f"address must be https://github.com/OWNER/NAME, got {address}")
    old, new = slug(root), match[1]
    for path in [root / "pyproject.toml", *files(root)]:
        text = path.read_text(encoding="utf-8")
        for wrong in {old, *copies(text, old)}:
            text = re.sub(rf"(?<=/){re.escape(wrong)}(?![\w-])", new, text)
        path.write_text(text, encoding="utf-8")


def main() -> None:
    """List the copies, or rewrite them; fail when one differs from pyproject.toml."""
    if len(sys.argv) > 2:
        sys.exit(__doc__)
    if len(sys.argv) == 2:
        try:
            rewrite(sys.argv[1])
        except ValueError as error:
            sys.exit(str(error))
    ours = slug()
    for file, copy in listing():
        print(f"{file}: {copy}" + ("" if copy == ours else f"   differs from {ours}"))
    sys.exit(any(copy != ours for _, copy in listing()))


if __name__ == "__main__":
    main()
