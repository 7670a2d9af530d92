client.track_decision(
session_id=session_id,
reasoning="User has tried KB articles. Escalating to human support.",
alternatives=[
"Try another knowledge base article",
"Ask user for more details",
"Escalate to human support"
],
chosen="Escalate to human support",
confidence=0.85,
metadata={
"kb_articles_tried": 3,
"user_frustration_level": "high"
}
)
# Returns: str (event_id)
