/** What LREM does in one listpack, be it a small list or a node of a large one. */
import { after, equalsEncoded, LISTPACK_HEADER_BYTES, last, previous, removeRange } from '../listpack.ts';
import { LISTPACK_END_BYTE, type Scratch } from '../listpack-element.ts';

/** Takes elements equal to the encoded one out of a listpack. @returns how many. */
export function removeEqualFrom(
  bytes: Uint8Array,
  at: number,
  encoded: Scratch,
  limit: number,
  backward: boolean,
): number {
  let removed = 0;
  if (backward) {
    for (let p = last(bytes, at); p !== -1 && removed < limit; ) {
      const beyond = previous(bytes, at, p);
      if (equalsEncoded(bytes, p, encoded.bytes, 0, encoded.length)) {
        removeRange(bytes, at, p, 1);
        removed++;
      }
      p = beyond;
    }
    return removed;
  }
  for (let p = at + LISTPACK_HEADER_BYTES; bytes[p] !== LISTPACK_END_BYTE && removed < limit; ) {
    if (equalsEncoded(bytes, p, encoded.bytes, 0, encoded.length)) {
      removeRange(bytes, at, p, 1);
      removed++;
    } else p = after(bytes, p);
  }
  return removed;
}
