"""Objects of frozen dataclasses that are made fast are those that their class makes."""

from dataclasses import FrozenInstanceError, dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from sbh_jobkit.run.frozen import maker
from sbh_jobkit.run.run import Fault, Outcome, Run, make_run

AT = datetime(2026, 1, 1, tzinfo=UTC)
NEEDED = {"tenant": "acme", "plugin": "shop", "job": "work", "fire_time": AT, "started_at": AT}
FAULT = Fault(kind="network", member="connect", message="refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A value with all kinds of fields."""

    x: int
    y: int = 2
    sum: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Add up."""
        object.__setattr__(self, "sum", self.x + self.y)


make_point = maker(Point)


@pytest.mark.parametrize("given", [{"x": 1}, {"x": 1, "y": 5}])
def test_it_is_what_the_class_makes(given):
    """Given values, defaults and what `__post_init__` finds out are the same."""
    made = make_point(**given)
    assert (made, type(made), repr(made), hash(made)) == (
        Point(**given),
        Point,
        repr(Point(**given)),
        hash(Point(**given)),
    )


def test_it_is_frozen():
    """A field of what was made cannot be set."""
    made = make_point(x=1)
    with pytest.raises(FrozenInstanceError):
        made.x = 2
    with pytest.raises(FrozenInstanceError):
        del made.x


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "make() missing 1 required keyword-only argument: 'x'"),
        ({"x": 1, "z": 1}, "make() got an unexpected keyword argument 'z'"),
        ({"x": 1, "sum": 1}, "make() got an unexpected keyword argument 'sum'"),
    ],
)
def test_wrong_fields_are_refused(given, message):
    """A field that is missing, unknown or not to be given is an error."""
    with pytest.raises(TypeError) as refused:
        make_point(**given)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("outcome", "faults", "ok"),
    [("ok", (), True), ("skipped", (), True), ("crashed", (), False), ("ok", (FAULT,), False)],
)
def test_a_run_knows_whether_it_is_ok(outcome, faults, ok):
    """A run that the runner makes has the verdict of one that the class makes."""
    given = {**NEEDED, "duration": timedelta(0), "outcome": Outcome(outcome), "faults": faults}
    assert (make_run(**given), make_run(**given).ok, Run(**given).ok) == (Run(**given), ok, ok)
