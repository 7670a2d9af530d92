"""A LangChain agent with a tool, recorded. Needs: pip install './sdk/python[langchain]' langchain langchain-openai.

OPENAI_API_KEY is for the model; SENTRIAL_API_URL (default http://localhost:3001) and SENTRIAL_API_KEY say where it is
recorded.
"""

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from sentrial import SentrialCallbackHandler, SentrialClient


@tool
def search_knowledge_base(query: str) -> str:
    """Finds help articles."""
    return f"KB-001: how to solve a problem with your {query}"


with SentrialClient() as client:
    session_id = client.create_session(name="Password reset", agent_name="support-agent", user_id="example-user")
    handler = SentrialCallbackHandler(client=client, session_id=session_id, verbose=True)
    agent = create_agent(ChatOpenAI(model="gpt-4o-mini"), [search_knowledge_base], name="support-agent")
    result = agent.invoke(
        {"messages": [{"role": "user", "content": "How do I reset my password?"}]},
        config={"callbacks": [handler]},
    )
    print(result["messages"][-1].content)
