/** Group R where a connection holds more than data: what is queued, tracked and watched is bounded, and paid for. */
import { type AttackCase, attack, becomes, holds, matches, same } from '../case.ts';
import { all, bulk, fieldOf } from '../sessions.ts';
import { encode } from '../wire.ts';
import type { World } from '../world.ts';

const MEBIBYTE = 1024 * 1024;

async function aMillionQueued(world: World): Promise<void> {
  const t1x = await world.as('t1x');
  const before = world.residentBytes();
  same(await t1x.ask('MULTI'), '+OK\r\n', 'MULTI');
  const batch = encode('SET', 't1:{m}k', 'v').repeat(10_000);
  let most = 0;
  for (let i = 0; i < 100; i++) {
    t1x.send(batch);
    same((await t1x.collect(10_000, 60_000)).length, 10_000, 'QUEUED');
    most = Math.max(most, world.residentBytes() - before);
  }
  const info = await (await world.as('t1x')).ask('CLIENT', 'LIST');
  same(
    fieldOf(info.split('\n').find((line) => line.includes('multi=1000000')) ?? '', 'multi'),
    '1000000',
    'CLIENT LIST',
  );
  holds(Number(/multi-mem=(\d{7,})/.exec(info)?.[1]) > 20_000_000, 'they are not counted');
  t1x.send(encode('EXEC'));
  const [reply = ''] = await t1x.collect(1, 120_000);
  same(reply.length, '*1000000\r\n'.length + 1_000_000 * '+OK\r\n'.length, 'the reply');
  most = Math.max(most, world.residentBytes() - before);
  holds(most < 400 * MEBIBYTE, `${Math.round(most / MEBIBYTE)} MiB were taken`);
  same(await t1x.ask('DEL', 't1:{m}k'), ':1\r\n', 'DEL');
  t1x.close();
}

async function queuesWithoutEnd(world: World): Promise<void> {
  const wires = await Promise.all(Array.from({ length: 8 }, () => world.as('t1x')));
  const value = 'v'.repeat(4 * MEBIBYTE);
  let refusals = 0;
  for (const wire of wires) await wire.ask('MULTI');
  for (let i = 0; i < 8; i++) {
    for (const wire of wires) {
      const reply = await wire.ask('ECHO', value);
      matches(reply, /^(\+QUEUED|-OOM|-ERR)/, 'a large command');
      if (!reply.startsWith('+')) refusals++;
    }
  }
  // 64 MiB for the tenant, of 256 that were wanted.
  holds(refusals >= 8, `${refusals} refusals`);
  for (const wire of wires) matches(await wire.ask('EXEC'), /^(-EXECABORT|\*)/, 'EXEC');
  const t1x = await world.as('t1x');
  same((await all(t1x, ['MULTI'], ['ECHO', value], ['EXEC']))[2], `*1\r\n${bulk(value)}`, 'room again');
  for (const wire of [...wires, t1x]) wire.close();
}

async function cachesWithoutEnd(world: World): Promise<void> {
  const cache = await world.as('t1x', 3);
  const used = await world.figure('used_memory', 't1x');
  await cache.ask('CLIENT', 'TRACKING', 'ON');
  for (let batch = 0; batch < 20; batch++) {
    cache.send(Array.from({ length: 5000 }, (_, i) => encode('GET', `t1:read:${batch}:${i}`)).join(''));
    same((await cache.collect(5000)).length, 5000, 'GET');
  }
  const keys = await world.figure('tracking_total_keys', 't1x');
  holds(keys > 90_000, `${keys} keys are tracked`);
  holds((await world.figure('used_memory', 't1x')) - used > 100 * 100_000, 'they are not paid for');
  const many = Array.from({ length: 1000 }, (_, i) => ['PREFIX', `t1:${i}:`]).flat();
  const prefixes = await world.as('t1x', 3);
  same(await prefixes.ask('CLIENT', 'TRACKING', 'ON', 'BCAST', ...many), '+OK\r\n', 'a thousand prefixes');
  const more = Array.from({ length: 1000 }, (_, i) => ['PREFIX', `t1:more:${i}:`]).flat();
  same(
    await prefixes.ask('CLIENT', 'TRACKING', 'ON', 'BCAST', ...more),
    '-ERR too many prefixes\r\n',
    'a thousand more',
  );
  same(await prefixes.ask('CLIENT', 'TRACKING', 'OFF'), '+OK\r\n', 'OFF');
  same(
    await prefixes.ask('CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', 'p'.repeat(MEBIBYTE)),
    '-ERR too many prefixes\r\n',
    'a long one',
  );
  same(await cache.ask('FLUSHALL'), '+OK\r\n', 'FLUSHALL');
  matches((await cache.collect(1)).join(''), /^>2\r\n\$10\r\ninvalidate\r\n_\r\n$/, 'the message of a flush');
  same(await world.figure('tracking_total_keys', 't1x'), 0, 'keys after a flush');
  for (const wire of [cache, prefixes]) wire.close();
}

async function comingAndGoing(world: World): Promise<void> {
  const writer = await world.as('t1x');
  await writer.ask('SET', 't1:k', '1');
  const used = await world.figure('used_memory', 't1x');
  for (let round = 0; round < 10; round++) {
    const wires = await Promise.all(Array.from({ length: 30 }, () => world.as('t1x', 3)));
    for (const [i, wire] of wires.entries()) {
      await all(wire, ['CLIENT', 'TRACKING', 'ON'], ['GET', 't1:k'], ['WATCH', 't1:{w}k'], ['MULTI'], ['PING']);
      if (i % 3 === 0) await all(wire, ['DISCARD'], ['CLIENT', 'TRACKING', 'OFF']);
      else if (i % 3 === 1) await wire.ask('RESET');
    }
    for (const wire of wires) wire.close();
  }
  // Who reads next pays for the sweeping.
  const reader = await world.as('t1x', 3);
  await reader.ask('CLIENT', 'TRACKING', 'ON');
  holds(
    await becomes(async () => {
      await reader.ask('GET', 't1:other');
      return (await world.figure('tracking_total_items', 't1x')) <= 1;
    }),
    'those who have gone are remembered',
  );
  reader.close();
  await writer.ask('DEL', 't1:other');
  holds((await world.figure('used_memory', 't1x')) - used < 1000, 'something is still paid for');
  same(await world.figure('tracking_clients', 't1x'), 0, 'trackers');
  writer.close();
}

export const sessionBoundCases: readonly AttackCase[] = [
  attack('R149', 'hundreds who track, watch, and are gone', { none: 'they go by themselves' }, comingAndGoing),
  attack('R150', 'a million queued commands', { none: 'every request is a valid one' }, aMillionQueued),
  attack('R150', 'queues without end', { none: 'want of memory is no denial' }, queuesWithoutEnd),
  attack('R150', 'caches without end', { none: 'want of memory is no denial' }, cachesWithoutEnd),
];
