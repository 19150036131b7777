"""The live dashboard in JupyterLab: what a reader presses, sees and waits for."""

import json
import time

import pytest
from notebook import SETUP, Notebook

SHOW = """
live = LiveTraining(train())
live
"""
FACTS = """
print(json.dumps({
    "steps": live.training.index, "times": times, "state": live.state,
    "rates": live.training.rates, "train": live.train_seconds, "draw": live.draw_seconds,
    "threads": threading.active_count(),
}))
"""
COUNT = """
from ipywidgets.widgets import widget
print(json.dumps({"widgets": len(widget._instances), "threads": threading.active_count()}))
"""
BARE = """
bare = train()
begun = time.perf_counter()
while time.perf_counter() - begun < 3:
    next(bare)
print(json.dumps(bare.index / 3))
"""
BROKEN = """
def broken(model):
    raise RuntimeError("<b>too bold</b>")

live = LiveTraining(train(bad=broken))
live
"""
SLACK = 1.5  # a loaded machine may be half as bad again as what is aimed at


@pytest.fixture
def open_notebook(page, lab, request):
    """Opens a notebook with the given cells after the common ones."""
    return lambda *cells: Notebook(page, lab, request.node.name, [SETUP, *cells])


@pytest.fixture
def shown(open_notebook):
    """A notebook whose dashboard is shown, ready to start."""
    notebook = open_notebook(SHOW, FACTS, COUNT, BARE)
    notebook.execute(0)
    notebook.execute(1)
    notebook.wait_to_hear("ready")
    return notebook


def facts(notebook):
    return notebook.ask(2)


def wait(notebook, seconds):
    notebook.page.wait_for_timeout(1000 * seconds)


@pytest.mark.quiet
def test_start_pause_and_step_do_what_they_say_at_once(shown):
    starts, pauses = [], []
    for _ in range(4):
        made = facts(shown)["steps"]
        shown.press("Start")
        wait(shown, 2)
        shown.press("Pause")
        shown.wait_to_hear("paused")
        now, clicked = facts(shown), shown.clicked("Start")
        assert now["steps"] > made + 50
        starts.append(now["times"][made] - clicked)
        pauses.append(shown.heard("paused", after=clicked) - shown.clicked("Pause"))
        wait(shown, 0.5)
        assert facts(shown)["steps"] == now["steps"]
    for expected in (now["steps"] + 1, now["steps"] + 2):
        shown.press("Step")
        shown.wait_to_hear(f"paused at step {expected} ")
        assert facts(shown)["steps"] == expected
    print(f"\nstart {1000 * min(starts):.0f} ms, pause {1000 * min(pauses):.0f} ms (best of 4)")
    assert min(starts) <= 0.100 * SLACK
    assert min(pauses) <= 0.150 * SLACK


@pytest.mark.quiet
def test_it_is_nearly_as_fast_as_a_bare_loop_and_drawing_takes_little(shown):
    ratios, shares = [], []
    for _ in range(3):
        bare = shown.ask(4)
        before = facts(shown)
        shown.press("Start")
        wait(shown, 4)
        shown.press("Pause")
        shown.wait_to_hear("paused")
        now, clicked = facts(shown), shown.clicked("Start")
        begun = [at for at in now["times"] if clicked < at < shown.clicked("Pause")]
        ratios.append((len(begun) - 1) / (begun[-1] - begun[0]) / bare)
        drawn, trained = (now[kind] - before[kind] for kind in ("draw", "train"))
        shares.append(drawn / (drawn + trained))
    shown.screenshot("lab_live", shown.page.locator(".jp-CodeCell").nth(1))
    print(f"\n{100 * max(ratios):.0f}% of a bare loop's {bare:.0f} steps per second (best of 3)")
    print(f"drawing takes {100 * min(shares):.0f}% of the time")
    assert max(ratios) >= 1 - (1 - 0.85) * SLACK
    assert min(shares) <= 0.20


def test_the_learning_rate_changes_while_it_runs_and_other_cells_run_meanwhile(shown):
    before = facts(shown)
    assert before["rates"] == {"negative ELBO": 3e-4}
    shown.press("Start")
    shown.wait_to_hear("running")
    during = facts(shown)
    assert during["state"] == "running"
    assert during["rates"] == before["rates"]
    handle = shown.page.locator(".noUi-handle").first
    handle.focus()
    for _ in range(4):
        shown.page.keyboard.press("ArrowRight")
    wait(shown, 1)
    after = facts(shown)
    assert after["state"] == "running"
    assert after["rates"]["negative ELBO"] > 1.2 * before["rates"]["negative ELBO"]
    assert after["steps"] > during["steps"] > 0
    assert after["threads"] == before["threads"]
    shown.press("Stop")
    shown.wait_to_hear("stopped")


def test_the_keyboard_is_enough_and_the_focus_stays(shown):
    page = shown.page
    page.locator('button.jupyter-button:has-text("Start")').focus()
    page.keyboard.press("Enter")
    shown.wait_to_hear("running")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Pause"
    page.keyboard.press("Enter")
    shown.wait_to_hear("paused")
    wait(shown, 0.5)
    assert page.evaluate("document.activeElement.textContent.trim()") == "Pause"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    made = facts(shown)["steps"]
    assert f"paused at step {made} " in shown.said()


def test_interrupting_the_kernel_pauses(shown):
    shown.press("Start")
    shown.wait_to_hear("running at")
    wait(shown, 1)
    shown.page.locator(".jp-CodeCell").nth(3).locator(".jp-InputPrompt").first.click()
    shown.page.keyboard.press("i")
    shown.page.keyboard.press("i")
    shown.wait_to_hear("paused")
    made = facts(shown)["steps"]
    shown.press("Start")
    wait(shown, 1)
    assert facts(shown)["steps"] > made


def test_an_error_is_shown_as_text(open_notebook):
    notebook = open_notebook(BROKEN, FACTS)
    notebook.execute(0)
    notebook.execute(1)
    notebook.press("Start")
    notebook.wait_to_hear("failed")
    alert = notebook.page.locator("pre[role=alert]")
    assert "RuntimeError: <b>too bold</b>" in alert.inner_text()
    assert alert.locator("b").count() == 0
    notebook.screenshot("lab_error")
    assert facts(notebook)["state"] == "failed"


def test_twenty_reruns_leave_nothing_behind(shown):
    shown.press("Start")
    shown.wait_to_hear("running")
    one = shown.ask(3)
    for _ in range(20):
        shown.execute(1)
        shown.press("Start")
        shown.wait_to_hear("running")
    assert shown.ask(3) == one
    assert shown.page.locator("[role=status]").count() == 1
    assert shown.page.locator(".jp-OutputArea-output img").count() == 1


def test_after_a_reload_the_dashboard_goes_on(shown):
    shown.press("Start")
    wait(shown, 1)
    shown.page.locator(".jp-CodeCell").nth(3).locator(".jp-InputPrompt").first.click()
    shown.save()
    shown.page.reload()
    shown.wait_until_ready()
    shown.wait_to_hear("running")
    at = facts(shown)["steps"]
    shown.press("Pause")
    shown.wait_to_hear("paused")
    assert facts(shown)["steps"] > at
    shown.screenshot("lab_reloaded")


def test_the_saved_file_holds_the_newest_picture_and_no_widget_state(shown):
    shown.press("Start")
    wait(shown, 1)
    shown.press("Stop")
    shown.wait_to_hear("stopped")
    wait(shown, 0.5)
    shown.page.locator(".jp-CodeCell").nth(3).locator(".jp-InputPrompt").first.click()
    shown.save()
    time.sleep(0.5)
    saved = json.loads(shown.file.read_text())
    [_, output] = saved["cells"][1]["outputs"]
    assert "".join(output["data"]["text/plain"]).startswith("live training of ")
    assert len(output["data"]["image/png"]) > 10_000
    assert "training losses" in output["metadata"]["image/png"]["alt"]
