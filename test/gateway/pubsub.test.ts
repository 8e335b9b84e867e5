/** Subscribers and publishers at the gateway: who hears what, in which form, and when it ends. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bulk, confirmed, fieldOf, heardBy, matched, message } from './messages.ts';
import { type Client, LaterBackend, NO_LIMIT, World, wire } from './world.ts';

let world: World;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  world.end();
  vi.useRealTimers();
});

const heard = (client: Client): string => heardBy(world, client);
const field = (client: Client, name: string): string => fieldOf(world, client, name);

describe('a message', () => {
  it('goes to the subscribers of its channel and then to those of matching patterns', () => {
    world = new World().open();
    const one = world.connect();
    const other = world.connect();
    const publisher = world.connect();
    world.ask(one, 'PSUBSCRIBE', 'n*', 'ne?s');
    world.ask(one, 'SUBSCRIBE', 'news');
    world.ask(other, 'SUBSCRIBE', 'news', 'sport');
    expect(world.ask(publisher, 'PUBLISH', 'news', 'hi')).toBe(':4\r\n');
    expect(heard(one)).toBe(message('news', 'hi') + matched('n*', 'news', 'hi') + matched('ne?s', 'news', 'hi'));
    expect(heard(other)).toBe(message('news', 'hi'));
    expect(world.ask(publisher, 'PUBLISH', 'nobody', 'hi')).toBe(':1\r\n');
    expect(world.ask(publisher, 'PUBLISH', 'silence', 'hi')).toBe(':0\r\n');
  });

  it('to a shard channel goes to its subscribers alone', () => {
    world = new World().open();
    const one = world.connect();
    const publisher = world.connect();
    world.ask(one, 'SUBSCRIBE', 'a');
    world.ask(one, 'PSUBSCRIBE', '*');
    expect(world.ask(publisher, 'SPUBLISH', 'a', 'x')).toBe(':0\r\n');
    expect(world.ask(one, 'SSUBSCRIBE', 'a')).toBe(confirmed('ssubscribe', 'a', 1));
    expect(world.ask(publisher, 'SPUBLISH', 'a', 'x')).toBe(':1\r\n');
    expect(heard(one)).toBe(`*3\r\n${bulk('smessage')}${bulk('a')}${bulk('x')}`);
  });

  it('is any bytes, to a channel of any bytes, __proto__ and none included', () => {
    world = new World().open();
    const client = world.connect();
    const publisher = world.connect();
    for (const name of ['', '__proto__', 'constructor', '\0\r\n\xff', 'x'.repeat(70_000)]) {
      world.ask(client, 'SUBSCRIBE', name);
      expect(world.ask(publisher, 'PUBLISH', name, '\r\n$-1\0')).toBe(':1\r\n');
      expect(heard(client)).toBe(message(name, '\r\n$-1\0'));
      expect(world.ask(publisher, 'PUBSUB', 'NUMSUB', name)).toBe(`*2\r\n${bulk(name)}:1\r\n`);
    }
  });

  it('is one and the same memory for all who get it, whatever their number', () => {
    world = new World().open();
    const subscribers = Array.from({ length: 200 }, () => world.connect());
    for (const [i, client] of subscribers.entries()) {
      if (i % 2 === 0) world.ask(client, 'HELLO', '3');
      world.ask(client, 'SUBSCRIBE', 'c');
      client.socket.read();
    }
    const written: Uint8Array[] = [];
    for (const { socket } of subscribers) {
      socket.write = (bytes) => {
        written.push(bytes);
        return true;
      };
    }
    const publisher = world.connect();
    world.ask(publisher, 'PUBLISH', 'c', 'x'.repeat(100));
    world.turn(...subscribers);
    expect(written).toHaveLength(200);
    expect(new Set(written).size).toBe(2);
    // Several of a turn are joined once for all who were pushed the same.
    for (const client of subscribers.slice(0, 100)) world.core.pubsub.leaveAll(client.connection);
    for (const client of subscribers.filter((_, i) => i >= 100 && i % 2 === 0))
      world.core.pubsub.leaveAll(client.connection);
    written.length = 0;
    publisher.socket.deliver(Buffer.concat([wire('PUBLISH', 'c', '1'), wire('PUBLISH', 'c', '2')]));
    world.turn(...subscribers);
    expect(written).toHaveLength(50);
    expect(new Set(written).size).toBe(1);
    expect(Buffer.from(written[0] ?? []).toString()).toBe(message('c', '1') + message('c', '2'));
  });

  it('to the publisher itself comes before the reply in RESP3', () => {
    world = new World().open();
    const client = world.connect();
    world.ask(client, 'HELLO', '3');
    world.ask(client, 'SUBSCRIBE', 'c');
    expect(world.ask(client, 'PUBLISH', 'c', 'me')).toBe(`${message('c', 'me', '>')}:1\r\n`);
    world.ask(client, 'CLIENT', 'REPLY', 'OFF');
    expect(world.ask(client, 'PUBLISH', 'c', 'me')).toBe(message('c', 'me', '>'));
    client.socket.deliver(
      Buffer.concat([
        wire('CLIENT', 'REPLY', 'ON'),
        wire('CLIENT', 'REPLY', 'SKIP'),
        wire('PUBLISH', 'c', '1'),
        wire('PING'),
      ]),
    );
    expect(heard(client)).toBe(`+OK\r\n${message('c', '1', '>')}+PONG\r\n`);
  });

  it('keeps its place among replies of threads, and the publisher its own', () => {
    const backend = new LaterBackend();
    world = new World(backend).open();
    const client = world.connect();
    world.ask(client, 'HELLO', '3');
    world.ask(client, 'SUBSCRIBE', 'c');
    client.socket.deliver(Buffer.concat([wire('GET', 'a'), wire('PUBLISH', 'c', 'm'), wire('GET', 'b')]));
    expect(heard(client)).toBe('');
    backend.answerAll();
    expect(heard(client)).toBe(`_\r\n${message('c', 'm', '>')}:1\r\n_\r\n`);
  });

  it('published outside of any command is heard like any other', () => {
    world = new World().open();
    const client = world.connect();
    world.ask(client, 'PSUBSCRIBE', '__key*');
    const { tenantNumber } = client.connection.session;
    expect(world.core.pubsub.publish(tenantNumber, Buffer.from('__keyevent@0__:set'), Buffer.from('k'))).toBe(1);
    expect(heard(client)).toBe(matched('__key*', '__keyevent@0__:set', 'k'));
  });
});

describe('RESET', () => {
  it('behind CLIENT REPLY SKIP is silent, behind OFF it is not', () => {
    world = new World().open();
    const client = world.connect();
    client.socket.deliver(Buffer.concat([wire('CLIENT', 'REPLY', 'SKIP'), wire('RESET'), wire('PING')]));
    expect(heard(client)).toBe('+PONG\r\n');
    client.socket.deliver(Buffer.concat([wire('CLIENT', 'REPLY', 'OFF'), wire('RESET'), wire('PING')]));
    expect(heard(client)).toBe('+RESET\r\n+PONG\r\n');
  });
});

describe('a subscriber', () => {
  it('of RESP2 may speak of subscriptions alone, of RESP3 of anything', () => {
    world = new World().open();
    const client = world.connect();
    world.ask(client, 'SUBSCRIBE', 'c');
    const refused = 'only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context';
    expect(world.ask(client, 'GET', 'k')).toBe(`-ERR Can't execute 'get': ${refused}\r\n`);
    expect(world.ask(client, 'CLIENT', 'INFO')).toBe(`-ERR Can't execute 'client|info': ${refused}\r\n`);
    expect(world.ask(client, 'HELLO', '3')).toBe(`-ERR Can't execute 'hello': ${refused}\r\n`);
    expect(world.ask(client, 'PING')).toBe(`*2\r\n${bulk('pong')}${bulk('')}`);
    expect(world.ask(client, 'PING', 'x')).toBe(`*2\r\n${bulk('pong')}${bulk('x')}`);
    world.ask(client, 'UNSUBSCRIBE');
    expect(world.ask(client, 'GET', 'k')).toBe('$-1\r\n');
    world.ask(client, 'HELLO', '3');
    world.ask(client, 'SUBSCRIBE', 'c');
    expect(world.ask(client, 'PING')).toBe('+PONG\r\n');
    expect(world.ask(client, 'GET', 'k')).toBe('_\r\n');
    world.ask(client, 'HELLO', '2');
    expect(world.ask(client, 'GET', 'k')).toBe(`-ERR Can't execute 'get': ${refused}\r\n`);
    world.core.pubsub.publish(client.connection.session.tenantNumber, Buffer.from('c'), Buffer.from('m'));
    expect(heard(client)).toBe(message('c', 'm'));
  });

  it('is told how much it is subscribed to, shard channels counted apart', () => {
    world = new World().open();
    const client = world.connect();
    expect(world.ask(client, 'SUBSCRIBE', 'a', 'b', 'a')).toBe(
      confirmed('subscribe', 'a', 1) + confirmed('subscribe', 'b', 2) + confirmed('subscribe', 'a', 2),
    );
    expect(world.ask(client, 'PSUBSCRIBE', 'a')).toBe(confirmed('psubscribe', 'a', 3));
    expect(world.ask(client, 'SSUBSCRIBE', 'a')).toBe(confirmed('ssubscribe', 'a', 1));
    expect(world.ask(client, 'UNSUBSCRIBE', 'z', 'a')).toBe(
      confirmed('unsubscribe', 'z', 3) + confirmed('unsubscribe', 'a', 2),
    );
    expect(world.ask(client, 'PUNSUBSCRIBE')).toBe(confirmed('punsubscribe', 'a', 1));
    expect(world.ask(client, 'UNSUBSCRIBE')).toBe(confirmed('unsubscribe', 'b', 0));
    expect(field(client, 'flags')).toBe('P');
    expect(world.ask(client, 'SUNSUBSCRIBE')).toBe(confirmed('sunsubscribe', 'a', 0));
    expect(world.ask(client, 'SUNSUBSCRIBE')).toBe(`*3\r\n${bulk('sunsubscribe')}$-1\r\n:0\r\n`);
    expect(field(client, 'flags')).toBe('N');
  });

  it('is confirmed whatever CLIENT REPLY says', () => {
    world = new World().open();
    const client = world.connect();
    world.ask(client, 'CLIENT', 'REPLY', 'OFF');
    expect(world.ask(client, 'SUBSCRIBE', 'c')).toBe(confirmed('subscribe', 'c', 1));
    expect(world.ask(client, 'PING')).toBe('');
    world.core.pubsub.publish(client.connection.session.tenantNumber, Buffer.from('c'), Buffer.from('m'));
    expect(heard(client)).toBe(message('c', 'm'));
    expect(world.ask(client, 'UNSUBSCRIBE', 'c')).toBe(confirmed('unsubscribe', 'c', 0));
  });

  it('that resets, leaves or breaks is forgotten, and the others stay', () => {
    world = new World().open();
    const clients = Array.from({ length: 20 }, () => world.connect());
    const publisher = world.connect();
    for (const client of clients) {
      world.ask(client, 'SUBSCRIBE', 'c', 'd');
      world.ask(client, 'PSUBSCRIBE', '*');
      world.ask(client, 'SSUBSCRIBE', 's');
    }
    const stays = clients.filter((_, i) => i % 4 === 3);
    for (const [i, client] of clients.entries()) {
      if (i % 4 === 0) expect(world.ask(client, 'RESET')).toBe('+RESET\r\n');
      if (i % 4 === 1) client.socket.fail();
      if (i % 4 === 2) world.ask(client, 'UNSUBSCRIBE', 'c');
    }
    world.turn(...clients);
    expect(world.ask(publisher, 'PUBSUB', 'NUMSUB', 'c', 'd')).toBe(`*4\r\n${bulk('c')}:5\r\n${bulk('d')}:10\r\n`);
    expect(world.ask(publisher, 'PUBLISH', 'c', 'x')).toBe(':15\r\n');
    for (const client of stays) expect(heard(client)).toBe(message('c', 'x') + matched('*', 'c', 'x'));
    for (const client of clients) client.socket.fail();
    expect(world.ask(publisher, 'PUBSUB', 'CHANNELS')).toBe('*0\r\n');
    expect(world.ask(publisher, 'PUBSUB', 'SHARDCHANNELS')).toBe('*0\r\n');
    expect(world.ask(publisher, 'PUBSUB', 'NUMPAT')).toBe(':0\r\n');
    expect(world.core.pubsub.space(0)?.bytes ?? 0).toBe(0);
  });

  it('is listed, counted, found and killed as one', () => {
    world = new World().open();
    const client = world.connect();
    const other = world.connect();
    world.ask(client, 'SUBSCRIBE', 'a', 'b');
    world.ask(client, 'PSUBSCRIBE', 'p');
    world.ask(client, 'SSUBSCRIBE', 's');
    expect(['sub', 'psub', 'ssub', 'flags'].map((name) => field(client, name))).toEqual(['2', '1', '1', 'P']);
    expect(Number(field(client, 'tot-mem'))).toBeGreaterThan(4 * 200);
    expect(world.ask(other, 'CLIENT', 'LIST', 'TYPE', 'pubsub')).toContain(`id=${client.connection.id} `);
    expect(world.ask(other, 'CLIENT', 'LIST', 'TYPE', 'normal')).not.toContain(`id=${client.connection.id} `);
    expect(world.core.clients.subscribersOf(undefined)).toBe(1);
    expect(world.ask(other, 'CLIENT', 'KILL', 'TYPE', 'pubsub')).toBe(':1\r\n');
    expect(client.connection.state).toBe('closed');
    expect(world.ask(other, 'PUBSUB', 'CHANNELS')).toBe('*0\r\n');
  });

  it('is closed with everybody else when the process drains, once it has what was sent before', async () => {
    world = new World(undefined, { drainTimeoutSeconds: 2 }).open();
    const client = world.connect();
    world.ask(client, 'SUBSCRIBE', 'c');
    world.send(world.connect(), 'PUBLISH', 'c', 'last');
    const drained = world.gateway.drain();
    await world.passAsync(300);
    expect(heard(client)).toBe(message('c', 'last'));
    expect(client.connection.closeReason).toBe('shutdown');
    await world.passAsync(100);
    await drained;
  });

  it('may sit there silently for as long as it likes', () => {
    world = new World(undefined, { timeoutSeconds: 10 }).open();
    const client = world.connect();
    const idle = world.connect();
    world.ask(client, 'SUBSCRIBE', 'c');
    world.pass(20_000);
    expect(idle.connection.closeReason).toBe('idle_timeout');
    expect(client.connection.state).toBe('open');
  });

  it('who does not read is closed at the limit of subscribers, and the publisher waits for nobody', () => {
    const pubsub = { hardBytes: 1024 * 1024, softBytes: 0, softSeconds: 0 };
    world = new World(undefined, { outputLimits: { normal: NO_LIMIT, pubsub, replica: NO_LIMIT } }).open();
    const slow = Array.from({ length: 5 }, () => world.connect());
    const good = world.connect();
    const publisher = world.connect();
    for (const client of slow.concat(good)) world.ask(client, 'SUBSCRIBE', 'c');
    for (const { socket } of slow) socket.isSlow = true;
    let length = 0;
    for (let i = 0; i < 200; i++) {
      world.send(publisher, 'PUBLISH', 'c', 'x'.repeat(10_000));
      world.turn(publisher, good);
      length += good.socket.read().length;
      for (const { connection } of slow) expect(connection.outputBytes).toBeLessThan(1024 * 1024 + 20_000);
    }
    expect(publisher.socket.text()).toBe(':6\r\n'.repeat(105) + ':1\r\n'.repeat(95));
    expect(length).toBe(200 * message('c', 'x'.repeat(10_000)).length);
    expect(slow.map(({ connection }) => connection.closeReason)).toEqual(slow.map(() => 'output_buffer_limit'));
    expect(world.ask(publisher, 'PUBSUB', 'NUMSUB', 'c')).toBe(`*2\r\n${bulk('c')}:1\r\n`);
  });
});

describe('tenants', () => {
  it('hear nothing of one another and see nobody else’s channels', () => {
    world = new World().people();
    const ann = world.login('ann');
    const bob = world.login('bob');
    world.ask(ann, 'SUBSCRIBE', 'c', 'secret');
    world.ask(ann, 'PSUBSCRIBE', '*');
    world.ask(ann, 'SSUBSCRIBE', 's');
    expect(world.ask(bob, 'PUBLISH', 'c', 'x')).toBe(':0\r\n');
    expect(world.ask(bob, 'SPUBLISH', 's', 'x')).toBe(':0\r\n');
    expect(heard(ann)).toBe('');
    expect(world.ask(bob, 'PUBSUB', 'CHANNELS')).toBe('*0\r\n');
    expect(world.ask(bob, 'PUBSUB', 'SHARDCHANNELS')).toBe('*0\r\n');
    expect(world.ask(bob, 'PUBSUB', 'NUMSUB', 'secret')).toBe(`*2\r\n${bulk('secret')}:0\r\n`);
    expect(world.ask(bob, 'PUBSUB', 'SHARDNUMSUB', 's')).toBe(`*2\r\n${bulk('s')}:0\r\n`);
    expect(world.ask(bob, 'PUBSUB', 'NUMPAT')).toBe(':0\r\n');
    expect(world.core.pubsub.figures(world.tenants.get('t2')?.number)).toEqual({
      channels: 0,
      patterns: 0,
      shardChannels: 0,
    });
    expect(world.core.pubsub.figures(undefined)).toEqual({ channels: 2, patterns: 1, shardChannels: 1 });
  });

  it('are chosen by operators, who hear those they were with when they subscribed', () => {
    world = new World().people();
    const admin = world.login('admin');
    const ann = world.login('ann');
    const bob = world.login('bob');
    world.ask(admin, 'HELLO', '3');
    world.ask(admin, 'TENANT', 'USE', 't1');
    world.ask(admin, 'SUBSCRIBE', 'c');
    world.ask(admin, 'TENANT', 'USE', 't2');
    expect(world.ask(bob, 'PUBLISH', 'c', 'b')).toBe(':0\r\n');
    expect(world.ask(ann, 'PUBLISH', 'c', 'a')).toBe(':1\r\n');
    expect(heard(admin)).toBe(message('c', 'a', '>'));
    expect(world.ask(admin, 'UNSUBSCRIBE', 'c')).toBe(confirmed('unsubscribe', 'c', 1, '>'));
    expect(world.ask(admin, 'UNSUBSCRIBE')).toBe(confirmed('unsubscribe', 'c', 0, '>'));
    expect(world.ask(ann, 'PUBLISH', 'c', 'a')).toBe(':0\r\n');
  });

  it('are left with everything that was subscribed to', () => {
    world = new World().people();
    const client = world.login('ann');
    const ann = world.login('ann');
    world.ask(client, 'HELLO', '3');
    world.ask(client, 'SUBSCRIBE', 'c');
    world.ask(client, 'AUTH', 'ann', 'pw');
    expect(world.ask(ann, 'PUBLISH', 'c', 'x')).toBe(':1\r\n');
    client.socket.read();
    expect(world.ask(client, 'AUTH', 'bob', 'pw')).toBe('+OK\r\n');
    expect(world.ask(ann, 'PUBLISH', 'c', 'x')).toBe(':0\r\n');
    expect(heard(client)).toBe('');
    expect(field(client, 'flags')).toBe('N');
    expect(world.ask(client, 'UNSUBSCRIBE')).toBe(`>3\r\n${bulk('unsubscribe')}_\r\n:0\r\n`);
  });
});

describe('subscribers and channels', () => {
  it('know one another, whoever comes, leaves or breaks, in whatever order', () => {
    const names = ['a', 'b', 'ab', ''] as const;
    const step = fc.record({
      who: fc.nat(5),
      what: fc.constantFrom('SUBSCRIBE', 'UNSUBSCRIBE', 'PSUBSCRIBE', 'PUNSUBSCRIBE', 'RESET', 'break'),
      name: fc.constantFrom(...names),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        world = new World().open();
        const clients = Array.from({ length: 6 }, () => world.connect());
        const publisher = world.connect();
        const model = clients.map(() => ({ channels: new Set<string>(), patterns: new Set<string>() }));
        for (const { who, what, name } of steps) {
          const [client, own] = [clients[who] as Client, model[who] as (typeof model)[number]];
          const set = what.startsWith('P') ? own.patterns : own.channels;
          if (what === 'break') {
            client.socket.fail();
            clients[who] = world.connect();
          } else {
            world.send(client, ...(what === 'RESET' ? [what] : [what, name]));
          }
          if (what.includes('UNSUBSCRIBE')) set.delete(name);
          else if (what.includes('SUBSCRIBE')) set.add(name);
          else model[who] = { channels: new Set(), patterns: new Set() };
        }
        for (const name of names) {
          const heard = model.reduce((sum, { channels, patterns }) => {
            return sum + Number(channels.has(name)) + Number(patterns.has(name));
          }, 0);
          expect(world.ask(publisher, 'PUBLISH', name, 'x')).toBe(`:${heard}\r\n`);
        }
        for (const client of clients) client.socket.fail();
        expect(world.core.pubsub.figures(undefined)).toEqual({ channels: 0, patterns: 0, shardChannels: 0 });
        expect(world.core.pubsub.space(0)?.bytes ?? 0).toBe(0);
        world.end();
      }),
      { numRuns: 150 },
    );
  });
});
