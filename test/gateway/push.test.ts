/** What is pushed out of band: never inside a reply, behind what was answered, before the reply of a command that waits. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FLUSH_BYTES, WRITE_BACKLOG_BYTES_MAX } from '../../src/base/limits.ts';
import { LaterBackend, NO_LIMIT, World, wire } from './world.ts';

let world: World;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  world.end();
  vi.useRealTimers();
});

const NEWS = Buffer.from('>1\r\n+news\r\n');
const MORE = Buffer.from('>1\r\n+more\r\n');

describe('a push', () => {
  it('leaves at the end of the turn, many in one write', () => {
    world = new World().open();
    const client = world.connect();
    for (let i = 0; i < 100; i++) client.connection.push(i % 2 === 0 ? NEWS : MORE);
    expect(client.socket.sent).toEqual([]);
    world.turn(client);
    expect(client.socket.sent).toHaveLength(1);
    expect(client.socket.text()).toBe(`${NEWS}${MORE}`.repeat(50));
  });

  it('stands behind the replies before it and in front of those after it', () => {
    world = new World().open();
    const client = world.connect();
    world.send(client, 'PING');
    client.connection.push(NEWS);
    world.send(client, 'ECHO', 'x');
    client.connection.push(MORE);
    world.turn(client);
    expect(client.socket.text()).toBe(`+PONG\r\n${NEWS}$1\r\nx\r\n${MORE}`);
  });

  it('queues behind replies that are on their way from other threads', () => {
    const backend = new LaterBackend();
    world = new World(backend).open();
    const client = world.connect();
    world.send(client, 'GET', 'a');
    client.connection.push(NEWS);
    world.send(client, 'PING');
    world.turn(client);
    expect(client.socket.text()).toBe('');
    backend.answerAll();
    world.turn(client);
    expect(client.socket.text()).toBe(`$-1\r\n${NEWS}+PONG\r\n`);
  });

  it('reaches a client whose command waits, in front of the reply that may never come', () => {
    world = new World().open();
    const client = world.connect();
    const place = client.connection.block(() => {});
    client.connection.push(NEWS);
    world.turn(client);
    expect(client.socket.text()).toBe(`${NEWS}`);
    client.connection.push(MORE);
    place.settle((out) => out.ok());
    client.connection.push(NEWS);
    world.turn(client);
    expect(client.socket.text()).toBe(`${MORE}+OK\r\n${NEWS}`);
  });

  it('waits with a command that waits for the replies before both', () => {
    const backend = new LaterBackend();
    world = new World(backend).open();
    const client = world.connect();
    world.send(client, 'GET', 'a');
    const place = client.connection.block(() => {});
    client.connection.push(NEWS);
    place.settle((out) => out.ok());
    world.turn(client);
    expect(client.socket.text()).toBe('');
    backend.answerAll();
    world.turn(client);
    expect(client.socket.text()).toBe(`$-1\r\n${NEWS}+OK\r\n`);
  });

  it('comes while a pause holds the commands back', () => {
    world = new World().open();
    const client = world.connect();
    world.core.clients.startPause(1000, false);
    world.send(client, 'GET', 'a');
    client.connection.push(NEWS);
    world.turn(client);
    expect(client.socket.text()).toBe(`${NEWS}`);
  });

  it('is not silenced by CLIENT REPLY OFF', () => {
    world = new World().open();
    const client = world.connect();
    client.socket.deliver(Buffer.concat([wire('CLIENT', 'REPLY', 'OFF'), wire('PING')]));
    client.connection.push(NEWS);
    world.send(client, 'PING');
    world.turn(client);
    expect(client.socket.text()).toBe(`${NEWS}`);
  });

  it('that is there when the client is told goodbye comes first; afterwards there is none', () => {
    world = new World().open();
    const client = world.connect();
    client.connection.push(NEWS);
    world.send(client, 'QUIT');
    client.connection.push(MORE);
    world.turn(client);
    expect(client.socket.text()).toBe(`${NEWS}+OK\r\n`);
    expect(client.socket.misuse).toEqual([]);
  });
});

describe('a reader who does not read', () => {
  it('has pushes waiting as references and gets them in order when it reads', () => {
    world = new World().open();
    const client = world.connect();
    const large = Buffer.alloc(1024 * 1024, 'x');
    client.socket.isSlow = true;
    for (let i = 0; i < 20; i++) {
      client.connection.push(large);
      client.connection.push(NEWS);
      world.turn(client);
    }
    expect(client.connection.outputBytes).toBe(20 * (large.length + NEWS.length));
    expect(client.socket.writableLength).toBeLessThan(WRITE_BACKLOG_BYTES_MAX + large.length + FLUSH_BYTES);
    world.send(client, 'PING');
    let read = '';
    for (let round = 0; round < 100; round++) {
      client.socket.take(1024 * 1024);
      world.turn(client);
      read += client.socket.text();
    }
    expect(read.length).toBe(20 * (large.length + NEWS.length) + '+PONG\r\n'.length);
    expect(read.replaceAll(/x+/g, 'x')).toBe(`${`x${NEWS}`.repeat(20)}+PONG\r\n`);
    expect(client.connection.outputBytes).toBe(0);
  });

  it('keeps nothing of what has left, however long it is behind', () => {
    world = new World().open();
    const client = world.connect();
    const piece = Buffer.alloc(300_000, 'x');
    client.socket.isSlow = true;
    for (let i = 0; i < 40; i++) client.connection.push(piece);
    world.turn(client);
    const waiting = client.connection.outputBytes;
    for (let round = 0; round < 200; round++) {
      client.connection.push(piece);
      client.socket.take(piece.length);
      client.connection.scheduleFlush();
      world.turn(client);
      client.socket.read();
    }
    expect(client.connection.outputBytes).toBe(waiting);
    const { outbox } = client.connection as unknown as { outbox: { pushes: readonly unknown[] } };
    expect(outbox.pushes.length).toBeLessThan(60);
  });

  it.each([false, true])('is closed at the limit of its class; a subscriber: %s', (isSubscriber) => {
    const small = { hardBytes: 100_000, softBytes: 0, softSeconds: 0 };
    const normal = isSubscriber ? NO_LIMIT : small;
    const pubsub = isSubscriber ? small : NO_LIMIT;
    world = new World(undefined, { outputLimits: { normal, pubsub, replica: NO_LIMIT } }).open();
    const client = world.connect();
    client.connection.isSubscriber = isSubscriber;
    client.socket.isSlow = true;
    for (let i = 0; i < 11; i++) {
      client.connection.push(Buffer.alloc(10_000, 'x'));
      world.turn(client);
    }
    expect(client.connection.state).toBe('closed');
    expect(world.closed('output_buffer_limit')).toBe(1);
  });

  it('is closed within the turn, however much is pushed in it', () => {
    const pubsub = { hardBytes: 1024 * 1024, softBytes: 0, softSeconds: 0 };
    world = new World(undefined, { outputLimits: { normal: NO_LIMIT, pubsub, replica: NO_LIMIT } }).open();
    const client = world.connect();
    client.connection.isSubscriber = true;
    for (let i = 0; i < 100; i++) client.connection.push(Buffer.alloc(100_000));
    expect(client.connection.state).toBe('closed');
    expect(client.connection.outputBytes).toBe(0);
  });
});
