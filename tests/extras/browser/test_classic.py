"""The stack that Colab uses, with Colab's rule: nothing is delivered unless a request runs."""

import pytest
from notebook import SETUP, ClassicNotebook

RULE = """
import ipykernel.comm.comm as comms
kernel, open_, held = get_ipython().kernel, [True], []
publish = comms.Comm._publish_msg

def hold_outside_requests(self, *arguments, **named):
    (publish if open_[0] else lambda *a, **n: held.append((a, n)))(self, *arguments, **named)

def begin():
    open_[0] = True
    while held:
        arguments, named = held.pop(0)
        publish(*arguments, **named)

def end():
    open_[0] = False

comms.Comm._publish_msg = hold_outside_requests
kernel.pre_handler_hook, kernel.post_handler_hook = begin, end
import ipykernel, ipywidgets
print(json.dumps([ipykernel.__version__, ipywidgets.__version__]))
"""
SHOW = """
live = LiveTraining(train(), driver={driver!r})
live
"""
FACTS = """
print(json.dumps({"steps": live.training.index, "state": live.state, "driver": live.driver}))
"""


@pytest.fixture
def open_notebook(page, classic, request):
    """A classic notebook with a dashboard under Colab's rule."""

    def opened(driver):
        cells = [SETUP, RULE, SHOW.format(driver=driver), FACTS]
        notebook = ClassicNotebook(page, classic, f"classic_{driver}", cells)
        notebook.execute(0)
        assert notebook.ask(1) == ["6.17.1", "7.7.1"]
        notebook.execute(2)
        notebook.wait_to_hear("ready")
        return notebook

    return opened


def pictures(notebook, seconds):
    """How often the dashboard speaks within some seconds."""
    before = len(notebook.page.evaluate("said"))
    notebook.page.wait_for_timeout(1000 * seconds)
    return len(notebook.page.evaluate("said")) - before


def test_the_echo_driver_shows_training_where_only_requests_deliver(open_notebook):
    notebook = open_notebook("echo")
    notebook.press("Start")
    seen = pictures(notebook, 5)
    notebook.screenshot("classic_live")
    notebook.press("Pause")
    notebook.wait_to_hear("paused")
    now = notebook.ask(3)
    print(f"\necho driver: {seen} pictures and {now['steps']} steps in 5 s")
    assert seen >= 2
    assert now["steps"] > 100
    assert (now["state"], now["driver"]) == ("paused", "echo")
    notebook.page.wait_for_timeout(500)
    assert notebook.ask(3)["steps"] == now["steps"]
    notebook.press("Step")
    notebook.wait_to_hear(f"paused at step {now['steps'] + 1} ")


def test_the_loop_driver_shows_nothing_there(open_notebook):
    notebook = open_notebook("loop")
    notebook.press("Start")
    assert pictures(notebook, 3) <= 1
    assert notebook.ask(3)["steps"] > 100
