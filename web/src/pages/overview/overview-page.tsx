export function OverviewPage() { return <div className="page">…</div>; }
