client.track_error(
session_id=session_id,
error_type="APIError",
error_message="Knowledge base API timeout",
stack_trace="Traceback (most recent call last):\n...",
recoverable=True,
recovery_action="Retry with fallback search"
)
# Returns: str (event_id)
