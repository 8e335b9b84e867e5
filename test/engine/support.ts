/** What the engine's tests share: a clock moved by hand, shards in debug mode, keys and values as text. */
import type { Clock } from '../../src/base/clock.ts';
import { KeyedHash } from '../../src/base/hash.ts';
import { Prng } from '../../src/base/prng.ts';
import { type Database, MISSING, NO_EXPIRY, type Outcome, stringEncoding } from '../../src/engine/database.ts';
import { Shard } from '../../src/engine/shard.ts';
import type { Hasher } from '../../src/engine/world.ts';

const isLong = process.env['PORTCULLIS_LONG'] === '1';

/** Runs of a property so that about 10^4 operations are tried, 10^5 with PORTCULLIS_LONG=1. */
export function runsFor(operationsPerRun: number): number {
  return Math.ceil((isLong ? 100_000 : 10_000) / operationsPerRun);
}

/** For properties: ten times the work takes ten times as long. */
export const PROPERTY_TIMEOUT_MS: number = isLong ? 300_000 : 30_000;

export class FakeClock implements Clock {
  time_ms = 1_700_000_000_000;

  nowMs(): number {
    return this.time_ms;
  }

  monotonicMs(): number {
    return this.time_ms;
  }
}

export interface TestShard {
  readonly shard: Shard;
  readonly clock: FakeClock;
  /** Moves the clock and begins a turn. */
  advance(by_ms: number): void;
}

export function testShard(hash: Hasher = new KeyedHash(11, 22), seed = 1): TestShard {
  const clock = new FakeClock();
  const shard = new Shard({ clock, prng: new Prng(seed), hash, debug: true });
  return {
    shard,
    clock,
    advance(by_ms) {
      clock.time_ms += by_ms;
      shard.beginTurn();
    },
  };
}

const encoder = new TextEncoder();

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

export function set(database: Database, key: string, value: string, expireAt_ms: number = NO_EXPIRY): Outcome {
  const keyBytes = bytesOf(key);
  const bytes = bytesOf(value);
  const encoding = stringEncoding(bytes, 0, bytes.length);
  return database.setString(keyBytes, 0, keyBytes.length, bytes, 0, bytes.length, encoding, expireAt_ms);
}

/** Adds a byte on both sides, so that ranges are honoured and not the whole array. */
export function look(database: Database, how: 'find' | 'findUntouched' | 'findForWrite' | 'peek', key: string): number {
  const bytes = bytesOf(`<${key}>`);
  return database[how](bytes, 1, bytes.length - 1);
}

export function textOf(database: Database, ref: number): string {
  const start = database.valueStart(ref);
  return Buffer.from(database.valueBytes(ref).subarray(start, start + database.valueLength(ref))).toString();
}

export function keyOf(database: Database, ref: number): string {
  const start = database.keyStart(ref);
  return Buffer.from(database.valueBytes(ref).subarray(start, start + database.keyLength(ref))).toString();
}

export function get(database: Database, key: string): string | undefined {
  const ref = look(database, 'find', key);
  return ref === MISSING ? undefined : textOf(database, ref);
}

export function remove(database: Database, key: string): boolean {
  const bytes = bytesOf(key);
  return database.delete(bytes, 0, bytes.length);
}

/** Every live key in order. */
export function keysOf(database: Database): string[] {
  const keys: string[] = [];
  database.forEach((ref) => {
    keys.push(keyOf(database, ref));
  });
  return keys.sort();
}
