client.track_tool_call(
session_id=session_id,
tool_name="search_knowledge_base",
tool_input={
"query": "password reset",
"max_results": 5
},
tool_output={
"articles": ["KB-001", "KB-002"],
"relevance_scores": [0.95, 0.87]
},
reasoning="User mentioned password issues",
duration_ms=150, # Optional
status="success" # Optional: "success" or "error"
)
# Returns: str (event_id)
