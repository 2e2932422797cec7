"""Real kernels: two at once, interrupts, and their state afterwards."""

from __future__ import annotations

from pathlib import Path
from subprocess import DEVNULL
from time import sleep

import pytest
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[2]
LOAD = """
%load_ext sbh_jobkit
%load_plugin examples/hub_ops
from sbh_jobkit.report import progress
progress._SOON = 0
"""
STATE = """
import os, signal, socket, sys, time
from datetime import datetime
from sbh_jobkit import clock
from sbh_jobkit.machine import guard

with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
print(clock.is_virtual(), guard._watching, os.environ.get("TZ"), time.sleep.__module__, datetime.now().year > 2025)
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.getitimer(signal.ITIMER_REAL))
print(type(sys.stdout).__name__, clock._one_at_a_time.acquire(blocking=False))
"""
CLEAN = "False [] None time True\nTrue (0.0, 0.0)\nOutStream True\n"


class Kernel:
    """A kernel and its messages."""

    def __init__(self):
        """Start the kernel."""
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(ROOT), stderr=DEVNULL)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def begin(self, code, **how):
        """Send a cell, and return the id of the request without waiting."""
        return self.client.execute(code, **how)

    def next(self, request):
        """Return the type and the content of the next message of a request."""
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") == request:
                return message["msg_type"], message["content"]

    def rest(self, request):
        """Return the messages up to the end of a request."""
        found = []
        while not found or found[-1] != ("status", {"execution_state": "idle"}):
            found.append(self.next(request))
        return found

    def run(self, code):
        """Return what a cell prints; it cannot ask for input."""
        found = self.rest(self.begin(code, allow_stdin=False))
        assert [content for kind, content in found if kind == "error"] == []
        return "".join(content["text"] for kind, content in found if kind == "stream")

    def click(self, button):
        """Click a button, with the message that a browser sends."""
        content = {"comm_id": button, "data": {"method": "custom", "content": {"event": "click"}}}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))

    def stop(self):
        """Stop the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernels():
    """Return two kernels that have loaded the kit and a plugin."""
    both = Kernel(), Kernel()
    for kernel in both:
        kernel.run(LOAD)
    yield both
    for kernel in both:
        kernel.stop()


def test_two_kernels_at_once_and_one_is_interrupted(kernels):
    """The other finishes; both then have the machine's time and sockets, and can simulate again."""
    one, other = kernels
    asked = [each.begin("month = %simulate 30d", allow_stdin=each is one) for each in kernels]
    while one.next(asked[0])[0] != "display_data":  # the bar: the simulation is under way
        pass
    one.manager.interrupt_kernel()
    found = one.rest(asked[0])
    (error,) = [content for kind, content in found if kind == "error"]
    assert (error["ename"], error["traceback"]) == ("KeyboardInterrupt", [f"KeyboardInterrupt: {error['evalue']}"])
    assert error["evalue"].startswith("interrupted after ")
    assert [content["data"] for kind, content in found if kind == "update_display_data"][-1] == {}
    assert {kind for kind, _ in other.rest(asked[1])} == {"status", "execute_input"}
    assert [each.run(STATE) for each in kernels] == [CLEAN, CLEAN]
    assert one.run("month = %simulate 2d\nprint(month.ok, len(month.runs))") == "True 155\n"


def test_a_job_that_is_a_coroutine_runs_beside_the_kernels_own_loop(kernels):
    """A kernel runs cells inside an event loop."""
    kernel = kernels[0]
    assert kernel.run("run = %run_job count_seats --at 2026-02-01\nprint(run.ok, run.value['status'])") == (
        "True success\n"
    )
    assert kernel.run(STATE) == CLEAN


DASHBOARD = """
dashboard = %job_dashboard --for 2000d
print(dashboard.controls.simulate.model_id, dashboard.controls.stop.model_id)
"""
STOPPED = """
await dashboard.done()
print(0 < len(dashboard.runs) < 150_000, dashboard.controls.simulate.disabled, dashboard.controls.stop.disabled)
print(dashboard.controls.banner.widget.value.partition("</strong>")[2][:19])
"""


def test_cells_run_and_clicks_work_while_a_dashboard_simulates(kernels):
    """Between two slices, where the kernel has the machine's time; Stop keeps the runs done."""
    kernel = kernels[0]
    simulate, stop = kernel.run(DASHBOARD).split()
    kernel.click(simulate)
    while kernel.run("print(dashboard.controls.bar.value > 9)") == "False\n":
        pass
    assert kernel.run(STATE) == CLEAN
    kernel.click(stop)
    assert kernel.run(STOPPED) == "True False True\n\n"
    assert kernel.run(STATE) == CLEAN


def test_an_interrupt_ends_a_dashboards_simulation(kernels):
    """One is enough, also between two slices; the dashboard shows it, and the kernel can be used."""
    kernel = kernels[0]
    simulate, _ = kernel.run(DASHBOARD).split()
    kernel.click(simulate)
    while kernel.run("print(dashboard.controls.bar.value > 9)") == "False\n":
        pass
    sleep(0.2)  # no cell runs now
    kernel.manager.interrupt_kernel()
    while kernel.run("print(dashboard.controls.simulate.disabled)") == "True\n":
        pass
    assert kernel.run(STOPPED) == "True False True\n interrupted after \n"
    assert kernel.run(STATE) == CLEAN
