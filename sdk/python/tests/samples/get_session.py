session = client.get_session(session_id)
# Returns: dict with session details
# {
# "id": "session_123",
# "name": "Customer Support Agent",
# "status": "active",
# "created_at": "2025-01-01T00:00:00Z",
# "metadata": {...}
# }
