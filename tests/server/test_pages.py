"""The status page without a browser: who sees what, forged forms, and what a plugin wrote is text and no more."""

import re
import time
from dataclasses import replace
from html import unescape

import httpx2
import pytest

from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.pauses import Pauses
from sbh_jobkit.engines.schema import job_run
from sbh_jobkit.schedule.schedule import Schedule
from sbh_jobkit.server.pages import overview, session


@pytest.fixture
def browse(served):
    """Return a function that signs in with a token, and returns a client with the session."""
    opened = []

    def sign_in(token="operate"):  # noqa: S107  the name of one
        client = httpx2.Client(base_url=served.url, timeout=60, trust_env=False, follow_redirects=True)
        opened.append(client)
        client.post("/login", data={"token": served.tokens.get(token, token)})
        return client

    yield sign_in
    for client in opened:
        client.close()


def mark_of(client, address="/jobs/acme/tea/greet/run"):
    """Return what a form of the session carries."""
    return re.search(r'name="mark" value="(\w+)"', client.get(address).text)[1]


def heading(answer):
    """Return the heading of a page, without its tags."""
    return re.sub(r"<[^>]+>", "", re.search(r"<h1>(.*?)</h1>", answer.text, re.DOTALL)[1])


def test_nothing_is_shown_without_a_session(served, browse):
    """Every page leads to the form for a token; a wrong token opens nothing, and scripts cannot read the cookie."""
    with httpx2.Client(base_url=served.url, trust_env=False) as client:
        for address in ("/", "/runs", "/jobs/acme/tea/greet", "/jobs/acme/tea/greet/run"):
            answer = client.get(address)
            assert (answer.status_code, answer.headers["location"][:7]) == (303, "/login?")
        wrong = client.post("/login", data={"token": "sbh_none"})
        assert (wrong.status_code, "This token is not valid." in wrong.text, wrong.cookies) == (401, True, {})
        right = client.post("/login?to=//evil.example", data={"token": served.tokens["read"]})
        assert right.headers["location"] == "/"
        cookie = right.headers["set-cookie"]
        assert [part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/")] == [True] * 3
        assert served.tokens["read"] not in cookie
    out = browse("read")
    assert heading(out.post("/logout")) == "Sign in"
    assert heading(out.get("/")) == "Sign in"


@pytest.mark.parametrize("change", ["name", "end", "signature", "all"])
def test_a_forged_cookie_opens_nothing(browse, change):
    """Each part of it is signed."""
    client = browse("read")
    name, end, signature = client.cookies[session.COOKIE].split(".")
    forged = {
        "name": f"b3Bz.{end}.{signature}",
        "end": f"{name}.{int(end) + 9}.{signature}",
        "signature": f"{name}.{end}.{'0' * 64}",
        "all": "a.b.c",
    }[change]
    client.cookies.clear()
    client.cookies.set(session.COOKIE, forged)
    assert heading(client.get("/")) == "Sign in"


FORGED_BYTES = {
    "a letter after the signature": lambda whole: whole + b"\xff",
    "a letter in place of the signature": lambda whole: whole.rpartition(b".")[0] + b".\xe9",
    "a letter in the signature": lambda whole: whole[:-1] + "ß".encode(),
    "a letter in the end": lambda whole: whole.replace(b".", b".\xb2", 1),
    "a letter in the name": lambda whole: b"\xe9" + whole,
    "nothing but letters": lambda _: b"\xe9.\xe9.\xe9",
    "no text at all": lambda _: b"\x80\xff",
}


@pytest.mark.parametrize("what", FORGED_BYTES)
def test_a_cookie_that_is_not_ascii_opens_nothing(served, browse, what):
    """It is a forged one, and no mistake of the server."""
    name, cookie = session.COOKIE.encode(), browse("read").cookies[session.COOKIE].encode()
    with httpx2.Client(base_url=served.url, trust_env=False) as client:
        answer = client.get("/", headers=[(b"Cookie", name + b"=" + FORGED_BYTES[what](cookie))])
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?to=/")


@pytest.mark.parametrize("origin", ["http://[", "http://a]b", "http://é", "null", "http:///x", "://"])
def test_a_form_of_an_odd_origin_cannot_sign_in(served, origin):
    """Whatever it says, it is not this server."""
    with httpx2.Client(base_url=served.url, trust_env=False) as client:
        headers = [(b"Origin", origin.encode())]
        assert client.post("/login", data={"token": served.tokens["read"]}, headers=headers).status_code == 403


def test_a_session_ends_with_its_token(served, browse):
    """A token that is removed is signed out."""
    from sbh_jobkit.server import tokens

    with served.store.write() as connection:
        value = tokens.add(connection, "short", "read")
    client = browse(value)
    assert heading(client.get("/")) != "Sign in"
    with served.store.write() as connection:
        tokens.remove(connection, "short")
    assert heading(client.get("/")) == "Sign in"


def test_a_session_ends_after_twelve_hours(browse, monkeypatch):
    """Its cookie opens nothing any more, though it is signed and its token is still valid."""
    assert session.SECONDS == 12 * 3600
    begun = round(now())
    monkeypatch.setattr(session, "now", lambda: begun)
    client = browse("read")
    monkeypatch.setattr(session, "now", lambda: begun + session.SECONDS - 1)
    assert heading(client.get("/")) != "Sign in"
    monkeypatch.setattr(session, "now", lambda: begun + session.SECONDS)
    assert heading(client.get("/")) == "Sign in"


FORGED = {
    "no mark": ({}, {}),
    "another mark": ({"mark": "0" * 64}, {}),
    "from another site": ({}, {"Origin": "https://evil.example"}),
    "as a browser tells": ({}, {"Sec-Fetch-Site": "cross-site"}),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_form_does_nothing(served, browse, how):
    """Without the mark of the session, or from another site, it is refused with 403, and nothing runs."""
    client = browse()
    form, headers = FORGED[how]
    form = {"mark": mark_of(client), **form} if headers else form
    before = len(client.get("/api/plugins/tea/jobs/greet/runs", headers=bearer(served)).json()["data"])
    forms = ("run", "pause", "resume")
    for address in (
        *(f"/jobs/acme/tea/greet/{each}" for each in forms),
        *(f"/plugins/acme/tea/{each}" for each in ("disable", "pause", "resume")),
    ):
        answer = client.post(address, data=form, headers=headers)
        assert (answer.status_code, heading(answer)) == (403, "You may not do this")
    assert len(client.get("/api/plugins/tea/jobs/greet/runs", headers=bearer(served)).json()["data"]) == before
    assert "is disabled" not in client.get("/").text.replace("the plugin is disabled, so", "")
    with served.store.read() as connection:
        assert Pauses.read(connection).current is None


def bearer(served):
    """Return the headers of the REST API."""
    return {"Authorization": f"Bearer {served.tokens['operate']}", "X-Tenant-Slug": "acme"}


def test_a_form_of_another_site_cannot_sign_in(served):
    """Or somebody would work in a session that is not theirs."""
    with httpx2.Client(base_url=served.url, trust_env=False) as client:
        headers = {"Origin": "https://evil.example"}
        answer = client.post("/login", data={"token": served.tokens["read"]}, headers=headers)
        assert (answer.status_code, answer.cookies) == (403, {})


def test_a_reader_sees_and_changes_nothing(browse):
    """No form is offered, and one that is sent is refused."""
    client = browse("read")
    assert 'class="button"' not in client.get("/").text
    answer = client.post("/jobs/acme/tea/greet/run", data={"mark": "x" * 64})
    assert (answer.status_code, heading(answer)) == (403, "You may not do this")
    assert "Your token may only read." in client.get("/jobs/acme/tea/greet/run").text


def test_one_tenant_does_not_see_another(browse):
    """Neither in lists nor by an address."""
    client = browse("globex")
    assert "at <bdi>acme</bdi>" not in client.get("/").text
    for address in ("/jobs/acme/tea/greet", "/jobs/acme/tea/greet/run", "/jobs/acme/tea/greet/runs/1"):
        assert client.get(address).status_code == 404
    assert client.get("/runs?tenant=acme").status_code == 403
    assert client.get("/runs").status_code == 200


def test_a_run_by_form_is_shown_with_its_output(served, browse):
    """Confirmed, carried out, shown as text; and what the plugin wrote is no markup."""
    client = browse()
    confirm = client.get("/jobs/acme/tea/fail/run")
    assert heading(confirm) == "Run fail now?"
    for part in ("on the real services of", "30.0 seconds and 100.0 MB", "by hand, by", "--twice"):
        assert part in confirm.text
    answer = client.post("/jobs/acme/tea/fail/run", data={"mark": mark_of(client)})
    for _ in range(100):
        if heading(answer) == "Failed":
            break
        time.sleep(0.1)
        answer = client.get(answer.url)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; acme" in answer.text
    assert "no &lt;b&gt;tea&lt;/b&gt;" in answer.text
    assert "<script" not in answer.text
    assert "sbh-jobkit run " in answer.text
    assert "1 job failing" in client.get("/").text
    assert "no &lt;b&gt;tea&lt;/b&gt;" in client.get("/jobs/acme/tea/fail").text
    listed = client.get("/runs?outcome=failed&plugin=tea&job=fail&tenant=acme")
    assert (heading(listed), "Older runs" in listed.text) == ("Failures", False)
    assert served.url not in answer.headers["content-security-policy"]


def test_every_page_forbids_scripts_and_frames(browse):
    """By its headers."""
    client = browse()
    for address in ("/", "/runs", "/jobs/acme/tea/greet", "/jobs/acme/tea/none", "/login"):
        headers = client.get(address).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "script" not in policy
        assert "frame-ancestors 'none'" in policy
        assert (headers["x-frame-options"], headers["cache-control"]) == ("DENY", "no-store")


PROBLEMS = {
    "/jobs/acme/tea/none": 404,
    "/jobs/acme/none/greet": 404,
    "/jobs/none/tea/greet": 404,
    "/jobs/acme/tea/greet/runs/17": 404,
    "/jobs/acme/tea/greet/runs/x": 404,
    "/runs?before=x": 404,
    "/runs?tenant=none": 403,
}


@pytest.mark.parametrize("address", PROBLEMS)
def test_what_is_not_there_is_a_page_that_says_so(browse, address):
    """With its status, and a way back."""
    answer = browse().get(address)
    assert answer.status_code == PROBLEMS[address]
    assert "Back to the jobs" in answer.text


def test_forms_that_do_nothing_say_so(browse):
    """An unknown form, a run that has ended or is not there, a tenant of others."""
    client = browse()
    mark = {"mark": mark_of(client)}
    for address, status in {
        "/plugins/acme/tea/explode": 404,
        "/plugins/none/tea/enable": 404,
        "/plugins/acme/none/enable": 404,
        "/plugins/acme/none/pause": 404,
        "/plugins/acme/tea/resume": 409,
        "/jobs/acme/tea/none/pause": 404,
        "/jobs/acme/tea/greet/resume": 409,
        "/jobs/acme/tea/greet/runs/17/cancel": 404,
    }.items():
        assert client.post(address, data=mark).status_code == status
    assert client.post("/jobs/acme/tea/greet/run", content=b"&".join([b"a=b"] * 50)).status_code == 403


def test_a_plugin_is_disabled_and_enabled_by_form(browse):
    """The page says by whom, and the job's page that it does not start."""
    client = browse()
    mark = {"mark": mark_of(client)}
    assert "disabled by <bdi>ops</bdi>" in client.post("/plugins/acme/tea/disable", data=mark).text
    assert "The plugin is disabled, so this job does not start." in client.get("/jobs/acme/tea/greet").text
    assert client.post("/jobs/acme/tea/greet/run", data=mark).status_code == 409
    assert "disabled by" not in client.post("/plugins/acme/tea/enable", data=mark).text


def buttons(page):
    """Return the buttons of forms on a page, with what they are about."""
    found = re.findall(r"<button class=\"plain\">(.*?)</button>", page, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", "", each).split()) for each in found]


def test_a_job_is_paused_and_resumed_by_form(browse):
    """The pages say by whom, and have the button that fits; a run by hand starts all the same."""
    client = browse()
    mark = {"mark": mark_of(client)}
    assert "Pause greet" in buttons(client.get("/").text)
    paused = client.post("/jobs/acme/tea/greet/pause", data=mark).text
    assert "The job 'greet' of tea at acme is paused, by ops at " in unescape(paused)
    assert "its fire times end as skipped" in paused
    assert "Resume greet" in buttons(paused)
    page = client.get("/").text
    assert [each for each in buttons(page) if each in {"Resume greet", "Pause slow"}] == [
        "Resume greet"
    ]  # slow is manual
    assert "paused</strong> <small>by <bdi>ops</bdi>" in page
    assert client.post("/jobs/acme/tea/greet/run", data=mark).status_code == 200
    resumed = client.post("/jobs/acme/tea/greet/resume", data=mark).text
    assert "is paused" not in resumed
    assert "Pause greet" in buttons(resumed)


def test_a_plugin_is_paused_and_resumed_by_form(browse):
    """Its jobs are resumed with it alone, so they have no button of their own meanwhile."""
    client = browse()
    mark = {"mark": mark_of(client)}
    page = client.post("/plugins/acme/tea/pause", data=mark).text
    assert "enabled, paused by <bdi>ops</bdi>" in page
    assert [each for each in buttons(page) if "greet" in each and "Sign" not in each] == ["Pause greet"]  # of globex
    alone = client.post("/jobs/acme/tea/greet/resume", data=mark)
    assert (alone.status_code, "is paused only because the plugin" in alone.text) == (409, True)
    assert "paused by" not in client.post("/plugins/acme/tea/resume", data=mark).text


def test_a_reader_has_no_buttons(served, browse):
    """And a form of one is refused."""
    client = browse("read")
    assert buttons(client.get("/").text) == ["Sign out"]
    mark = {"mark": session.form_mark(served.service, client.cookies[session.COOKIE])}
    for address in ("/jobs/acme/tea/greet/pause", "/plugins/acme/tea/pause"):
        answer = client.post(address, data=mark)
        assert (answer.status_code, "may only read" in answer.text) == (403, True)


def test_a_going_run_is_shown_and_cancelled(browse):
    """A second one is refused with 409; the page of a run that goes on has a form to end it."""
    client = browse()
    mark = {"mark": mark_of(client)}
    going = client.post("/jobs/acme/tea/slow/run", data=mark)
    assert heading(going) in {"Due", "Claimed", "Running"}
    again = client.post("/jobs/acme/tea/slow/run", data=mark)
    assert (again.status_code, heading(again)) == (409, "Not now")
    assert re.search(r"<dt>Running</dt><dd>[01]</dd>", client.get("/").text)
    client.post(f"{going.url}/cancel", data=mark)
    for _ in range(100):
        if heading(answer := client.get(going.url)) == "Cancelled":
            break
        time.sleep(0.1)
    assert heading(answer) == "Cancelled"
    assert client.post(f"{going.url}/cancel", data=mark).status_code == 409


def test_the_page_loads_again_only_when_asked(browse):
    """And not more often than every five seconds."""
    client = browse()
    assert "refresh" not in client.get("/").headers
    assert client.get("/?refresh=15").headers["refresh"] == "15"
    assert client.get("/?refresh=1").headers["refresh"] == "5"
    assert "refresh" not in client.get("/?refresh=soon").headers


def test_what_is_wrong_stands_at_the_top(served, browse, monkeypatch):
    """A scheduler that decides nothing is a bar with a sentence, and the server is not ready."""
    why = "the clock has gone back by 2h, so nothing is planned"
    monkeypatch.setattr(type(served.engine), "blocked", property(lambda _: why))
    page = browse().get("/").text
    assert '<p class="alarm" role="alert">The clock has gone back by 2h, so nothing is planned.</p>' in page
    with served.client(None, None) as client:
        ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["success"]) == (503, False)
    assert ready.json()["error"] == "not ready: scheduler; the status page and the log say why"


def alarms(page):
    """Return the red bars of a page."""
    return re.findall(r'<p class="alarm" role="alert">(.*?)</p>', page)


def test_a_plugin_that_could_not_be_loaded_stands_at_the_top(served, browse):
    """For those whose it is, until it is well again."""
    mine, all_ = ("acme", "tea"), (None, "coffee")
    served.service.note(mine, "the upload of tea at acme is not served: main.py:1: SyntaxError: <invalid>")
    served.service.note(all_, "coffee: main.py:3: NameError; coffee 1.0 is still served")
    try:
        assert alarms(browse().get("/").text) == [
            "the upload of tea at acme is not served: main.py:1: SyntaxError: &lt;invalid&gt;.",
            "coffee: main.py:3: NameError; coffee 1.0 is still served.",
        ]
        assert alarms(browse("globex").get("/").text) == ["coffee: main.py:3: NameError; coffee 1.0 is still served."]
    finally:
        for what in (mine, all_):
            served.service.note(what, None)
    assert alarms(browse().get("/").text) == []


def test_a_history_that_is_nearly_full_stands_at_the_top(browse, monkeypatch):
    """With how much room is left, and what to do."""
    monkeypatch.setattr(overview, "LEAST_FREE", 1 << 60)
    (said,) = alarms(browse().get("/").text)
    text = r"The history is nearly full: the disk of the store has [\d,]+ MB left; free some, or keep less with"
    assert re.fullmatch(rf"{text} \[history\] in tenant\.toml\.", said)


def test_half_a_day_in_both_directions_has_every_run(served, browse, monkeypatch):
    """Also of a job that runs each minute, of which the table above has the last runs only."""
    key, minute = ("globex", "tea", "fail"), 60_000_000
    monkeypatch.setitem(served.engine.jobs, key, at_each_minute(served.engine.jobs[key]))
    fire = int(now() // 60) * minute
    names = dict(zip(("tenant", "plugin", "job"), key, strict=True)) | {"state": "ended", "planned_at": 0}
    rows = [
        {**names, "fire_time": fire - each * minute, "finished_at": fire, "outcome": "missed" if each < 30 else "ok"}
        for each in range(1, 800)
    ]
    with served.store.write() as connection:
        connection.execute(job_run.insert(), rows)
    (day,) = re.findall(r"<bdi>fail</bdi></th><td><svg(.*?)</svg>", browse("globex").get("/").text)
    verdicts = re.findall(r"tick-mark v-(\w+)", day)
    assert verdicts.index("ok") < verdicts.index("missed")
    marks = {verdict: path.count("M") for verdict, path in re.findall(r'v-(\w+)" d="([^"]*)"', day)}
    assert marks["missed"] == 29
    assert 689 <= marks["ok"] <= 691
    assert 719 <= marks["next"] <= 720
    assert f'aria-label="{sum(marks.values()):,} marks"' in day


def at_each_minute(job):
    """Return a served job with another schedule."""
    return replace(job, planned=replace(job.planned, schedule=Schedule("* * * * *")))


def test_a_job_that_is_tried_again_says_so(browse):
    """On its page, and where a run by hand is confirmed."""
    client = browse()
    assert "tried again, 3 times at most, after 5m at first" in client.get("/jobs/globex/tea/greet").text
    assert "Its policy says that it is idempotent" in client.get("/jobs/globex/tea/greet/run").text
    assert "<dd>the next fire time</dd>" in client.get("/jobs/acme/tea/greet").text
    assert "Whether a second run does harm, the job does not say." in client.get("/jobs/acme/tea/greet/run").text


def test_each_attempt_has_a_page(served, browse):
    """A fire time that was tried again has a row and a page for each attempt, and REST answers either."""
    fire = 1_767_600_000_000_000
    names = {"tenant": "globex", "plugin": "tea", "job": "greet", "fire_time": fire, "planned_at": fire}
    ended = {"state": "ended", "started_at": fire, "finished_at": fire + 5}
    rows = [
        {**names, **ended, "attempt": 1, "outcome": "crashed", "reason": "the kettle was cold"},
        {**names, **ended, "attempt": 2, "outcome": "lost", "reason": "attempt 2 of 4; lost: its scheduler died"},
    ]
    with served.store.write() as connection:
        connection.execute(job_run.insert(), rows)
    client, address = browse(), "/jobs/globex/tea/greet"
    page = client.get(address).text
    assert [f'href="{address}/runs/{each}"' in page for each in (fire, f"{fire}?attempt=2")] == [True, True]
    assert "the kettle was cold" in client.get(f"{address}/runs/{fire}").text
    assert "attempt 2 of 4" in client.get(f"{address}/runs/{fire}?attempt=2").text
    assert client.get(f"{address}/runs/{fire}?attempt=3").status_code == 404
    assert client.get(f"{address}/runs/{fire}?attempt=x").status_code == 404
    with served.client(tenant="globex") as api:
        one = f"/api/plugins/tea/jobs/greet/runs/{fire}"
        answers = [api.get(one).json()["data"], api.get(f"{one}?attempt=1").json()["data"]]
        assert [(each["attempt"], each["outcome"]) for each in answers] == [(2, "lost"), (1, "crashed")]
        missing = api.get(f"{one}?attempt=3")
        assert (missing.status_code, missing.json()["error"]) == (
            404,
            f"the job 'greet' has no run {fire}, attempt 3",
        )
        assert api.post(f"{one}/cancel").status_code == 409
