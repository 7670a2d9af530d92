"""An agent of the Claude Agent SDK, recorded. Needs: pip install './sdk/python[claude]', Claude Code, and an Anthropic key.

SENTRIAL_API_URL (default http://localhost:3001) and SENTRIAL_API_KEY say where it is recorded.
"""

import asyncio

from claude_agent_sdk import query

from sentrial import AsyncSentrialClient
from sentrial.claude_code import wrap_claude_agent


async def main() -> None:
    async with AsyncSentrialClient() as sentrial:
        tracked_query = wrap_claude_agent(
            query,
            client=sentrial,
            default_agent="repo-guide",
            user_id="example-user",
            convo_id="example-conversation",
            extra_metadata={"environment": "example"},
        )
        async for message in tracked_query(
            prompt="Read package.json and tell me the project's name",
            options={"max_turns": 5, "allowed_tools": ["Read"]},
        ):
            if message.type == "result":
                print(message.result)


asyncio.run(main())
