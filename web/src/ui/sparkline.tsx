/** A trend in a row, as bars; its figures are in the title. */
export function Sparkline({ values, label }: { values: readonly number[]; label: string }) {
  const highest = Math.max(1, ...values);
  const width = 3;
  return (
    <svg className="sparkline" width={values.length * (width + 1)} height={20} role="img" aria-label={label}>
      <title>{label}</title>
      {values.map((value, index) => {
        const height = value === 0 ? 1 : Math.max(2, (value / highest) * 20);
        return <rect key={index} x={index * (width + 1)} y={20 - height} width={width} height={height} rx={0.5} fill={value === 0 ? 'var(--line-strong)' : 'var(--accent)'} />;
      })}
    </svg>
  );
}
