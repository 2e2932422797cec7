"""Progress and interruption, without a kernel."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from IPython.utils.capture import capture_output

from sbh_jobkit.notebook.progress import OutputBar, watched
from sbh_jobkit.report import progress as progress_bars

FOREVER = """
from src.ext.sdk import job

@job("loop", schedule="* * * * *")
def loop(ctx):
    import os, subprocess
    subprocess.run(["kill", "-INT", str(os.getpid())])
    STOPS.append(1)
    return len(STOPS)
"""


@pytest.fixture
def quick(monkeypatch):
    """Draw the bar at once and at each call."""
    monkeypatch.setattr(progress_bars, "_SOON", 0)
    monkeypatch.setattr(progress_bars, "_OFTEN", 0)


@pytest.mark.usefixtures("plain")
def test_a_bar_is_an_output_that_is_emptied():
    """One output that is updated, and has no data at the end, so no tool compares it and no browser shows it."""
    with capture_output() as seen:
        bar = OutputBar(40, "runs")
        bar.remove()
        bar.draw(10)
        bar.draw(20)
        bar.remove()
    assert [output.data.get("text/plain") for output in seen.outputs] == ["10 of 40 runs", "20 of 40 runs", None]
    assert seen.outputs[0].data["text/html"] == '<progress value="10" max="40"></progress> 10 of 40 runs'
    assert len({output.transient["display_id"] for output in seen.outputs}) == 1


class Kernel:
    """The part of a kernel's shell that a magic uses."""

    kernel = object()

    def __init__(self, **content):
        """Take the content of the front end's request."""
        self.content = content

    def get_parent(self):
        """Return the current request."""
        return {"content": self.content} if self.content else {}


@pytest.mark.usefixtures("plain", "quick")
@pytest.mark.parametrize(
    ("shell", "drawn"), [(Kernel(allow_stdin=True), 2), (Kernel(allow_stdin=False), 0), (Kernel(), 0)]
)
def test_it_is_drawn_where_a_person_waits(shell, drawn):
    """No person waits behind nbclient and nbval, which cannot ask for input."""
    with capture_output() as seen, watched(shell, 3) as show:
        show(1)
    assert (len(seen.outputs), seen.stdout, seen.stderr) == (drawn, "", "")


@pytest.mark.usefixtures("quick")
def test_a_terminal_gets_a_bar_and_a_pipe_none(plain, monkeypatch, capsys):
    """A pipe gets none, as on the command line."""
    with watched(plain.shell, 3) as show:
        show(1)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with watched(plain.shell, 3) as show:
        show(1)
    assert "simulating" in capsys.readouterr().err


def test_an_interrupt_waits_for_the_run_that_goes_on(notebook):
    """The run ends first; the message has the number of runs, and the old handler is back."""
    notebook.shell.user_ns["STOPS"] = stops = []
    notebook.run(FOREVER)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as caught:
        notebook.run("%simulate 1h")
    assert (str(caught.value), stops) == ("interrupted after 1 of 60 runs, at 2026-01-01 00:00 UTC virtual time", [1])
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_interrupt_stops_at_once(notebook):
    """A job that never ends can be stopped."""
    notebook.shell.user_ns["STOPS"] = stops = []
    once = 'subprocess.run(["kill", "-INT", str(os.getpid())])'
    notebook.run(FOREVER.replace(once, f"{once}\n    {once}"))
    with pytest.raises(KeyboardInterrupt) as caught:
        notebook.run("%simulate 1h")
    assert (str(caught.value), stops) == ("interrupted after 0 of 60 runs, at 2026-01-01 00:00 UTC virtual time", [])


def test_an_interrupt_after_the_last_run_counts(plain):
    """It is raised at the end."""

    def work():
        with watched(plain.shell, 1) as show:
            show(1)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        work()


def test_outside_of_the_main_thread_signals_are_left_alone(plain):
    """Python handles signals in the main thread only."""
    done = []

    def work():
        with watched(plain.shell, 1) as show:
            show(1)
            done.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [signal.default_int_handler]
