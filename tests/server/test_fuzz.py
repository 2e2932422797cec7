"""Two thousand requests that the OpenAPI document suggests, right and wrong: none is answered with 500."""

import json
import random
import string
from collections import Counter
from urllib.parse import quote

import pytest

REQUESTS, PARTS_OF_IT = 2_000, 4
ODD = [
    "",
    "0",
    "-1",
    "9" * 30,
    "ä" * 50,
    "..",
    "../..",
    "%00",
    "' or 1=1 --",
    "<script>",
    "null",
    "\u202e",
    "a" * 3_000,
]
PARTS = {"plugin_id": ["tea"], "job_name": ["greet", "fail", "link"], "run_id": ["1", "1767585600000000"]}
BODIES = [b"", b"{", b"[]", b"null", b'"a"', b"\xff\xfe", b"[" * 100_000, b'{"a": 1e999}', b"{}"]


class Fuzzer:
    """Makes requests from the document; seeded, so that each can be made again."""

    def __init__(self, document, seed):
        """Collect the operations, but for the one that takes files, which has tests of its own."""
        self.chance = random.Random(seed)  # noqa: S311  the same in every run
        self.operations = [
            (method.upper(), path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        ]

    def text(self):
        """Return some text."""
        letters = string.printable + "äß€\u2028\U0001f600"
        made = "".join(self.chance.choices(letters, k=self.chance.randrange(40)))
        return self.chance.choice([*ODD, made])

    def value(self, schema):
        """Return a value, in one of three cases of the kind that the schema names."""
        if self.chance.random() < 0.3:
            return self.chance.choice([None, True, -5, 1.5, [], {}, [{}], {"a": {"b": []}}, self.text()])
        kinds = {"integer": self.chance.randrange(-5, 300), "boolean": self.chance.random() < 0.5}
        return kinds.get(schema.get("type"), self.text())

    def request(self):
        """Return method, address, body and headers of the next one."""
        method, path, operation = self.chance.choice(self.operations)
        for name, known in PARTS.items():
            likely = 0.1 if name == "job_name" and "run-now" in path else 0.7  # runs take time
            chosen = self.chance.choice(known) if self.chance.random() < likely else self.text()
            path = path.replace(f"{{{name}}}", quote(chosen, safe="") or "x")
        query = [p for p in operation["parameters"] if p["in"] == "query" and self.chance.random() < 0.5]
        pairs = [(p["name"], f"{self.value(p['schema'])}") for p in query]
        if self.chance.random() < 0.1:
            pairs.append((self.text(), self.text()))
        if "run-now" in path:
            pairs.append(("wait", "false"))
        address = f"{path}?{'&'.join(f'{quote(name)}={quote(value)}' for name, value in pairs)}"
        return method, address, self.body(operation), self.headers()

    def body(self, operation):
        """Return a body: by the schema, or anything."""
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None or self.chance.random() < 0.3:
            return self.chance.choice(BODIES)
        fields = content["schema"]["properties"]
        given = {name: self.value(schema) for name, schema in fields.items() if self.chance.random() < 0.9}
        return json.dumps(given).encode()

    def headers(self):
        """Return headers, now and then odd ones."""
        kinds = [
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "text/plain; charset=x",
        ]
        chosen = {"Content-Type": self.chance.choice(kinds)}
        if self.chance.random() < 0.05:
            chosen["X-Tenant-Slug"] = self.chance.choice(["", "globex", "none", "a" * 500])
        if self.chance.random() < 0.05:
            chosen["Authorization"] = self.chance.choice(
                ["", "Bearer", "Basic YTpi", "Bearer \u00e4".encode("latin-1")]
            )
        return chosen


@pytest.mark.parametrize("seed", range(PARTS_OF_IT))
def test_no_request_breaks_the_server(api, seed):
    """Every answer has a status that the document names, and the envelope."""
    document = api.get("/openapi.json").json()
    fuzzer, statuses = Fuzzer(document, seed), Counter()
    for number in range(REQUESTS // PARTS_OF_IT):
        method, address, body, headers = fuzzer.request()
        answer = api.request(method, address, content=body, headers=headers)
        statuses[answer.status_code] += 1
        assert answer.status_code in {200, 202, 400, 401, 403, 404, 405, 409, 413, 503}, (number, method, address, body)
        assert answer.json()["success"] in {True, False}
    assert statuses[200] + statuses[202] > REQUESTS / PARTS_OF_IT / 20
    assert api.get("/healthz").status_code == 200
