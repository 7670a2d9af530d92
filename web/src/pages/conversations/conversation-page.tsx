export function ConversationPage() { return <div className="page">…</div>; }
