"""The adapter in docs/adding-a-provider.md: what newcomers copy must itself pass the suite."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

from duecourse.domain.vocabulary import Resolution
from duecourse.ports import Channel
from tests.contract.rig import HttpRig, Reply, Rig, Say, Terms, provider
from tests.contract.wire import Request

TOKEN = "canary-acme-token"
_numbers = itertools.count()
BAD = "+12025550100"
_PAGE = Path(__file__).parents[2] / "docs" / "adding-a-provider.md"
_SAID = {
    Say.OPTED_OUT: (403, "stopped"),
    Say.REFUSE_CONTENT: (400, "bad_text"),
    Say.UNAUTHORISED: (401, "bad_token"),
    Say.THROTTLE: (429, "slow_down"),
    Say.UNAVAILABLE: (503, "closed"),
    Say.SERVER_ERROR: (500, "boom"),
    Say.OK_WITH_ERROR: (200, "bad_text"),
}


def documented() -> dict[str, Any]:
    """The page's Python, run."""
    found = re.search(r"```python\n(.*?)```", _PAGE.read_text("utf-8"), re.DOTALL)
    assert found
    names: dict[str, Any] = {"__name__": "acme_outreach"}
    exec(compile(found[1], str(_PAGE), "exec"), names)
    return names


def _build(url: str, timeout_s: float) -> Channel:
    terms = Terms(resolution=Resolution.NONE, options={"base_url": url, "token": TOKEN})
    channel: Channel = documented()["build"](provider("acme", "acme", timeout_s, terms))
    return channel


def _reply(say: Say, request: Request) -> Reply:
    given = json.loads(request.body or b"{}")
    if say is Say.GARBAGE:
        return 200, {}, b"<html>"
    status, code = (400, "bad_number") if given.get("to") == BAD else _SAID.get(say, (200, None))
    content = {"code": code} if code else {"sms_id": f"acme-{next(_numbers)}"}
    return status, {"retry-after": "7"}, json.dumps(content).encode()


RIGS: tuple[Rig, ...] = (
    HttpRig(
        name="documented",
        build=_build,
        reply=_reply,
        sign=lambda: None,
        secrets=(TOKEN,),
        says=frozenset(Say) - {Say.DUPLICATE},
        bad_address=BAD,
    ),
)
