"""A provider that costs next to nothing: answers in the sandbox's dialect and keeps only a count. Run by delivery.py.

The sandbox itself keeps a book and decides faults, which costs more than the callers that are to be compared.
"""

import asyncio
import itertools
import json
import sys

_numbers = itertools.count(1)


class Sink(asyncio.Protocol):
    """HTTP/1.1, kept alive, as far as our callers speak it: a length, a body, no more."""

    def __init__(self) -> None:
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            length = _length(head)
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            status, answer = _answer(head, body)
            self.transport.write(  # type: ignore[attr-defined]  # a stream's transport
                b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
                % (status, len(answer), answer)
            )


def _length(head: bytes) -> int:
    lower = head.lower()
    start = lower.find(b"content-length:")
    return int(lower[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0


def _answer(head: bytes, body: bytes) -> tuple[bytes, bytes]:
    if b"/messages/batch" not in head.split(b"\r\n", 1)[0]:
        return b"201 Created", b'{"id":"m-%d","status":"accepted"}' % next(_numbers)
    results = [{"id": f"m-{next(_numbers)}", "status": "accepted"} for _ in json.loads(body)["messages"]]
    return b"200 OK", json.dumps({"results": results}).encode()


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()


asyncio.run(main(int(sys.argv[1])))
