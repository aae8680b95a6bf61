"""The borrower's phone, as a web page: what was sent, as it would be seen. Everything sent is untrusted text."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from duecourse.simulator.sandbox.api import EXCHANGE
from duecourse.simulator.sandbox.control import state_of

_SHOWN_PHONES = 300
_SHOWN_MESSAGES = 200
_ICONS = {"sms": "💬", "push": "🔔", "email": "✉️", "im": "🗨️", "voice": "📞"}
#: No script at all, and an e-mail's pictures stay unloaded: a srcdoc frame inherits this policy.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}

_pages = Environment(
    loader=PackageLoader("duecourse.simulator.sandbox", "pages"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def routes() -> list[web.RouteDef]:
    return [web.get("/", show_phones), web.get("/phone/{address:.+}", show_phone)]


async def show_phones(request: web.Request) -> web.StreamResponse:
    """`GET /`: every phone that was written to, the busiest first."""
    exchange = request.app[EXCHANGE]
    rows = exchange.journal.addresses()
    phones = [
        {
            "address": address,
            "icon": _ICONS[channel],
            "channel": channel,
            "count": count,
            "link": quote(address, safe=""),
        }
        for address, channel, count in rows[:_SHOWN_PHONES]
    ]
    return _page("phones.html", phones=phones, total=len(rows), state=state_of(exchange))


async def show_phone(request: web.Request) -> web.StreamResponse:
    """`GET /phone/{address}`: the messages to one address, newest first."""
    address = request.match_info["address"]
    messages = [_seen(m) for m in request.app[EXCHANGE].journal.messages_to(address)[:_SHOWN_MESSAGES]]
    if not messages:
        raise web.HTTPNotFound(text="Nothing was sent to this address.")
    return _page("phone.html", address=address, messages=messages, channel=messages[0]["channel"])


def _seen(entry: dict[str, Any]) -> dict[str, Any]:
    at = datetime.fromisoformat(entry["virtual_at"] or entry["at"])
    return {**entry, "icon": _ICONS[entry["channel"]], "when": at.strftime("%a %d %b, %H:%M UTC")}


def _page(name: str, **values: Any) -> web.Response:
    text = _pages.get_template(name).render(values)
    return web.Response(text=text, content_type="text/html", headers=_HEADERS)
