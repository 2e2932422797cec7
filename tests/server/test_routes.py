"""What the routes of a plugin answer: JSON with its status, or 502 with the reason; never something else."""

import pytest

MAIN = """
import datetime, decimal, http
from src.ext.sdk import route

class Thing:
    pass

def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value

endless = {}
endless["self"] = endless


@route("/answer/{what}")
def answer(ctx, what):
    return RETURNED[what]()

@route("/awaited/{what}")
async def awaited(ctx, what):
    return RETURNED[what]()

RETURNED = {
"""


def nested(levels):
    """Return a list in a list …, as the plugin does."""
    value = 1
    for _ in range(levels):
        value = [value]
    return value


NO_STATUS = "ValueError: the route returned the HTTP status {}; in a pair, the second is a number from 200 to 599"
NO_JSON = "TypeError: what the route returned is not JSON: {}"
NO_NUMBER = NO_JSON.format("JSON cannot write NaN or Infinity")
WRONG = {
    "{'v': Thing()}": NO_JSON.format("Object of type Thing is not JSON serializable"),
    "{1, 2}": NO_JSON.format("Object of type set is not JSON serializable"),
    "b'text'": NO_JSON.format("Object of type bytes is not JSON serializable"),
    "[datetime.date(2026, 1, 5)]": NO_JSON.format("Object of type date is not JSON serializable"),
    "({'v': decimal.Decimal(1)}, 201)": NO_JSON.format("Object of type Decimal is not JSON serializable"),
    "{(1, 2): 3}": NO_JSON.format("keys must be str, int, float, bool or None, not tuple"),
    "float('nan')": NO_NUMBER,
    "[1, {'v': -float('inf')}]": NO_NUMBER,
    "endless": NO_JSON.format("Circular reference detected"),
    "nested(129)": NO_JSON.format("it is nested more than 128 levels deep, which other JSON libraries refuse"),
    "({}, 4040)": NO_STATUS.format(4040),
    "({}, 99)": NO_STATUS.format(99),
    "({}, 100)": NO_STATUS.format(100),
    "({}, 600)": NO_STATUS.format(600),
    "({}, -1)": NO_STATUS.format(-1),
    "({}, '404')": NO_STATUS.format("'404'"),
    "({}, 404.0)": NO_STATUS.format("404.0"),
    "({}, True)": NO_STATUS.format("True"),
    "({}, None)": NO_STATUS.format("None"),
}
RIGHT = {
    "{'v': 1.5}": (200, {"v": 1.5}),
    "None": (200, None),
    "'text'": (200, "text"),
    "({'error': 'not found'}, 404)": (404, {"error": "not found"}),
    "([], http.HTTPStatus.CONFLICT)": (409, []),
    "({'success': False}, 599)": (599, {"success": False}),
    "[{}, 404]": (200, [{}, 404]),
    "({}, 404, 1)": (200, [{}, 404, 1]),
    "{1: (2,)}": (200, {"1": [2]}),
    "nested(128)": (200, nested(128)),
    "({'gone': True}, 204)": (204, ...),
    "({'same': True}, 304)": (304, ...),
}


@pytest.fixture(scope="module")
def answers(served, pack):
    """Serve a plugin whose routes return each of the values, and return a function that asks one."""
    lines = [f"    {f'{number}'!r}: lambda: {value}," for number, value in enumerate([*WRONG, *RIGHT])]
    files = {"plugin.json": '{"slug": "returns", "name": "R"}', "main.py": MAIN + "\n".join([*lines, "}"])}
    with served.client() as client:
        assert client.post("/api/plugins/upload", files={"file": ("r.zip", pack(files))}).status_code == 200

        def ask(value, how="answer"):
            answer = client.get(f"/ext/returns/{how}/{[*WRONG, *RIGHT].index(value)}")
            return answer.status_code, answer.json() if answer.content else ...

        yield ask


@pytest.mark.parametrize("value", WRONG)
def test_what_is_no_answer_is_a_fault_of_the_route(answers, value):
    """502 says why; it was 200, with a text in place of the value, or in place of the status."""
    expected = (502, {"success": False, "error": f"the plugin's route failed: {WRONG[value]}"})
    assert answers(value) == expected


@pytest.mark.parametrize("value", RIGHT)
def test_an_answer_comes_as_it_was_returned(answers, value):
    """With its status, if it is a pair; without a body where HTTP has none."""
    assert answers(value) == RIGHT[value]


def test_an_awaited_route_is_held_to_the_same(answers):
    """Its answer is looked at when it is there."""
    assert [answers("float('nan')", "awaited")[0], answers("({}, 600)", "awaited")[0]] == [502, 502]
    assert answers("{'v': 1.5}", "awaited") == (200, {"v": 1.5})
