/** Requests and words for tests of the wire. */
import fc from 'fast-check';

export function encoded(words: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) parts.push(Buffer.from(`$${word.length}\r\n`), word, Buffer.from('\r\n'));
  return Buffer.concat(parts);
}

export function encodedText(...words: string[]): Buffer {
  return encoded(words.map((word) => Buffer.from(word, 'latin1')));
}

/** Bytes cut at random places. */
export function chunked(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const points = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const chunks: Uint8Array[] = [];
  let from = 0;
  for (const point of [...points, bytes.length]) {
    chunks.push(bytes.subarray(from, point));
    from = point;
  }
  return chunks;
}

/** Words that are likely to look like protocol. */
const word = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.uint8Array({ minLength: 90, maxLength: 130 }),
  fc.constantFrom('', '\r\n', '$1\r\na\r\n', '*1\r\n', 'GET', 'POS', '\0').map((text) => Buffer.from(text, 'latin1')),
);

export const requestWords: fc.Arbitrary<Uint8Array[]> = fc.array(word, { minLength: 1, maxLength: 24 });

export const cutPoints: fc.Arbitrary<number[]> = fc.array(fc.nat({ max: 100_000 }), { maxLength: 20 });
