"""A progress bar that works everywhere and leaves nothing behind.

In a notebook it is one line of HTML, emptied at the end so that the saved page stays clean;
in a terminal it is tqdm. Jupyter's own tqdm bar would stay in the file as a broken widget.
"""

import time
from collections.abc import Iterable, Iterator
from html import escape

from genaug_lessons.typed import check_types

REDRAW_SECONDS = 0.2


def progress(items: Iterable, total: int, label: str) -> Iterator:
    """The items one by one, with a bar that says how many of `total` are done."""
    return _notebook_bar(items, total, label) if _in_notebook() else _terminal_bar(items, label)


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return hasattr(get_ipython(), "kernel")


def _terminal_bar(items: Iterable, label: str) -> Iterator:
    from tqdm import tqdm

    yield from tqdm(items, desc=label, leave=False, disable=None)


def _notebook_bar(items: Iterable, total: int, label: str) -> Iterator:
    from IPython.display import display

    def content(html):
        return {"text/plain": label, "text/html": html}

    handle = display(content(""), raw=True, display_id=True)
    start = drawn = time.monotonic()
    try:
        for done, item in enumerate(items, start=1):
            yield item
            now = time.monotonic()
            if now - drawn > REDRAW_SECONDS:
                drawn, left = now, (now - start) * (total - done) / done
                bar = f'<progress value="{done}" max="{total}"></progress>'
                text = f"{escape(label)}: {done} of {total}, about {left:.0f} s left"
                handle.update(content(f"{bar} {text}"), raw=True)
    finally:
        handle.update(content(""), raw=True)


check_types(__name__)
