"""Can the broker be used? A process of its own for `duecourse doctor`: only workers know the broker."""

import json
import os
import sys
from typing import Any

from duecourse.domain.errors import ConfigError
from workers.broker import make_broker

#: The oldest RabbitMQ whose queues do all that workers/rabbitmq.py asks of them.
_OLDEST = (3, 10)
_ADDRESS = "check the host and port of BROKER_URL, and that it runs"
#: pika's words for a refusal.
_REFUSALS = {
    "ProbableAuthenticationError": ("refuses the login", "check user and password in BROKER_URL"),
    "ProbableAccessDeniedError": (
        "refuses the virtual host",
        "check what stands behind the port in BROKER_URL, and the user's permissions on it",
    ),
}


def look(url: str) -> tuple[bool, str, str]:
    """Whether it is well, what was found, and what to do. Reads only; `url` is RabbitMQ's."""
    try:
        broker: Any = make_broker(url)
    except ConfigError as exc:
        return False, f"BROKER_URL: {exc.problem}", "then run `duecourse doctor` again"
    import pika.exceptions  # noqa: PLC0415 - an extra; it is there, or there were no broker

    broker.parameters.connection_attempts = 1
    try:
        with pika.BlockingConnection(broker.parameters) as connection:
            # What the server said of itself is not handed on by this class.
            return _of_server(connection._impl.server_properties or {})  # noqa: SLF001
    except (pika.exceptions.AMQPError, OSError) as exc:
        kind = type(exc).__name__
        found, do = _REFUSALS.get(kind, (f"cannot be reached ({kind})", _ADDRESS))
        return False, f"RabbitMQ {found}", do


def _of_server(properties: dict[str, Any]) -> tuple[bool, str, str]:
    version = str(properties.get("version", "unknown"))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    product = properties.get("product", "AMQP server")
    return numbers >= _OLDEST, f"{product} {version}", "" if numbers >= _OLDEST else "upgrade to RabbitMQ 3.10 or newer"


def main() -> None:
    well, found, do = look(os.environ["BROKER_URL"])
    sys.stdout.write(json.dumps({"well": well, "found": found, "do": do}))


if __name__ == "__main__":
    main()
