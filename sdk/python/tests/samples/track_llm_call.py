client.track_llm_call(
session_id=session_id,
model="gpt-4",
prompt="Generate a professional password reset email...",
response="Dear user, here's how to reset your password...",
tokens_used=250,
prompt_tokens=100,
completion_tokens=150,
cost=0.005, # Optional, in USD
duration_ms=1200
)
# Returns: str (event_id)
