"""The most the transport can do: prepared requests straight to it, a hundred at a time. Run by delivery.py."""

import asyncio
import json
import os
import sys

import httpx
from httpx_aiohttp import AiohttpTransport


async def main(first: int, count: int) -> None:
    url, key = os.environ["SINK_URL"], os.environ["SINK_KEY"]
    numbers = iter(range(first, first + count))
    async with AiohttpTransport() as transport:

        async def lane() -> None:
            for number in numbers:
                reference = f"ceiling-{number}"
                body = {"reference": reference, "to": "+12125550100", "text": "Your instalment is due today."}
                headers = {"authorization": f"Bearer {key}", "idempotency-key": reference,
                           "content-type": "application/json"}  # fmt: skip
                request = httpx.Request("POST", url, content=json.dumps(body).encode(), headers=headers)
                response = await transport.handle_async_request(request)
                await response.aread()

        await asyncio.gather(*(lane() for _ in range(100)))


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
