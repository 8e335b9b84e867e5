/**
 * Doubles as redis-server 7.0.15 writes them into replies: C's `%.17g`, which shows 3.3 as 3.2999999999999998.
 *
 * Hot path: scores. Whole numbers, which scores mostly are, never come near toExponential. Guarded by `bench/resp.ts`.
 */

const EXACT_MAX = 1e15;
/** 2^25: whatever has an exact decimal expansion of 18 digits has at most 25 binary places. */
const BINARY_PLACES = 33554432;
const DIGITS = 17;

/** The text of `%.17g`, with `inf`, `-inf` and `nan` as redis spells them. */
export function doubleText(value: number): string {
  if (Number.isInteger(value) && value < EXACT_MAX && value > -EXACT_MAX) {
    return value === 0 && 1 / value < 0 ? '-0' : `${value}`;
  }
  if (Number.isNaN(value)) return 'nan';
  if (value === Number.POSITIVE_INFINITY) return 'inf';
  if (value === Number.NEGATIVE_INFINITY) return '-inf';
  const rounded = value.toExponential(DIGITS - 1);
  const mark = rounded.indexOf('e');
  const negative = value < 0;
  let digits = rounded.charAt(negative ? 1 : 0) + rounded.slice(negative ? 3 : 2, mark);
  const exponent = Number.parseInt(rounded.slice(mark + 1), 10);
  if (Number.isInteger(value * BINARY_PLACES)) digits = halfToEven(value, digits);
  return (negative ? '-' : '') + laidOut(digits, exponent);
}

/** JavaScript rounds a tie up, C to the even digit. Only an exact expansion of 18 digits that ends in 5 is a tie. */
function halfToEven(value: number, digits: string): string {
  const exact = Math.abs(value).toExponential(60);
  const expansion = exact.charAt(0) + exact.slice(2, exact.indexOf('e'));
  if (expansion.charCodeAt(DIGITS) !== 0x35) return digits;
  for (let i = DIGITS + 1; i < expansion.length; i++) if (expansion.charCodeAt(i) !== 0x30) return digits;
  const kept = expansion.slice(0, DIGITS);
  return (kept.charCodeAt(DIGITS - 1) & 1) === 0 ? kept : digits;
}

function laidOut(digits: string, exponent: number): string {
  let significant = digits.length;
  while (significant > 1 && digits.charCodeAt(significant - 1) === 0x30) significant--;
  if (exponent < -4 || exponent >= DIGITS) {
    const fraction = significant > 1 ? `.${digits.slice(1, significant)}` : '';
    const size = Math.abs(exponent);
    return `${digits.charAt(0)}${fraction}e${exponent < 0 ? '-' : '+'}${size < 10 ? '0' : ''}${size}`;
  }
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits.slice(0, significant)}`;
  if (significant <= exponent + 1) return digits.slice(0, significant) + '0'.repeat(exponent + 1 - significant);
  return `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1, significant)}`;
}
