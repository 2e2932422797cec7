"""Settings written as NAME=VALUE."""

import pytest

from sbh_jobkit.errors import PolicyError
from sbh_jobkit.schedule.settings import split_setting

SETTINGS = [
    ("overlap=skip", False, ("overlap", "skip")),
    ("url=a=b", False, ("url", "a=b")),
    ("url=a=b", True, ("url=a", "b")),
    ("overlap=skip", True, ("overlap", "skip")),
]


@pytest.mark.parametrize(("text", "at_last", "parts"), SETTINGS)
def test_a_setting_is_split_at_its_first_sign(text, at_last, parts):
    """Or at its last one, where names may have the sign in them."""
    assert split_setting(text, PolicyError, "a policy", "A=B", at_last=at_last) == parts
    if not at_last:
        assert split_setting(text, PolicyError, "a policy", "A=B") == parts


@pytest.mark.parametrize("text", ["", "overlap", "overlap=", "=skip", "=", None, 5, b"a=b"])
@pytest.mark.parametrize("at_last", [False, True])
def test_what_is_not_a_setting(text, at_last):
    """The error of the caller says what to write."""
    with pytest.raises(PolicyError) as refused:
        split_setting(text, PolicyError, "a policy", "A=B", at_last=at_last)
    assert str(refused.value) == f"{text!r} is not a policy; write A=B"
