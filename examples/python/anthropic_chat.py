"""A call of an Anthropic model from asynchronous code, streamed, recorded. Needs: pip install './sdk/python[anthropic]'.

ANTHROPIC_API_KEY is for the model; SENTRIAL_API_URL (default http://localhost:3001) and SENTRIAL_API_KEY say where it is
recorded.
"""

import asyncio

from anthropic import AsyncAnthropic

from sentrial import AsyncSentrialClient
from sentrial.anthropic import wrap_anthropic

QUESTION = "How do I reset my password?"


async def main() -> None:
    anthropic = wrap_anthropic(AsyncAnthropic())
    async with (
        AsyncSentrialClient() as client,
        await client.begin(user_id="example-user", event="support-agent", input=QUESTION) as interaction,
    ):
        async with anthropic.messages.stream(
            model="claude-sonnet-4-6",
            max_tokens=500,
            system="You answer questions about accounts.",
            messages=[{"role": "user", "content": QUESTION}],
        ) as stream:
            answer = await stream.get_final_text()
        interaction.set_output(answer)
        print(answer)


asyncio.run(main())
