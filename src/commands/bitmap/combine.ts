/**
 * AND, OR, XOR and NOT of byte ranges, word by word. The target begins at a word; a source may begin at any byte, so its
 * words are put together from two neighbours.
 *
 * Invariant: nothing is written outside the target's range, nothing is read outside the sources' memory.
 *
 * Hot path. Budget: 1 ns a byte and source; guarded by `bench/bitmap.ts`.
 */

export type Operation = 'AND' | 'OR' | 'XOR' | 'NOT';

/** The target: the same memory as bytes and as words. */
export class BitTarget {
  readonly bytes: Uint8Array;
  private readonly words: Int32Array;

  /** Room for so many bytes, all zero. */
  constructor(length: number) {
    this.words = new Int32Array((length + 3) >>> 2);
    this.bytes = new Uint8Array(this.words.buffer, 0, length);
  }

  /** The first source, as it is or inverted; what it does not reach is zero, which NOT never has. */
  begin(operation: Operation, bytes: Uint8Array, start: number, length: number): void {
    this.bytes.set(bytes.subarray(start, start + length));
    if (operation !== 'NOT') return;
    const { words } = this;
    for (let i = 0; i < words.length; i++) words[i] = ~(words[i] as number);
  }

  /** One more source of `length` bytes; it counts as zeros beyond them. */
  add(operation: Operation, bytes: Uint8Array, words: Int32Array, start: number, length: number): void {
    const target = this.bytes;
    // The last word of a source may have its upper neighbour outside its memory: the last bytes go one by one.
    const whole = Math.max(0, (length >>> 2) - 1);
    if (operation === 'AND') this.andWords(words, start, whole);
    else if (operation === 'OR') this.orWords(words, start, whole);
    else this.xorWords(words, start, whole);
    for (let i = whole * 4; i < length; i++) {
      const byte = bytes[start + i] as number;
      if (operation === 'AND') target[i] = (target[i] as number) & byte;
      else if (operation === 'OR') target[i] = (target[i] as number) | byte;
      else target[i] = (target[i] as number) ^ byte;
    }
    if (operation === 'AND') target.fill(0, length);
  }

  private andWords(words: Int32Array, start: number, count: number): void {
    const target = this.words;
    const from = start >>> 2;
    const shift = (start & 3) * 8;
    if (shift === 0) {
      for (let i = 0; i < count; i++) target[i] = (target[i] as number) & (words[from + i] as number);
      return;
    }
    let low = words[from] as number;
    for (let i = 0; i < count; i++) {
      const high = words[from + i + 1] as number;
      target[i] = (target[i] as number) & ((low >>> shift) | (high << (32 - shift)));
      low = high;
    }
  }

  private orWords(words: Int32Array, start: number, count: number): void {
    const target = this.words;
    const from = start >>> 2;
    const shift = (start & 3) * 8;
    if (shift === 0) {
      for (let i = 0; i < count; i++) target[i] = (target[i] as number) | (words[from + i] as number);
      return;
    }
    let low = words[from] as number;
    for (let i = 0; i < count; i++) {
      const high = words[from + i + 1] as number;
      target[i] = (target[i] as number) | (low >>> shift) | (high << (32 - shift));
      low = high;
    }
  }

  private xorWords(words: Int32Array, start: number, count: number): void {
    const target = this.words;
    const from = start >>> 2;
    const shift = (start & 3) * 8;
    if (shift === 0) {
      for (let i = 0; i < count; i++) target[i] = (target[i] as number) ^ (words[from + i] as number);
      return;
    }
    let low = words[from] as number;
    for (let i = 0; i < count; i++) {
      const high = words[from + i + 1] as number;
      target[i] = (target[i] as number) ^ ((low >>> shift) | (high << (32 - shift)));
      low = high;
    }
  }
}
