/** Replies wait until what they tell of is kept: on a disk whose syncs are over when the test says so. */
import { afterEach, describe, expect, it } from 'vitest';
import type { DurabilitySettings } from '../../src/command/ports/durability.ts';
import { CommandTable } from '../../src/command/table.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { DURABILITY_SETTINGS } from '../support/durability-settings.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { FakeClock } from '../support/harness.ts';
import { type Client, inlineBackend, World } from './world.ts';

const SETTINGS: DurabilitySettings = {
  ...DURABILITY_SETTINGS,
  appendfsync: 'always',
  stopsWritesOnSaveError: true,
};

let world: World | undefined;

afterEach(() => {
  world?.end();
  world = undefined;
});

async function start(settings: Partial<DurabilitySettings> = {}) {
  const disk = new FakeDisk();
  const clock = new FakeClock();
  disk.makeFolder('/data');
  const backend = inlineBackend({
    table: new CommandTable(shardDeclarations),
    disk,
    folder: '/data',
    clock,
    settings: { ...SETTINGS, ...settings },
    report: { event() {} },
    tenantNumber: () => 0,
    settled: () => world?.gateway.answered(),
  });
  world = new World(backend).open();
  const loaded = await backend.durability.load();
  if (!loaded.ok) throw new Error(loaded.fault);
  disk.manualSyncs = true;
  const made = world;
  // Without somebody who waits for nothing writers are synced in this thread.
  expect(world.ask(world.connect(), 'GET', 'nothing')).toBe('$-1\r\n');
  const text = (client: Client): string => {
    made.turn(client);
    return client.socket.text();
  };
  const synced = (client: Client): string => {
    disk.completeSyncs();
    return text(client);
  };
  return { world: made, disk, clock, text, synced };
}

describe('with appendfsync always', () => {
  it('who wrote waits for the sync, and who reads something else does not', async () => {
    const { world, text, synced } = await start();
    const [writer, reader] = [world.connect(), world.connect()];
    world.send(writer, 'SET', 'a', '1');
    expect(text(writer)).toBe('');
    expect(world.ask(reader, 'GET', 'b')).toBe('$-1\r\n');
    expect(world.ask(reader, 'PING')).toBe('+PONG\r\n');
    expect(synced(writer)).toBe('+OK\r\n');
  });

  it('writers among themselves are answered in their own turn', async () => {
    const { world, clock, text, synced } = await start();
    const writers = [world.connect(), world.connect(), world.connect()];
    for (const [turn, writer] of writers.entries()) {
      world.send(writer, 'INCR', 'a');
      expect(text(writer)).toBe(turn === 0 ? '' : `:${turn + 1}\r\n`);
      if (turn === 0) expect(synced(writer)).toBe(':1\r\n');
      clock.now += turn === 0 ? 1001 : 0;
    }
  });

  it('who reads what is not synced yet waits as well, and so does who reads everything', async () => {
    const { world, text, synced } = await start();
    const [writer, reader, lister] = [world.connect(), world.connect(), world.connect()];
    world.send(writer, 'SET', 'a', '1');
    world.send(reader, 'GET', 'a');
    world.send(lister, 'KEYS', '*');
    expect(text(writer) + text(reader) + text(lister)).toBe('');
    expect(synced(writer)).toBe('+OK\r\n');
    expect(text(reader)).toBe('$1\r\n1\r\n');
    expect(text(lister)).toBe('*1\r\n$1\r\na\r\n');
    expect(world.ask(reader, 'GET', 'a')).toBe('$1\r\n1\r\n');
  });

  it('replies of one connection keep their order, each behind its own sync', async () => {
    const { world, text, synced } = await start();
    const client = world.connect();
    world.send(client, 'SET', 'a', '1');
    expect(text(client)).toBe('');
    world.send(client, 'PING');
    world.send(client, 'INCR', 'a');
    expect(text(client)).toBe('');
    expect(synced(client)).toBe('+OK\r\n+PONG\r\n');
    expect(synced(client)).toBe(':2\r\n');
  });

  it('a command that waits stands behind the writes of its own chunk', async () => {
    const { world, text, synced } = await start();
    const [client, other] = [world.connect(), world.connect()];
    world.send(client, 'SET', 'a', '1');
    world.send(client, 'BLPOP', 'l', '0');
    expect(text(client)).toBe('');
    expect(synced(client)).toBe('+OK\r\n');
    world.send(other, 'RPUSH', 'l', 'x');
    expect(text(other) + text(client)).toBe('');
    expect(synced(other)).toBe(':1\r\n');
    expect(text(client)).toBe('*2\r\n$1\r\nl\r\n$1\r\nx\r\n');
  });

  it('what is pushed to who waited stands behind the answer that is there and not kept yet', async () => {
    const { world, text, synced } = await start();
    const [client, other] = [world.connect(), world.connect()];
    world.send(client, 'BLPOP', 'l', '0');
    client.connection.push(Buffer.from('+before\r\n'));
    expect(text(client)).toBe('+before\r\n');
    world.send(other, 'RPUSH', 'l', 'x');
    client.connection.push(Buffer.from('+behind\r\n'));
    expect(text(other) + text(client)).toBe('');
    expect(synced(other)).toBe(':1\r\n');
    expect(text(client)).toBe('*2\r\n$1\r\nl\r\n$1\r\nx\r\n+behind\r\n');
  });

  it('a write and a wait in one chunk are answered in order', async () => {
    const { world, text, synced } = await start();
    const client = world.connect();
    const bytes = '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$4\r\n0.01\r\n';
    client.socket.deliver(Buffer.from(bytes));
    expect(text(client)).toBe('');
    expect(synced(client)).toBe('+OK\r\n');
  });

  it('a transaction is answered as a whole', async () => {
    const { world, text, synced } = await start();
    const client = world.connect();
    for (const words of [['MULTI'], ['SET', 'a', '1'], ['INCR', 'a']]) world.send(client, ...words);
    expect(text(client)).toBe('+OK\r\n+QUEUED\r\n+QUEUED\r\n');
    world.send(client, 'EXEC');
    expect(text(client)).toBe('');
    expect(synced(client)).toBe('*2\r\n+OK\r\n:2\r\n');
  });

  it('a sync that fails ends acknowledgements for good, and reads go on', async () => {
    const { world, disk, text } = await start();
    const client = world.connect();
    world.send(client, 'SET', 'a', '1');
    world.send(client, 'SET', 'b', '1');
    expect(text(client)).toBe('');
    disk.failAt(1, 'EIO', 'synced');
    disk.completeSyncs();
    const refused = text(client);
    expect(refused).toMatch(/^(-MISCONF Errors writing to the AOF file: [^\r]*\r\n){2}$/);
    expect(world.ask(client, 'SET', 'c', '1')).toBe('-MISCONF Errors writing to the AOF file: Input/output error\r\n');
    expect(world.ask(client, 'GET', 'c')).toBe('$-1\r\n');
    disk.heal();
    disk.completeSyncs();
    expect(world.ask(client, 'DEL', 'a')).toMatch(/^-MISCONF/);
  });
});

describe('with appendfsync everysec', () => {
  it('nobody waits for a sync', async () => {
    const { world, disk } = await start({ appendfsync: 'everysec' });
    const client = world.connect();
    expect(world.ask(client, 'SET', 'a', '1')).toBe('+OK\r\n');
    expect(disk.bytesOf('/data/appendonlydir/appendonly.aof.1.incr.aof')?.length).toBeGreaterThan(0);
  });

  it('a disk that is full holds acknowledgements back, refuses writes, and lets both go when it is not', async () => {
    const { world, disk, text } = await start({ appendfsync: 'everysec' });
    const client = world.connect();
    disk.failAt(1, 'ENOSPC', 'write', { fromThenOn: true });
    world.send(client, 'SET', 'a', '1');
    expect(text(client)).toBe('');
    const other = world.connect();
    expect(world.ask(other, 'SET', 'b', '1')).toBe(
      '-MISCONF Errors writing to the AOF file: No space left on device\r\n',
    );
    disk.heal();
    world.backend.durability.commit();
    expect(text(client)).toBe('+OK\r\n');
    expect(world.ask(other, 'SET', 'b', '1')).toBe('+OK\r\n');
  });
});
