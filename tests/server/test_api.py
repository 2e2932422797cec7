"""The REST API as the platform's guide and an operator call it: paths, shapes and statuses of CONTRACT.md section 6."""

import json
import shlex
import time
from datetime import datetime
from threading import BoundedSemaphore
from zoneinfo import ZoneInfo

import pytest

from sbh_jobkit.server import calls_api

CURL = {
    "run a job": "curl -X POST {url}/api/plugins/tea/jobs/greet/run-now"
    ' -H "Authorization: Bearer {token}" -H "X-Tenant-Slug: acme"',
    "look at the jobs": 'curl -H "Authorization: Bearer {token}" -H "X-Tenant-Slug: acme" {url}/api/plugins/tea/jobs',
}


def curl(client, line):
    """Send what a line of curl sends."""
    words, method, headers, url = iter(shlex.split(line)[1:]), "GET", {}, None
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        else:
            url = word
    return client.request(method, url, headers=headers)


@pytest.mark.parametrize("line", CURL)
def test_the_lines_of_the_guide_work(served, line):
    """With only host, id, tenant and token changed."""
    with served.client(token=None, tenant=None) as client:
        answer = curl(client, CURL[line].format(url=served.url, token=served.tokens["operate"]))
    body = answer.json()
    assert (answer.status_code, body["success"], answer.headers["content-type"]) == (200, True, "application/json")
    if line == "run a job":
        assert body["data"]["job_name"] == "greet"
        assert body["data"]["result"] == {
            "result": {"status": "success", "key": "no key"},
            "stdout": "hello acme no key\n",
            "stderr": "",
            "success": True,
        }
        assert body["data"]["reason"] == "by hand (ops)"
    else:
        row = body["data"][1]
        assert [each["name"] for each in body["data"]] == ["fail", "greet", "link", "set_secret", "slow"]
        assert (row["schedule"], row["last_error"]) == ("0 5 1 1 *", None)
        assert datetime.fromisoformat(row["next_run_at"]).strftime("%m-%d %H:%M %z") == "01-01 05:00 +0100"


def test_the_plugins_of_a_tenant(api):
    """Each with what the platform's list has, at both spellings of the address."""
    for address in ("/api/plugins/", "/api/plugins"):
        (row,) = api.get(address).json()["data"]
        assert datetime.fromisoformat(row.pop("created_at")).utcoffset().total_seconds() == 0
        assert len(row.pop("permissions")) == 8
        assert row == {
            "id": "tea",
            "slug": "tea",
            "name": "Tea",
            "version": "1.2.0",
            "installed_version": "1.2.0",
            "description": "Keeps the kettle warm.",
            "enabled": True,
        }


def test_a_job_that_fails_says_so(api):
    """The call was carried out, so the status is 200; success is the job's."""
    answer = api.post("/api/plugins/tea/jobs/fail/run-now")
    body = answer.json()
    assert (answer.status_code, body["success"], body["error"]) == (200, False, "no <b>tea</b>")
    assert body["data"]["result"] == {
        "result": {"status": "error", "error": "no <b>tea</b>"},
        "stdout": "<script>alert(1)</script> acme\n",
        "stderr": "",
        "success": False,
        "error": "no <b>tea</b>",
    }
    rows = {row["name"]: row for row in api.get("/api/plugins/tea/jobs").json()["data"]}
    assert (rows["fail"]["status"], rows["fail"]["last_error"]) == ("failed", "no <b>tea</b>")
    assert (rows["fail"]["schedule"], rows["fail"]["next_run_at"]) == (None, None)


def test_a_run_is_followed_and_cancelled(api):
    """Without waiting: 202, then 409 while it goes on, its row, and an end to it by name."""
    started = api.post("/api/plugins/tea/jobs/slow/run-now?wait=false")
    number = started.json()["data"]["run_id"]
    assert (started.status_code, started.json()["data"]["result"]) == (202, None)
    again = api.post("/api/plugins/tea/jobs/slow/run-now")
    assert (again.status_code, again.json()) == (
        409,
        {
            "success": False,
            "error": "the job 'slow' is already running: a run of it goes on, and max_instances is 1; wait, or cancel"
            " it",
        },
    )
    address = f"/api/plugins/tea/jobs/slow/runs/{number}"
    until(lambda: api.get(address).json()["data"]["state"] == "running")
    assert api.get("/api/plugins/tea/jobs/slow/runs").json()["data"][0]["state"] == "running"
    assert api.get("/api/plugins/metrics").json()["data"]["running"] == 1
    assert api.post(f"{address}/cancel").json()["data"] == {"job_name": "slow", "run_id": number, "was": "running"}
    until(lambda: api.get(address).json()["data"]["state"] == "ended")
    row = api.get(address).json()["data"]
    assert (row["outcome"], row["reason"]) == ("cancelled", "cancelled by ops; by hand (ops)")
    ended = api.post(f"{address}/cancel")
    assert (ended.status_code, ended.json()["error"]) == (409, "the run has ended already")


def until(condition):
    """Wait until something holds."""
    for _ in range(300):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not come to that in 15 seconds")


def test_the_runs_are_paged(served, api):
    """Newest first; each page names the next."""
    for _ in range(3):
        served.run("fail")
    seen, address = [], "/api/plugins/tea/jobs/fail/runs?limit=2"
    while address:
        page = api.get(address).json()
        assert len(page["data"]) <= 2
        seen += [row["run_id"] for row in page["data"]]
        address = page["next"]
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) >= 3


def test_secrets_are_written_and_never_read_back(served, api, on_disk):
    """A job reads one; no address shows it; where another source has it, it is refused; a form works, too."""
    assert api.post("/api/plugins/tea/secrets", json={"key": "KEY", "value": "a-secret-value"}).json() == {
        "success": True,
        "data": {"key": "KEY", "set": True},
    }
    api.post("/api/plugins/tea/secrets", data={"key": "KEY", "value": "another-secret"})
    found = served.run("greet")
    assert found["data"]["result"]["stdout"] == "hello acme ‹secret:KEY›\n"
    assert (found["success"], "secret-leaked: " in found["error"]) == (False, True)
    assert "another-secret" not in f"{found}"
    other = served.run("greet", tenant="globex")
    assert other["data"]["result"]["stdout"] == "hello globex no key\n"
    for path in served.folder.glob("jobs.db*"):
        assert b"another-secret" not in on_disk(path)
        assert b"a-secret-value" not in on_disk(path)
    (served.folder / "acme.env").write_text("HIDDEN='first'\n")
    refused = api.post("/api/plugins/tea/secrets", json={"key": "HIDDEN", "value": "x"})
    assert (refused.status_code, refused.json()["error"]) == (
        409,
        (
            "the secret 'HIDDEN' is in the tenant's source 'dotenv:acme.env', which is asked before the store; change"
            " it there"
        ),
    )


def test_a_job_keeps_a_secret_in_the_store(served):
    """Where the tenant names no other source that can be written."""
    found = served.run("set_secret", tenant="globex")
    assert found["data"]["result"]["result"] == {"set": True, "length": 13}


def test_a_disabled_plugin_does_nothing(api):
    """403 with who did it and when, for jobs, routes and hooks; then it goes on."""
    assert api.post("/api/plugins/tea/disable").json()["data"] == {"plugin_id": "tea", "enabled": False}
    refused = [api.post("/api/plugins/tea/jobs/greet/run-now"), api.get("/ext/tea/cups")]
    assert [answer.status_code for answer in refused] == [403, 403]
    for answer in refused:
        assert answer.json()["error"].startswith("the plugin 'tea' is disabled, by ops at 20")
    assert api.get("/api/plugins/").json()["data"][0]["enabled"] is False
    hooks = api.post("/api/plugins/test-event", json={"event_type": "tea.ready"}).json()
    assert hooks["data"]["hooks_executed"] == 0
    assert api.post("/api/plugins/tea/enable").json()["data"] == {"plugin_id": "tea", "enabled": True}
    assert api.post("/api/plugins/tea/jobs/link/run-now").json()["success"] is True


def test_an_event_reaches_its_hooks(api):
    """Each in a process of its own; one that fails is no harm to the others."""
    given = {"event_type": "tea.ready", "event_data": {"cups": 3}}
    found = api.post("/api/plugins/test-event", json=given).json()
    assert found["success"] is True
    assert found["data"]["event_type"] == "tea.ready"
    assert found["data"]["hooks_executed"] == 2
    first, second = found["data"]["results"]
    assert first == {
        "plugin": "tea",
        "result": {"got": {"cups": 3}},
        "stdout": "ready {'cups': 3}\n",
        "stderr": "",
        "success": True,
    }
    assert (second["success"], second["error"]) == (False, "KeyError: 3")


ROUTES = {
    ("GET", "/ext/tea/cups?size=big"): (
        200,
        {"who": "ops", "role": "operate", "query": {"size": "big"}, "method": "GET"},
    ),
    ("PUT", "/ext/tea/cups/blue"): (201, {"name": "blue", "data": {"warm": True}, "key": "no key"}),
    ("POST", "/ext/tea/cups"): (405, {"success": False, "error": "this route takes GET"}),
    ("GET", "/ext/tea/none"): (404, {"success": False, "error": "the plugin 'tea' has no such route"}),
    ("GET", "/ext/none/cups"): (404, {"success": False, "error": "the tenant 'globex' has no plugin 'none'"}),
    ("GET", "/ext/tea/broken"): (
        502,
        {"success": False, "error": "the plugin's route failed: ValueError: globex"},
    ),
    ("GET", "/ext/tea/gone"): (
        502,
        {
            "success": False,
            "error": "the plugin's route failed: the process ended with exit code 3 before the job returned",
        },
    ),
}


@pytest.mark.parametrize("asked", ROUTES, ids=" ".join)
def test_the_routes_of_a_plugin(served, asked):
    """Each is called in a process of its own, with the request, and says its own status."""
    method, address = asked
    with served.client(tenant="globex") as client:
        answer = client.request(method, address, json={"warm": True} if method == "PUT" else None)
    assert (answer.status_code, answer.json()) == ROUTES[asked]


def test_more_calls_than_go_on_at_once_are_refused(api, monkeypatch):
    """503 says when to try again, for a route and for an event; then it works again."""
    slots = BoundedSemaphore(1)
    monkeypatch.setattr(calls_api, "_slots", slots)
    monkeypatch.setattr(calls_api, "_PATIENCE", 0.1)
    event = {"event_type": "tea.ready", "event_data": {"cups": 3}}
    with slots:
        refused = [api.get("/ext/tea/cups"), api.post("/api/plugins/test-event", json=event)]
    sentence = "too many routes and hooks are being called; try again"
    for answer in refused:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json() == {"success": False, "error": sentence}
    assert [api.get("/ext/tea/cups").status_code for _ in range(2)] == [200, 200]


def test_links_to_files_work_until_they_expire(served):
    """GET of one gives the bytes with their type, PUT to one stores; each is for one thing only."""
    links = served.run("link")["data"]["result"]["result"]["links"]
    with served.client(token=None, tenant=None) as client:
        found = client.get(links[0])
        assert (found.text, found.headers["content-type"]) == ("some text", "text/plain; charset=utf-8")
        assert found.headers["content-disposition"] == "attachment"
        assert client.head(links[0]).headers["content-length"] == "9"
        assert client.put(links[1], content=b"<b>", headers={"Content-Type": "text/html"}).status_code == 200
        assert client.get(links[2]).status_code == 404
        wrong = [
            client.put(links[0], content=b"x"),
            client.get(links[1]),
            client.get(links[0].replace("acme", "globex")),
            client.get(links[0][:-1]),
            client.get(links[0].replace("a%20b", "%2e%2e")),
            client.get(f"{served.url}/files/acme/a%20b/%C3%A4.txt"),
        ]
    assert [answer.status_code for answer in wrong] == [403] * 6
    assert (served.folder / "files/new.html").read_bytes() == b"<b>"


def test_an_upload_is_served_at_once(served, api, pack):
    """Its job runs; a newer one takes its place; a disabled one stays disabled; another tenant does not have it."""

    def upload(version, value):
        main = f"from src.ext.sdk import job\n\n@job('tell')\ndef tell(ctx):\n    return {value}\n"
        manifest = f'{{"slug": "up", "name": "Up", "version": "{version}"}}'
        zipped = pack({"plugin.json": manifest, "main.py": main})
        return api.post("/api/plugins/upload", files={"file": ("up.zip", zipped)})

    for version, value in (("1.0.0", 1), ("1.1.0", 2)):
        assert upload(version, value).json() == {
            "success": True,
            "data": {
                "plugin_id": "up",
                "installation_id": "up",
                "slug": "up",
                "name": "Up",
                "version": version,
                "warnings": [],
            },
        }
        assert served.run("tell", "up")["data"]["result"]["result"] == value
    with served.client(tenant="globex") as client:
        assert client.post("/api/plugins/up/jobs/tell/run-now").status_code == 404
    api.post("/api/plugins/up/disable")
    upload("1.2.0", 3)
    assert api.post("/api/plugins/up/jobs/tell/run-now").status_code == 403


FIRE_ZONES = {
    "the tenant's": ("acme", "tea", "link", "Europe/Berlin"),
    "none but UTC": ("globex", "tea", "link", "UTC"),
    "that of a job with a schedule": ("acme", "zones", "scheduled", "Asia/Kolkata"),
    "the plugin's": ("acme", "zones", "by_hand", "America/St_Johns"),
}


@pytest.mark.parametrize("whose", FIRE_ZONES)
def test_every_call_gives_a_fire_time_in_one_zone(served, api, pack, whose):
    """Also the one that does not wait for the run."""
    manifest = {"slug": "zones", "name": "Z", "timezone": "America/St_Johns"}
    manifest["jobs"] = [{"name": "scheduled", "schedule": "0 5 1 1 *", "timezone": "Asia/Kolkata"}]
    main = "from src.ext.sdk import job\n" + "".join(
        f"@job('{name}')\ndef {name}(ctx): pass\n" for name in ("scheduled", "by_hand")
    )
    api.post("/api/plugins/upload", files={"file": pack({"plugin.json": json.dumps(manifest), "main.py": main})})
    tenant, plugin, job, zone = FIRE_ZONES[whose]
    address = f"/api/plugins/{plugin}/jobs/{job}"
    with served.client(tenant=tenant) as client:
        started = client.post(f"{address}/run-now?wait=false").json()["data"]
        at = datetime.fromtimestamp(started["run_id"] / 1e6, ZoneInfo(zone)).isoformat()
        while (run := client.get(f"{address}/runs/{started['run_id']}").json()["data"])["state"] != "ended":
            assert run["fire_time"] == at
        listed = client.get(f"{address}/runs").json()["data"][0]
    assert [each["fire_time"] for each in (started, run, listed)] == [at] * 3


def test_health_and_metrics(served, api):
    """Alive and ready without a token; the numbers with one, by tenant, plugin and job."""
    served.run("fail")
    with served.client(token=None, tenant=None) as client:
        assert client.get("/healthz").json() == {"success": True, "data": {"status": "alive"}}
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["data"]) == (
            200,
            {"store": "ok", "scheduler": "ok", "planned": "ok", "starter": "ok"},
        )
    lines = api.get("/metrics").text.splitlines()
    labels = 'job="fail",outcome="failed",plugin="tea",tenant="acme"'
    assert any(line.startswith(f"job_executions_total{{{labels}}} ") for line in lines)
    of_job = '{job="fail",plugin="tea",tenant="acme"}'
    assert f"job_success_rate{of_job} 0.0" in lines
    assert any(line.startswith(f"job_duration_seconds_count{of_job} ") for line in lines)
    (used,) = [line.rpartition(" ")[2] for line in lines if line.startswith(f"job_memory_usage{of_job} ")]
    assert 0 <= float(used) < 100e6


def test_the_document_describes_every_address(api):
    """The paths, the roles by method, and an envelope for each status."""
    found = api.get("/openapi.json").json()
    assert found["openapi"] == "3.1.0"
    assert len(found["paths"]) == 18
    operation = found["paths"]["/api/plugins/{plugin_id}/jobs/{job_name}/run-now"]["post"]
    assert sorted(operation["responses"]) == ["200", "202", "400", "401", "403", "404", "409", "503"]
