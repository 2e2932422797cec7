"""Calls of jobs: full pages, repeated requests, answers that nobody looked at, routes that nobody asked."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from sbh_jobkit.run.notes import wrong_answer_in
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.simulation.observations.observation import Observation, Observed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sbh_jobkit.run.notes import Note
    from sbh_jobkit.run.run import Run

_NO_REPLY = re.compile(r"\[fake answer to a prompt of \d+ characters\]")
_MOST_ROUTES = 20
_FEWEST = 2
"""How many runs must leave out a page: one may have had its reason."""
_MANY_RUNS = 3
_LONGEST = 60
_NUMBERS = re.compile(r"\d+")
_WORD = re.compile(r"[\w-]+")
_DATA = re.compile(r"\.(jsonl?|csv|tsv|xml|ya?ml)'$", re.IGNORECASE)
_WAYS = {
    "the working folder": "use paths with their folder; subprocess.run takes cwd=…",
    "the time zone (TZ)": "use datetime.now(ZoneInfo(…)), or timezone in plugin.json",
    "logging": "set the level of a logger of your own",
}
_NOT = {"html": "a page of HTML instead of data", "text": "words instead of data"}


def call_observations(run: Run, *, replies: bool) -> Iterator[Observation]:
    """Yield what is probably not meant in the calls of a run; `replies` is whether the world answers prompts at all."""
    for note in run.notes:
        if note.kind == "query-limit":
            table, _, end = note.subject
            message = f"a query of {table!r} returned {end:,} rows, more match, and nothing asked for them"
            advice = "ask for the next ones with offset=…, or give a limit that no tenant reaches"
        elif note.kind == "request-repeated":
            message = f"sent {note.subject} 10 times or more in one run, without waiting, for the same answer"
            advice = "ask once, and keep the answer in a variable"
        elif note.kind == "request-doubled":
            message = f"sent {note.subject} again with the same body in one run, though it was accepted"
            advice = "end the loop that tries again as soon as the status says that it worked: from 200 to 299"
        elif note.kind == "prefix-wide" and len(folders := _emptied(run, note.subject[1])) > 1:
            named = " and ".join(map(repr, folders))
            message = f"deleted files under {named}, because the prefix {note.subject[0]!r} matches them all"
            advice = 'end the prefix with "/", so that it is one folder'
        elif note.kind == "answer-ignored" and run.outcome is Outcome.OK and run.ok:  # else a fault says it
            message = f"{note.subject}, the job did not look at that, and said success"
            advice = 'check the result, such as answer["status_code"], and return {"status": "error", …}'
        elif note.kind == "exception-swallowed" and run.outcome is Outcome.OK:
            message = f"swallowed {note.subject} without a word, and said success"
            advice = "look for what may be missing, as .get(…) does, and count or print what is left out"
        elif note.kind == "process-state":
            message = f"changes {note.subject} of the whole process, which other runs may share"
            advice = _WAYS[note.subject]
        else:
            continue
        yield Observation(
            kind=note.kind, job=run.job, place=note.place, message=message, advice=advice, first=run.fire_time
        )
    if replies:
        yield from _prompts(run)


def _emptied(run: Run, folders: Sequence[str]) -> list[str]:
    """Return the folders in which a run deleted files; those that differ only in numbers, such as days, are one."""
    deleted = [file.key for file in run.files if file.action == "deleted"]
    found = [folder for folder in folders if any(key.startswith(folder) for key in deleted)]
    return [*{_NUMBERS.sub("#", folder): folder for folder in reversed(found)}.values()][::-1]


def _prompts(run: Run) -> Iterator[Observation]:
    for call in run.llm_calls:
        if _NO_REPLY.fullmatch(call.text):
            prompt = " ".join(call.prompt.split())
            begin = prompt if len(prompt) <= _LONGEST else f"{prompt[:_LONGEST]}…"
            yield Observation(
                kind="prompt-unmatched",
                job=run.job,
                message=f"no reply of the world matches the prompt {re.sub(chr(92) + 'd+', '#', begin)!r}",
                advice='add world.llm.reply("…", when=r"…") to world.py',
                first=run.fire_time,
            )


def batch_observations(simulation: Observed) -> Iterator[Observation]:
    """Yield each small query that returned the same first rows in every run, though there are always more."""
    asked: defaultdict[tuple[str, tuple[str, str, int]], list[tuple[Run, Note]]] = defaultdict(list)
    for run in simulation.runs:
        for note in run.notes:
            if note.kind == "query-batch" and run.ok and not run.injected_faults:
                asked[run.job, note.subject[:3]].append((run, note))
    for (job, _), seen in asked.items():
        first, note = seen[0]
        if len({run.fire_time for run, _ in seen}) >= _MANY_RUNS and len({each.subject for _, each in seen}) == 1:
            table, _, end, _ = note.subject
            yield Observation(
                kind="query-limit",
                job=job,
                place=note.place,
                message=f"a query of {table!r} returned the same {end:,} rows in every run; more match, and nothing "
                "asked for them",
                advice="ask for the next ones with offset=…, or give a limit that no tenant reaches",
                count=len(seen),
                first=first.fire_time,
            )


def kept_answers(runs: Iterable[Run]) -> Iterator[Observation]:
    """Yield what runs kept of injected wrong answers, where the job needs what it asked for.

    A model is asked for data if all its other answers to the job are JSON or single words; a page of HTML is wrong in
    a file that says that it is JSON, CSV or XML.
    """
    seen = list(runs)
    for run in seen:
        for note in run.notes if run.ok else ():
            if note.kind != "answer-kept":
                continue
            kind, subject = note.subject
            if _asks_for_data(seen, run.job) if kind == "text" else _DATA.search(subject):
                yield Observation(
                    kind=note.kind,
                    job=run.job,
                    place=note.place,
                    message=f"{subject} has an answer that is {_NOT[kind]}, and the job said success",
                    advice="check an answer before it is kept: that it is JSON, or one of the words that you expect",
                    first=run.fire_time,
                )


def _asks_for_data(runs: Iterable[Run], job: str) -> bool:
    answers = [call.text for run in runs if run.job == job for call in run.llm_calls]
    right = [text for text in answers if text and wrong_answer_in(text) is None]
    return bool(right) and all(map(_is_data, right))


def _is_data(text: str) -> bool:
    if _WORD.fullmatch(text.strip()):
        return True
    try:
        return isinstance(json.loads(text), (dict, list))
    except ValueError:
        return False


def page_observations(simulation: Observed) -> Iterator[Observation]:
    """Yield each list of which all runs of a job asked for every page but the last."""
    asked: defaultdict[tuple[str, str], list[tuple[Run, Note]]] = defaultdict(list)
    for run in simulation.runs:
        for note in run.notes:
            if note.kind == "paged" and run.ok and not run.injected_faults:
                asked[run.job, note.subject[0]].append((run, note))
    for (job, listed), seen in asked.items():
        if len(seen) < _FEWEST or not all(_leaves_last_page(*note.subject[1:]) for _, note in seen):
            continue
        run, note = seen[0]
        yield Observation(
            kind="page-unread",
            job=job,
            place=note.place,
            message=f"no run asked for the last page of {listed}: {note.subject[2]} was the last asked for, of "
            f"{_numbers(*note.subject[1:])}",
            advice="go on until the page that you asked for is the last one",
            count=len(seen),
            first=run.fire_time,
        )


def _leaves_last_page(first: int, last: int, pages: int) -> bool:
    """Whether several pages were asked for, in order, and only the last was not."""
    return last > first and last + 1 == (pages - 1 if first == 0 else pages)


def _numbers(first: int, _: int, pages: int) -> str:
    return f"0 to {pages - 1}" if first == 0 else f"1 to {pages}"


def more_observations(simulation: Observed) -> Iterator[Observation]:
    """Yield each list of which no run of a job asked for more than one part, though every answer says there is."""
    asked: defaultdict[tuple[str, str], list[tuple[Run, Note]]] = defaultdict(list)
    for run in simulation.runs:
        for note in run.notes:
            if note.kind == "list-part" and run.ok and not run.injected_faults:
                asked[run.job, note.subject[0]].append((run, note))
    for (job, listed), seen in asked.items():
        parts = {part for _, note in seen for part in note.subject[2]}
        if len(seen) >= _FEWEST and len(parts) == 1 and all(note.subject[1] for _, note in seen):
            run, note = seen[0]
            yield Observation(
                kind="page-unread",
                job=job,
                place=note.place,
                message=f"no run asked for more than one part of {listed}, and each answer says that there is more",
                advice="go on until an answer says that it is the last one",
                count=len(seen),
                first=run.fire_time,
            )


def route_observations(simulation: Observed) -> Iterator[Observation]:
    """Yield each route of the world that no job asked."""
    unused = list(simulation.world.unused_routes) if simulation.runs else []
    for route in unused[:_MOST_ROUTES]:
        yield Observation(
            kind="route-unused",
            job=None,
            message=f"no job asked the route {route}",
            advice="compare its method and URL with the job's, or remove it from world.py",
        )
