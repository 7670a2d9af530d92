export function ConversationsPage() { return <div className="page">…</div>; }
