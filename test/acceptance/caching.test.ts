/**
 * Caches at clients, kept by CLIENT TRACKING, while others write: once everything is quiet none of them holds anything
 * that is not so. That it is quiet is told by keys that the caches hold as well, and that are written last.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { Prng } from '../../src/base/prng.ts';
import type { Reply } from '../../src/resp/reply-reader.ts';
import { seed } from '../support/seed.ts';
import { Serve } from './support/serve.ts';
import { shown, Wire } from './support/wire.ts';

const KEYS = Array.from({ length: 24 }, (_, i) => `k${i}`);
/** Enough of them for every shard to have one. */
const MARKERS = Array.from({ length: 24 }, (_, i) => `k:marker:${i}`);
const ROUNDS = 5;
const WRITES_PER_ROUND = 150;
/** Larger than what shards and the gateway pass on in one piece with other replies. */
const LARGE = 'x'.repeat(1_200_000);

let serve: Serve;
beforeAll(async () => {
  serve = await Serve.start({ tenants: { t1: { users: [['ann', '~* &* +@all']] } } });
});
afterAll(() => serve.dispose());

type Mode = 'default' | 'OPTIN' | 'BCAST';

class Cache {
  readonly held = new Map<string, string>();
  told = 0;
  private readonly wire: Wire;
  private readonly mode: Mode;
  private wake: (() => void) | undefined;

  private constructor(wire: Wire, mode: Mode) {
    this.wire = wire;
    this.mode = mode;
    wire.pushed = (reply) => this.invalidated(reply);
  }

  static async open(mode: Mode): Promise<Cache> {
    const wire = await Wire.as(serve, 'ann', 3);
    const options = mode === 'default' ? [] : mode === 'BCAST' ? ['BCAST', 'PREFIX', 'k'] : [mode];
    expect(await wire.ask('CLIENT', 'TRACKING', 'ON', ...options)).toBe('OK');
    return new Cache(wire, mode);
  }

  private invalidated(reply: Reply): void {
    if (reply.kind !== 'push') throw new Error('not a push');
    const [word, keys] = reply.items;
    expect(word === undefined ? '' : shown(word)).toBe('invalidate');
    this.told++;
    if (keys?.kind === 'null') this.held.clear();
    else if (keys !== undefined && 'items' in keys) {
      for (const key of keys.items) if ('bytes' in key) this.held.delete(latin1(key.bytes));
    }
    this.wake?.();
  }

  /** Fills the cache in the moment in which the reply comes, and not a tick later. */
  read(key: string): Promise<void> {
    if (this.held.has(key)) return Promise.resolve();
    if (this.mode === 'OPTIN') void this.wire.ask('CLIENT', 'CACHING', 'YES');
    return this.wire.replyNow((reply) => this.held.set(key, shown(reply)), 'GET', key);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  close(): void {
    this.wire.close();
  }
}

/** One writer's random work. */
async function writes(wire: Wire, prng: Prng, count: number): Promise<void> {
  const pending: Promise<string>[] = [];
  for (let i = 0; i < count; i++) {
    const key = KEYS[prng.uint32() % KEYS.length] as string;
    const chance = prng.uint32() % 100;
    if (chance < 50) pending.push(wire.ask('SET', key, `${prng.uint32()}`));
    else if (chance < 60) pending.push(wire.ask('DEL', key, ...KEYS.slice(0, 3)));
    else if (chance < 70) pending.push(wire.ask('SET', key, 'short', 'PX', '1'));
    else if (chance < 80) pending.push(wire.ask('APPEND', key, 'more'));
    else if (chance < 95) {
      for (const words of [['MULTI'], ['SET', key, 'in'], ['GET', key], ['APPEND', key, `${i}`], ['EXEC']]) {
        pending.push(wire.ask(...words));
      }
    } else if (chance === 95 && i % 4 === 0) pending.push(wire.ask('SET', key, LARGE));
    else if (chance === 97) pending.push(wire.ask('FLUSHALL'));
    if (pending.length > 20) await Promise.all(pending.splice(0));
  }
  await Promise.all(pending);
}

describe('a cache at a client', () => {
  it('holds nothing that is not so once everything is quiet, by keys, by choice or by prefix', async () => {
    const prng = new Prng(seed);
    const caches = await Promise.all((['default', 'OPTIN', 'BCAST'] as const).map((mode) => Cache.open(mode)));
    const writers = await Promise.all([1, 2, 3].map(() => Wire.as(serve, 'ann')));
    const plain = await Wire.as(serve, 'ann');
    let held = 0;
    for (let round = 0; round < ROUNDS; round++) {
      let isOver = false;
      const reading = caches.map(async (cache) => {
        const own = new Prng(prng.uint32());
        while (!isOver) {
          const keys = Array.from({ length: 8 }, () => KEYS[own.uint32() % KEYS.length] as string);
          await Promise.all(keys.map((key) => cache.read(key)));
          // What is held is read in no time: others want to be heard.
          await new Promise((resolve) => setImmediate(resolve));
        }
      });
      const work = new Prng(prng.uint32());
      await Promise.all(writers.map((writer) => writes(writer, work, WRITES_PER_ROUND)));
      isOver = true;
      await Promise.all(reading);
      for (const cache of caches) await Promise.all([...MARKERS, ...KEYS].map((key) => cache.read(key)));
      for (const marker of MARKERS) await plain.ask('SET', marker, `${round}`);
      for (const cache of caches) await cache.until(() => MARKERS.every((marker) => !cache.held.has(marker)));
      const now = new Map<string, string>();
      for (const key of KEYS) now.set(key, await plain.ask('GET', key));
      for (const [i, cache] of caches.entries()) {
        for (const [key, value] of cache.held) {
          held++;
          expect(value === now.get(key), `${key} in cache ${i}, round ${round}`).toBe(true);
        }
      }
    }
    for (const cache of caches) expect(cache.told).toBeGreaterThan(ROUNDS);
    expect(held).toBeGreaterThan(ROUNDS * KEYS.length);
    for (const one of [...caches, ...writers, plain]) one.close();
  });
});
