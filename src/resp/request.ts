/**
 * One request as the decoder left it: the bytes it came in and where each argument lies in them. Nothing is copied and
 * nothing is a string until somebody asks, so the same parse feeds routing, ACL and handler.
 *
 * Lifetime: the views are valid until the decoder's next `next()`, `feed()` or `settle()`. Whatever outlives that is
 * taken out with `copy`; `bytes` is mostly a Buffer, whose own slice() shares memory.
 *
 * Hot path: one per connection, reused for every request. Budget and bench are those of decoder.ts (`bench/resp.ts`).
 */
import { bytesOfLatin1, copyOf, copyRange, latin1 } from '../base/bytes.ts';
import { REQUEST_ARGUMENTS_KEPT } from '../base/limits.ts';

const INITIAL_ARGUMENTS = 16;
const NO_BYTES = new Uint8Array(0);

export class Request {
  /** What the offsets point into: the read chunk itself, or the decoder's own buffer for a request that came cut. */
  bytes: Uint8Array;
  /** start,end of argument i at 2i and 2i+1. Longer than 2·argc; entries past that are leftovers. */
  offsets: Int32Array;
  argc: number;
  /** Bytes that the request took on the wire, headers and blanks included. */
  wireBytes: number;

  constructor(argumentsAtFirst = INITIAL_ARGUMENTS) {
    this.bytes = NO_BYTES;
    this.offsets = new Int32Array(2 * argumentsAtFirst);
    this.argc = 0;
    this.wireBytes = 0;
  }

  start(index: number): number {
    return this.offsets[2 * index] as number;
  }

  end(index: number): number {
    return this.offsets[2 * index + 1] as number;
  }

  length(index: number): number {
    return (this.offsets[2 * index + 1] as number) - (this.offsets[2 * index] as number);
  }

  /** A copy that owns its memory. */
  copy(index: number): Uint8Array {
    return copyOf(this.bytes, this.start(index), this.end(index));
  }

  /** One character per byte (latin1). */
  text(index: number): string {
    return latin1(this.bytes, this.start(index), this.end(index));
  }

  /** The same words in memory of their own. */
  kept(): Request {
    const { argc } = this;
    const kept = new Request(argc);
    let bytes = 0;
    for (let i = 0; i < argc; i++) bytes += this.length(i);
    // A Buffer as what is read is one: names are taken from it faster.
    kept.bytes = Buffer.allocUnsafeSlow(bytes);
    let at = 0;
    for (let i = 0; i < argc; i++) {
      kept.offsets[2 * i] = at;
      copyRange(this.bytes, this.start(i), this.end(i), kept.bytes, at);
      at += this.length(i);
      kept.offsets[2 * i + 1] = at;
    }
    kept.argc = argc;
    kept.wireBytes = bytes;
    return kept;
  }

  /** Room for more arguments, by doubling: called when an argument has arrived, never for a declared count. */
  growOffsets(): Int32Array {
    const grown = new Int32Array(this.offsets.length * 2);
    grown.set(this.offsets);
    this.offsets = grown;
    return grown;
  }

  /** Lets go of the bytes, and of the offsets that a huge request needed; not of a request's that is still coming in. */
  release(isInProgress = false): void {
    this.bytes = NO_BYTES;
    this.argc = 0;
    this.wireBytes = 0;
    if (!isInProgress && this.offsets.length > 2 * REQUEST_ARGUMENTS_KEPT)
      this.offsets = new Int32Array(2 * INITIAL_ARGUMENTS);
  }

  /** A request made of words, laid out as its arguments alone. For tests and tools; texts are latin1. */
  static of(
    ...words: (string | Uint8Array)[] // cold: for tests and tools
  ): Request {
    const parts = words.map((word) => (typeof word === 'string' ? bytesOfLatin1(word) : word));
    const request = new Request();
    request.bytes = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
    request.offsets = new Int32Array(Math.max(2, 2 * parts.length));
    request.argc = parts.length;
    let at = 0;
    for (const [index, part] of parts.entries()) {
      request.bytes.set(part, at);
      request.offsets[2 * index] = at;
      at += part.length;
      request.offsets[2 * index + 1] = at;
    }
    request.wireBytes = at;
    return request;
  }
}
