"""Driving a notebook in the browser: JupyterLab's, and the classic one's."""

import json
import re
from pathlib import Path

import nbformat

SCREENSHOTS = Path(__file__).parents[3] / "build" / "screenshots"

# In the page: when was which button pressed, and when did the dashboard say what?
WATCH = """() => {
    window.clicks = []; window.said = [];
    document.addEventListener("click", event => {
        const button = event.target.closest("button.jupyter-button");
        if (button) clicks.push([button.textContent.trim(), Date.now() / 1000]);
    }, true);
    const look = () => {
        const status = [...document.querySelectorAll("[role=status]")].at(-1);
        const text = status ? status.textContent : "";
        if (text && text !== (said.at(-1) || [])[0]) said.push([text, Date.now() / 1000]);
    };
    new MutationObserver(look).observe(document.body, {subtree: true, childList: true});
}"""

SETUP = """
import json, threading, time
from genaug_lessons import data
from genaug_lessons.models.vae import VAE
from genaug_lessons.random import generator, normal
from genaug_lessons.training import training_steps
from genaug_lessons.widgets import LiveTraining

split, times = data.split(data.digits(), labels_per_class=20, repeat=0), []

def timed(batches):
    for batch in batches:
        times.append(time.time())
        yield batch

def unseen(model):
    x, y = split.test.values[:200], split.test.y[:200]
    noise = normal((200, model.latent), generator(0))
    return -model.elbo(x, y, noise).bound.mean().item()

def train(steps=10**6, **monitors):
    rng = generator(0)
    model = VAE((1, 8, 8), classes=10, rng=rng)
    monitors = {"negative ELBO of unseen digits": unseen, **monitors}
    training = training_steps(
        model, split.labelled, steps=steps, lr=3e-4, rng=rng, monitors=monitors
    )
    training.batches = timed(training.batches)
    return training
"""


class Notebook:
    """A notebook with some code cells, open in JupyterLab."""

    path = "/lab/tree/{name}?reset"
    cell = ".jp-CodeCell"
    editor = ".cm-content"
    prompt = ".jp-InputPrompt"
    output = ".jp-OutputArea-output pre"
    ready = ".jp-Notebook"

    def __init__(self, page, server, name, cells):
        address, folder = server
        self.page = page
        for kernel in page.request.get(f"{address}/api/kernels").json():  # of tests before
            page.request.delete(f"{address}/api/kernels/{kernel['id']}")
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        self.file = folder / f"{name}.ipynb"
        nbformat.write(notebook, self.file)
        page.goto(address + self.path.format(name=self.file.name))
        self.wait_until_ready()

    def wait_until_ready(self):
        """Wait for the page, its cells and the kernel."""
        self.page.wait_for_selector(f"{self.ready} {self.cell} {self.editor}")
        self.page.wait_for_timeout(2500)
        self.page.evaluate(WATCH)

    def execute(self, index, *, wait=True):
        """Run a cell, and return what it printed."""
        cell = self.page.locator(self.cell).nth(index)
        before = self.number(index)
        cell.locator(self.editor).first.click()
        self.page.keyboard.press("Control+Enter")
        if wait:
            self.wait_for(lambda: self.number(index) not in (before, None), "the cell to finish")
            self.page.wait_for_timeout(150)
            return "\n".join(cell.locator(self.output).all_inner_texts())
        return None

    def number(self, index):
        """How often the kernel had run cells when it last ran this one; None while it does."""
        shown = self.page.locator(self.cell).nth(index).locator(self.prompt).first.inner_text()
        found = re.search(r"\[(\d+)\]", shown)
        return int(found[1]) if found else (None if "*" in shown else 0)

    def ask(self, index):
        """Run a cell that prints JSON, and return what it says."""
        return json.loads(self.execute(index).strip().splitlines()[-1])

    def press(self, name):
        """Press a button of the dashboard."""
        self.page.locator(f'button.jupyter-button:has-text("{name}")').last.click()

    def said(self):
        """What the dashboard says now."""
        status = self.page.locator("[role=status]")
        return status.last.inner_text() if status.count() else ""

    def wait_to_hear(self, beginning):
        """Wait until the dashboard says something that begins so."""
        self.wait_for(lambda: self.said().startswith(beginning), beginning)

    def wait_for(self, condition, what, seconds=30):
        """Wait until the condition holds."""
        for _ in range(seconds * 20):
            if condition():
                return
            self.page.wait_for_timeout(50)
        raise TimeoutError(f"waited {seconds} s for {what}; the dashboard says {self.said()!r}")

    def clicked(self, name):
        """When the button was last pressed, in seconds."""
        return max(at for label, at in self.page.evaluate("clicks") if label == name)

    def heard(self, beginning, after):
        """When the dashboard first said something that begins so, after a time."""
        found = self.page.evaluate("said")
        return min(at for text, at in found if text.startswith(beginning) and at >= after)

    def screenshot(self, name, part=None):
        """Keep what the page, or a part of it, looks like."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        (part or self.page).screenshot(path=SCREENSHOTS / f"{name}.png")

    def save(self):
        """Save the notebook and wait for the file."""
        before = self.file.stat().st_mtime_ns
        self.page.keyboard.press("Control+s")
        self.wait_for(lambda: self.file.stat().st_mtime_ns != before, "the file to be saved")


class ClassicNotebook(Notebook):
    """The same in the classic notebook."""

    path = "/notebooks/{name}"
    cell = ".code_cell"
    editor = ".CodeMirror"
    prompt = ".input_prompt"
    output = ".output_area pre"
    ready = "#notebook-container"
