"""One run of an agent, reported step by step.

    export SENTRIAL_API_KEY=sentrial_live_...      # printed by the server's first start
    python examples/python/quickstart.py
"""

from sentrial import SentrialClient

with SentrialClient() as client:  # http://localhost:3001, or SENTRIAL_API_URL
    session_id = client.create_session(
        name="Password reset", agent_name="support-agent", user_id="user_123", metadata={"environment": "production"}
    )
    client.track_tool_call(
        session_id,
        tool_name="search_knowledge_base",
        tool_input={"query": "password reset"},
        tool_output={"articles": ["KB-001", "KB-002"]},
        reasoning="User mentioned password issues",
        duration_ms=150,
    )
    client.track_decision(
        session_id,
        reasoning="Two articles match. Answering from the first.",
        alternatives=["answer", "escalate"],
        chosen="answer",
        confidence=0.92,
    )
    client.track_llm_call(
        session_id,
        model="gpt-4o",
        prompt="Explain how to reset a password, from KB-001",
        response="Open the settings, and choose Reset password.",
        prompt_tokens=100,
        completion_tokens=20,
        cost=0.00045,
        duration_ms=1200,
    )
    client.close_session(session_id, status="success", summary="Explained the reset from KB-001")
    client.flush()
    print(client.get_session(session_id))
