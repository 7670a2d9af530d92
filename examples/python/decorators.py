"""An agent whose functions report themselves.

    export SENTRIAL_API_KEY=sentrial_live_...
    python examples/python/decorators.py
"""

from sentrial import get_current_session_id, session, tool


@tool("search_knowledge_base")
def search(query: str, max_results: int = 5) -> list[str]:
    return ["KB-001", "KB-002"][:max_results]


@tool
def send_mail(to: str, text: str) -> None:
    raise ConnectionError("no route to the mail server")


@session("support-agent")
def answer(user_id: str, message: str) -> str:
    print(get_current_session_id())
    articles = search(message)
    try:
        send_mail("ann@example.com", articles[0])
    except ConnectionError:
        return f"See {articles[0]}; the mail could not be sent"
    return f"I have sent you {articles[0]}"


print(answer(user_id="user_123", message="How do I reset my password?"))
# What was recorded is delivered before the program ends.
