"""The most a transport can do: prepared requests straight to it, a hundred at a time. Run by delivery.py.

    python ceiling.py FIRST COUNT aiohttp|own

`aiohttp` is httpx's transport on aiohttp, what anybody would take; `own` is ours, that the governed pipeline uses.
"""

import asyncio
import json
import math
import os
import sys

import httpx
from httpx_aiohttp import AiohttpTransport

from channels.connection import Whole
from channels.pool import Limits, Pool

URL, KEY = os.environ["SINK_URL"], os.environ["SINK_KEY"]


def request(number: int, own: bool) -> httpx.Request:  # noqa: FBT001 - one caller
    reference = f"ceiling-{number}"
    body = json.dumps({"reference": reference, "to": "+12125550100", "text": "Your instalment is due today."}).encode()
    headers = {"authorization": f"Bearer {KEY}", "idempotency-key": reference, "content-type": "application/json"}
    if own:
        return httpx.Request("POST", URL, headers=headers, stream=Whole(body), extensions={"deadline": math.inf})
    return httpx.Request("POST", URL, headers=headers, content=body)


async def main(first: int, count: int, own: bool) -> None:  # noqa: FBT001
    numbers = iter(range(first, first + count))
    pool = Pool(context=httpx.create_ssl_context(), timeout_s=30, limits=Limits()) if own else AiohttpTransport()
    async with pool as transport:

        async def lane() -> None:
            for number in numbers:
                response = await transport.handle_async_request(request(number, own))
                await response.aread()

        await asyncio.gather(*(lane() for _ in range(100)))


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "own"))
