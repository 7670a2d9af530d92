"""Several interactions at once, with the asynchronous client (`pip install './sdk/python[async]'`).

    export SENTRIAL_API_KEY=sentrial_live_...
    python examples/python/async_agent.py
"""

import asyncio

from sentrial import AsyncSentrialClient, PiiConfig


async def ask_model(question: str) -> str:
    return "42"  # stands for a call of your model


async def answer(client: AsyncSentrialClient, question: str) -> str:
    async with await client.begin(user_id="user_123", event="faq-agent", input=question, convo_id="convo_1") as interaction:
        reply = await ask_model(question)
        await interaction.track_llm_call(model="gpt-4o-mini", prompt=question, response=reply, prompt_tokens=12, completion_tokens=1)
        interaction.set_output(reply)
        return interaction.session_id


async def main() -> None:
    # E-mail addresses, phone numbers and the like are taken out before anything leaves this process.
    async with AsyncSentrialClient(pii=PiiConfig(mode="hash")) as client:
        questions = ["What is the answer?", "Is it still 42?", "Who asks? Write to ann@example.com"]
        for session_id in await asyncio.gather(*(answer(client, question) for question in questions)):
            print(session_id)


asyncio.run(main())
