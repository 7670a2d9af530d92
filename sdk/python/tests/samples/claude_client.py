from claude_agent_sdk import ClaudeSDKClient, ClaudeAgentOptions
from sentrial import AsyncSentrialClient
from sentrial.claude_code import wrap_claude_client

sentrial = AsyncSentrialClient(api_key="sentrial_live_xxx")

options = ClaudeAgentOptions(
    permission_mode="bypassPermissions",
    allowed_tools=["Bash", "Read", "Write"],
)

sdk_client = ClaudeSDKClient(options=options)

# Wrap the client — all receive_response() calls are tracked
tracked = wrap_claude_client(
    sdk_client,
    sentrial_client=sentrial,
    default_agent="code-assistant",
    user_id="user-123",
    convo_id="convo-abc",
)

async with tracked:
    # Turn 1
    await tracked.query("List all API routes")
    async for msg in tracked.receive_response():
        print(msg)

    # Turn 2 — new Sentrial session, same convo_id
    await tracked.query("Add rate limiting to /api/users")
    async for msg in tracked.receive_response():
        print(msg)

await sentrial.close()
