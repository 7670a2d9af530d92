"""What is sent again and what is not, against a real HTTP server, for both clients."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

import sentrial
from sentrial import AsyncSentrialClient, SentrialClient

from .support.certificates import server_context
from .support.server import free_port
from .support.stub import Answer, Asked, graphql_error, start_stub, stored

if TYPE_CHECKING:
    from pathlib import Path

    from sentrial.outbox import DeliveryStats

CLIENTS = pytest.mark.parametrize("kind", ["sync", "async"])


def record(kind: str, url: str, count: int = 1, **options: Any) -> DeliveryStats:
    """Records ``count`` tool calls through that kind of client, flushes and closes it."""

    async def record_async() -> DeliveryStats:
        async with AsyncSentrialClient(api_key="key", api_url=url, **options) as client:
            for number in range(count):
                await client.track_tool_call("sess_1", f"tool_{number}", {"number": number})
            await client.flush(20)
        return client.stats()

    def record_sync() -> DeliveryStats:
        with SentrialClient(api_key="key", api_url=url, **options) as client:
            for number in range(count):
                client.track_tool_call("sess_1", f"tool_{number}", {"number": number})
            client.flush(20)
        return client.stats()

    return record_sync() if kind == "sync" else asyncio.run(record_async())


PASSING = {
    "the connection is closed before the answer": Answer(cut="before"),
    "the answer breaks off": Answer(body='{"data": {"recordEvents": [{"error": null}]}}', cut="within"),
    "408": Answer(408),
    "429 with Retry-After": Answer(429, headers={"Retry-After": "0"}),
    "500 without GraphQL": Answer(500, "<h1>Internal Server Error</h1>"),
    "500 with GraphQL": graphql_error("INTERNAL_SERVER_ERROR", status=500),
    "502 of a proxy": Answer(502, "<h1>Bad Gateway</h1>"),
    "503": Answer(503),
    "OVERLOADED": graphql_error("OVERLOADED", status=503, retryAfter=0),
    "504": Answer(504),
    "200 that is no GraphQL": Answer(200, "<h1>Welcome</h1>"),
    "200 with other JSON": Answer(200, "[]"),
    "404 of something else": Answer(404, "not found"),
}


@CLIENTS
@pytest.mark.parametrize("answer", PASSING.values(), ids=PASSING)
def test_a_passing_failure_is_followed_by_the_same_request_again(kind: str, answer: Answer) -> None:
    with start_stub(answer) as stub:
        stats = record(kind, stub.url)
    assert stats.delivered == 1
    assert [asked.body for asked in stub.asked] == [stub.asked[0].body] * 2


LASTING = {
    "UNAUTHENTICATED": graphql_error("UNAUTHENTICATED", status=401),
    "401 without GraphQL": Answer(401),
    "FORBIDDEN": graphql_error("FORBIDDEN"),
    "BAD_USER_INPUT": graphql_error("BAD_USER_INPUT", status=400),
    "413": Answer(413),
    "CONFLICT of one event": Answer(body='{"data": {"recordEvents": [{"error": {"code": "CONFLICT", "message": "taken"}}]}}'),
}


@CLIENTS
@pytest.mark.parametrize("answer", LASTING.values(), ids=LASTING)
def test_a_refusal_is_logged_and_not_sent_again(kind: str, answer: Answer, caplog: pytest.LogCaptureFixture) -> None:
    with start_stub(answer) as stub:
        stats = record(kind, stub.url)
    assert (stats.delivered, stats.refused, len(stub.asked)) == (0, 1, 1)
    assert "The server refused" in caplog.text


@CLIENTS
def test_a_server_that_is_not_there_yet_is_waited_for(kind: str) -> None:
    async def record_async() -> bool:
        client = AsyncSentrialClient(api_key="key", api_url=url)
        await client.track_error("sess_1", "first")
        assert not await client.flush(0.3)
        with start_stub(port=port):
            return await client.flush(15)

    def record_sync() -> bool:
        client = SentrialClient(api_key="key", api_url=url)
        client.track_error("sess_1", "first")
        assert not client.flush(0.3)
        with start_stub(port=port):
            return client.flush(15)

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    assert record_sync() if kind == "sync" else asyncio.run(record_async())


@CLIENTS
def test_one_bad_event_is_refused_alone(kind: str) -> None:
    def refuse_the_fourth(asked: Asked) -> Answer:
        if any(item["toolCall"]["toolName"] == "tool_3" for item in asked.inputs):
            return graphql_error("BAD_USER_INPUT", "toolCall.confidence must be a number", status=400)
        return stored(asked)

    with start_stub(*[refuse_the_fourth] * 20) as stub:
        stats = record(kind, stub.url, count=9)
    assert (stats.delivered, stats.refused) == (8, 1)


@CLIENTS
def test_a_batch_that_is_too_large_is_sent_in_parts(kind: str) -> None:
    def at_most_two(asked: Asked) -> Answer:
        return Answer(413) if len(asked.inputs) > 2 else stored(asked)

    with start_stub(*[at_most_two] * 20) as stub:
        stats = record(kind, stub.url, count=8)
    assert stats.delivered == 8
    assert sum(len(asked.inputs) for asked in stub.asked if len(asked.inputs) <= 2) == 8


@CLIENTS
def test_what_the_server_always_fails_at_does_not_hold_up_the_rest(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentrial.delivery.FIRST_PAUSE", 0.01)

    def fail_at_the_first(asked: Asked) -> Answer:
        if any(item["toolCall"]["toolName"] == "tool_0" for item in asked.inputs):
            return graphql_error("INTERNAL_SERVER_ERROR", status=500)
        return stored(asked)

    with start_stub(*[fail_at_the_first] * 100) as stub:
        stats = record(kind, stub.url, count=4)
    assert (stats.delivered, stats.refused) == (3, 1)


@CLIENTS
def test_an_event_waits_for_a_session_that_another_process_creates(kind: str) -> None:
    unknown = Answer(body='{"data": {"recordEvents": [{"error": {"code": "NOT_FOUND", "message": "no session"}}]}}')
    with start_stub(unknown, unknown) as stub:
        stats = record(kind, stub.url)
    assert stats.delivered == 1
    assert len(stub.asked) == 3


@CLIENTS
def test_an_update_carries_an_idempotency_key_that_stays_the_same(kind: str) -> None:
    async def complete() -> None:
        async with AsyncSentrialClient(api_key="key", api_url=stub.url) as client:
            await client.complete_session("sess_1")

    with start_stub(Answer(503, headers={"Retry-After": "0"})) as stub:
        if kind == "sync":
            with SentrialClient(api_key="key", api_url=stub.url) as client:
                client.complete_session("sess_1")
                client.flush()
        else:
            asyncio.run(complete())
    keys = [asked.headers["Idempotency-Key"] for asked in stub.asked]
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert keys[0].startswith("upd_")


RAISED = [
    (graphql_error("UNAUTHENTICATED", status=401), sentrial.AuthenticationError),
    (graphql_error("FORBIDDEN"), sentrial.PermissionDeniedError),
    (Answer(body='{"data": {"recordEvents": [{"error": {"code": "NOT_FOUND", "message": "no"}}]}}'), sentrial.NotFoundError),
    (Answer(body='{"data": {"recordEvents": [{"error": {"code": "CONFLICT", "message": "no"}}]}}'), sentrial.ConflictError),
    (graphql_error("BAD_USER_INPUT", status=400), sentrial.ValidationError),
]


@pytest.mark.parametrize(("answer", "error"), RAISED, ids=[error.__name__ for _, error in RAISED])
@CLIENTS
def test_a_refusal_is_raised_by_the_call_where_that_was_asked_for(
    kind: str, answer: Answer, error: type[sentrial.SentrialError]
) -> None:
    with start_stub(answer) as stub, pytest.raises(error):
        record(kind, stub.url, fail_silently=False)


@CLIENTS
def test_a_call_that_raises_repeats_as_often_as_max_retries_says(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentrial.delivery.FIRST_PAUSE", 0.01)
    with start_stub(*[Answer(503)] * 10) as stub:
        with pytest.raises(sentrial.ServerUnavailable, match="3 tries"):
            record(kind, stub.url, fail_silently=False, max_retries=2)
        assert len(stub.asked) == 3


@CLIENTS
def test_a_call_that_raises_succeeds_after_a_passing_failure(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentrial.delivery.FIRST_PAUSE", 0.01)
    with start_stub(Answer(503), Answer(cut="before")) as stub:
        record(kind, stub.url, fail_silently=False)
        assert len(stub.asked) == 3


@CLIENTS
def test_a_server_that_never_answers_costs_the_caller_nothing(kind: str) -> None:
    def hang(asked: Asked) -> Answer:
        stub.release.wait(60)
        return Answer(503)

    async def track_async() -> float:
        loop = asyncio.get_running_loop()
        client = AsyncSentrialClient(api_key="key", api_url=stub.url)
        started = loop.time()
        for _ in range(100):
            await client.track_decision("sess_1", "go on")
        await client.close(0.2)
        return loop.time() - started

    def track_sync() -> float:
        import time

        client = SentrialClient(api_key="key", api_url=stub.url)
        started = time.monotonic()
        for _ in range(100):
            client.track_decision("sess_1", "go on")
        client.close(0.2)
        return time.monotonic() - started

    with start_stub(*[hang] * 10) as stub:
        assert (track_sync() if kind == "sync" else asyncio.run(track_async())) < 2


def test_events_of_one_batch_go_in_one_request_after_their_session_and_before_its_end() -> None:
    with start_stub() as stub, SentrialClient(api_key="key", api_url=stub.url) as client:
        first = client.create_session(name="first")
        client.track_decision(first, "one")
        second = client.create_session(name="second")
        client.track_decision(second, "two")
        client.complete_session(first)
        client.track_decision(second, "three")
        client.flush()
    kinds = [json.loads(asked.body)["query"].split("{ ", 1)[1].split("(")[0] for asked in stub.asked]
    assert kinds == ["createSession", "createSession", "recordEvents", "completeSession"]
    assert [item["decision"]["reasoning"] for item in stub.asked[2].inputs] == ["one", "two", "three"]


def test_an_outage_is_logged_once_and_not_for_each_attempt(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentrial.delivery.FIRST_PAUSE", 0.001)
    with caplog.at_level(logging.WARNING), start_stub(*[Answer(503)] * 8) as stub:
        assert record("sync", stub.url).delivered == 1
    assert caplog.text.count("Not delivered, trying again") == 1


@CLIENTS
def test_a_proxy_of_the_environment_is_used_and_no_proxy_obeyed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with start_stub() as proxy, start_stub() as direct:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert record(kind, "http://sentrial.invalid:3001").delivered == 1
        assert record(kind, direct.url).delivered == 1
    assert (len(proxy.asked), len(direct.asked)) == (1, 1)
    assert proxy.asked[0].path == "http://sentrial.invalid:3001/graphql"


@CLIENTS
def test_over_tls_only_a_trusted_server_is_told(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, trusted = server_context(tmp_path)
    with start_stub(tls=context) as stub:
        with pytest.raises(sentrial.ServerUnavailable, match="certificate verify failed"):
            record(kind, stub.url, fail_silently=False, max_retries=0)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        assert record(kind, stub.url).delivered == 1
    assert len(stub.asked) == 1
