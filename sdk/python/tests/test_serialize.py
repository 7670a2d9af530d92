"""Whatever a tool was given, its event is valid JSON and arrives."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import re
from collections import namedtuple
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Callable
from uuid import UUID

import numpy as np
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentrial.recorder import FIELDS, Recorder
from sentrial.serialize import to_json

if TYPE_CHECKING:
    from sentrial import SentrialClient

    from .support.server import Project


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Order:
    id: UUID
    total: Decimal
    items: list[Any]


class Customer(pydantic.BaseModel):
    name: str
    since: date


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")


class Endless(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("no items")


Point = namedtuple("Point", "x y")
UUID_1 = UUID(int=1)
EVENTS = ("toolCall", "decision", "llmCall", "stateChange", "error")

KNOWN = [
    (datetime(2025, 1, 12, 10, 30, tzinfo=timezone.utc), "2025-01-12T10:30:00+00:00"),
    (date(2025, 1, 12), "2025-01-12"),
    (time(10, 30), "10:30:00"),
    (timedelta(minutes=1.5), 90.0),
    (UUID_1, str(UUID_1)),
    (Decimal("0.1"), "0.1"),
    (Color.RED, "red"),
    (Level.HIGH, 3),
    (PurePosixPath("/tmp/x"), "/tmp/x"),
    (b"text", "text"),
    (b"\xff\x00", "/wA="),
    ({1, 2}, [1, 2]),
    ((1, 2), [1, 2]),
    (range(3), "range(0, 3)"),
    (Order(UUID_1, Decimal("9.99"), [Color.RED]), {"id": str(UUID_1), "total": "9.99", "items": ["red"]}),
    (Customer(name="Ann", since=date(2025, 1, 1)), {"name": "Ann", "since": "2025-01-01"}),
    ({"point": Point(1, Color.RED), 1: Point(2, 3)}, {"point": [1, "red"], "1": [2, 3]}),
    (np.float64(1.5), 1.5),
    (np.int64(7), 7),
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    (np.float64("nan"), "nan"),
    (np.zeros(20_000), "<ndarray of float64, shape (20000,)>"),
    (math.inf, "inf"),
    ({"nested": [math.nan]}, {"nested": ["nan"]}),
    (ValueError("bad"), {"type": "ValueError", "message": "bad"}),
    (ValueError, "builtins.ValueError"),
    ({None: 1, True: 2, 1.5: 3, Color.RED: 4, (1, 2): 5}, {"null": 1, "true": 2, "1.5": 3, "red": 4, "(1, 2)": 5}),
    (Hostile(), "<Hostile that cannot be shown: RuntimeError>"),
    ({"a": Endless(a=1)}, {"a": "<Endless that cannot be shown: RuntimeError>"}),
    ("\ud800", "\ud800"),
    (10**5_000, hex(10**5_000)),
]


@pytest.mark.parametrize(("value", "expected"), KNOWN, ids=[type(value).__name__ for value, _ in KNOWN])
def test_a_value_of_this_type_becomes(value: object, expected: object) -> None:
    assert json.loads(to_json(value)) == expected


def test_a_cycle_is_cut() -> None:
    value: dict[str, Any] = {"name": "loop"}
    value["self"] = value
    assert json.loads(to_json(value)) == {"name": "loop", "self": "<dict that contains itself>"}


def test_the_same_object_twice_is_no_cycle() -> None:
    shared = {"a": object}
    assert json.loads(to_json([shared, shared, math.nan])) == [{"a": "builtins.object"}] * 2 + ["nan"]


@pytest.mark.parametrize("levels", [150, 100_000])
def test_what_nests_too_deep_is_cut(levels: int) -> None:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    text = to_json(value)
    json.loads(text)
    assert text.count(b"[") == 100
    assert b"nested too deep" in text


def test_an_unknown_object_is_its_text_cut_short() -> None:
    class Long:
        def __str__(self) -> str:
            return "x" * 5_000

    assert json.loads(to_json(Long())) == "x" * 1_000


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())  # lone surrogates too
    | st.binary()
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.decimals()
    | st.fractions()
    | st.complex_numbers()
    | st.sampled_from([Color.RED, Level.HIGH, Hostile(), Endless(a=1), object(), print, Hostile, np.float32(1), ValueError("x")]),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.booleans() | st.none() | st.tuples(st.integers()), inner)
        | st.builds(Order, id=st.uuids(), total=st.decimals(), items=st.lists(inner))
        | st.frozensets(st.integers() | st.text())
    ),
    max_leaves=30,
)


def strictly(text: bytes) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text.decode("utf-8"), parse_constant=refuse)


@given(anything)
@settings(max_examples=300, deadline=None)
def test_anything_becomes_valid_json(value: object) -> None:
    strictly(to_json(value))


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(plain)
@settings(max_examples=300, deadline=None)
def test_plain_json_stays_as_it_is(value: object) -> None:
    assert strictly(to_json(value)) == value


@given(plain | anything)
@settings(max_examples=100, deadline=None)
def test_a_redacted_value_is_valid_json_too(value: object) -> None:
    operation = Recorder(True, None).event("toolCall", "sess_1", {"tool_name": "t", "tool_input": value, "metadata": {"v": value}})
    strictly(operation.input)


def test_the_server_stores_whatever_it_is_given(project: Project, client: SentrialClient) -> None:
    session = client.create_session(name="anything", metadata={"all": [value for value, _ in KNOWN]})
    track_decision: Callable[..., str] = client.track_decision  # as a program without types has it

    @given(anything, anything)
    @settings(max_examples=60, deadline=None, database=None)
    def record(given_in: object, given_out: object) -> None:
        client.track_tool_call(session, "tool", given_in, given_out, metadata={"both": [given_in, given_out]})
        client.track_llm_call(session, "model", given_in, given_out)
        track_decision(session, given_in, [given_out], metadata=given_in)

    record()
    for value, _ in KNOWN:
        client.track_tool_call(session, "known", value)
    assert client.flush()
    stats = client.stats()
    assert (stats.refused, stats.dropped) == (0, 0)
    assert project.session(session)["eventCount"] == stats.delivered - 1


WRONG: list[dict[str, Any]] = [
    {"confidence": "0.5"},
    {"confidence": 7},
    {"confidence": "high"},
    {"duration_ms": -1},
    {"duration_ms": "12"},
    {"token_count": 1.5},
    {"token_count": 10**12},
    {"estimated_cost": Decimal("0.25")},
    {"metadata": "no object"},
    {"metadata": [1, 2]},
    {"alternatives": "only one"},
    {"trace_id": UUID_1},
    {"timestamp": "yesterday"},
    {"timestamp": datetime(1960, 1, 1)},
    {"timestamp": 1736677801},
    {"unheard_of": 1},
    {"parent_event_id": "x" * 300},
    {"chosen": {"option": 1}},
    {"branch_name": 5},
]


@pytest.mark.parametrize("fields", WRONG, ids=str)
def test_a_field_that_does_not_fit_never_costs_the_event(project: Project, client: SentrialClient, fields: dict[str, Any]) -> None:
    session = client.create_session(name="wrong")
    client.track_decision(session, reasoning="still there", **fields)
    assert client.flush()
    (event,) = project.session(session)["events"]
    assert event["reasoning"] == "still there"


def test_what_does_not_fit_its_field_is_kept_in_metadata(project: Project, client: SentrialClient) -> None:
    session = client.create_session(name="kept")
    track_decision: Callable[..., str] = client.track_decision  # as a program without types has it
    track_decision(session, "r", confidence="high", metadata={"a": 1}, unheard_of=[1])
    assert client.flush()
    (event,) = project.session(session)["events"]
    assert event["metadata"] == {"a": 1, "confidence": "high", "unheard_of": [1]}


def test_the_fields_are_those_of_the_schema() -> None:
    schema = (Path(__file__).parents[3] / "schema.graphql").read_text()
    for kind, fields in FIELDS.items():
        name = f"Track{kind[0].upper()}{kind[1:]}Input" if kind in EVENTS else f"{kind[0].upper()}{kind[1:]}Input"
        described = re.search(rf"^input {name} \{{(.*?)^\}}", schema, re.DOTALL | re.MULTILINE)
        assert described, name
        assert fields == set(re.findall(r"^  (\w+): ", described[1], re.MULTILINE)), name
