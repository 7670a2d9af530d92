"""Calls of OpenAI's models, whole and streamed, recorded. Needs: pip install './sdk/python[openai]'.

OPENAI_API_KEY is for the model; SENTRIAL_API_URL (default http://localhost:3001) and SENTRIAL_API_KEY say where it is
recorded.
"""

from openai import OpenAI

from sentrial import SentrialClient
from sentrial.openai import wrap_openai

QUESTION = "How do I reset my password?"

openai = wrap_openai(OpenAI())

with SentrialClient() as client, client.begin(user_id="example-user", event="support-agent", input=QUESTION) as interaction:
    draft = openai.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": QUESTION}])
    stream = openai.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": f"Make this friendlier: {draft.choices[0].message.content}"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    answer = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    interaction.set_output(answer)
    print(answer)
