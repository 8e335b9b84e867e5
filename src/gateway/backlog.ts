/** Chunks that came although a connection is held: some runtimes deliver one more, and who waits is read on for a while. */
export class Backlog {
  bytes: number;
  private readonly chunks: Uint8Array[];

  constructor() {
    this.bytes = 0;
    this.chunks = [];
  }

  get isEmpty(): boolean {
    return this.chunks.length === 0;
  }

  add(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
  }

  take(): Uint8Array | undefined {
    const chunk = this.chunks.shift();
    if (chunk !== undefined) this.bytes -= chunk.length;
    return chunk;
  }

  clear(): void {
    this.chunks.length = 0;
    this.bytes = 0;
  }
}
