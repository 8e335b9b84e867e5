/** Places of handshakes: how many there are, whose they are, and that each is given back once. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HANDSHAKE_PULSE_MS, HANDSHAKES_MAX } from '../../src/base/limits.ts';
import type { CloseReason } from '../../src/gateway/close-reasons.ts';
import { Handshakes } from '../../src/gateway/handshakes.ts';

class Caller extends EventEmitter {
  readonly remoteAddress: string;
  readonly remotePort: number;
  isGone = false;

  constructor(remoteAddress: string, remotePort: number) {
    super();
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  get socket(): Socket {
    return this as unknown as Socket;
  }

  destroy(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.emit('close');
  }
}

let now_ms: number;
let ports: number;
let refused: CloseReason[];
let begun: Socket[];
let handshakes: Handshakes;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  now_ms = 0;
  ports = 0;
  refused = [];
  begun = [];
  handshakes = new Handshakes({
    now_ms: () => now_ms,
    timeout_ms: () => 5000,
    begin: (socket) => begun.push(socket),
    refused: (reason) => refused.push(reason),
  });
});
afterEach(() => {
  handshakes.close();
  vi.useRealTimers();
});

function call(address: string, most = 3): Caller {
  const caller = new Caller(address, ++ports);
  handshakes.offer(caller.socket, { owner: address, most, atOnce: false });
  return caller;
}

describe('an address', () => {
  it('has so many handshakes at a time, and leaves the other places to others', () => {
    const callers = Array.from({ length: 3 }, () => call('10.0.0.1'));
    expect(call('10.0.0.1').isGone).toBe(true);
    expect(refused).toEqual(['too_many_from_address']);
    expect(call('10.0.0.2').isGone).toBe(false);
    expect(callers.map(({ isGone }) => isGone)).toEqual([false, false, false]);
  });

  it('gets a place back when one of its handshakes is over, is given up, or takes too long', () => {
    const [over, gone] = [call('10.0.0.1'), call('10.0.0.1'), call('10.0.0.1')];
    handshakes.finished(over.socket);
    over.destroy();
    gone.destroy();
    expect([call('10.0.0.1'), call('10.0.0.1'), call('10.0.0.1')].map(({ isGone }) => isGone)).toEqual([
      false,
      false,
      true,
    ]);
    handshakes.check(5001);
    expect(refused.slice(1)).toEqual(['handshake_timeout', 'handshake_timeout', 'handshake_timeout']);
    expect(Array.from({ length: 4 }, () => call('10.0.0.1').isGone)).toEqual([false, false, false, true]);
  });

  it('has as many as there are where policy sets no bound, which is that of all', () => {
    for (let i = 0; i < HANDSHAKES_MAX; i++) call('10.0.0.1', 0);
    expect(new Set(refused)).toEqual(new Set());
    call('10.0.0.2', 0);
    expect(refused).toEqual(['too_many_handshakes']);
  });

  it('counts those that wait for their turn, and those that leave while they do', () => {
    // All that may begin at once have begun.
    for (let i = 0; i < 64; i++) call('10.0.0.9', 0);
    const before = begun.length;
    const waiting = [call('10.0.0.1'), call('10.0.0.1'), call('10.0.0.1')];
    expect(begun.length).toBe(before);
    expect(call('10.0.0.1').isGone).toBe(true);
    waiting[0]?.destroy();
    expect(call('10.0.0.1').isGone).toBe(false);
    now_ms += HANDSHAKE_PULSE_MS;
    vi.advanceTimersByTime(HANDSHAKE_PULSE_MS);
    expect(begun.length).toBe(before + 3);
    expect(call('10.0.0.1').isGone).toBe(true);
  });
});
