/**
 * A socket that does what a test tells it: takes bytes or lets them pile up, delivers, ends and breaks when asked. As with
 * a real one nothing happens inside a call of its owner: `pump` is the event loop.
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';

const HIGH_WATER_MARK = 16 * 1024;

export class FakeSocket extends EventEmitter {
  /** What the client has read. */
  readonly sent: Uint8Array[] = [];
  /** What the owner did that no owner may do. */
  readonly misuse: string[] = [];
  /** The client does not read. */
  isSlow = false;
  /** Chunks come although it is paused, as from some runtimes: so many. */
  eagerChunks = 0;
  isPaused = false;
  pauses = 0;
  isEnded = false;
  isDestroyed = false;
  destroys = 0;
  /** Most bytes that ever waited in it. */
  mostWaiting = 0;
  private readonly waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private needsDrain = false;
  private readonly incoming: Uint8Array[] = [];
  private inputEnded = false;
  private endTold = false;
  private closeTold = false;
  private finishTold = false;

  get socket(): Socket {
    return this as unknown as Socket;
  }

  // -- The owner's side ------------------------------------------------------------------------------------------------

  get writableLength(): number {
    return this.waitingBytes;
  }

  write(bytes: Uint8Array): boolean {
    if (this.isEnded) this.misuse.push('write after end');
    if (this.isDestroyed) this.misuse.push('write after destroy');
    if (bytes.length === 0) this.misuse.push('write of nothing');
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
    if (!this.isSlow) this.flushTo(0);
    this.mostWaiting = Math.max(this.mostWaiting, this.waitingBytes);
    if (this.waitingBytes < HIGH_WATER_MARK) return true;
    this.needsDrain = true;
    return false;
  }

  pause(): this {
    this.isPaused = true;
    this.pauses++;
    return this;
  }

  resume(): this {
    this.isPaused = false;
    return this;
  }

  end(): this {
    if (this.isEnded) this.misuse.push('end twice');
    this.isEnded = true;
    return this;
  }

  destroy(): this {
    this.destroys++;
    this.isDestroyed = true;
    this.waiting.length = 0;
    this.waitingBytes = 0;
    return this;
  }

  // -- The client's side -----------------------------------------------------------------------------------------------

  deliver(bytes: Uint8Array): void {
    this.incoming.push(bytes);
    this.pump();
  }

  /** The client closes its half. */
  finish(): void {
    this.inputEnded = true;
    this.pump();
  }

  /** The client is gone. */
  hangUp(): void {
    this.destroy();
    this.pump();
  }

  fail(): void {
    this.emit('error', new Error('ECONNRESET'));
    this.hangUp();
  }

  /** A slow client reads so much, and the socket says so once nothing waits any more. */
  take(bytes: number): void {
    this.flushTo(Math.max(0, this.waitingBytes - bytes));
    this.pump();
  }

  takeAll(): void {
    this.isSlow = false;
    this.take(this.waitingBytes);
  }

  get unreadChunks(): number {
    return this.incoming.length;
  }

  /** Whatever has to happen, happens. */
  pump(): void {
    while (!this.isDestroyed && this.incoming.length > 0 && (!this.isPaused || this.eagerChunks > 0)) {
      if (this.isPaused) this.eagerChunks--;
      this.emit('data', this.incoming.shift());
    }
    const isRead = this.incoming.length === 0 && !this.isPaused && !this.isDestroyed;
    if (this.inputEnded && isRead && !this.endTold) {
      this.endTold = true;
      this.emit('end');
    }
    if (this.needsDrain && this.waitingBytes === 0 && !this.isDestroyed && !this.isEnded) {
      this.needsDrain = false;
      this.emit('drain');
    }
    if (this.isEnded && this.waitingBytes === 0 && !this.isDestroyed && !this.finishTold) {
      this.finishTold = true;
      this.emit('finish');
    }
    if (this.isEnded && this.endTold && this.waitingBytes === 0) this.isDestroyed = true;
    if (this.isDestroyed && !this.closeTold) {
      this.closeTold = true;
      this.emit('close');
    }
  }

  private flushTo(left: number): void {
    while (this.waitingBytes > left) {
      const first = this.waiting[0] as Uint8Array;
      const count = Math.min(first.length, this.waitingBytes - left);
      this.sent.push(first.slice(0, count));
      this.waitingBytes -= count;
      if (count === first.length) this.waiting.shift();
      else this.waiting[0] = first.subarray(count);
    }
  }

  /** Everything the client has read, and the next call begins anew. */
  read(): Buffer {
    const all = Buffer.concat(this.sent);
    this.sent.length = 0;
    return all;
  }

  text(): string {
    return this.read().toString('latin1');
  }
}
