"""What a scheduler serves: which jobs, in which zone, by which policy; and what it refuses to serve."""

import json
from pathlib import Path

import pytest

from sbh_jobkit.engines.describe import JobDescription, PluginDescription
from sbh_jobkit.engines.served import request_for, serve_plugins
from sbh_jobkit.errors import JobkitError, PolicyError, SettingsError
from sbh_jobkit.live.settings import Settings
from sbh_jobkit.schedule.policy import Policy


def job(name, expression="0 9 * * *", timezone=None):
    """Describe a job."""
    return JobDescription(name=name, expression=expression, timezone=timezone)


def plugin(slug="shop", jobs=None, timezone=None, path=None):
    """Describe a plugin."""
    jobs = [job("work")] if jobs is None else jobs
    facts = {"name": slug.title(), "version": "1.0.0", "warnings": ()}
    return PluginDescription(path=path or f"/plugins/{slug}", slug=slug, timezone=timezone, jobs=tuple(jobs), **facts)


@pytest.fixture
def tenant(tmp_path):
    """Return a function that writes the file of a tenant, and reads it."""

    def make(name="acme", more="", file="tenant.toml"):
        path = tmp_path / file
        path.write_text(f'id = "{name}"\n{more}', encoding="utf-8")
        return Settings.load(path)

    return make


ZONES = [
    (None, None, "", "UTC"),
    (None, None, 'timezone = "Asia/Tokyo"', "Asia/Tokyo"),
    (None, "Europe/Paris", 'timezone = "Asia/Tokyo"', "Europe/Paris"),
    ("America/Lima", "Europe/Paris", 'timezone = "Asia/Tokyo"', "America/Lima"),
    ("America/Lima", None, "", "America/Lima"),
]


@pytest.mark.parametrize(("of_job", "of_plugin", "of_tenant", "wanted"), ZONES)
def test_a_jobs_zone_is_its_own_else_its_plugins_else_its_tenants(tenant, of_job, of_plugin, of_tenant, wanted):
    """Its schedule and the naive times of its runs are in the same one."""
    given = plugin(jobs=[job("work", timezone=of_job)], timezone=of_plugin)
    (served,) = serve_plugins([given], [tenant(more=of_tenant)], None)
    assert (served.planned.schedule.tz.key, served.template.timezone) == (wanted, wanted)


def test_every_scheduled_job_of_every_plugin_is_served_at_every_tenant(tenant):
    """Jobs without a schedule are among them, to be started by hand."""
    plugins = [plugin(jobs=[job("a"), job("by_hand", None)]), plugin("bank", [job("a"), job("b", "5 * * * *")])]
    tenants = [tenant(), tenant("beta", file="beta.toml")]
    served = serve_plugins(plugins, tenants, "sqlite:////jobs.db")
    assert [each.planned.key for each in served] == [
        (tenant, *rest)
        for tenant in ("acme", "beta")
        for rest in (("shop", "a"), ("shop", "by_hand"), ("bank", "a"), ("bank", "b"))
    ]
    assert served[3].planned.schedule.expression == "5 * * * *"


def test_a_run_is_asked_for_by_values_that_another_process_can_read(tenant):
    """Which plugin, which job, which file describes the tenant, and which store has the history."""
    settings = tenant()
    (served,) = serve_plugins([plugin(path="/plugins/the shop")], [settings], "sqlite:////jobs.db")
    request = served.request(1_767_585_600.0)
    assert json.loads(request.to_json()) == {
        "plugin": "/plugins/the shop",
        "slug": "shop",
        "job": "work",
        "fire": 1_767_585_600.0,
        "tenant": "acme",
        "factory": "sbh_jobkit.engines.tenant:make_tenant",
        "timezone": "UTC",
        "loading_seconds": 60.0,
        "settings": {
            "path": str(settings.path),
            "text": settings.text,
            "store": "sqlite:////jobs.db",
            "plugin": "shop",
            "dry": False,
        },
        "call": None,
        "again": False,
    }
    assert Path(settings.path).is_absolute()
    assert request_for(plugin(), job("work", None), settings, None, dry=True).settings["dry"] is True


POLICIES = '[policy."*"]\noverlap = "allow"\n[policy.b]\nmax_instances = 3\n'


def test_policies_are_by_job(tenant):
    """One of its own, which builds on that of all, else that of all."""
    served = serve_plugins([plugin(jobs=[job("a"), job("b")])], [tenant(more=POLICIES)], None)
    assert [each.planned.policy for each in served] == [
        Policy(overlap="allow"),
        Policy(overlap="allow", max_instances=3),
    ]


def test_without_policies_the_default_holds(tenant):
    """That of the local scheduler."""
    (served,) = serve_plugins([plugin()], [tenant()], None)
    assert served.planned.policy == Policy()


REFUSED = {
    "two plugins of one slug": (
        lambda tenant: ([plugin(path="/a"), plugin("bank"), plugin(path="/b")], [tenant()]),
        JobkitError,
        "two plugins are called 'shop': /a and /b; serve one of them, or rename one",
    ),
    "the same plugin twice": (
        lambda tenant: ([plugin(path="/a"), plugin(path="/a")], [tenant()]),
        JobkitError,
        "two plugins are called 'shop': /a and /a; serve one of them, or rename one",
    ),
    "two tenants of one id": (
        lambda tenant: ([plugin()], [tenant(), tenant(file="other.toml")]),
        JobkitError,
        "two tenants are called 'acme': {folder}/tenant.toml and {folder}/other.toml; serve one of them, or rename one",
    ),
    "a policy of a misspelt job": (
        lambda tenant: ([plugin(jobs=[job("daily_kpi")])], [tenant(more='[policy.daily_kp]\noverlap = "skip"\n')]),
        PolicyError,
        "{folder}/tenant.toml: [policy.daily_kp]: no plugin has a job 'daily_kp'; did you mean 'daily_kpi'?",
    ),
    "a policy of another job": (
        lambda tenant: (
            [plugin(jobs=[job("a")]), plugin("bank", [job("b", None)])],
            [tenant(more='[policy.zzzz]\noverlap = "skip"\n')],
        ),
        PolicyError,
        "{folder}/tenant.toml: [policy.zzzz]: no plugin has a job 'zzzz'; the jobs are a, b",
    ),
    "a policy where there are no jobs": (
        lambda tenant: ([plugin(jobs=[])], [tenant(more='[policy.a]\noverlap = "skip"\n')]),
        PolicyError,
        "{folder}/tenant.toml: [policy.a]: no plugin has a job 'a'",
    ),
    "a history of a misspelt job": (
        lambda tenant: ([plugin(jobs=[job("daily_kpi")])], [tenant(more="[history.daily_kp]\ndays = 3\n")]),
        SettingsError,
        "{folder}/tenant.toml: [history.daily_kp]: no plugin has a job 'daily_kp'; did you mean 'daily_kpi'?",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(tenant, tmp_path, case):
    """In one sentence, before anything runs."""
    make, error, message = REFUSED[case]
    with pytest.raises(error) as refused:
        serve_plugins(*make(tenant), None)
    assert f"{refused.value}" == message.format(folder=tmp_path)


def test_a_policy_of_a_job_without_a_schedule_is_taken(tenant):
    """It is a job of the plugin, and may get a schedule later."""
    (served,) = serve_plugins([plugin(jobs=[job("a", None)])], [tenant(more='[policy.a]\noverlap = "skip"\n')], None)
    assert served.planned.schedule.expression == ""
