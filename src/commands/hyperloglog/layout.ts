/**
 * How a HyperLogLog lies in its string, byte for byte as in Redis:
 *
 *     0   `HYLL`
 *     4   encoding: 0 dense, 1 sparse; three bytes unused
 *     8   the last estimate, 64 bits, lower byte first; its highest bit says that it is no longer true
 *     16  registers: 16384 of 6 bits (dense), or runs (sparse, see sparse.ts)
 *
 * Hot path: once per PFADD and PFCOUNT. Guarded by `bench/hyperloglog.ts`.
 */

export const REGISTERS = 16_384;
export const HEADER_BYTES = 16;
export const DENSE_BYTES = HEADER_BYTES + (REGISTERS * 6) / 8;
/** A longer sparse value has more runs than there are registers: nobody made that by adding elements. */
export const SPARSE_BYTES_MAX = HEADER_BYTES + 2 * REGISTERS;

export const DENSE = 0;
export const SPARSE = 1;
/** Not a HyperLogLog. */
export const NEITHER = 2;
export type HyperloglogEncoding = typeof DENSE | typeof SPARSE | typeof NEITHER;

const ENCODING_AT = 4;
const COUNT_AT = 8;
const STALE_BIT = 0x80;

/** What a string of `length` bytes is. The registers may still be corrupt. */
export function encodingOf(bytes: Uint8Array, start: number, length: number): HyperloglogEncoding {
  if (length < HEADER_BYTES) return NEITHER;
  if (bytes[start] !== 0x48 || bytes[start + 1] !== 0x59 || bytes[start + 2] !== 0x4c || bytes[start + 3] !== 0x4c) {
    return NEITHER;
  }
  const encoding = bytes[start + ENCODING_AT];
  if (encoding === DENSE) return length === DENSE_BYTES ? DENSE : NEITHER;
  return encoding === SPARSE ? SPARSE : NEITHER;
}

/** The header of an empty one. */
export function writeHeader(bytes: Uint8Array, encoding: typeof DENSE | typeof SPARSE): void {
  bytes.fill(0, 0, HEADER_BYTES);
  bytes[0] = 0x48;
  bytes[1] = 0x59;
  bytes[2] = 0x4c;
  bytes[3] = 0x4c;
  bytes[ENCODING_AT] = encoding;
}

export function isStale(bytes: Uint8Array, start: number): boolean {
  return ((bytes[start + COUNT_AT + 7] as number) & STALE_BIT) !== 0;
}

export function markStale(bytes: Uint8Array, start: number): void {
  bytes[start + COUNT_AT + 7] = (bytes[start + COUNT_AT + 7] as number) | STALE_BIT;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) +
    (bytes[at + 1] as number) * 0x100 +
    (bytes[at + 2] as number) * 0x10000 +
    (bytes[at + 3] as number) * 0x1000000
  );
}

/** The estimate kept in the header; a bigint when it is past 2^53, which only somebody who wrote the bytes himself sees. */
export function keptCount(bytes: Uint8Array, start: number): number | bigint {
  const low = wordAt(bytes, start + COUNT_AT);
  const high = wordAt(bytes, start + COUNT_AT + 4);
  return high < 0x200000 ? high * 0x100000000 + low : (BigInt(high) << 32n) | BigInt(low);
}

/** Keeps an estimate, which makes it true. Any double of [-2^63, 2^63) has its 64 bits written. */
export function keepCount(bytes: Uint8Array, start: number, count: number): void {
  const low = count - Math.floor(count / 0x100000000) * 0x100000000;
  let high = Math.floor(count / 0x100000000) | 0;
  let rest = low;
  for (let i = 0; i < 4; i++) {
    bytes[start + COUNT_AT + i] = rest % 256;
    rest = Math.floor(rest / 256);
    bytes[start + COUNT_AT + 4 + i] = high & 255;
    high >>= 8;
  }
}
