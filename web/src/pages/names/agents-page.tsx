export function AgentsPage() { return <div className="page">…</div>; }
