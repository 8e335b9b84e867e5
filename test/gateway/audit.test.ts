/** What is recorded of what clients do, and what waits for it. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AuditTerms } from '../../src/gateway/audit.ts';
import { type Trail, textOf, trailOn, verify } from '../observe/audit-world.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { type Client, LaterBackend, World, wire } from './world.ts';

const TERMS: AuditTerms = { writes: true, readsOneIn: 0, keys: 'names', arguments: new Set() };
const SECRET = 'swordfish';

let world: World;
let trail: Trail;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  world.end();
  vi.useRealTimers();
});

function begin(terms: Partial<AuditTerms> = {}, onFailure: 'deny' | 'drop' = 'deny', backend?: LaterBackend): void {
  world = new World(backend).people();
  trail = trailOn(new FakeDisk(), { onFailure }, world.clock);
  world.core.security.record(trail.journal, { ...TERMS, ...terms });
}

interface Line {
  readonly [name: string]: unknown;
}

function lines(): Line[] {
  trail.journal.flush();
  const text = textOf(trail.disk);
  expect(verify(text).problems).toEqual([]);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function of(action: string): Line[] {
  return lines().filter((line) => line['event.action'] === action);
}

async function settled(...clients: readonly Client[]): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
  world.turn(...clients);
}

describe('an act of an operator', () => {
  it('is answered once its record is on the disk, and what is behind it stays behind it', async () => {
    begin();
    const admin = world.login('admin');
    trail.disk.manualSyncs = true;
    admin.socket.deliver(Buffer.concat([wire('PING'), wire('CLIENT', 'KILL', 'ID', '77'), wire('PING')]));
    world.turn(admin);
    expect(admin.socket.text()).toBe('+PONG\r\n');
    expect(textOf(trail.disk)).toContain('"client-kill"');
    trail.disk.completeSyncs();
    await settled(admin);
    expect(admin.socket.text()).toBe(':0\r\n+PONG\r\n');
    expect(of('client-kill')).toMatchObject([
      { 'user.name': 'admin', 'organization.id': 'system', 'event.outcome': 'success', 'source.ip': '10.0.0.7' },
    ]);
  });

  it('is answered with an error when its record cannot be written, and refused from then on', async () => {
    begin();
    const admin = world.login('admin');
    trail.disk.failAt(1, 'EIO', 'write', { fromThenOn: true });
    world.send(admin, 'CLIENT', 'KILL', 'ID', '77');
    await settled(admin);
    expect(admin.socket.text()).toMatch(/^-MISCONF The command has run/);
    expect(world.ask(admin, 'CLIENT', 'KILL', 'ID', '77')).toMatch(/^-MISCONF The audit trail cannot be written/);
    expect(world.ask(admin, 'GET', 'k')).toBe('$-1\r\n');
    trail.disk.heal();
    world.pass(200);
    world.send(admin, 'CLIENT', 'KILL', 'ID', '77');
    await settled(admin);
    expect(admin.socket.text()).toBe(':0\r\n');
  });

  it('goes on without a record where policy would rather have that', async () => {
    begin({}, 'drop');
    const admin = world.login('admin');
    trail.disk.failAt(1, 'EIO', 'write', { fromThenOn: true });
    world.send(admin, 'CLIENT', 'KILL', 'ID', '77');
    await settled(admin);
    expect(admin.socket.text()).toBe(':0\r\n');
  });

  it('in a transaction is recorded before EXEC answers', () => {
    begin();
    const admin = world.login('admin');
    admin.socket.deliver(Buffer.concat([wire('MULTI'), wire('FLUSHALL'), wire('EXEC')]));
    world.turn(admin);
    expect(admin.socket.text()).toBe('+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n');
    expect(trail.disk.events.some(({ operation }) => operation === 'syncNow')).toBe(true);
    expect(of('flushall')).toHaveLength(1);
  });

  it('in a transaction of a pool is answered with an error, too, when its record cannot be written', () => {
    for (const [onFailure, answer] of [
      ['deny', /^\*2\r\n-MISCONF The command has run.*\r\n\+OK\r\n$/],
      ['drop', /^\*2\r\n\+OK\r\n\+OK\r\n$/],
    ] as const) {
      const backend = new LaterBackend();
      begin({ writes: false }, onFailure, backend);
      backend.isLate = () => false;
      const admin = world.login('admin');
      for (const words of [['MULTI'], ['FLUSHALL'], ['SET', 'k', 'v']]) world.ask(admin, ...words);
      trail.disk.failAt(1, 'EIO', 'write', { fromThenOn: true });
      expect(world.ask(admin, 'EXEC')).toMatch(answer);
      if (onFailure === 'deny') world.end();
    }
  });

  it.each(['here', 'in a pool'])('queued before the trail failed is refused when EXEC would run it %s', (where) => {
    const backend = new LaterBackend();
    backend.isLate = () => false;
    begin({ writes: true }, 'deny', where === 'here' ? undefined : backend);
    const [admin, ann] = [world.login('admin'), world.login('ann')];
    for (const words of [['MULTI'], ['FLUSHALL'], ['CLIENT', 'KILL', 'ID', '77'], ['GET', 'k']]) {
      world.ask(admin, ...words);
    }
    trail.disk.failAt(1, 'EIO', 'write', { fromThenOn: true });
    world.ask(ann, 'SET', 'k', 'v');
    world.pass(200);
    expect(trail.journal.isFailing).toBe(true);
    const refusal = '-MISCONF The audit trail cannot be written[^\r]*\r\n';
    expect(world.ask(admin, 'EXEC')).toMatch(new RegExp(`^\\*3\r\n${refusal}${refusal}\\$-1\r\n$`));
  });

  it('that is answered later is recorded with its outcome, and answered behind that', async () => {
    const backend = new LaterBackend();
    begin({}, 'deny', backend);
    const admin = world.login('admin');
    world.send(admin, 'FLUSHALL');
    expect(of('flushall')).toEqual([]);
    backend.answerAll();
    await settled(admin);
    expect(admin.socket.text()).toBe('+OK\r\n');
    expect(of('flushall')).toMatchObject([{ 'event.outcome': 'success', 'event.category': ['database'] }]);
  });

  it('that throws has a record of its own, and nobody else has one of it', async () => {
    const backend = new LaterBackend();
    const run = backend.run.bind(backend);
    backend.run = (command, ...rest) => {
      if (command.isWrite) throw new TypeError('nobody thought of this');
      return run(command, ...rest);
    };
    begin({}, 'deny', backend);
    const [admin, ann, bob] = [world.login('admin'), world.login('ann'), world.login('bob')];
    expect(world.ask(admin, 'FLUSHALL')).toMatch(/^-ERR internal error/);
    expect(world.ask(ann, 'SET', 'k', 'v')).toMatch(/^-ERR internal error/);
    world.send(bob, 'GET', 'k');
    backend.answerAll();
    await settled(bob);
    expect(bob.socket.text()).toBe('$-1\r\n');
    const unknown = { 'event.outcome': 'unknown' };
    expect(of('flushall')).toMatchObject([{ ...unknown, 'user.name': 'admin' }]);
    expect(of('set')).toMatchObject([{ ...unknown, 'user.name': 'ann', 'portcullis.keys': ['k'] }]);
    expect(of('get')).toEqual([]);
  });

  it('that takes the operator away is still theirs', async () => {
    begin();
    const admin = world.login('admin');
    world.send(admin, 'CLIENT', 'KILL', 'USER', 'admin', 'SKIPME', 'no');
    await settled(admin);
    expect(of('client-kill')).toMatchObject([{ 'user.name': 'admin' }]);
    expect(admin.socket.text()).toBe(':1\r\n');
  });
});

describe('writes and reads', () => {
  it('are recorded as policy says, with who and from where and how it went', () => {
    begin({ readsOneIn: 3 });
    const ann = world.login('ann');
    world.ask(ann, 'SET', 'k\r\n"x', 'value');
    world.ask(ann, 'LPUSH', 'k\r\n"x', 'v');
    for (let i = 0; i < 9; i++) world.ask(ann, 'GET', 'k');
    expect(of('set')).toMatchObject([
      { 'portcullis.keys': ['k\r\n"x'], 'event.outcome': 'success', 'user.name': 'ann', 'organization.id': 't1' },
    ]);
    expect(of('lpush')).toMatchObject([{ 'event.outcome': 'failure', 'error.code': 'WRONGTYPE' }]);
    expect(of('get')).toHaveLength(3);
    expect(textOf(trail.disk)).not.toContain('value');
  });

  it('that empty data are recorded even where writes are not, and refused while they cannot be', () => {
    begin({ writes: false });
    const ann = world.login('ann');
    for (const words of [['SET', 'k', 'v'], ['FLUSHALL'], ['FLUSHDB'], ['SWAPDB', '0', '1']]) {
      expect(world.ask(ann, ...words)).toBe('+OK\r\n');
    }
    expect(of('set')).toEqual([]);
    for (const action of ['flushall', 'flushdb', 'swapdb']) {
      expect(of(action)).toMatchObject([{ 'user.name': 'ann', 'event.outcome': 'success' }]);
    }
    trail.disk.failAt(1, 'EIO', 'write', { fromThenOn: true });
    world.ask(ann, 'FLUSHALL');
    world.pass(200);
    expect(world.ask(ann, 'FLUSHALL')).toMatch(/^-MISCONF The audit trail cannot be written/);
    expect(world.ask(ann, 'SET', 'k', 'v')).toBe('+OK\r\n');
    trail.disk.heal();
  });

  it('show keys hashed or not at all, and arguments of the commands that policy names', () => {
    begin({ keys: 'hashed', arguments: new Set(['set']) });
    const ann = world.login('ann');
    world.ask(ann, 'APPEND', 'private', 'v');
    world.ask(ann, 'SET', 'k', 'v');
    expect(of('append')[0]?.['portcullis.keys']).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(of('set')[0]?.['portcullis.arguments']).toEqual(['k', 'v']);
    world.core.security.adopt({ ...TERMS, keys: 'none' }, { windowSeconds: 1, thresholds: NO_ALERTS });
    world.ask(ann, 'SET', 'k', 'v');
    expect(of('set')[1]).not.toHaveProperty(['portcullis.keys']);
  });

  it('of many keys name the first of them, and say how many there were', () => {
    begin();
    const ann = world.login('ann');
    world.ask(ann, 'DEL', ...Array.from({ length: 40 }, (_, i) => `key-${i}`));
    const [line] = of('del');
    expect(line?.['portcullis.keys']).toHaveLength(16);
    expect(line?.['portcullis.keys_total']).toBe(40);
  });

  it('that are answered later are recorded then, with their keys and how it went', async () => {
    const backend = new LaterBackend();
    begin({ readsOneIn: 2, arguments: new Set(['set']) }, 'deny', backend);
    const [ann, bob] = [world.login('ann'), world.login('bob')];
    for (const words of [
      ['SET', 'a', '1'],
      ['LPUSH', 'a', '1'],
      ['GET', 'a'],
      ['GET', 'b'],
    ])
      world.send(ann, ...words);
    world.send(bob, 'DEL', 'of bob');
    expect(lines().filter((line) => line['event.category'] === 'database')).toEqual([]);
    bob.connection.close('client_closed');
    backend.answerAll();
    await settled(ann);
    expect(ann.socket.text()).toMatch(/^\+OK\r\n-WRONGTYPE .*\r\n\$1\r\n1\r\n\$-1\r\n$/);
    expect(of('set')).toMatchObject([
      { 'portcullis.keys': ['a'], 'portcullis.arguments': ['a', '1'], 'event.outcome': 'success', 'user.name': 'ann' },
    ]);
    expect(of('lpush')).toMatchObject([{ 'event.outcome': 'failure', 'error.code': 'WRONGTYPE' }]);
    expect(of('get')).toMatchObject([{ 'portcullis.keys': ['b'], 'event.outcome': 'success' }]);
    // Whose connection is gone by then has written all the same.
    expect(of('del')).toMatchObject([
      { 'portcullis.keys': ['of bob'], 'event.outcome': 'success', 'user.name': 'bob' },
    ]);
  });

  it('that wait are recorded when they begin to, and nobody knows yet how it will go', () => {
    for (const backend of [undefined, new LaterBackend()]) {
      begin({}, 'deny', backend);
      const ann = world.login('ann');
      expect(world.ask(ann, 'BLPOP', 'queue', '0')).toBe('');
      expect(of('blpop')).toMatchObject([{ 'portcullis.keys': ['queue'], 'event.outcome': 'unknown' }]);
    }
  });

  it('in the transaction of a pool are recorded each with its own keys', async () => {
    const backend = new LaterBackend();
    begin({}, 'deny', backend);
    const ann = world.login('ann');
    for (const words of [['MULTI'], ['SET', 'a', '1'], ['LPUSH', 'a', '1'], ['EXEC']]) world.send(ann, ...words);
    backend.answerAll();
    await settled(ann);
    expect(of('set')).toMatchObject([{ 'portcullis.keys': ['a'], 'event.outcome': 'success' }]);
    expect(of('lpush')).toMatchObject([{ 'portcullis.keys': ['a'], 'error.code': 'WRONGTYPE' }]);
  });
});

const NO_ALERTS = { guessing: 0, scanning: 0, denied: 0, oversized: 0, handshakes: 0, flooding: 0 };

describe('secrets', () => {
  it('stand in no record, whatever policy shows', async () => {
    begin({ arguments: new Set(['auth', 'hello', 'acl|setuser', 'config|set']) });
    const admin = world.login('admin');
    const carriers = [
      ['AUTH', SECRET],
      ['AUTH', 'admin', SECRET],
      ['HELLO', '3', 'AUTH', 'admin', SECRET],
      ['CONFIG', 'SET', 'requirepass', SECRET],
      ['ACL', 'SETUSER', 'bob', `>${SECRET}`],
      ['NOSUCH', SECRET],
    ];
    for (const words of carriers) {
      world.send(admin, ...words);
      await settled(admin);
    }
    expect(textOf(trail.disk) + JSON.stringify(lines())).not.toContain(SECRET);
  });
});

describe('who is turned away', () => {
  it('leaves a record with the reason', () => {
    begin();
    world.enter(world.user('ann', 't1', 'on', '>pw', '~own:*', '+get', '+set', '+client', '+multi', '+exec'));
    const stranger = world.connect('10.0.0.9');
    world.ask(stranger, 'GET', 'k');
    world.ask(stranger, 'AUTH', 'ann', 'wrong');
    world.ask(stranger, 'AUTH', 'nobody', 'wrong');
    const ann = world.login('ann');
    world.ask(ann, 'DEL', 'own:k');
    world.ask(ann, 'GET', 'other');
    world.ask(ann, 'NOSUCH');
    world.ask(ann, 'CLIENT', 'PAUSE', '1');
    const denied = lines().filter((line) => line['event.outcome'] === 'failure');
    expect(denied.map((line) => [line['event.action'], line['event.reason'], line['user.name']])).toEqual([
      ['get', 'not_authenticated', undefined],
      ['login', 'wrong_secret', 'ann'],
      ['login', 'unknown_user', 'nobody'],
      ['del', 'command', 'ann'],
      ['get', 'key', 'ann'],
      ['unknown-command', 'unknown_command', 'ann'],
      ['client-pause', 'ceiling', 'ann'],
    ]);
    expect(denied[4]?.['portcullis.keys']).toEqual(['other']);
  });

  it('leaves one while a command waits that its user may not run any more', () => {
    begin();
    const rules = ['on', '>pw', '~*', '+@all'];
    world.enter(world.user('ann', 't1', ...rules));
    const ann = world.login('ann');
    expect(world.ask(ann, 'BLPOP', 'q', '0')).toBe('');
    world.enter(world.user('ann', 't1', ...rules, '-blpop'));
    world.turn(ann);
    expect(ann.socket.text()).toMatch(/^-NOPERM/);
    const denied = lines().filter((line) => line['event.outcome'] === 'failure');
    expect(denied).toMatchObject([{ 'event.action': 'blpop', 'event.reason': 'command', 'user.name': 'ann' }]);
  });

  it('leaves one that says so, where a password was right but a certificate is wanted', () => {
    begin();
    const certificates = { isRequired: false, identifyBy: 'cn', passwordAllowed: false, users: new Map() } as const;
    world.view = { ...world.view, certificates: { ...certificates, bound: new Set(['ann']) } };
    world.gateway.reconfigure(world.view, { tls: undefined, plain: undefined }, { tls: undefined, plain: undefined });
    expect(world.ask(world.connect(), 'AUTH', 'ann', 'pw')).toMatch(/^-WRONGPASS/);
    expect(of('login')).toMatchObject([{ 'event.reason': 'password_of_certificate_user', 'user.name': 'ann' }]);
  });

  it('K96: is told of in ACL LOG as of a transaction, while it is queued and when it is run', () => {
    begin();
    world.enter(world.user('ann', 't1', 'on', '>pw', '~own:*', '+@all'));
    const ann = world.login('ann');
    for (const words of [['MULTI'], ['GET', 'other'], ['EXEC'], ['GET', 'other']]) world.ask(ann, ...words);
    expect(world.aclLog.newest(9).map(({ context, object }) => [context, object])).toEqual([
      ['toplevel', 'other'],
      ['multi', 'other'],
    ]);
    for (const words of [['MULTI'], ['GET', 'own:k']]) world.ask(ann, ...words);
    world.enter(world.user('ann', 't1', 'on', '>pw', '~own:*', '+exec'));
    world.ask(ann, 'EXEC');
    expect(world.aclLog.newest(1)).toMatchObject([{ context: 'multi', reason: 'command', object: 'get' }]);
  });

  it('a thousand times a second is counted, and the counts add up', () => {
    begin();
    const stranger = world.connect('10.0.0.9');
    for (let i = 0; i < 1000; i++) world.ask(stranger, 'GET', 'k');
    world.pass(1500);
    const told = of('get');
    expect(told.length).toBeLessThanOrEqual(10);
    const sum = told.reduce((total, line) => total + Number(line['portcullis.count'] ?? 1), 0);
    expect(sum).toBe(1000);
  });

  it('again and again raises one alert a minute, in the log, the counters and the trail', () => {
    begin();
    const heard: string[] = [];
    world.core.security.onAlert = ({ cause, source }) => heard.push(`${cause} ${source}`);
    const stranger = world.connect('10.0.0.9');
    for (let i = 0; i < 200; i++) world.ask(stranger, `NOSUCH${i}`);
    expect(heard).toEqual(['scanning 10.0.0.9']);
    expect(world.core.counters.tallies.get('alerts', 'scanning')).toBe(1);
    expect(of('alert')).toMatchObject([{ 'event.kind': 'alert', 'source.ip': '10.0.0.9', 'rule.name': 'scanning' }]);
    expect(world.lines.filter(({ event }) => event === 'security.alert')).toHaveLength(1);
    world.pass(61_000);
    for (let i = 0; i < 200; i++) world.ask(world.connect('10.0.0.9'), `NOSUCH${i}`);
    expect(heard).toHaveLength(2);
  });

  it('is that of one source, whichever address of its network it comes from', () => {
    begin();
    const heard: string[] = [];
    world.core.security.onAlert = ({ cause, source }) => heard.push(`${cause} ${source}`);
    const somewhere = (i: number) => `2001:db8:0:7::${i.toString(16)}`;
    for (let i = 1; i <= 200; i++) world.ask(world.connect(somewhere(i)), `NOSUCH${i}`);
    for (let i = 1; i <= 200; i++) world.ask(world.connect(somewhere(i)), 'AUTH', `nobody${i}`, 'guess');
    for (let i = 1; i <= 200; i++) world.connect(somewhere(i)).connection.close('query_buffer_limit');
    const { log } = world.core;
    for (let i = 1; i <= 200; i++) {
      log.event('info', 'connection.refused', 'handshake_failed', { address: somewhere(i) });
    }
    const ofNetwork = ['scanning', 'guessing', 'oversized', 'handshakes'].map((cause) => `${cause} 2001:db8:0:7::`);
    expect(heard).toEqual(ofNetwork);
  });
});

describe('who comes and goes', () => {
  it('is recorded with the reason of the end', () => {
    begin();
    const ann = world.login('ann');
    world.ask(ann, 'QUIT');
    expect(of('connection-opened')).toHaveLength(1);
    expect(of('login')).toMatchObject([{ 'event.outcome': 'success', 'user.name': 'ann' }]);
    expect(of('connection-closed')).toMatchObject([{ 'event.reason': 'client_quit', 'user.name': 'ann' }]);
  });
});
