from sentrial.types import (
Session,
Event,
ToolCall,
Decision,
LLMCall,
ErrorEvent
)
