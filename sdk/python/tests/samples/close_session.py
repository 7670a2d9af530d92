client.close_session(
session_id,
status="success", # or "error", "cancelled"
summary="Successfully helped user reset password"
)
# Returns: None
