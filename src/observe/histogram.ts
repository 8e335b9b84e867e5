/**
 * How long calls took: counts over buckets whose width is a sixteenth of the octave they lie in, so that any time between
 * a nanosecond and a second is known to about six percent. Longer times are counted as the longest.
 *
 * Hot path: one addition per command. Budget 5 ns; guarded by `bench/timing.ts`.
 */

/** Sixteen buckets an octave; times below 16 ns have one each. */
const PART_BITS = 4;
const PARTS = 1 << PART_BITS;
const LONGEST_OCTAVE = 29;
const BUCKETS = (LONGEST_OCTAVE - PART_BITS + 2) * PARTS;
const LONGEST_NS = 2 ** (LONGEST_OCTAVE + 1) - 1;
/** The octaves that LATENCY HISTOGRAM shows begin at 1024 ns. */
const FIRST_SHOWN_OCTAVE = 10;
/** Redis' histograms hold two decimal digits: what ends an octave there is so much above its power of two. */
const SHOWN_PRECISION_BITS = 7;

/** Counts by bucket. */
export type Histogram = Float64Array;

export function newHistogram(): Histogram {
  return new Float64Array(BUCKETS);
}

/** The bucket of a time; found once for all commands that shared it. */
export function bucketOf(duration_ms: number): number {
  const ns = duration_ms * 1_000_000;
  const whole = ns >= LONGEST_NS ? LONGEST_NS : ns | 0;
  const octave = 31 - Math.clz32(whole);
  if (octave < PART_BITS) return whole;
  return (octave - PART_BITS + 1) * PARTS + ((whole >> (octave - PART_BITS)) & (PARTS - 1));
}

/** The longest time that belongs to a bucket. */
function lastOf_ns(bucket: number): number {
  if (bucket < PARTS) return bucket;
  const octave = Math.floor(bucket / PARTS) - 1 + PART_BITS;
  const width = 2 ** (octave - PART_BITS);
  return 2 ** octave + ((bucket % PARTS) + 1) * width - 1;
}

export function addInto(sum: Histogram, other: Histogram): void {
  for (let i = 0; i < BUCKETS; i++) sum[i] = (sum[i] as number) + (other[i] as number);
}

export function callsIn(histogram: Histogram): number {
  let calls = 0;
  for (let i = 0; i < BUCKETS; i++) calls += histogram[i] as number;
  return calls;
}

/** The time within which so many percent of the calls were done, in microseconds. */
export function percentile_us(histogram: Histogram, percent: number): number {
  const wanted = Math.max(1, Math.ceil((callsIn(histogram) * Math.min(percent, 100)) / 100 - 1e-9));
  let counted = 0;
  for (let i = 0; i < BUCKETS; i++) {
    counted += histogram[i] as number;
    if (counted >= wanted) return lastOf_ns(i) / 1000;
  }
  return 0;
}

/** How many calls were done within 1, 2, 4, … microseconds, with the numbers that redis-server names these bounds by. */
export function cumulative(histogram: Histogram): readonly (readonly [bound_us: number, calls: number])[] {
  const rows: [number, number][] = [];
  let counted = 0;
  let before = 0;
  let at = 0;
  for (let octave = FIRST_SHOWN_OCTAVE; octave <= LONGEST_OCTAVE + 1; octave++) {
    const end = Math.min(BUCKETS, (octave - PART_BITS + 1) * PARTS);
    for (; at < end; at++) counted += histogram[at] as number;
    if (counted === before) continue;
    before = counted;
    rows.push([Math.floor((2 ** octave + 2 ** (octave - SHOWN_PRECISION_BITS) - 1) / 1000), counted]);
  }
  return rows;
}
