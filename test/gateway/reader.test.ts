/** A client that does not read: what it may cost, when it is read from again, and when it has to go. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FLUSH_BYTES, WRITE_BACKLOG_BYTES_MAX } from '../../src/base/limits.ts';
import { OutputWatch } from '../../src/gateway/outbox.ts';
import { type Client, LaterBackend, NO_LIMIT, World, warmUp, wire } from './world.ts';

const MEGABYTE = 1024 * 1024;
const LARGE = 'v'.repeat(100_000);

let world: World;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  world.end();
  vi.useRealTimers();
});

/** Asks for the large value again and again, in chunks as large as sockets deliver them. */
function askForMore(client: Client, count: number): void {
  const perChunk = 1000;
  for (let left = count; left > 0; left -= perChunk) {
    client.socket.deliver(Buffer.concat(Array.from({ length: Math.min(left, perChunk) }, () => wire('GET', 'a'))));
  }
}

function limited(hardBytes: number, softBytes: number, softSeconds: number): Partial<World['view']> {
  return { outputLimits: { normal: { hardBytes, softBytes, softSeconds }, pubsub: NO_LIMIT, replica: NO_LIMIT } };
}

describe('a slow reader', () => {
  it('of a shard that answers at once costs a bounded amount, and gets everything in the end', () => {
    world = new World().open();
    const client = world.connect();
    world.ask(client, 'SET', 'a', LARGE);
    client.socket.isSlow = true;
    askForMore(client, 2000);
    expect(client.socket.isPaused).toBe(true);
    expect(client.socket.unreadChunks).toBeGreaterThan(0);
    let received = 0;
    let most = 0;
    for (let round = 0; round < 1000; round++) {
      client.socket.take(500_000);
      world.turn(client);
      received += client.socket.read().length;
      most = Math.max(most, client.connection.outputBytes);
    }
    expect(received).toBe(2000 * (LARGE.length + 11));
    expect(most).toBeLessThan(WRITE_BACKLOG_BYTES_MAX + FLUSH_BYTES + 2 * LARGE.length);
    expect(client.socket.isPaused).toBe(false);
  });

  it('of threads that answer later costs a bounded amount, and gets everything in the end', () => {
    const backend = new LaterBackend();
    world = new World(backend).open();
    const client = world.connect();
    world.send(client, 'SET', 'a', LARGE);
    backend.answerAll();
    world.turn(client);
    client.socket.read();
    client.socket.isSlow = true;
    askForMore(client, 2000);
    let received = 0;
    let most = 0;
    for (let round = 0; round < 2000; round++) {
      backend.answerAll();
      world.turn(client);
      most = Math.max(most, client.connection.outputBytes);
      client.socket.take(500_000);
      received += client.socket.read().length;
    }
    expect(received).toBe(2000 * (LARGE.length + 11));
    // Twice: what the socket has, and what was on its way when the socket was full.
    expect(most).toBeLessThan(2 * WRITE_BACKLOG_BYTES_MAX + FLUSH_BYTES);
    expect(client.socket.isPaused).toBe(false);
  });

  it('holds up nobody else', () => {
    world = new World().open();
    const slow = world.connect();
    const other = world.connect();
    world.ask(slow, 'SET', 'a', LARGE);
    slow.socket.isSlow = true;
    askForMore(slow, 200);
    expect(world.ask(other, 'STRLEN', 'a')).toBe(':100000\r\n');
  });

  it('ends at the hard limit, at once and with its memory', () => {
    world = new World(undefined, limited(MEGABYTE, 0, 0)).open();
    const client = world.connect();
    world.ask(client, 'SET', 'a', LARGE);
    client.socket.isSlow = true;
    askForMore(client, 2000);
    expect(world.closings().get(client.connection.id)).toEqual(['output_buffer_limit']);
    expect(client.socket.isDestroyed).toBe(true);
    expect(client.socket.mostWaiting).toBeLessThan(MEGABYTE + FLUSH_BYTES + 2 * LARGE.length);
    expect(client.socket.misuse).toEqual([]);
    expect(world.tenants.get('default')?.connections).toBe(0);
  });

  it('ends at the hard limit although its replies are all behind one that is late', () => {
    const backend = new LaterBackend();
    world = new World(backend, limited(MEGABYTE, 0, 0)).open();
    const client = world.connect();
    warmUp(world, client, backend);
    world.send(client, 'SET', 'a', LARGE);
    for (let i = 0; i < 15; i++) world.send(client, 'GET', 'a');
    for (let i = 0; i < 15; i++) backend.answer(1);
    world.turn(client);
    expect(client.connection.state).toBe('open');
    world.pass(600);
    expect(world.closings().get(client.connection.id)).toEqual(['output_buffer_limit']);
    backend.answerAll();
    world.turn(client);
    expect(client.socket.misuse).toEqual([]);
  });

  it('ends above the soft limit when its seconds are over, and not before', () => {
    world = new World(undefined, limited(0, MEGABYTE, 10)).open();
    const client = world.connect();
    world.ask(client, 'SET', 'a', LARGE);
    client.socket.isSlow = true;
    askForMore(client, 15);
    world.pass(9000);
    expect(client.connection.state).toBe('open');
    world.pass(2000);
    expect(world.closings().get(client.connection.id)).toEqual(['output_buffer_limit']);
  });

  it('that catches up in between begins its seconds anew', () => {
    world = new World(undefined, limited(0, MEGABYTE, 10)).open();
    const client = world.connect();
    world.ask(client, 'SET', 'a', LARGE);
    client.socket.isSlow = true;
    askForMore(client, 15);
    world.pass(9000);
    client.socket.take(MEGABYTE);
    world.pass(600);
    askForMore(client, 15);
    world.pass(9000);
    expect(client.connection.state).toBe('open');
    world.pass(2000);
    expect(client.connection.state).toBe('closed');
  });

  it('who takes something now and then is not idle; who takes nothing is', () => {
    world = new World(undefined, { timeoutSeconds: 5 }).open();
    const client = world.connect();
    world.ask(client, 'SET', 'a', LARGE);
    client.socket.isSlow = true;
    askForMore(client, 10);
    world.pass(4000);
    client.socket.take(10 * MEGABYTE);
    world.pass(4000);
    expect(client.connection.state).toBe('open');
    world.pass(2000);
    expect(world.closings().get(client.connection.id)).toEqual(['idle_timeout']);
  });
});

describe('the watch over output', () => {
  it('knows no limit at 0, and none is reached by being equal to it', () => {
    world = new World();
    expect(new OutputWatch().exceeded(Number.MAX_SAFE_INTEGER, NO_LIMIT, 1)).toBe(false);
    const limit = { hardBytes: 100, softBytes: 50, softSeconds: 1 };
    const watch = new OutputWatch();
    expect(watch.exceeded(100, limit, 0)).toBe(false);
    expect(watch.exceeded(101, limit, 0)).toBe(true);
    expect(watch.exceeded(50, limit, 500)).toBe(false);
    expect(watch.exceeded(51, limit, 600)).toBe(false);
    expect(watch.exceeded(51, limit, 1600)).toBe(false);
    expect(watch.exceeded(51, limit, 1601)).toBe(true);
  });
});
