/**
 * The engine alone, without sockets or commands: nanoseconds per operation, bytes per key and the worst pause while
 * filling. Run with `bun bench/engine.ts [keys…]` or `node bench/engine.ts [keys…]`.
 */
import { systemClock } from '../src/base/clock.ts';
import { EVICTION_POLICIES, type EvictionPolicy } from '../src/base/eviction-policies.ts';
import { KeyedHash } from '../src/base/hash.ts';
import { parseInteger, writeInteger } from '../src/base/integer.ts';
import { Prng } from '../src/base/prng.ts';
import { type Database, Encoding, KEEP_TTL, MISSING, NO_EXPIRY, ValueType } from '../src/engine/database.ts';
import { Shard } from '../src/engine/shard.ts';

const VALUE_BYTES = 64;
const KEY_BYTES = 16;
const OPERATIONS = 1_000_000;
/** A tick is what one turn of the event loop might hold. */
const TICK_OPERATIONS = 64;

const request = new Uint8Array(256);
const digits = new Uint8Array(32);
const reply = new Uint8Array(65536);
request.set(new TextEncoder().encode('k:'));
for (let i = 0; i < VALUE_BYTES; i++) request[64 + i] = 97 + (i % 26);

function writeKey(number: number): undefined {
  let rest = number;
  for (let at = KEY_BYTES - 1; at >= 2; at--) {
    const quotient = (rest / 10) | 0;
    request[at] = 48 + rest - quotient * 10;
    rest = quotient;
  }
}

function set(database: Database, number: number): undefined {
  writeKey(number);
  database.setString(request, 0, KEY_BYTES, request, 64, 64 + VALUE_BYTES, Encoding.raw, NO_EXPIRY);
}

function get(database: Database, number: number): number {
  writeKey(number);
  const ref = database.find(request, 0, KEY_BYTES);
  if (ref === MISSING) return 0;
  const bytes = database.valueBytes(ref);
  const start = database.valueStart(ref);
  const length = database.valueLength(ref);
  for (let i = 0; i < length; i++) reply[i] = bytes[start + i] as number;
  return length;
}

function find(database: Database, number: number): number {
  writeKey(number);
  const ref = database.find(request, 0, KEY_BYTES);
  return ref === MISSING ? 0 : database.valueLength(ref);
}

function increment(database: Database, number: number): undefined {
  writeKey(number);
  const ref = database.findForWrite(request, 0, KEY_BYTES);
  if (ref === MISSING) {
    digits[0] = 49;
    database.setString(request, 0, KEY_BYTES, digits, 0, 1, Encoding.int, KEEP_TTL);
    return;
  }
  if (database.valueType(ref) !== ValueType.string) return;
  const start = database.valueStart(ref);
  const value = parseInteger(database.valueBytes(ref), start, start + database.valueLength(ref));
  const end = writeInteger(digits, 0, value + 1);
  database.replaceValue(ref, digits, 0, end, Encoding.int);
}

function remove(database: Database, number: number): undefined {
  writeKey(number);
  database.delete(request, 0, KEY_BYTES);
}

function expire(database: Database, number: number): undefined {
  writeKey(number);
  const ref = database.findForWrite(request, 0, KEY_BYTES);
  if (ref !== MISSING) database.setExpiry(ref, 4_000_000_000_000);
}

const prng = new Prng(7);
/** Keeps results in use, so that nothing is optimised away. */
let checksum = 0;

function print(name: string, figure: string): void {
  process.stdout.write(`  ${name.padEnd(32)}${figure.padStart(12)}\n`);
}

function printEach(name: string, operations: number, run: (i: number) => number | undefined): void {
  const from = performance.now();
  for (let i = 0; i < operations; i++) checksum += run(i) ?? 0;
  print(name, `${Math.round(((performance.now() - from) * 1e6) / operations)} ns`);
}

function collectGarbage(): void {
  const runtime = globalThis as { Bun?: { gc(force: boolean): void }; gc?: () => void };
  runtime.Bun?.gc(true);
  runtime.gc?.();
}

function newShard(): Shard {
  return new Shard({ clock: systemClock, prng: new Prng(3), hash: new KeyedHash(0x1234567, 0x89abcde) });
}

function fill(database: Database, keys: number): void {
  let worst_ms = 0;
  const begin = performance.now();
  for (let at = 0; at < keys; at += TICK_OPERATIONS) {
    const from = performance.now();
    for (let i = at; i < at + TICK_OPERATIONS && i < keys; i++) set(database, i);
    worst_ms = Math.max(worst_ms, performance.now() - from);
  }
  print('fill', `${Math.round(((performance.now() - begin) * 1e6) / keys)} ns`);
  print(`worst ${TICK_OPERATIONS} sets of the fill`, `${worst_ms.toFixed(2)} ms`);
}

/** Picks keys beforehand, so that the choice is not measured. */
function choices(keys: number): Int32Array {
  const chosen = new Int32Array(OPERATIONS);
  for (let i = 0; i < OPERATIONS; i++) chosen[i] = prng.below(keys);
  return chosen;
}

function single(database: Database, keys: number): void {
  const chosen = choices(keys);
  const at = (i: number) => chosen[i] as number;
  const many = Math.min(OPERATIONS, keys);
  printEach('key bytes only (in every row)', OPERATIONS, (i) => writeKey(at(i)));
  printEach('find', OPERATIONS, (i) => find(database, at(i)));
  printEach('get with copy', OPERATIONS, (i) => get(database, at(i)));
  printEach('find, missing', OPERATIONS, (i) => find(database, keys + at(i)));
  printEach('set, overwriting', OPERATIONS, (i) => set(database, at(i)));
  printEach('expire', many, (i) => expire(database, i));
  printEach('del', many, (i) => remove(database, i));
  printEach('set, new', many, (i) => set(database, i));
  printEach('incr', OPERATIONS, (i) => increment(database, 500_000_000 + (at(i) & 0xffff)));
}

/** Everything expires in one millisecond: what a slice costs at most. */
function massExpiry(keys: number): void {
  let now_ms = 1e12;
  const clock = { nowMs: () => now_ms, monotonicMs: () => now_ms };
  const shard = new Shard({ clock, prng: new Prng(3), hash: new KeyedHash(1, 2) });
  const database = shard.realm(0).database(0);
  for (let i = 0; i < keys; i++) {
    writeKey(i);
    database.setString(request, 0, KEY_BYTES, request, 64, 64 + VALUE_BYTES, Encoding.raw, now_ms + 1000);
  }
  print('expiring: charged/key', (shard.realm(0).account.usedBytes() / keys).toFixed(1));
  now_ms += 2000;
  let worst_ms = 0;
  const begin = performance.now();
  while (database.expiresCount() > 0) {
    const from = performance.now();
    if (!shard.backgroundSlice()) shard.cron();
    worst_ms = Math.max(worst_ms, performance.now() - from);
  }
  print('expiring: per key', `${Math.round(((performance.now() - begin) * 1e6) / keys)} ns`);
  print('expiring: worst slice', `${worst_ms.toFixed(2)} ms`);
}

/** A full tenant: every new key costs an old one. */
function fullTenant(policy: EvictionPolicy): void {
  const shard = newShard();
  const realm = shard.realm(0);
  const database = realm.database(0);
  for (let i = 0; i < 200_000; i++) set(database, i);
  realm.account.limitBytes = realm.account.usedBytes();
  realm.account.policy = policy;
  realm.policyChanged();
  printEach(`set, evicting by ${policy}`, 200_000, (i) => {
    realm.ensureRoom(256);
    set(database, 200_000 + i);
  });
}

async function measure(keys: number): Promise<void> {
  collectGarbage();
  const before = process.memoryUsage().rss;
  const shard = newShard();
  const realm = shard.realm(0);
  fill(realm.database(0), keys);
  collectGarbage();
  print('resident bytes/key', ((process.memoryUsage().rss - before) / keys).toFixed(1));
  print('charged bytes/key', (realm.account.usedBytes() / keys).toFixed(1));
  print('held bytes/key', (shard.arena.heldBytes / keys).toFixed(1));
  single(realm.database(0), keys);
  const from = performance.now();
  realm.flushAll(false);
  print('flush, per key', `${Math.round(((performance.now() - from) * 1e6) / keys)} ns`);
  // The allocators give pages back a little later.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  collectGarbage();
  print('resident after the flush', `${((process.memoryUsage().rss - before) / 1e6).toFixed(0)} MB`);
}

const counts = process.argv.slice(2).map(Number);
const runtimeName = 'Bun' in globalThis ? 'Bun' : `Node ${process.versions.node}`;
process.stdout.write(`${runtimeName}, keys of ${KEY_BYTES}+${VALUE_BYTES} bytes\nwarm-up, 100000 keys\n`);
await measure(100_000);
for (const keys of counts.length > 0 ? counts : [1_000_000, 3_000_000]) {
  process.stdout.write(`${keys} keys\n`);
  await measure(keys);
}
process.stdout.write('background\n');
massExpiry(1_000_000);
for (const policy of EVICTION_POLICIES)
  if (policy !== 'noeviction' && !policy.startsWith('volatile')) fullTenant(policy);
if (Number.isNaN(checksum)) print('checksum', 'lost');
