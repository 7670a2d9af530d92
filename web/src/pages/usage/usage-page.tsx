export function UsagePage() { return <div className="page">…</div>; }
