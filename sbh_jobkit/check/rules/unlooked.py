"""The rule for answers that nothing looks at, although only they tell that a call failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.flow.values import Value
    from sbh_jobkit.check.subject import Subject

_LEVELS = {
    **dict.fromkeys(("http.get", "http.post", "http.put", "http.delete", "llm.run"), "warning"),
    "files.upload": "note",
}
_TELLS = {
    "http": 'look at "status_code" of the answer, and return an error if it is not 200',
    "llm": 'look at .get("error") of the answer, and return an error if there is one',
    "files": "it returns False if the file was not stored",
}


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield calls whose answer nothing reads, in jobs that say success."""
    if not subject.trace.complete:
        return
    successes = {each.entry for each in subject.trace.returns if says_success(each.value)}
    looked = {(id(each.call), each.entry) for each in subject.trace.calls if each.origin in subject.trace.looked}
    for called in subject.trace.calls:
        level = _LEVELS.get(called.path) if called.ours else None
        if level is not None and called.entry in successes and (id(called.call), called.entry) not in looked:
            yield subject.found(
                called,
                "unlooked",
                f"nothing looks at what ctx.{called.path} answers, so the job says success also when it failed",
                called.call,
                level=level,
                advice=_TELLS[called.path.partition(".")[0]],
            )


def says_success(value: Value) -> bool:
    """Whether a job that returns a value says success with it."""
    status, success = value.at("status"), value.at("success")
    return (status is not None and status.literal == "success") or (success is not None and success.literal is True)
