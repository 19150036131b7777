"""A notebook server and a browser for the tests of what only a browser can show.

Run `pytest -o addopts= -s tests/extras/browser`; it needs playwright and chromium. The tests of
the stack that Colab uses run where $CLASSIC_STACK names an environment with it, as in `.ci/run`.
Screenshots go to build/screenshots.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[3]
BROWSERS = ("chromium", "google-chrome")
QUIET = [f"--disable-{what}" for what in ("gpu", "background-networking", "sync")]


@pytest.fixture(scope="session")
def browser():
    """Headless chromium."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", *QUIET], timeout=60_000
        )
        yield launched
        launched.close()


@pytest.fixture
def page(browser):
    """A page tall enough that a notebook shows all of its cells."""
    page = browser.new_page(viewport={"width": 1100, "height": 1500})
    page.set_default_timeout(60_000)
    yield page
    page.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """JupyterLab of the environment that runs the tests: (address, its folder)."""
    folder = tmp_path_factory.mktemp("lab")
    quiet = folder / "CONFIG/lab/user-settings/@jupyterlab/apputils-extension"
    quiet.mkdir(parents=True)
    (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    options = ["--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True"]
    yield from _server(sys.executable, "jupyterlab", options, folder)


@pytest.fixture(scope="session")
def classic(tmp_path_factory):
    """The classic notebook with ipywidgets 7 and ipykernel 6: (address, its folder)."""
    stack = os.environ.get("CLASSIC_STACK")
    if not stack:
        pytest.skip("CLASSIC_STACK names no environment with the classic notebook")
    options = ["--NotebookApp.token=", "--NotebookApp.disable_check_xsrf=True"]
    folder = tmp_path_factory.mktemp("classic")
    yield from _server(f"{stack}/bin/python", "notebook", options, folder)


def _server(python, module, options, folder):
    notebooks, port = folder / "notebooks", _free_port()
    notebooks.mkdir()
    settings = {f"JUPYTER_{kind}_DIR": str(folder / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    settings |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "GENAUG_DEVICE": "cpu"}
    where = ["--allow-root", "--no-browser", f"--port={port}", f"--notebook-dir={notebooks}"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [python, "-m", module, *where, *options],
            env={**os.environ, **settings},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(f"http://localhost:{port}/api", server, folder / "log")
            yield f"http://localhost:{port}", notebooks
        finally:
            server.terminate()
            server.wait(30)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def _wait_for(address, server, log):
    for _ in range(120):
        try:
            return urllib.request.urlopen(address)
        except OSError:
            assert server.poll() is None, log.read_text()
            time.sleep(0.5)
    raise TimeoutError(log.read_text())
