from sentrial import SentrialClient, SentrialCallbackHandler
client = SentrialClient(api_key="...", project_id="...")
session_id = client.create_session(name="My Agent")
# Create handler
handler = SentrialCallbackHandler(
client=client,
session_id=session_id,
verbose=True, # Optional, print tracking events
track_chain_of_thought=True, # Optional, track intermediate steps
track_tool_errors=True # Optional, track tool failures
)
# Use with LangChain
from langchain.agents import AgentExecutor
agent_executor = AgentExecutor(
agent=agent,
tools=tools,
callbacks=[handler]
)
result = agent_executor.invoke({"input": "Help the user"})
