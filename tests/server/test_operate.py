"""Pauses and backfills by the REST API: who may, what is answered, and what is refused."""

import pytest

JOB = "/api/plugins/tea/jobs/greet"


def shown(answer):
    """Return the status and the envelope."""
    return answer.status_code, answer.json()


def test_a_job_is_paused_and_resumed(api):
    """With who; resumed twice, it says that there is no pause."""
    status, body = shown(api.post(f"{JOB}/pause"))
    assert (status, body["data"]["paused"], body["data"]["job_name"]) == (200, True, "greet")
    assert body["data"]["message"].startswith("the job 'greet' of tea at acme is paused, by ops at ")
    assert shown(api.post(f"{JOB}/resume")) == (
        200,
        {"success": True, "data": {"plugin_id": "tea", "job_name": "greet", "paused": False, "message": None}},
    )
    status, body = shown(api.post(f"{JOB}/resume"))
    assert (status, body["error"]) == (409, "the job 'greet' of tea at acme is not paused")


def test_a_plugin_is_paused_as_a_whole(api):
    """A job of it is resumed with it only."""
    assert api.post("/api/plugins/tea/pause").json()["data"]["job_name"] is None
    status, body = shown(api.post(f"{JOB}/resume"))
    assert status == 409
    assert body["error"].startswith(
        "the job 'greet' of tea at acme is paused only because the plugin 'tea' at acme is paused, by ops at "
    )
    api.post(f"{JOB}/pause")
    data = api.post(f"{JOB}/resume").json()["data"]
    assert (data["paused"], data["message"].split(",")[0]) == (True, "the plugin 'tea' at acme is paused")
    assert api.post("/api/plugins/tea/resume").json()["data"]["paused"] is False


def test_a_backfill_is_asked_for_and_ended(api):
    """It waits while the job is paused; what has not started is cancelled."""
    api.post(f"{JOB}/pause")
    status, body = shown(api.post(f"{JOB}/backfill", json={"start": "2024-01-01", "end": "2026-01-02"}))
    assert (status, body["data"]) == (
        202,
        {"job_name": "greet", "asked": 3, "begun": 0, "planned": 0, "message": "3 fire times: 3 will run"},
    )
    again = api.post(f"{JOB}/backfill", json={"start": "2024-01-01", "end": "2026-01-02"}).json()["data"]
    assert again["message"] == "3 fire times: 0 will run, 3 will run anyway"
    assert api.post(f"{JOB}/backfill/cancel").json()["data"] == {"job_name": "greet", "cancelled": 3}
    assert api.post(f"{JOB}/backfill", json={"start": "2026-11-01"}).json()["data"]["asked"] == 0
    api.post(f"{JOB}/resume")


REFUSED = {
    "no start": ({}, "the body has no 'start'; it takes start, end"),
    "no time": ({"start": "soon"}, "'soon'"),
    "the future": ({"start": "2024-01-01", "end": "2999-01-01"}, "a backfill takes the past only"),
    "empty": ({"start": "2024-01-01", "end": "2024-01-01"}, "which is not after its start"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_range_is_refused(api, case):
    """With 400 and one sentence."""
    given, sentence = REFUSED[case]
    status, body = shown(api.post(f"{JOB}/backfill", json=given))
    assert (status, body["success"]) == (400, False)
    assert sentence in body["error"]


def test_a_job_without_a_schedule_has_no_backfill(api):
    """There is none to begin, and none to end."""
    status, body = shown(api.post("/api/plugins/tea/jobs/link/backfill", json={"start": "2024-01-01"}))
    assert (status, body["error"]) == (
        400,
        "the job 'link' of tea has no schedule, so it has no fire times to run again; run it by hand",
    )
    status, body = shown(api.post("/api/plugins/tea/jobs/link/backfill/cancel"))
    assert (status, body["data"]) == (200, {"job_name": "link", "cancelled": 0})


ADDRESSES = [
    f"{base}/{what}" for base, what in ((JOB, "pause"), (JOB, "resume"), (JOB, "backfill"), (JOB, "backfill/cancel"))
]


@pytest.mark.parametrize("address", [*ADDRESSES, "/api/plugins/tea/pause", "/api/plugins/tea/resume"])
def test_who_may_not(served, address):
    """A token that only reads, one of another tenant, and none at all."""
    for token, tenant, status in (("read", "acme", 403), ("globex", "acme", 403), (None, "acme", 401)):
        with served.client(token, tenant) as client:
            assert client.post(address, json={"start": "2024-01-01"}).status_code == status
    with served.client() as client:
        unknown = (
            address.replace("greet", "nothing").replace("tea/pause", "no/pause").replace("tea/resume", "no/resume")
        )
        assert client.post(unknown, json={"start": "2024-01-01"}).status_code == 404
