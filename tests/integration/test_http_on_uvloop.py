"""Our own HTTP/1.1 on uvloop: the same as on the standard library's event loop."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from tests.integration import test_http_answers as answers
from tests.integration import test_http_connections as connections
from tests.integration import test_http_requests as requests


@pytest.mark.parametrize(
    "scenario",
    [
        answers.test_the_answer_to_head_has_no_body,
        answers.test_an_answer_without_a_length_that_is_broken_off_is_none,
        answers.test_an_answer_may_come_byte_by_byte_and_its_trailers_belong_to_nobody,
        answers.test_a_body_may_be_as_large_as_the_bound_and_no_larger,
        connections.test_an_answer_to_no_request_closes_the_idle_connection_at_once,
        requests.test_a_long_request_arrives_whole_and_waits_for_a_slow_reader,
        requests.test_a_long_request_that_nobody_reads_is_not_all_in_a_buffer,
        requests.test_an_early_answer_counts_and_its_connection_ends,
        connections.test_a_name_is_tried_at_all_its_addresses,
        connections.test_no_more_connections_than_allowed_and_everybody_has_a_turn,
        connections.test_a_call_that_is_cancelled_while_connecting_leaves_nothing_behind,
        connections.test_closing_the_client_ends_the_calls_that_wait_for_an_answer,
    ],
    ids=lambda scenario: scenario.__name__.removeprefix("test_"),
)
def test_the_other_event_loop_tells_the_same(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
