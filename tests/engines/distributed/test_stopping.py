"""A call that waits for a run while its server is stopped gets an answer that names the run."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fleet import Fleet
from sqlalchemy import select

from sbh_jobkit.engines.schema import job_run
from sbh_jobkit.engines.store import Store

pytestmark = pytest.mark.usefixtures("measured")


@pytest.fixture
def asking():
    """Return a function that begins to ask for a run by hand, and returns the answer that comes later."""
    with ThreadPoolExecutor() as pool:

        def ask(fleet, job):
            address = f"{fleet.server.first['url']}/api/plugins/shop/jobs/{job}/run-now"
            return pool.submit(httpx.post, address, headers=fleet.headers, json={}, timeout=30)

        yield ask


def answered(answer, job, state):
    """Hold an answer against what it is to say, and return the id of the run."""
    found = answer.result()
    body = found.json()
    run = body["data"]["run_id"]
    where = f"GET /api/plugins/shop/jobs/{job}/runs/{run}"
    assert (found.status_code, body["success"], body["data"]["state"]) == (503, False, state)
    assert body["error"] == (
        f"the server is stopping and cannot wait for the run, which is {state}; it is the store's, so ask another"
        f" server, or this one when it is back: {where}"
    )
    return run


def test_a_run_of_a_worker_goes_on(fleet, asking):
    """Another server has its result, also that of a run which had not started."""
    worker = fleet.start("worker", "--runs", "1")
    going = asking(fleet, "steady")
    fleet.wait_for("steady 1 began")
    waits = asking(fleet, "quick")
    wait_for_row(fleet, "quick")
    assert fleet.stop(fleet.server) == 0
    runs = {"steady": answered(going, "steady", "running"), "quick": answered(waits, "quick", "due")}
    words = ("--engine", "distributed", "--port", "0", "--token-file", "token", "--grace", "0s")
    fleet.server = fleet.start("serve", "shop", *words)
    fleet.go()
    assert {job: fleet.ended(job, run)["outcome"] for job, run in runs.items()} == {"steady": "ok", "quick": "missed"}
    assert fleet.stop(worker) == 0


def test_a_run_of_the_server_itself_ends_with_it(tmp_path, sqlite_url, asking):
    """Its caller gets its result; that of a run which had not started gets its id."""
    fleet = Fleet(tmp_path, sqlite_url)
    try:
        words = ("--port", "0", "--token-file", "token", "--grace", "0s", "--runs", "1")
        fleet.server = fleet.start("serve", "shop", *words)
        going = asking(fleet, "steady")
        fleet.wait_for("steady 1 began")
        waits = asking(fleet, "quick")
        wait_for_row(fleet, "quick")
        assert fleet.stop(fleet.server) == 0
        ended = going.result()
        assert (ended.status_code, ended.json()["data"]["outcome"]) == (200, "cancelled")
        answered(waits, "quick", "due")
    finally:
        fleet.close()


def wait_for_row(fleet, job):
    """Wait until somebody has asked for a run."""
    store, until = Store.open(fleet.url), time.monotonic() + 30
    query, found = select(job_run.c.state).where(job_run.c.job == job), None
    while found is None and time.monotonic() < until:
        time.sleep(0.05)
        with store.read() as connection:
            found = connection.execute(query).scalar()
    store.close()
    assert found == "due"
