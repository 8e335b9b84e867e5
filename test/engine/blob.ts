/**
 * A blob in the middle of a segment whose other bytes must not change: a stretch on both sides is poisoned, and a look
 * says whether it still is.
 */
import { expect } from 'vitest';

const MARGIN = 64;
const POISON = 0xa5;

export class PoisonedSegment {
  readonly bytes: Uint8Array;
  /** Odd, so that nothing relies on alignment. */
  readonly at: number;
  readonly room: number;

  constructor(room: number, at = MARGIN + 1) {
    this.room = room;
    this.at = at;
    this.bytes = new Uint8Array(at + room + MARGIN).fill(POISON);
  }

  /** Everything outside of the blob's `length` bytes is as it was; so is the room behind, but for what editing has used. */
  expectUntouched(): void {
    expect(this.isPoison(0, this.at), 'the bytes in front').toBe(true);
    expect(this.isPoison(this.at + this.room, this.bytes.length), 'the bytes behind').toBe(true);
  }

  /** A copy of the blob in an array of its own size, in which whatever reads outside finds nothing. */
  tight(length: number): Uint8Array {
    return Uint8Array.prototype.slice.call(this.bytes, this.at, this.at + length);
  }

  private isPoison(start: number, end: number): boolean {
    for (let i = start; i < end; i++) if (this.bytes[i] !== POISON) return false;
    return true;
  }
}
