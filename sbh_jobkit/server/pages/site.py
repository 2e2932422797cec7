"""The pages as addresses: signing in, the overview, jobs, runs, and the forms that do something."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from sbh_jobkit.report.template import render
from sbh_jobkit.server.access import visible_tenants
from sbh_jobkit.server.answer import SAFE, ApiError
from sbh_jobkit.server.body import read_body
from sbh_jobkit.server.pages import session
from sbh_jobkit.server.pages.views import View
from sbh_jobkit.server.routing import PlainRoute
from sbh_jobkit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request
    from starlette.routing import Route

    from sbh_jobkit.server.service import Service

    Handler = Callable[[View], Response | tuple[str, dict[str, Any]]]

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
_HEADERS = {**SAFE, "Content-Security-Policy": _POLICY, "X-Frame-Options": "DENY"}
_WORDS = {403: "You may not do this", 404: "There is nothing here", 409: "Not now", 413: "Too large"}
_FORM = 20_000
_JOB = "/jobs/{tenant}/{plugin}/{job}"


class Site:
    """The pages of one server."""

    def __init__(self, service: Service) -> None:
        """Show what the service knows."""
        self._service = service
        style = (files("sbh_jobkit.report.html").joinpath(name) for name in ("report.css", "server.css"))
        self._style = Markup("".join(each.read_text(encoding="utf-8") for each in style))  # noqa: S704  ours

    @property
    def routes(self) -> tuple[Route, ...]:
        """Return all addresses."""
        return (
            PlainRoute("/login", self._login, methods=["GET", "POST"]),
            PlainRoute("/logout", self._logout, methods=["POST"]),
            PlainRoute("/", self._page(View.overview)),
            PlainRoute("/runs", self._page(View.runs)),
            PlainRoute(_JOB, self._page(View.job)),
            PlainRoute(f"{_JOB}/run", self._page(View.confirm), methods=["GET"]),
            PlainRoute(f"{_JOB}/run", self._form(View.run_now), methods=["POST"]),
            PlainRoute(f"{_JOB}/runs/{{number}}", self._page(View.run)),
            PlainRoute(f"{_JOB}/runs/{{number}}/cancel", self._form(View.cancel), methods=["POST"]),
            PlainRoute(f"{_JOB}/pause", self._form(View.pause), methods=["POST"]),
            PlainRoute(f"{_JOB}/resume", self._form(View.resume), methods=["POST"]),
            PlainRoute("/plugins/{tenant}/{plugin}/{what}", self._form(View.switch), methods=["POST"]),
        )

    def _page(self, show: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return await run_in_threadpool(self._show, request, show, {})

        return answer

    def _form(self, act: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            form = await _form_of(request)
            return await run_in_threadpool(self._act, request, act, form)

        return answer

    def _show(self, request: Request, show: Handler, form: dict[str, str]) -> Response:
        cookie = request.cookies.get(session.COOKIE, "")
        caller = session.read_session(self._service, cookie)
        if caller is None:
            return RedirectResponse(f"/login?to={quote(request.url.path)}", 303, _HEADERS)
        view = View(
            service=self._service,
            caller=caller,
            tenants=visible_tenants(self._service, caller),
            path={name: f"{value}" for name, value in request.path_params.items()},
            query=dict(request.query_params),
            form=form,
        )
        try:
            found = show(view)
        except ApiError as error:
            values = {"heading": _WORDS.get(error.status, "This cannot be done"), "sentence": error.message}
            return self._html("server/problem", values, view, cookie, status=error.status)
        if isinstance(found, Response):
            found.headers.update(_HEADERS)
            return found
        return self._html(found[0], found[1], view, cookie)

    def _act(self, request: Request, act: Handler, form: dict[str, str]) -> Response:
        """Do what a form asks for, if it is a form of this session and its token may."""
        cookie = request.cookies.get(session.COOKIE, "")

        def checked(view: View) -> Response | tuple[str, dict[str, Any]]:
            if not session.is_own_form(self._service, cookie, form.get("mark", ""), request.headers):
                raise ApiError(403, "The form does not come from a page of this session; open the page again.")
            if not view.caller.may_operate:
                raise ApiError(403, f"Your token {view.caller.name!r} may only read.")
            return act(view)

        return self._show(request, checked, form)

    def _html(self, template: str, values: dict[str, Any], view: View, cookie: str, status: int = 200) -> Response:
        mark = session.form_mark(self._service, cookie)
        shown = {"who": view.caller, "mark": mark, "refresh": view.refresh, **values}
        text = render(template, style=self._style, version=__version__, **shown)
        headers = {**_HEADERS, **({"Refresh": f"{view.refresh}"} if view.refresh else {})}
        return _html_response(text, status, headers)

    async def _login(self, request: Request) -> Response:
        """Show the form for a token, or open a session."""
        wrong, status = False, 200
        if request.method == "POST":
            form = await _form_of(request)
            if not session.is_own_site(request.headers):
                status = 403
            elif cookie := await run_in_threadpool(session.open_session, self._service, form.get("token", "")):
                return self._opened(cookie, request.query_params.get("to", "/"))
            else:
                wrong, status = True, 401
        values = {"wrong": wrong, "who": None, "mark": "", "refresh": 0}
        text = render("server/login", style=self._style, version=__version__, **values)
        return _html_response(text, status, _HEADERS)

    def _opened(self, cookie: str, to: str) -> Response:
        here = to if to.startswith("/") and not to.startswith(("//", "/\\")) else "/"
        answer = RedirectResponse(here, 303, _HEADERS)
        is_https = self._service.address.url.startswith("https:")
        answer.set_cookie(
            session.COOKIE, cookie, max_age=session.SECONDS, httponly=True, samesite="strict", secure=is_https
        )
        return answer

    async def _logout(self, _: Request) -> Response:
        answer = RedirectResponse("/login", 303, _HEADERS)
        answer.delete_cookie(session.COOKIE)
        return answer


def _html_response(text: str, status: int, headers: Mapping[str, str]) -> Response:
    """Return a page; what UTF-8 cannot write of a job's texts, half of a surrogate pair, stands there as an escape."""
    return Response(text.encode("utf-8", "backslashreplace"), status, headers, media_type="text/html")


async def _form_of(request: Request) -> dict[str, str]:
    data = await read_body(request, _FORM)
    try:
        found = parse_qs(data.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items()}
