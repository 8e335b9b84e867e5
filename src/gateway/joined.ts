/**
 * Messages of one turn as one write. Most subscribers of a channel were pushed the same messages in the same order, so what
 * was joined for one is used for the next as long as it was pushed the same.
 *
 * Hot path: once per subscriber and turn with more than one message. Guarded by `pubsub` of `npm run bench`.
 */
const NOTHING = Buffer.alloc(0);

export class Joined {
  private parts: Uint8Array[];
  private bytes: Buffer;

  constructor() {
    this.parts = [];
    this.bytes = NOTHING;
  }

  /** The messages from `start` to before `end`, `length` bytes in all. Shared: nobody may change it. */
  of(pushes: readonly Uint8Array[], start: number, end: number, length: number): Buffer {
    if (this.areSame(pushes, start, end)) return this.bytes;
    const bytes = Buffer.allocUnsafeSlow(length);
    const parts: Uint8Array[] = [];
    let at = 0;
    for (let i = start; i < end; i++) {
      const part = pushes[i] as Uint8Array;
      parts.push(part);
      bytes.set(part, at);
      at += part.length;
    }
    this.parts = parts;
    this.bytes = bytes;
    return bytes;
  }

  private areSame(pushes: readonly Uint8Array[], start: number, end: number): boolean {
    const { parts } = this;
    if (parts.length !== end - start) return false;
    for (let i = 0; i < parts.length; i++) if (parts[i] !== pushes[start + i]) return false;
    return true;
  }

  /** The turn is over: no memory is kept for it. */
  release(): void {
    if (this.parts.length === 0) return;
    this.parts = [];
    this.bytes = NOTHING;
  }
}
