/**
 * The order that SORT puts elements in: by numbers, or by text, of the elements themselves or of what a pattern leads to.
 *
 * What compares as equal is ordered as redis-server orders it: numbers by the elements, text by nothing, so that it stays
 * as it was. Sets and sorted sets have no order of their own: there the elements decide, so that a copy of the data
 * comes to the same end.
 */
import { parseInteger } from '../../base/integer.ts';
import { parseFloatStrictly } from '../../command/float.ts';
import type { ByteRows } from './sort-rows.ts';

const LEAST_NORMAL = 2 ** -1022;
const MINUS = 0x2d;
const PLUS = 0x2b;
const X = 0x78;

function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/**
 * What strtod makes of a text, which must be all of it; nothing at all is 0. NaN where Redis says that it cannot be converted:
 * also for what is too large or too small to be told apart from infinity or zero.
 */
export function sortScore(bytes: Uint8Array, start: number, end: number): number {
  const whole = parseInteger(bytes, start, end);
  if (!Number.isNaN(whole)) return whole;
  let stop = start;
  while (stop < end && bytes[stop] !== 0) stop++;
  if (stop === start) return 0;
  let from = start;
  while (from < stop && isBlank(bytes[from] as number)) from++;
  const value = parseFloatStrictly(bytes, from, stop);
  return Math.abs(value) < LEAST_NORMAL && underflowed(bytes, from, stop) ? Number.NaN : value;
}

/** Whether a text for zero or nearly zero has a digit that is none; hexadecimal digits are exact. */
function underflowed(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  if (bytes[at] === MINUS || bytes[at] === PLUS) at++;
  if (((bytes[at + 1] as number) | 0x20) === X) return false;
  for (; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte >= 0x31 && byte <= 0x39) return true;
    // Behind an `e` stands the exponent.
    if ((byte | 0x20) === 0x65) return false;
  }
  return false;
}

export interface Ordering {
  readonly elements: ByteRows;
  /** What they are compared by as numbers; undefined for text. */
  readonly scores: Float64Array | undefined;
  /** What they are compared by as text: the elements, or what a pattern led to. */
  readonly texts: ByteRows;
  readonly descending: boolean;
  /** Whether the order will be kept: then text is compared to its last byte, whatever the locale. */
  readonly stored: boolean;
  /** Whether the elements came in an order of their own. */
  readonly hasOwnOrder: boolean;
}

function comparison(ordering: Ordering): (a: number, b: number) => number {
  const { elements, scores, texts, stored } = ordering;
  if (scores !== undefined) {
    return (a, b) => {
      const left = scores[a] as number;
      const right = scores[b] as number;
      if (left !== right) return left > right ? 1 : -1;
      return elements.compare(a, b);
    };
  }
  return (a, b) => {
    if (texts.isAbsent(a) || texts.isAbsent(b)) return Number(texts.isAbsent(b)) - Number(texts.isAbsent(a));
    return stored ? texts.compare(a, b) : texts.compareText(a, b);
  };
}

/** The rows in their order. */
export function sortedRows(ordering: Ordering): Uint32Array {
  const { elements, descending, hasOwnOrder } = ordering;
  const rows = new Uint32Array(elements.count);
  for (let i = 0; i < rows.length; i++) rows[i] = i;
  const compare = comparison(ordering);
  return rows.sort((a, b) => {
    const order = compare(a, b);
    if (order !== 0) return descending ? -order : order;
    return hasOwnOrder ? a - b : elements.compare(a, b);
  });
}
