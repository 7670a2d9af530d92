"""Drives version 0.3.0 of the published package `sentrial`, unmodified: it knows no users, and sends no project."""

import json
import os

from sentrial import SentrialClient


def report():
    client = SentrialClient(api_url=os.environ["SENTRIAL_API_URL"], api_key=os.environ["SENTRIAL_API_KEY"])
    session = client.create_session(name="Support Request #123", agent_name="support-agent", metadata={"user_id": "user_9", "plan": "pro"})
    client.track_tool_call(
        session_id=session,
        tool_name="search_kb",
        tool_input={"query": "password reset"},
        tool_output={"articles": ["KB-001"]},
        reasoning="User needs password help",
        estimated_cost=0.001,
    )
    client.track_decision(session_id=session, reasoning="Answer", alternatives=["escalate"], confidence=0.9)
    client.complete_session(session_id=session, success=True, estimated_cost=0.023, custom_metrics={"satisfaction": 4.5}, prompt_tokens=1500, completion_tokens=500, total_tokens=2000)
    bare = client.create_session(name="Nobody's", agent_name="support-agent")
    client.close_session(bare, duration_ms=12, success=False, failure_reason="It gave up")
    return {"session": session, "bare": bare}


if __name__ == "__main__":
    print(json.dumps(report()))
