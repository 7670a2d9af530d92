session_id = client.create_session(
name="Customer Support Agent",
metadata={
"user_id": "user_123",
"environment": "production"
}
)
# Returns: str (session_id)
