"""Stands in for the Claude Code executable: speaks its line protocol and plays a script.

The script is the JSON file named by FAKE_CLAUDE_SCRIPT: a list of turns, one for each user message, each a list of
steps:

    {"emit": {…}}                  write one message
    {"raw": "…"}                   write a line as it is
    {"hold": true}                 say nothing more until the host closes our input
    {"exit": 7, "stderr": "…"}     end at once

After the last turn it waits for the end of its input, as the real one does. What the host sent is appended to the
file named by FAKE_CLAUDE_TRACE, with the arguments first.
"""

import json
import os
import sys
from typing import Any


def main() -> None:
    with open(os.environ["FAKE_CLAUDE_SCRIPT"], encoding="utf-8") as file:
        turns = json.load(file)
    trace({"argv": sys.argv[1:]})
    for line in sys.stdin:
        message = json.loads(line)
        trace(message)
        if message["type"] == "control_request":
            answer(message)
        elif message["type"] == "user" and turns:
            for step in turns.pop(0):
                play(step)


def answer(request: dict[str, Any]) -> None:
    response: dict[str, Any] = {}
    if request["request"]["subtype"] == "initialize":
        response = {"commands": [], "output_style": "default", "models": [], "account": {}}
    write(
        {"type": "control_response", "response": {"subtype": "success", "request_id": request["request_id"], "response": response}}
    )


def play(step: dict[str, Any]) -> None:
    if "emit" in step:
        write(step["emit"])
    elif "raw" in step:
        print(step["raw"], flush=True)
    elif "hold" in step:
        sys.stdin.read()
    elif "exit" in step:
        print(step.get("stderr", ""), file=sys.stderr, flush=True)
        sys.stdout.flush()
        os._exit(step["exit"])


def write(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def trace(entry: dict[str, Any]) -> None:
    path = os.environ.get("FAKE_CLAUDE_TRACE")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


main()
