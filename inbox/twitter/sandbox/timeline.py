"""The page: a timeline on which a person plays any customer."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from inbox.twitter.sandbox import authorship, cards, people
from inbox.twitter.sandbox.access import Sandbox
from inbox.twitter.sandbox.authorship import Draft
from inbox.twitter.sandbox.faults import KINDS
from inbox.twitter.sandbox.parameters import an_id, read_body
from inbox.twitter.sandbox.problems import Problem, malformed
from inbox.twitter.sandbox.shelf import type_of
from inbox.twitter.sandbox.world import Account, Tweet

HERE = Path(__file__).parent
ON_A_PAGE = 40
FORM_LIMIT = 64 * 1024
LONGEST_BEGUN = 10_000
PICTURE_LIMIT = 6 * 1024 * 1024
COOKIE = "sandbox_me"
STATIC = {name: int((HERE / "static" / name).stat().st_mtime) for name in ("page.css", "page.js")}
HEADERS = {
    "content-security-policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}

templates = Environment(
    loader=FileSystemLoader(HERE / "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
templates.filters["initials"] = cards.initials


# -- looking -----------------------------------------------------------------------------------------------------


async def home(request: Request) -> Response:
    return _home(request)


async def status(request: Request) -> Response:
    tweet_id, begun = an_id(request.path_params["id"], "id"), begun_in(request)
    return status_page(request, tweet_id, **({"draft": begun, "reply_begun_to": tweet_id} if begun else {}))


async def account(request: Request) -> Response:
    sandbox = _sandbox(request)
    shown = sandbox.world.account_named(request.path_params["username"])
    if not shown:
        raise Problem(404, "Not here", "Nobody has this name.")
    me = me_of(request)
    does_block = bool(me and people.does(sandbox.world, me.id, people.BLOCK, shown.id))
    tweets = _newest(request, sandbox, "author_id = ? AND deleted_ms IS NULL AND superseded = 0", (shown.id,))
    return page(request, "account.html", shown=shown, tweets=tweets, does_block=does_block)


async def avatar(request: Request) -> Response:
    person = _sandbox(request).world.account(an_id(request.path_params["id"], "id"))
    if not person:
        raise Problem(404, "Not here", "Nobody has this picture.")
    picture = templates.get_template("avatar.svg").render(
        hue=cards.hue(person.id), initials=cards.initials(person), name=person.name
    )
    return Response(picture, media_type="image/svg+xml", headers={"cache-control": "max-age=86400"})


def _home(request: Request, **said: Any) -> Response:
    tweets = _newest(request, _sandbox(request), "deleted_ms IS NULL AND superseded = 0", ())
    named = request.query_params.get("to", "")
    draft = f"@{named} " if _sandbox(request).world.account_named(named) else begun_in(request)
    return page(request, "home.html", tweets=tweets, **{"draft": draft, **said})


def status_page(request: Request, tweet_id: int, **said: Any) -> Response:
    sandbox = _sandbox(request)
    found = sandbox.world.tweets_where("id = ?", (tweet_id,))
    if not found:
        raise Problem(404, "Not here", "There is no such tweet.")
    drawn = cards.reply_tree(sandbox.world, found[0], me_of(request))
    return page(request, "status.html", tweets=drawn, focus=found[0], **said)


def _newest(request: Request, sandbox: Sandbox, condition: str, values: tuple[object, ...]) -> list[cards.Card]:
    before = request.query_params.get("before")
    if before:
        condition, values = f"{condition} AND id < ?", (*values, an_id(before, "before"))
    found = sandbox.world.tweets_where(condition, values, order="id DESC", limit=ON_A_PAGE)
    return cards.cards(sandbox.world, found, me_of(request))


def page(request: Request, template: str, **shown: Any) -> Response:
    """A page, or, for one that looks again, its changing parts; nothing when nothing changed."""
    sandbox, me = _sandbox(request), me_of(request)
    is_part = request.query_params.get("part") == "yes"
    version = f'"{sandbox.storage.revision}-{me.id if me else 0}"'
    if is_part and request.headers.get("if-none-match") == version:
        return Response(status_code=304, headers={"etag": version})
    customers = sandbox.world.recent_customers(9)
    is_read = request.method == "GET"
    context = {
        "me": me,
        "others": [customer for customer in customers if not me or customer.id != me.id][:8],
        "brands": sandbox.world.brands(),
        "deliveries": sandbox.deliveries.counts(),
        "webhooks": list(sandbox.storage.execute("SELECT url, valid FROM webhooks ORDER BY id")),
        "faults": _faults(sandbox),
        "path": request.url.path if is_read else "/",
        "here": f"{request.url.path}?{request.url.query}" if is_read and begun_in(request) else "",
        "before": request.query_params.get("before"),
        "on_a_page": ON_A_PAGE,
        "static": STATIC,
        "focus": None,
        "draft": "",
        "refusal": "",
        "reply_begun_to": 0,
        "refused_edit_of": 0,
        "does_block": False,
        "base": "parts.html" if is_part else "page.html",
        "code": 200,
        **shown,
    }
    # Only what can be asked for again is looked at again: no answer to a form, and nothing that is not there.
    context["looks_again"] = is_read and context["code"] == 200 and not context["before"]
    body = templates.get_template(template).render(context)
    return HTMLResponse(body, context["code"], {**HEADERS, "etag": version})


def begun_in(request: Request) -> str:
    """The words that an address brings along for the box in which one writes."""
    return request.query_params.get("text", "")[:LONGEST_BEGUN] if request.method == "GET" else ""


def _faults(sandbox: Sandbox) -> list[tuple[str, list[dict[str, Any]]]]:
    active = {fault.name: fault for fault in sandbox.faults.active()}
    return [
        (where, [{"kind": kind, "on": active.get(kind.name)} for kind in kinds])
        for where, kinds in itertools.groupby(KINDS.values(), key=lambda kind: kind.where)
    ]


def problem_page(request: Request, problem: Problem) -> Response:
    return page(request, "problem.html", problem=problem, code=problem.status)


# -- acting: forms, then a redirect ------------------------------------------------------------------------------


async def be_somebody(request: Request) -> Response:
    form = await form_of(request)
    return _remember(back(form), somebody(_sandbox(request), form.get("who", "")))


async def compose(request: Request) -> Response:
    """Say something, or answer; when refused, the page comes back with the reason and the words."""
    form, sandbox = await form_of(request), _sandbox(request)
    text = form.get("text", "").replace("\r\n", "\n")
    parent_id, quoted_id = (an_id(form[name], name) if form.get(name) else None for name in ("in_reply_to", "quoted"))
    try:
        me = me_of(request) or somebody(sandbox, form.get("who", ""))
        with sandbox.storage.transaction():
            picture = picture_in(sandbox, me, form, "tweet_image")
            draft = Draft(text, parent_id, quoted_id, media=[picture] if picture else [])
            tweet = authorship.post(sandbox.world, me, draft)
            sandbox.activity.announce([(tweet, None)])
    except Problem as problem:
        said = {"draft": text, "refusal": reason_of(problem), "code": problem.status}
        if parent_id and sandbox.world.tweet(parent_id):
            return status_page(request, parent_id, reply_begun_to=parent_id, **said)
        return _home(request, **said)
    sandbox.deliveries.wake()
    return _remember(back(form, anchor=f"tweet-{tweet.id}"), me)


async def delete(request: Request) -> Response:
    form, sandbox = await form_of(request), _sandbox(request)
    tweet, me = _tweet(request), me_of(request)
    if not me or tweet.author_id != me.id:
        raise Problem(403, "Not yours", "You can delete only what you wrote yourself.")
    with sandbox.storage.transaction():
        sandbox.world.delete_tweet(tweet)
        sandbox.activity.announce_deletion(tweet)
    sandbox.deliveries.wake()
    return back(form)


async def repost(request: Request) -> Response:
    form, sandbox = await form_of(request), _sandbox(request)
    tweet, me = _tweet(request), me_of(request)
    if not me:
        raise malformed("Choose who you are first.")
    with sandbox.storage.transaction():
        passed_on, is_new = authorship.repost(sandbox.world, me, tweet)
        if is_new:
            sandbox.activity.announce([(passed_on, None)])
    sandbox.deliveries.wake()
    return back(form)


async def switch_fault(request: Request) -> Response:
    form, faults = await form_of(request), _sandbox(request).faults
    name, how = form.get("name", ""), form.get("how", "")
    if how == "off":
        faults.switch_off(name)
    elif how in ("once", "on"):
        seconds = form.get("seconds", "").replace(",", ".").strip()
        if seconds and (not seconds.replace(".", "", 1).isdigit() or float(seconds) > 3600):
            raise malformed("Seconds are a number from 0 to 3600.")
        faults.switch_on(name, times=1 if how == "once" else None, seconds=float(seconds) if seconds else None)
    else:
        raise malformed("A fault is switched on, on once, or off.")
    return back(form, anchor="faults")


def somebody(sandbox: Sandbox, who: str) -> Account:
    """The account of that @username or name; a new customer if there is none."""
    who = " ".join(who.split())[:50]
    if known := sandbox.world.account_named(who.removeprefix("@")):
        return known
    username = cards.username_from(who)
    if not who or not username:
        raise malformed("Say who you are: a name with at least one Latin letter or digit.")
    return sandbox.world.add_account(username, who.removeprefix("@"))


def _tweet(request: Request) -> Tweet:
    tweet = _sandbox(request).world.tweet(an_id(request.path_params["id"], "id"))
    if not tweet:
        raise Problem(404, "Not here", "This tweet is gone.")
    return tweet


def reason_of(problem: Problem) -> str:
    """Why something was refused, in a sentence for the page."""
    return problem.errors[0]["message"] if problem.errors else problem.detail


def picture_in(sandbox: Sandbox, owner: Account, form: "Form", category: str) -> int | None:
    """The picture that came with a form, put on the shelf with its alt text; its id."""
    if form.picture is None:
        return None
    content, media_type = form.picture
    media = sandbox.media.keep(sandbox.media.start(owner.id, category, media_type, len(content)), content)
    if alt_text := form.get("alt_text", "").strip():
        sandbox.media.describe(media.id, alt_text[:1000])
    return media.id


class Form(dict[str, str]):
    """The fields of a form, and the picture that came with it: its bytes and their type."""

    picture: tuple[bytes, str] | None = None


async def form_of(request: Request) -> Form:
    """A form sent by our own page. Browsers always name the origin of a form; nobody else has business here."""
    if urlsplit(request.headers.get("origin", "")).netloc != request.headers.get("host"):
        raise Problem(403, "Forbidden", "Forms are taken from this page only.")
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await _form_with_a_picture(request)
    body = (await read_body(request, FORM_LIMIT)).decode(errors="replace")
    try:
        fields = parse_qs(body, keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise malformed("The form could not be read.") from error
    return Form({name: values[-1] for name, values in fields.items()})


async def _form_with_a_picture(request: Request) -> Form:
    declared = request.headers.get("content-length", "")
    if not declared.isdigit() or int(declared) > PICTURE_LIMIT:
        raise Problem(413, "Payload Too Large", "A picture may have 5 MB at most.")
    form = Form()
    async with request.form(max_files=1, max_fields=20) as sent:
        for name, value in sent.multi_items():
            if isinstance(value, str):
                form[name] = value
            elif content := await value.read():
                form.picture = content, type_of(content)
    return form


def back(form: Mapping[str, str], anchor: str = "") -> RedirectResponse:
    where = form.get("back", "/")
    # Only a path of ours: two slashes, or a backslash, would lead to another host.
    is_path = where.startswith("/") and not where.startswith("//") and "\\" not in where and where.isprintable()
    return RedirectResponse((where if is_path else "/") + (f"#{anchor}" if anchor else ""), 303)


def _remember(response: Response, me: Account) -> Response:
    response.set_cookie(COOKIE, str(me.id), max_age=31_536_000, httponly=True, samesite="lax")
    return response


def me_of(request: Request) -> Account | None:
    """Whom this browser plays; nobody yet, when it has not said."""
    world, chosen = _sandbox(request).world, request.cookies.get(COOKIE, "")
    if chosen.isascii() and chosen.isdigit() and len(chosen) < 20 and (me := world.account(int(chosen))):
        return me
    return None


def _sandbox(request: Request) -> Sandbox:
    return request.app.state.sandbox


ROUTES = [
    Route("/", home, methods=["GET"]),
    Route("/status/{id}", status, methods=["GET"]),
    Route("/account/{username}", account, methods=["GET"]),
    Route("/avatar/{id}.svg", avatar, methods=["GET"]),
    Route("/as", be_somebody, methods=["POST"]),
    Route("/compose", compose, methods=["POST"]),
    Route("/compose", lambda _request: RedirectResponse("/", 303), methods=["GET"]),
    Route("/status/{id}/deletion", delete, methods=["POST"]),
    Route("/status/{id}/repost", repost, methods=["POST"]),
    Route("/faults", switch_fault, methods=["POST"]),
    Mount("/static", StaticFiles(directory=HERE / "static")),
]
