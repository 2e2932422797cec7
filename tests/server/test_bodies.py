"""The bodies of requests: capitals of a media type do not matter, and JSON is what a job could return, too."""

import pytest

DEEP = "the body cannot be taken: it is nested more than 128 levels deep, which other JSON libraries refuse"
NO_NUMBER = "the body cannot be taken: JSON cannot write NaN or Infinity"
NO_JSON = "the body is not JSON"
CALLS = {
    "an event": ("/api/plugins/test-event", '{"event_type": "a.b", "event_data": %s}'),
    "a secret": ("/api/plugins/tea/secrets", '{"key": "A", "value": "b", "more": %s}'),
    "a route": ("/ext/tea/cups/blue", '{"data": %s}'),
}
REFUSED = {
    "a level too many": ("[" * 128 + "]" * 128, DEEP),
    "what a writer cannot repeat": ("[" * 500 + "]" * 500, DEEP),
    "objects": ('{"a":' * 128 + "1" + "}" * 128, DEEP),
    "objects in lists": ('[{"a":' * 300 + "1" + "}]" * 300, DEEP),
    "what no parser reads": ("[" * 100_000 + "]" * 100_000, DEEP),
    "NaN": ("NaN", NO_NUMBER),
    "a number beyond all": ("[-1e999]", NO_NUMBER),
    "a word": ("None", NO_JSON),
    "a number of many digits": ("9" * 5_000, NO_JSON),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("what", REFUSED)
def test_what_a_job_could_not_return_is_the_callers_mistake(api, call, what):
    """400 says which."""
    (address, body), (value, error) = CALLS[call], REFUSED[what]
    headers = {"Content-Type": "application/json"}
    answer = api.request("PUT" if "/ext/" in address else "POST", address, content=body % value, headers=headers)
    assert (answer.status_code, answer.json()) == (400, {"success": False, "error": error})


def test_what_a_job_could_return_reaches_hooks_and_routes(api):
    """All levels of it, also those that are written again on the way."""
    data = 1
    for _ in range(127):
        data = [data]
    found = api.post("/api/plugins/test-event", json={"event_type": "tea.ready", "event_data": data}).json()
    assert found["data"]["results"][0]["result"] == {"got": data}
    assert api.put("/ext/tea/cups/blue", json=data).json()["data"] == data


TYPES = {
    "Application/X-WWW-Form-Urlencoded": "event_type=tea.none",
    "APPLICATION/X-WWW-FORM-URLENCODED; Charset=UTF-8": "event_type=tea.none",
    "application/x-www-form-urlencoded;charset=utf-8": "event_type=tea.none",
    "application/x-www-form-urlencoded ; charset=utf-8": "event_type=tea.none",
    "Application/JSON": '{"event_type": "tea.none"}',
    "text/plain": '{"event_type": "tea.none"}',
}


@pytest.mark.parametrize("content_type", TYPES)
def test_capitals_of_a_media_type_do_not_matter(api, content_type):
    """Nor do its parameters."""
    headers = {"Content-Type": content_type}
    answer = api.post("/api/plugins/test-event", content=TYPES[content_type], headers=headers)
    assert answer.json() == {"success": True, "data": {"event_type": "tea.none", "hooks_executed": 0, "results": []}}


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON", "APPLICATION/vnd.tea+JSON; v=1"])
def test_a_route_is_given_json_of_any_capitals(api, content_type):
    """As `ctx.request.json`."""
    answer = api.put("/ext/tea/cups/blue", content='{"warm": true}', headers={"Content-Type": content_type})
    assert answer.json()["data"] == {"warm": True}


@pytest.mark.parametrize(
    "start", ["multipart/form-data", "Multipart/Form-Data", "MULTIPART/FORM-DATA ", "multipart/Form-data"]
)
def test_a_package_comes_in_a_form_of_any_capitals(api, pack, start):
    """The boundary keeps its own."""
    zipped = pack({"plugin.json": '{"slug": "caps", "name": "Caps"}', "main.py": ""})
    head = b'--aB\r\nContent-Disposition: form-data; name="file"; filename="p.zip"\r\n\r\n'
    headers = {"Content-Type": f"{start}; boundary=aB"}
    answer = api.post("/api/plugins/upload", content=head + zipped + b"\r\n--aB--\r\n", headers=headers)
    assert (answer.status_code, answer.json()["data"]["slug"]) == (200, "caps")
