import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.contact import month_base
from duecourse.domain.errors import InputError
from duecourse.logs import MASK, bind, configure, describe_error, is_personal, mask_text

Lines = Callable[[], list[dict[str, Any]]]

CONTACT = str(month_base(date(2018, 3, 1)) + 4711)
PHONE, EMAIL, NAME = "+1 415-555-0142", "canary.person@example.com", "Canary Person"


@pytest.fixture
def lines() -> Iterator[Lines]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    configure("json", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers[:], root.level = before


def fail(error: Exception, cause: Exception | None = None) -> None:
    raise error from cause


def log(name: str = "duecourse.test") -> Any:
    return structlog.get_logger(name)


def test_an_event_is_one_line_of_json_with_its_ids(lines: Lines) -> None:
    log().info("contact.released", contact_id=7, channel="sms")

    (line,) = lines()
    assert (line["event"], line["contact_id"], line["channel"]) == ("contact.released", 7, "sms")
    assert (line["level"], line["logger"]) == ("info", "duecourse.test")
    assert line["timestamp"].endswith("Z")


def test_what_is_bound_is_carried_by_every_line_inside(lines: Lines) -> None:
    with bind(contact_id=7, batch_id="b1"):
        log().info("contact.sent")
    log().info("batch.ended")

    inside, outside = lines()
    assert (inside["contact_id"], inside["batch_id"]) == (7, "b1")
    assert "contact_id" not in outside


@pytest.mark.parametrize(
    "key",
    [
        *("to", "address", "home_phone_2", "phoneNumber", "email", "name", "first_name", "text", "template_text"),
        *("body", "url", "database_url", "token", "access_token_hash", "authorization", "Authorization", "headers"),
    ],
)
def test_a_key_that_may_hold_personal_data_is_masked(key: str, lines: Lines) -> None:
    log().info("thing.happened", **{key: NAME})

    assert lines()[0][key] == MASK


@pytest.mark.parametrize(
    "key", ["contact_id", "provider", "provider_message_id", "channel", "event_key", "text_segments", "count", "state"]
)
def test_a_key_of_ids_and_counts_is_kept(key: str) -> None:
    assert not is_personal(key)


def test_a_count_is_no_personal_data_and_a_number_may_be(lines: Lines) -> None:
    log().info("contacts.released", sms=1, email=2, phone=12025550142, to=2025550142)

    assert [lines()[0][key] for key in ("sms", "email", "phone", "to")] == [1, 2, MASK, MASK]


def test_a_program_s_own_lines_are_written(lines: Lines) -> None:
    log("__main__").info("scheduler.started")

    assert lines()[0]["event"] == "scheduler.started"


def test_personal_data_inside_other_values_is_masked(lines: Lines) -> None:
    log().info("thing.happened", reason=f"no route to {PHONE}", seen=[EMAIL, {"who": PHONE, "name": NAME}])
    log().info(f"sending to {EMAIL}")

    text = json.dumps(lines())
    assert "555" not in text
    assert "canary" not in text.casefold()
    assert "no route to" in text


@pytest.mark.parametrize(
    "text",
    ["2018-03-01", "2018-03-01T08:00:00+00:00", "2018-03-01 08:00:00.123456+00:00", CONTACT, f"{CONTACT}-12"],
)
def test_dates_and_references_are_kept(text: str) -> None:
    assert mask_text(text) == text


@given(
    digits=st.text("0123456789", min_size=7, max_size=15),
    before=st.sampled_from(["", " ", "To=", "To=%2B", "tel:", "<", "(", "+"]),
    after=st.sampled_from(["", " ", ">", ",", "&x=1", ")", "."]),
)
def test_no_phone_number_survives(digits: str, before: str, after: str) -> None:
    assert digits not in mask_text(before + digits + after)


def test_an_exception_is_told_without_its_words(lines: Lines) -> None:
    try:
        fail(ValueError(f"cannot reach {NAME} at {PHONE}"))
    except ValueError:
        log().exception("contact.failed", contact_id=7)

    (line,) = lines()
    assert line["error"]["type"] == "ValueError"
    assert any("test_logs.py" in frame for frame in line["error"]["at"])
    assert "Canary" not in json.dumps(line)


def test_an_exception_given_as_a_value_is_told_without_its_words(lines: Lines) -> None:
    log().warning("contact.failed", reason=ValueError(NAME), thing=object())

    assert lines()[0]["reason"]["type"] == "ValueError"
    assert lines()[0]["thing"] == "<object>"
    assert NAME not in json.dumps(lines())


def test_our_own_error_keeps_its_words_and_names_its_causes() -> None:
    try:
        try:
            fail(KeyError(NAME))
        except KeyError as exc:
            fail(InputError("row 3: amount: negative"), exc)
    except InputError as exc:
        told = describe_error(exc)

    assert told["problem"] == "row 3: amount: negative"
    assert told["caused_by"] == ["KeyError"]
    assert NAME not in json.dumps(told)


def test_another_library_is_quiet_and_loses_its_arguments(lines: Lines) -> None:
    for name in ("httpx", "httpcore.http11", "aiohttp.access", "uvicorn.access", "dramatiq.worker", "anything"):
        logging.getLogger(name).info("HTTP Request: %s", EMAIL)
    logging.getLogger("psycopg.pool").warning("error connecting in %r after %d: %s", NAME, 3, EMAIL)
    retrieved = f"Task exception was never retrieved\nfuture: <Task exception=ValueError({NAME!r})>"
    logging.getLogger("asyncio").error(retrieved)

    assert [line["event"] for line in lines()] == [
        f"error connecting in {MASK} after 3: {MASK}",
        "Task exception was never retrieved",
    ]


def test_pretty_is_for_people() -> None:
    stream, root = io.StringIO(), logging.getLogger()
    before = root.handlers[:], root.level
    configure("pretty", stream=stream)
    log().info("contact.released", contact_id=7)
    structlog.reset_defaults()
    root.handlers[:], root.level = before

    assert "contact.released" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
