"""`concurrency` of a policy: what is understood, and what is refused with one sentence."""

import pytest

from sbh_jobkit.errors import PolicyError
from sbh_jobkit.schedule.concurrency import PLUGIN, TENANT, Limit, parse
from sbh_jobkit.schedule.policies import parse as parse_policies
from sbh_jobkit.schedule.policy import Policy

GOOD = [
    ("", []),
    ("  ", []),
    ("billing-api:2", [("billing-api", 2)]),
    ("tenant:8, plugin:4", [("tenant", 8), ("plugin", 4)]),
    (" a:1 ,b.c_d-e:999999 ", [("a", 1), ("b.c_d-e", 999_999)]),
    ("9to5:1", [("9to5", 1)]),
]


@pytest.mark.parametrize(("text", "limits"), GOOD)
def test_what_is_understood(text, limits):
    """Names and numbers, with commas between."""
    assert [(limit.name, limit.most) for limit in parse(text)] == limits


def test_the_names_of_shares():
    """A tenant's and a plugin's share have names that are no other resource's."""
    assert [limit.name for limit in parse("tenant:8, plugin:4")] == [TENANT, PLUGIN]


def test_a_limit_as_text():
    """It is as it was written."""
    assert f"{Limit(name='mail', most=3)}" == "mail:3"


FORM = "NAME:NUMBER, such as billing-api:2; tenant:NUMBER and plugin:NUMBER count all runs of the tenant or the plugin"
BAD = [
    ("billing-api", f"concurrency 'billing-api' is not {FORM}"),
    ("billing-api:0", f"concurrency 'billing-api:0' is not {FORM}"),
    ("billing-api:-1", f"concurrency 'billing-api:-1' is not {FORM}"),
    ("billing-api=2", f"concurrency 'billing-api=2' is not {FORM}"),
    ("two words:2", f"concurrency 'two words:2' is not {FORM}"),
    (":2", f"concurrency ':2' is not {FORM}"),
    ("a:1,,b:1", f"concurrency '' is not {FORM}"),
    ("a:1000000", f"concurrency 'a:1000000' is not {FORM}"),
    ("ä:1", f"concurrency 'ä:1' is not {FORM}"),
    ("a:٣", f"concurrency 'a:٣' is not {FORM}"),
    ("x" * 81, f"concurrency '{'x' * 80}' is not {FORM}"),
    ("a:1, a:2", "concurrency names 'a' twice: 'a:1, a:2'"),
    (2, f"concurrency must be a text like {FORM}; got 2"),
    (["a:1"], f"concurrency must be a text like {FORM}; got ['a:1']"),
]


@pytest.mark.parametrize(("given", "says"), BAD)
def test_what_is_refused(given, says):
    """With the value, and what to write instead."""
    with pytest.raises(PolicyError) as raised:
        Policy(concurrency=given)
    assert f"{raised.value}" == says


def test_on_the_command_line():
    """The name of the job ends before the setting, so the colon of the value is no problem."""
    policies = parse_policies(["daily:concurrency=billing-api:2,tenant:8", "max_instances=2"])
    assert policies["daily"] == Policy(concurrency="billing-api:2,tenant:8", max_instances=2)
