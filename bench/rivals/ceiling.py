"""The most a transport can do: prepared requests straight to it, a hundred at a time. Run by delivery.py.

    python ceiling.py FIRST COUNT aiohttp|own

`aiohttp` is httpx's transport on aiohttp, what anybody would take; `own` is ours, that the governed pipeline uses.
"""

import asyncio
import json
import math
import os
import sys
from collections.abc import Iterator
from contextlib import aclosing

import httpx
from httpx_aiohttp import AiohttpTransport

from channels.pool import Limits, Pool
from channels.request import address_of, head_of, lines_of

URL, KEY = os.environ["SINK_URL"], os.environ["SINK_KEY"]


def message(number: int) -> tuple[dict[str, str], bytes]:
    reference = f"ceiling-{number}"
    body = json.dumps({"reference": reference, "to": "+12125550100", "text": "Your instalment is due today."}).encode()
    return {"authorization": f"Bearer {KEY}", "idempotency-key": reference, "content-type": "application/json"}, body


async def by_aiohttp(numbers: Iterator[int]) -> None:
    async with AiohttpTransport() as transport:

        async def lane() -> None:
            for number in numbers:
                headers, body = message(number)
                response = await transport.handle_async_request(
                    httpx.Request("POST", URL, headers=headers, content=body)
                )
                await response.aread()

        await asyncio.gather(*(lane() for _ in range(100)))


async def by_ours(numbers: Iterator[int]) -> None:
    address = address_of(URL)
    if address is None:
        raise SystemExit(f"SINK_URL: {URL} is no address")
    pool = Pool(context=httpx.create_ssl_context(), timeout_s=30, limits=Limits())
    async with aclosing(pool):

        async def lane() -> None:
            for number in numbers:
                headers, body = message(number)
                head = head_of("POST", address, lines_of(headers), len(body))
                await pool.call(address.origin, head, body, deadline=math.inf)

        await asyncio.gather(*(lane() for _ in range(100)))


_FIRST, _COUNT = int(sys.argv[1]), int(sys.argv[2])
asyncio.run({"aiohttp": by_aiohttp, "own": by_ours}[sys.argv[3]](iter(range(_FIRST, _FIRST + _COUNT))))
