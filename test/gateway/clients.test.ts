/** CLIENT LIST and KILL: the line clients parse, what a filter finds, and what a tenant may know of others. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { CLIENT_TEXT_BYTES_MAX } from '../../src/base/limits.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';
import { type Client, LaterBackend, World, wire } from './world.ts';

let world: World;

afterEach(() => world.end());

/** The fields of every line, by id. */
function listed(client: Client, ...filter: string[]): Map<string, Map<string, string>> {
  const reply = world.ask(client, 'CLIENT', 'LIST', ...filter);
  const text = reply.slice(reply.indexOf('\r\n') + 2, -2);
  const lines = text.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => fieldsOf(line)).map((fields) => [fields.get('id') ?? '', fields]));
}

function fieldsOf(line: string): Map<string, string> {
  return new Map(
    line.split(' ').map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)]),
  );
}

const idOf = (client: Client): string => String(client.connection.id);

describe('a line of CLIENT LIST', () => {
  it.skipIf(!redisServerInstalled)('has the fields of redis-server, in its order', async () => {
    world = new World().open();
    const redis = await RedisServer.start();
    const { bytes } = await redis.exchange(wire('CLIENT', 'INFO'));
    redis.stop();
    const theirs = Array.from(fieldsOf(bytes.toString('latin1').split('\r\n')[1] ?? '').keys());
    const ours = Array.from(listed(world.connect()).values())[0] ?? new Map<string, string>();
    // Versions differ in what they have, and not in the order of what they share.
    const shared = Array.from(ours.keys()).filter((name) => theirs.includes(name));
    expect(theirs.filter((name) => ours.has(name))).toEqual(shared);
    expect(shared.length).toBeGreaterThanOrEqual(25);
  });

  it('tells who, since when, and what was said last', () => {
    world = new World().people();
    const ann = world.connect('2001:db8::7');
    world.clock.now += 61_000;
    ann.socket.deliver(
      Buffer.concat([
        wire('HELLO', '3', 'AUTH', 'ann', 'pw', 'SETNAME', 'app=1'),
        wire('CLIENT', 'SETINFO', 'LIB-NAME', 'lib'),
        wire('CLIENT', 'SETINFO', 'LIB-VER', '1.2'),
        wire('CLIENT', 'NO-TOUCH', 'ON'),
        wire('SELECT', '3'),
        wire('GET', 'a'),
      ]),
    );
    world.turn(ann);
    world.clock.now += 5900;
    const admin = world.login('admin');
    expect(Object.fromEntries(listed(admin).get(idOf(ann)) ?? [])).toMatchObject({
      addr: '[2001:db8::7]:4242',
      laddr: '127.0.0.1:6380',
      name: 'app=1',
      age: '66',
      idle: '5',
      flags: 'T',
      db: '3',
      multi: '-1',
      cmd: 'get',
      user: 'ann',
      resp: '3',
      'lib-name': 'lib',
      'lib-ver': '1.2',
    });
    const stranger = world.connect();
    expect(Object.fromEntries(listed(admin).get(idOf(stranger)) ?? [])).toMatchObject({ cmd: 'NULL', user: 'default' });
  });

  it('tells what waits: bytes not run, and replies not given', () => {
    const backend = new LaterBackend();
    world = new World(backend).open();
    const [busy, viewer] = [world.connect(), world.connect()];
    busy.socket.deliver(Buffer.concat([wire('GET', 'a'), wire('ECHO', 'x'.repeat(100)), Buffer.from('*2\r\n$4')]));
    const line = listed(viewer).get(idOf(busy));
    expect(line?.get('qbuf')).toBe('6');
    expect(line?.get('oll')).toBe('2');
    expect(line?.get('omem')).toBe('108');
  });

  it('has both ends as addresses that can be told from their ports', async (context) => {
    world = new World().open();
    const opened = await world.gateway.listen({ bind: '::1', port: 0, addresses: undefined, tls: undefined });
    if (!opened.ok) return context.skip('there is no IPv6 here');
    const { port } = opened.value;
    const socket = connect(port, '::1');
    socket.write('CLIENT INFO\r\n');
    const [reply] = await once(socket, 'data');
    socket.destroy();
    const fields = fieldsOf(String(reply).split('\r\n')[1] ?? '');
    expect(fields.get('laddr')).toBe(`[::1]:${port}`);
    expect(fields.get('addr')).toMatch(/^\[::1\]:\d+$/);
  });

  it('cannot be forged by a name', () => {
    world = new World().open();
    const client = world.connect();
    for (const name of ['a b', 'a\nid=1', 'a\r', '\0', 'ü', '\x7f']) {
      expect(world.ask(client, 'CLIENT', 'SETNAME', name)).toMatch(/^-ERR/);
      expect(world.ask(client, 'CLIENT', 'SETINFO', 'LIB-NAME', name)).toMatch(/^-ERR/);
      expect(world.ask(client, 'HELLO', '2', 'SETNAME', name)).toMatch(/^-ERR/);
    }
    expect(listed(client).get(idOf(client))?.get('name')).toBe('');
  });

  it('holds no more of what clients say of themselves than a name has', () => {
    world = new World().open();
    const client = world.connect();
    const longest = 'n'.repeat(CLIENT_TEXT_BYTES_MAX);
    expect(world.ask(client, 'CLIENT', 'SETNAME', longest)).toBe('+OK\r\n');
    expect(world.ask(client, 'CLIENT', 'SETINFO', 'LIB-VER', longest)).toBe('+OK\r\n');
    expect(world.ask(client, 'HELLO', '2', 'SETNAME', longest)).toMatch(/^\*14/);
    const tooLong = `${longest}n`;
    const error = (what: string) => `-ERR ${what} cannot be longer than ${CLIENT_TEXT_BYTES_MAX} bytes.\r\n`;
    expect(world.ask(client, 'CLIENT', 'SETNAME', tooLong)).toBe(error('Client names'));
    expect(world.ask(client, 'HELLO', '2', 'SETNAME', tooLong)).toBe(error('Client names'));
    expect(world.ask(client, 'CLIENT', 'SETINFO', 'LIB-NAME', tooLong)).toBe(error('lib-name'));
    expect(world.ask(client, 'CLIENT', 'SETINFO', 'lib-ver', tooLong)).toBe(error('lib-ver'));
    expect(world.ask(client, 'CLIENT', 'GETNAME')).toContain(`\r\n${longest}\r\n`);
  });
});

describe('what is seen', () => {
  it('of a tenant by its users is the tenant, by operators everything, of strangers nothing', () => {
    world = new World().people();
    const [ann, ann2, bob, admin] = ['ann', 'ann', 'bob', 'admin'].map((name) => world.login(name)) as [
      Client,
      Client,
      Client,
      Client,
    ];
    const stranger = world.connect();
    expect(Array.from(listed(ann).keys())).toEqual([idOf(ann), idOf(ann2)]);
    expect(Array.from(listed(bob).keys())).toEqual([idOf(bob)]);
    expect(listed(admin).size).toBe(5);
    expect(Array.from(listed(ann, 'ID', idOf(bob), idOf(ann2), '999').keys())).toEqual([idOf(ann2)]);
    expect(world.ask(ann, 'CLIENT', 'KILL', 'ID', idOf(bob))).toBe(':0\r\n');
    expect(world.ask(ann, 'CLIENT', 'KILL', 'USER', 'bob')).toMatch(/^-ERR No such user/);
    expect(world.ask(ann, 'CLIENT', 'KILL', 'ID', idOf(stranger))).toBe(':0\r\n');
    expect(world.ask(ann, 'CLIENT', 'UNBLOCK', idOf(bob))).toBe(':0\r\n');
    expect(world.ask(ann, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')).toBe(':1\r\n');
    expect([ann, bob, admin, stranger].map(({ connection }) => connection.state)).toEqual(Array(4).fill('open'));
    expect(ann2.connection.closeReason).toBe('killed');
    expect(world.ask(admin, 'CLIENT', 'KILL', 'USER', 'bob')).toBe(':1\r\n');
    expect(bob.connection.closeReason).toBe('killed');
  });

  it('by a filter is what it names', () => {
    world = new World().people();
    const old = world.login('ann', '10.0.0.1');
    world.clock.now += 10_000;
    const young = world.login('ann', '10.0.0.2');
    const kill = (...filter: string[]) => world.ask(young, 'CLIENT', 'KILL', ...filter);
    expect(kill('ADDR', '10.0.0.1:1')).toBe(':0\r\n');
    expect(kill('LADDR', '127.0.0.1:1')).toBe(':0\r\n');
    expect(kill('MAXAGE', '11')).toBe(':0\r\n');
    expect(kill('TYPE', 'pubsub')).toBe(':0\r\n');
    expect(kill('MAXAGE', '10', 'ADDR', '10.0.0.2:4242', 'SKIPME', 'no')).toBe(':0\r\n');
    expect(old.connection.state).toBe('open');
    expect(kill('MAXAGE', '10', 'LADDR', '127.0.0.1:6380', 'USER', 'ann', 'SKIPME', 'no')).toBe(':1\r\n');
    expect(old.connection.closeReason).toBe('killed');
    expect(kill('10.0.0.9:1')).toMatch(/^-ERR No such client/);
    expect(world.ask(young, 'CLIENT', 'LIST', 'TYPE', 'replica')).toBe('$0\r\n\r\n');
  });

  it('of oneself is killed after the reply, and nothing behind it runs', () => {
    world = new World().open();
    const client = world.connect();
    client.socket.deliver(
      Buffer.concat([wire('SET', 'a', '1'), wire('CLIENT', 'KILL', '10.0.0.7:4242'), wire('SET', 'a', '2')]),
    );
    world.turn(client);
    expect(client.socket.text()).toBe('+OK\r\n+OK\r\n');
    expect(client.socket.isEnded).toBe(true);
    expect(world.ask(world.connect(), 'GET', 'a')).toBe('$1\r\n1\r\n');
  });

  it('waiting is unblocked as asked', () => {
    world = new World().open();
    const [waits, other] = [world.connect(), world.connect()];
    world.send(waits, 'WAIT', '1', '0');
    expect(listed(other).get(idOf(waits))?.get('flags')).toBe('b');
    expect(world.core.clients.blockedOf(undefined)).toBe(1);
    expect(world.ask(other, 'CLIENT', 'UNBLOCK', idOf(waits), 'ERROR')).toBe(':1\r\n');
    expect(world.ask(other, 'CLIENT', 'UNBLOCK', idOf(waits))).toBe(':0\r\n');
    world.turn(waits);
    expect(waits.socket.text()).toMatch(/^-UNBLOCKED/);
    world.send(waits, 'WAIT', '1', '0');
    expect(world.ask(other, 'CLIENT', 'UNBLOCK', idOf(waits))).toBe(':1\r\n');
    world.turn(waits);
    expect(waits.socket.text()).toBe(':0\r\n');
    expect(world.core.clients.blockedOf(world.tenants.get('default'))).toBe(0);
  });
});
