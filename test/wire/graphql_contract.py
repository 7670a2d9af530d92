"""What every answer of the GraphQL API keeps, whatever the operation: a check for schemathesis (test/contract.test.ts).

Its own check takes any error for a failure. Here an error is an answer, as long as it is one of docs/errors.md: a schema
cannot say that a name must not be empty.
"""

import schemathesis

CODES = {"BAD_USER_INPUT", "UNAUTHENTICATED", "FORBIDDEN", "NOT_FOUND", "CONFLICT", "CURSOR_EXPIRED", "TOO_LARGE", "OVERLOADED"}
STATUSES = {200, 400, 413}


@schemathesis.check
def graphql_contract(ctx, response, case):
    assert response.status_code in STATUSES, f"status {response.status_code}"
    content_type = response.headers["content-type"][0]
    assert content_type.startswith(("application/json", "application/graphql-response+json")), f"content type {content_type}"
    body = response.json()
    assert "data" in body or "errors" in body, "neither data nor errors"
    for error in body.get("errors", []):
        code = error.get("extensions", {}).get("code")
        assert code in CODES, f"code {code}: {error.get('message')}"
        assert error.get("message"), "an error without a message"
