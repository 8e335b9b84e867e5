/**
 * Longest common subsequence by bit vectors (Hyyrö 2004): row i of the classic table as one bit per position of `b`, zero
 * where the length grows. 32 cells per step and one bit per cell of memory, where the classic table needs 32; what Redis'
 * limits let through (2^27 cells) takes 16 MiB and tens of milliseconds.
 *
 * The walk back needs of each cell only whether it is larger than its left neighbour, which is that bit, so the choices
 * among equal subsequences are exactly those of Redis' walk over the full table.
 */
export interface Match {
  readonly aStart: number;
  readonly aEnd: number;
  readonly bStart: number;
  readonly bEnd: number;
}

const ALPHABET = 256;

/** For each byte that occurs in `a`: the positions in `b` where it stands. */
function masksOf(a: Uint8Array, b: Uint8Array, words: number): (Uint32Array | undefined)[] {
  const masks = new Array<Uint32Array | undefined>(ALPHABET).fill(undefined);
  for (const byte of a) masks[byte] ??= new Uint32Array(words);
  for (let j = 0; j < b.length; j++) {
    const mask = masks[b[j] as number];
    if (mask !== undefined) mask[j >>> 5] = ((mask[j >>> 5] as number) | (1 << (j & 31))) >>> 0;
  }
  return masks;
}

function countZeros(words: Uint32Array, from: number, bits: number): number {
  let zeros = 0;
  for (let i = 0; i * 32 < bits; i++) {
    let clear = ~(words[from + i] as number) >>> 0;
    if (bits - i * 32 < 32) clear &= (1 << (bits - i * 32)) - 1;
    for (; clear !== 0; clear &= clear - 1) zeros++;
  }
  return zeros;
}

export class Subsequence {
  /** Of the subsequence, in bytes. */
  readonly length: number;
  private readonly a: Uint8Array;
  private readonly b: Uint8Array;
  private readonly words: number;
  /** All rows when they are kept for the walk back, else the last one. */
  private readonly rows: Uint32Array;

  constructor(a: Uint8Array, b: Uint8Array, keepRows: boolean) {
    this.a = a;
    this.b = b;
    this.words = (b.length + 31) >>> 5;
    this.rows = new Uint32Array((keepRows ? a.length + 1 : 1) * this.words).fill(0xffffffff);
    const masks = masksOf(a, b, this.words);
    for (let i = 0; i < a.length; i++) {
      const from = keepRows ? i * this.words : 0;
      this.nextRow(masks[a[i] as number] as Uint32Array, from, keepRows ? from + this.words : 0);
    }
    this.length = countZeros(this.rows, keepRows ? a.length * this.words : 0, b.length);
  }

  private nextRow(mask: Uint32Array, from: number, to: number): void {
    const rows = this.rows;
    let carry = 0;
    for (let w = 0; w < this.words; w++) {
      const row = rows[from + w] as number;
      const matching = (row & (mask[w] as number)) >>> 0;
      const sum = row + matching + carry;
      carry = sum > 0xffffffff ? 1 : 0;
      rows[to + w] = (sum | (row & ~(mask[w] as number))) >>> 0;
    }
  }

  /** Whether the length grows from position j-1 to j in row i, both counted from 1. */
  private grows(i: number, j: number): boolean {
    const word = this.rows[i * this.words + ((j - 1) >>> 5)] as number;
    return ((word >>> ((j - 1) & 31)) & 1) === 0;
  }

  text(): Uint8Array {
    const { a, b } = this;
    const text = new Uint8Array(this.length);
    let at = this.length;
    let i = a.length;
    let j = b.length;
    while (i > 0 && j > 0) {
      if (a[i - 1] === b[j - 1]) {
        text[--at] = a[i - 1] as number;
        i--;
        j--;
      } else if (this.grows(i, j)) i--;
      else j--;
    }
    return text;
  }

  /** Stretches that match without a gap, the last ones first, cut where Redis cuts them. */
  matches(): Match[] {
    const { a, b } = this;
    const found: Match[] = [];
    let open = false;
    let aStart = 0;
    let aEnd = 0;
    let bStart = 0;
    let bEnd = 0;
    let i = a.length;
    let j = b.length;
    while (i > 0 && j > 0) {
      let ends = false;
      if (a[i - 1] === b[j - 1]) {
        if (!open) {
          aStart = aEnd = i - 1;
          bStart = bEnd = j - 1;
          open = true;
        } else if (aStart === i && bStart === j) {
          aStart--;
          bStart--;
        } else ends = true;
        if (aStart === 0 || bStart === 0) ends = true;
        i--;
        j--;
      } else {
        if (this.grows(i, j)) i--;
        else j--;
        ends = open;
      }
      if (!ends) continue;
      found.push({ aStart, aEnd, bStart, bEnd });
      open = false;
    }
    return found;
  }
}
