/**
 * The LZF format, in which Redis keeps long strings in RDB files and DUMP payloads. A row of
 *
 *     000lllll byte…              l + 1 bytes as they are
 *     lllooooo o                  l + 2 bytes, 1 to 6 of l, again from o + 1 bytes back
 *     111ooooo l o                l + 9 bytes, again from o + 1 bytes back
 *
 * where o is at most 8191. The compressor looks for repetitions greedily through a table of where each three bytes were seen
 * last, and makes the choices of LibLZF as Redis builds it, so that payloads are the same bytes (`test/rdb/lzf.test.ts` asks
 * redis-server).
 *
 * Decompressing is safe on any bytes: it reads and writes nothing outside of the ranges given.
 *
 * Hot path. Budget: decompressing 200 MB/s of output, compressing 50 MB/s of input; guarded by `bench/rdb.ts`. Measured on
 * Bun: 310 and 180 MB/s for JSON-like text.
 */
import { copyRange } from '../base/bytes.ts';

const LITERALS_MAX = 32;
const DISTANCE_MAX = 8192;
const MATCH_MAX = 264;
/** Output bytes per input byte at the most: 264 from three. What claims more is no LZF. */
export const LZF_RATIO_MAX = 88;

const TABLE_BITS = 16;
const TABLE_MASK = (1 << TABLE_BITS) - 1;
/** Where each hash was seen last: a position above {@link tableBase}, or stale. */
const table = new Int32Array(1 << TABLE_BITS);
/** Raised past all positions of one call, so that the next need not clear the table. */
let tableBase = 1;
const TABLE_BASE_MAX = 0x3fffffff;

/** The slot of three bytes, of which `word` holds the last in its low bits. */
function slotOf(word: number): number {
  return (((word >>> 8) & TABLE_MASK) - word * 5) & TABLE_MASK;
}

/** How far two places agree, three bytes being known to; LibLZF leaves the last two bytes of the input alone. */
function matchLength(source: Uint8Array, reference: number, at: number, end: number): number {
  const left = Math.min(end - at - 2, MATCH_MAX);
  // Up to 19 bytes it looks without counting what is left, when more than 16 are.
  const most = left > 16 ? Math.max(left, 19) : Math.max(left, 3);
  let length = 3;
  while (length < most && source[reference + length] === source[at + length]) length++;
  return length;
}

/** Remembers the places in the last bytes of a match from which a later one may begin. @returns where to go on. */
function remember(source: Uint8Array, start: number, at: number): void {
  for (let i = at - 2; i < at; i++) {
    const word = ((source[i] as number) << 16) | ((source[i + 1] as number) << 8) | (source[i + 2] as number);
    table[slotOf(word)] = tableBase + i - start;
  }
}

/**
 * Compresses a range into at most `room` bytes from `at` on; `into` must have them.
 * @returns bytes written; 0 when they do not suffice.
 */
export function compress(
  source: Uint8Array,
  start: number,
  end: number,
  into: Uint8Array,
  at: number,
  room: number,
): number {
  if (end === start || room === 0) return 0;
  if (tableBase > TABLE_BASE_MAX) {
    table.fill(0);
    tableBase = 1;
  }
  const written = compressRange(source, start, end, into, at, at + room);
  tableBase += end - start;
  return written;
}

function compressRange(
  source: Uint8Array,
  start: number,
  end: number,
  into: Uint8Array,
  from: number,
  stop: number,
): number {
  const last = end - 2;
  let position = start;
  /** Where the length of the open row of literals stands, and where the next byte goes. */
  let head = from;
  let out = from + 1;
  let literals = 0;
  while (position < last) {
    const word =
      ((source[position] as number) << 16) | ((source[position + 1] as number) << 8) | (source[position + 2] as number);
    const slot = slotOf(word);
    const seen = (table[slot] as number) - tableBase;
    table[slot] = tableBase + position - start;
    const reference = start + seen;
    // The very first byte is never referred to.
    if (seen > 0 && position - reference <= DISTANCE_MAX && wordAt(source, reference) === word) {
      const unused = literals === 0 ? 1 : 0;
      if (out - unused + 4 >= stop) return 0;
      into[head] = literals - 1;
      out -= unused;
      const length = matchLength(source, reference, position, end);
      const distance = position - reference - 1;
      if (length < 9) into[out++] = (distance >> 8) + ((length - 2) << 5);
      else {
        into[out++] = (distance >> 8) + (7 << 5);
        into[out++] = length - 9;
      }
      into[out++] = distance & 255;
      head = out++;
      literals = 0;
      position += length;
      if (position >= last) break;
      remember(source, start, position);
      continue;
    }
    if (out >= stop) return 0;
    into[out++] = source[position++] as number;
    literals++;
    if (literals === LITERALS_MAX) {
      into[head] = LITERALS_MAX - 1;
      head = out++;
      literals = 0;
    }
  }
  return finish(source, position, end, into, from, head, out, stop, literals);
}

function wordAt(source: Uint8Array, at: number): number {
  return ((source[at] as number) << 16) | ((source[at + 1] as number) << 8) | (source[at + 2] as number);
}

/** The bytes behind the last place where a match could begin. */
function finish(
  source: Uint8Array,
  position: number,
  end: number,
  into: Uint8Array,
  from: number,
  head: number,
  out: number,
  stop: number,
  literals: number,
): number {
  if (out + 3 > stop) return 0;
  let open = literals;
  let at = head;
  let next = out;
  for (let i = position; i < end; i++) {
    into[next++] = source[i] as number;
    open++;
    if (open === LITERALS_MAX) {
      into[at] = LITERALS_MAX - 1;
      at = next++;
      open = 0;
    }
  }
  if (open === 0) return next - 1 - from;
  into[at] = open - 1;
  return next - from;
}

/**
 * Decompresses a range into exactly `length` bytes from `at` on; `into` must have them.
 * @returns false when the range is not that: truncated, longer or shorter, or referring to what is not there.
 */
export function decompress(
  source: Uint8Array,
  start: number,
  end: number,
  into: Uint8Array,
  at: number,
  length: number,
): boolean {
  const stop = at + length;
  let position = start;
  let out = at;
  while (position < end) {
    const head = source[position++] as number;
    if (head < LITERALS_MAX) {
      const next = position + head + 1;
      if (next > end || out + head + 1 > stop) return false;
      copyRange(source, position, next, into, out);
      out += head + 1;
      position = next;
      continue;
    }
    let count = (head >> 5) + 2;
    if (count === 9) {
      if (position >= end) return false;
      count += source[position++] as number;
    }
    if (position >= end) return false;
    const reference = out - ((head & 31) << 8) - (source[position++] as number) - 1;
    if (reference < at || out + count > stop) return false;
    // Byte by byte: what is repeated may overlap with where it goes.
    for (let i = 0; i < count; i++) into[out + i] = into[reference + i] as number;
    out += count;
  }
  return out === stop;
}
