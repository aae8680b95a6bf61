"""Access tokens for Google's APIs by service account: an RS256 assertion exchanged at the token endpoint (RFC 7523).

One token per process, fetched by one call however many wait for it, renewed at 80 % of its life.
"""

import asyncio
import re
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode

import jwt

from channels.base import json_object, retry_after, text_of, wall_clock
from channels.http import Answer, Failure, HttpClient
from channels.push.google_key import AUDIENCE, ServiceAccount
from duecourse.domain.clock import Monotonic
from duecourse.domain.message import Outcome
from duecourse.domain.vocabulary import OutcomeClass

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: The longest life that Google accepts for an assertion; its tokens live as long.
LIFE_S = 3_600
_RENEW_AT = 0.8
_OK = 200
#: The words of RFC 6749, 5.2.
_ERROR_WORD = re.compile(r"[a-z_]{1,40}")
_WAIT_S = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Token:
    secret: str = field(repr=False)
    renew_at: float
    ends_at: float


def assertion(account: ServiceAccount, scope: str, now: float) -> str:
    """The signed claim that is exchanged for a token, valid for an hour from `now` (unix seconds)."""
    issued = int(now)
    claims = {"iss": account.email, "scope": scope, "aud": AUDIENCE, "iat": issued, "exp": issued + LIFE_S}
    return jwt.encode(claims, account.key, algorithm="RS256", headers={"kid": account.key_id})


class TokenSource:
    """Where an adapter gets its token from. `http` must be open."""

    def __init__(
        self, account: ServiceAccount, scope: str, http: HttpClient, *, monotonic: Monotonic = time.monotonic
    ) -> None:
        self._account = account
        self._scope = scope
        self._http = http
        self._monotonic = monotonic
        self._current: _Token | None = None
        self._flight: asyncio.Task[_Token | Outcome] | None = None

    async def token(self) -> str | Outcome:
        """A token that is good now, or why there is none. All who wait share one call and its failure."""
        now = self._monotonic()
        if self._current and now < self._current.renew_at:
            return self._current.secret
        if self._flight is None:
            self._flight = asyncio.create_task(self._renew())
        fetched = await asyncio.shield(self._flight)
        if isinstance(fetched, _Token):
            return fetched.secret
        # A token past its renewal still works until it ends.
        if self._current and now < self._current.ends_at:
            return self._current.secret
        return fetched

    def refuse(self, secret: str) -> None:
        """The provider did not take `secret`: the next call fetches another, unless one came meanwhile."""
        if self._current and self._current.secret == secret:
            self._current = None

    async def aclose(self) -> None:
        if self._flight:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)

    async def _renew(self) -> _Token | Outcome:
        try:
            fetched = await self._fetch()
        finally:
            self._flight = None
        if isinstance(fetched, _Token):
            self._current = fetched
        return fetched

    async def _fetch(self) -> _Token | Outcome:
        form = {"assertion": assertion(self._account, self._scope, wall_clock()), "grant_type": GRANT}
        headers = {"content-type": "application/x-www-form-urlencoded"}
        request = self._http.prepare("POST", self._account.token_uri, headers=headers, content=urlencode(form).encode())
        began = self._monotonic()
        answer = await self._http.call(request, deadline=time.monotonic() + _WAIT_S)
        if isinstance(answer, Failure):
            # Whatever became of this request, the message itself was not sent.
            return Outcome(kind=OutcomeClass.TRANSIENT, code=f"token_{answer.cause}")
        return _read(answer, began)


def _read(answer: Answer, began: float) -> _Token | Outcome:
    body = json_object(answer.body) or {}
    secret = text_of(body.get("access_token"))
    if answer.status == _OK and secret:
        life = _life(body.get("expires_in"))
        return _Token(secret=secret, renew_at=began + life * _RENEW_AT, ends_at=began + life)
    word = text_of(body.get("error")) or ""
    code = f"token_{word}" if _ERROR_WORD.fullmatch(word) else f"token_http_{answer.status}"
    refused = 400 <= answer.status < 500 and answer.status not in {408, 429}  # noqa: PLR2004 - HTTP's refusals
    if refused:
        return Outcome(kind=OutcomeClass.MISCONFIGURED, code=code)
    return Outcome(kind=OutcomeClass.TRANSIENT, code=code, retry_after_s=retry_after(answer.headers))


def _life(expires_in: object) -> float:
    """Seconds; some servers send text (google-auth takes it too). Nonsense counts as already over."""
    text = str(expires_in)
    return float(min(int(text), LIFE_S)) if text.isascii() and text.isdigit() else 0.0
