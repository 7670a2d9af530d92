"""Personal data is taken out before anything leaves the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sentrial import PiiBuiltinPatterns, PiiConfig, PiiCustomPattern, SentrialClient
from sentrial.redact import Redactor

from .support.stub import start_stub

if TYPE_CHECKING:
    from .support.server import Project

FOUND = [
    ("mail ann.o'neil+x@mail.example.co.uk now", "mail ann.o'[EMAIL] now"),
    ("write to user@example.com, please", "write to [EMAIL], please"),
    ("call +1 (555) 123-4567", "call [PHONE]"),
    ("call 555-123-4567 or 555.123.4567", "call [PHONE] or [PHONE]"),
    ("ssn 123-45-6789.", "ssn [SSN]."),
    ("card 4111 1111 1111 1111!", "card [CREDIT_CARD]!"),
    ("card 4111-1111-1111-1111", "card [CREDIT_CARD]"),
    ("from 192.168.0.1 to 10.0.0.255", "from [IP_ADDRESS] to [IP_ADDRESS]"),
]
LEFT = [
    "version 1.2.3",
    "2025-01-12T10:30:00Z",
    "order 12345",
    "KB-001",
    "0.95",
    "sess_01a1fd269a597000ad3bc35ce2abac88",
    "a@b",
    "1.2.3.4.5",
]


@pytest.mark.parametrize(("text", "expected"), FOUND)
def test_is_found(text: str, expected: str) -> None:
    assert Redactor(PiiConfig()).text(text) == expected


@pytest.mark.parametrize("text", LEFT)
def test_is_left_alone(text: str) -> None:
    assert Redactor(PiiConfig()).text(text) == text


def test_hash_keeps_equal_values_equal_and_remove_leaves_nothing() -> None:
    hashed = Redactor(PiiConfig(mode="hash")).text("a@example.com b@example.com a@example.com").split(" ")
    assert hashed[0] == hashed[2] != hashed[1]
    assert hashed[0].startswith("[EMAIL:")
    assert Redactor(PiiConfig(mode="remove")).text("to a@example.com.") == "to ."


def test_own_patterns_and_chosen_ones() -> None:
    config = PiiConfig(
        builtin_patterns=PiiBuiltinPatterns(emails=False, phones=False, ssns=False, credit_cards=False, ip_addresses=False),
        custom_patterns=[PiiCustomPattern(r"ORD-\d+", "ORDER")],
    )
    assert Redactor(config).text("ORD-17 of a@example.com") == "[ORDER] of a@example.com"


def test_a_long_text_is_redacted_in_time() -> None:
    hostile = "a" * 50_000 + "@" + "1-" * 50_000 + "(" * 50_000 + "1" * 50_000
    Redactor(PiiConfig()).text(hostile)


MAIL = "ann@example.com"


def everything(client: SentrialClient) -> None:
    session = client.create_session(name=f"for {MAIL}", user_id="user_1", metadata={MAIL: [MAIL]}, user_input=MAIL)
    client.track_tool_call(session, "mail", {"to": MAIL}, {"sent": (MAIL,)}, reasoning=MAIL, tool_error={"message": MAIL})
    client.track_decision(session, MAIL, [MAIL], chosen=MAIL)
    client.track_llm_call(session, "model", [{"role": "user", "content": MAIL}], MAIL, error=ValueError(MAIL))
    client.track_error(session, MAIL, stack_trace=MAIL, recovery_action=MAIL)
    client.track_state_change(session, {"to": MAIL}, [MAIL])
    client.update_session(session, metadata={"to": MAIL}, assistant_output={"text": MAIL})
    client.complete_session(session, False, failure_reason=MAIL, summary=MAIL)


def test_none_of_it_is_on_the_wire() -> None:
    with start_stub() as stub, SentrialClient(api_key="key", api_url=stub.url, pii=True) as client:
        everything(client)
        assert client.flush()
    sent = b"".join(asked.body for asked in stub.asked)
    assert b"example.com" not in sent
    assert sent.count(b"[EMAIL]") == 24
    assert b"user_1" in sent


def test_the_server_stores_the_redacted_run(project: Project) -> None:
    with SentrialClient(api_key=project.key, api_url=project.url, pii=PiiConfig(fields=["tool_input"])) as client:
        session = client.create_session(name="private")
        client.track_tool_call(session, "mail", {"to": MAIL}, {"to": MAIL})
        assert client.flush()
    (event,) = project.session(session)["events"]
    assert (event["toolInput"], event["toolOutput"]) == ({"to": "[EMAIL]"}, {"to": MAIL})


def test_when_redaction_fails_no_content_is_sent(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError(MAIL)

    monkeypatch.setattr(Redactor, "text", fail)
    with start_stub() as stub, SentrialClient(api_key="key", api_url=stub.url, pii=True) as client:
        everything(client)
        assert client.flush()
    assert b"example.com" not in b"".join(asked.body for asked in stub.asked)
    assert "Redaction failed" in caplog.text
    assert "example.com" not in caplog.text
