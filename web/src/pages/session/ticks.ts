const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 43_200_000, 86_400_000, 604_800_000];

/** Round moments within a span, in milliseconds from its start: four at most, the start among them. */
export function ticksOf(span: number): number[] {
  const step = STEPS.find((each) => span / each <= 4) ?? span;
  return Array.from({ length: Math.floor((span * 0.94) / step) + 1 }, (_, index) => index * step);
}
