// Read-only figures; each file is a question that a dashboard asks.
import './graphql/calls.ts';
import './graphql/conversations.ts';
import './graphql/metrics.ts';
import './graphql/names.ts';
