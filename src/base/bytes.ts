/**
 * Byte strings as everything here sees them: a Uint8Array and a half-open range [start, end).
 *
 * Hot path. Budget: a comparison of 16 bytes under 20 ns; guarded by the P16 rows of `npm run bench`.
 */

const encoder = new TextEncoder();
const utf8 = new TextDecoder('utf-8');
const LATIN1_LOOP_MAX = 3;

/** The UTF-8 bytes of a text. For literals and configuration, not for the data path. */
export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * One character per byte (ISO 8859-1): loses nothing and is what tables keyed by short byte strings use. Adding character
 * by character costs 12 ns each; Buffer's own way 50 ns for any length, and as much again for bytes that are no Buffer.
 */
export function latin1(bytes: Uint8Array, start = 0, end = bytes.length): string {
  if (end - start > LATIN1_LOOP_MAX) {
    if (bytes instanceof Buffer) return bytes.toString('latin1', start, end);
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
  }
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i] as number);
  return text;
}

/**
 * The first characters of a text of one per byte, for who keeps them: a slice would keep all of the text in memory, as both
 * engines let it point into the whole.
 */
export function headOf(text: string, max: number): string {
  return text.length <= max ? text : latin1(bytesOfLatin1(text.slice(0, max)));
}

/** The inverse of {@link latin1}. Characters past U+00FF are cut to their low byte. */
export function bytesOfLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** For people to read (logs, replies that are text): invalid UTF-8 becomes U+FFFD. */
export function utf8Text(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return utf8.decode(bytes.subarray(start, end));
}

/** A copy that owns its memory: the way out for bytes that outlive the read chunk they came in. */
export function copyOf(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
  // Not slice(): read chunks are Buffers, and Buffer's slice shares memory.
  const copy = new Uint8Array(end - start);
  copyRange(bytes, start, end, copy, 0);
  return copy;
}

export function equalRanges(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aStart + i] !== b[bStart + i]) return false;
  return true;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && equalRanges(a, 0, b, 0, a.length);
}

/** memcmp with the shorter string first among equals: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

const bufferCopy = Buffer.prototype.copy;

/**
 * Copies a range. A loop beats any call for the short strings that keys and values mostly are; past that Buffer's copy
 * costs the same for 64 bytes as for 256 (25 ns on Bun, 75 on Node, where set() of a subarray takes 130 and 60).
 */
export function copyRange(from: Uint8Array, fromStart: number, fromEnd: number, into: Uint8Array, at: number): void {
  const length = fromEnd - fromStart;
  if (length > 32) {
    bufferCopy.call(from, into, at, fromStart, fromEnd);
    return;
  }
  for (let i = 0; i < length; i++) into[at + i] = from[fromStart + i] as number;
}
