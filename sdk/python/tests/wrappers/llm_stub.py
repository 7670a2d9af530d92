"""A model provider on 127.0.0.1 that plays a script: OpenAI's and Anthropic's routes, whole answers and event streams."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    Answer = dict[str, Any] | list[dict[str, Any]]


@dataclass
class LlmStub:
    """``answers`` are given in turn: a dict is JSON, a list is a stream, one event each; with ``status``, an error."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def then(self, *answers: Answer) -> LlmStub:
        self.answers.extend(answers)
        return self


@contextlib.contextmanager
def start_llm_stub() -> Iterator[LlmStub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stub.requests.append({"path": self.path, "body": body, "headers": dict(self.headers)})
            answer = stub.answers.pop(0) if stub.answers else {"status": 500, "error": {"message": "The script is over"}}
            if isinstance(answer, list):
                self._stream(answer)
            else:
                status = answer.get("status")
                self._send(status if isinstance(status, int) else 200, answer)

        def _send(self, status: int, answer: dict[str, Any]) -> None:
            payload = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def _stream(self, events: list[dict[str, Any]]) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            for event in events:
                if "type" in event:
                    self.wfile.write(f"event: {event['type']}\n".encode())
                self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
                self.wfile.flush()
            if "object" in events[0]:  # chat completions end with a mark of their own
                self.wfile.write(b"data: [DONE]\n\n")
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub = LlmStub(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# OpenAI, chat completions


def chat(
    content: str | None = "Hello!", *, tool_calls: list[dict[str, Any]] | None = None, model: str = "gpt-4o-mini-2024-07-18"
) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    if tool_calls:
        message["tool_calls"] = tool_calls
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if tool_calls else "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500},
    }


def chat_chunks(*words: str, usage: bool = True, tool_call: tuple[str, str] | None = None) -> list[dict[str, Any]]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return {
            "id": "chatcmpl-2",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [choice],
        }

    chunks = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": word}) for word in words)]
    if tool_call:
        name, arguments = tool_call
        start = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
        chunks.append(chunk({"tool_calls": [start]}))
        half = len(arguments) // 2
        chunks += [
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}) for part in (arguments[:half], arguments[half:])
        ]
    chunks.append(chunk({}, "tool_calls" if tool_call else "stop"))
    if usage:
        counted = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
        chunks.append({**chunk({}), "choices": [], "usage": counted})
    return chunks


# OpenAI, responses


def response(text: str = "Hello!", *, model: str = "gpt-4o-mini-2024-07-18", status: str = "completed") -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": model,
        "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "status": status,
        "usage": {
            "input_tokens": 1000,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 500,
            "output_tokens_details": {"reasoning_tokens": 120},
            "total_tokens": 1500,
        },
    }


def response_events(text: str = "Hello!") -> list[dict[str, Any]]:
    whole = response(text)
    item = {"output_index": 0, "item_id": "msg_1"}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**whole, "output": [], "status": "in_progress", "usage": None}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**whole["output"][0], "content": []}},
        {
            "type": "response.content_part.added",
            **item,
            "content_index": 0,
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
        {"type": "response.output_text.delta", **item, "content_index": 0, "delta": text, "logprobs": []},
        {"type": "response.output_text.done", **item, "content_index": 0, "text": text, "logprobs": []},
        {"type": "response.output_item.done", "output_index": 0, "item": whole["output"][0]},
        {"type": "response.completed", "response": whole},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


# Anthropic


def claude(*blocks: dict[str, Any], cache_read: int = 0, model: str = "claude-sonnet-4-6") -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": list(blocks) or [{"type": "text", "text": "Hello!"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 1000,
            "output_tokens": 500,
            "cache_read_input_tokens": cache_read,
            "cache_creation_input_tokens": 0,
        },
    }


def claude_events(
    *words: str, tool: tuple[str, dict[str, Any]] | None = None, model: str = "claude-sonnet-4-6"
) -> list[dict[str, Any]]:
    start = {**claude(model=model), "content": [], "stop_reason": None, "usage": {"input_tokens": 1000, "output_tokens": 1}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in words),
        {"type": "content_block_stop", "index": 0},
    ]
    if tool:
        name, input = tool
        block = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(input)}
        events += [
            {"type": "content_block_start", "index": 1, "content_block": block},
            {"type": "content_block_delta", "index": 1, "delta": delta},
            {"type": "content_block_stop", "index": 1},
        ]
    stop = {"stop_reason": "tool_use" if tool else "end_turn", "stop_sequence": None}
    events.append({"type": "message_delta", "delta": stop, "usage": {"input_tokens": 1000, "output_tokens": 500}})
    events.append({"type": "message_stop"})
    return events
