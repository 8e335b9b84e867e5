/**
 * Encoded elements on their way into a list, laid out as a listpack of their own: room for its header, then the elements.
 *
 * Hot path: one per push. Guarded by `bench/list.ts`.
 */
import { copyRange } from '../../base/bytes.ts';
import { COUNT_UNKNOWN, LISTPACK_EMPTY_BYTES, LISTPACK_HEADER_BYTES } from '../listpack.ts';
import { appendElement, LISTPACK_END_BYTE, Scratch, writeInt32 } from '../listpack-element.ts';

export class ElementRun {
  count: number;
  private readonly scratch: Scratch;

  constructor() {
    this.count = 0;
    this.scratch = new Scratch();
    this.begin();
  }

  /** Empties it. */
  begin(): this {
    this.scratch.reset();
    this.scratch.length = LISTPACK_HEADER_BYTES;
    this.count = 0;
    return this;
  }

  add(bytes: Uint8Array, start: number, end: number): this {
    appendElement(bytes, start, end, this.scratch);
    this.count++;
    return this;
  }

  /** Adds an element as it stands in a listpack, `length` bytes of it. */
  addEncoded(bytes: Uint8Array, p: number, length: number): this {
    const { scratch } = this;
    scratch.reserve(length);
    copyRange(bytes, p, p + length, scratch.bytes, scratch.length);
    scratch.length += length;
    this.count++;
    return this;
  }

  /** The elements stand in [LISTPACK_HEADER_BYTES, end) of it. */
  get bytes(): Uint8Array {
    return this.scratch.bytes;
  }

  get end(): number {
    return this.scratch.length;
  }

  /** Bytes of the elements alone. */
  get length(): number {
    return this.scratch.length - LISTPACK_HEADER_BYTES;
  }

  /** Makes the first `length + LISTPACK_EMPTY_BYTES` of `bytes` a listpack. */
  seal(): void {
    const { scratch } = this;
    scratch.reserve(1);
    const { bytes } = scratch;
    const count = Math.min(this.count, COUNT_UNKNOWN);
    writeInt32(bytes, 0, this.length + LISTPACK_EMPTY_BYTES);
    bytes[4] = count & 0xff;
    bytes[5] = count >> 8;
    bytes[scratch.length] = LISTPACK_END_BYTE;
  }
}
