/** What the gateway tells of its commands: slow log, latency, histograms and MONITOR, each to those it concerns. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { MONITOR_LINE_BYTES_MAX } from '../../src/base/limits.ts';
import { callsIn } from '../../src/observe/histogram.ts';
import { type Client, World, wire } from './world.ts';

const EVERYTHING = { slowlogSlowerThan_us: 0, slowlogMaxLength: 128, latencyTracking: true, latencyThreshold_ms: 0 };

/** A clock that goes on by so much each time it is looked at. */
function tickingBy(world: World, step_ms: number): void {
  vi.spyOn(world.clock, 'monotonicMs').mockImplementation(() => {
    world.clock.now += step_ms;
    return world.clock.now;
  });
}

let world: World;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  world.end();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function words(tenant: number | undefined, count = 100): string[] {
  return world.core.timing.slowlog.newest(tenant, count).map((entry) => entry.words.join(' '));
}

function numberOf(name: string): number {
  return world.tenants.get(name)?.number ?? -9;
}

function histogramOf(tenant: string, command: string): number {
  const id = world.core.table.named(command)?.id ?? -1;
  const histogram = world.core.counters.of(numberOf(tenant)).latencies[id];
  return histogram === undefined ? 0 : callsIn(histogram);
}

function microsecondsOf(tenant: string, command: string): number {
  const id = world.core.table.named(command)?.id ?? -1;
  return world.core.counters.of(numberOf(tenant)).microseconds[id] ?? 0;
}

describe('time', () => {
  it('of a command alone in its chunk is its own', () => {
    world = new World().open();
    const client = world.connect();
    tickingBy(world, 3);
    world.ask(client, 'SET', 'a', '1');
    expect(microsecondsOf('default', 'set')).toBeCloseTo(3000);
    expect(histogramOf('default', 'set')).toBe(1);
  });

  it('of many small ones in a chunk is shared, with one look at the clock for sixteen', () => {
    world = new World().open();
    const client = world.connect();
    const looks = vi.spyOn(world.clock, 'monotonicMs');
    world.ask(client, 'PING');
    looks.mockClear();
    client.socket.deliver(wire('GET', 'a'));
    const one = looks.mock.calls.length;
    looks.mockClear();
    client.socket.deliver(Buffer.concat(Array.from({ length: 64 }, () => wire('GET', 'a'))));
    expect(looks.mock.calls.length).toBeLessThanOrEqual(one + 3);
    expect(histogramOf('default', 'get')).toBe(65);
  });

  it('of what may take long is taken apart from its neighbours', () => {
    world = new World().open();
    const client = world.connect();
    world.ask(client, 'RPUSH', 'l', 'a');
    tickingBy(world, 2);
    client.socket.deliver(
      Buffer.concat([wire('GET', 'a'), wire('GET', 'a'), wire('LRANGE', 'l', '0', '-1'), wire('GET', 'a')]),
    );
    // The chunk begins, two reads are settled, the range has run, the last read has run: a step of 2 ms each.
    expect(microsecondsOf('default', 'get')).toBeCloseTo(4000);
    expect(microsecondsOf('default', 'lrange')).toBeCloseTo(2000);
  });

  it('that a large reply took is not shared out among the small ones before it', () => {
    world = new World().open();
    const client = world.connect();
    world.ask(client, 'SET', 'large', 'x'.repeat(100_000));
    const before = microsecondsOf('default', 'strlen');
    tickingBy(world, 50);
    client.socket.deliver(
      Buffer.concat([wire('STRLEN', 'a'), wire('STRLEN', 'a'), wire('GET', 'large'), wire('PING')]),
    );
    expect(microsecondsOf('default', 'strlen') - before).toBeLessThan(100);
    expect(microsecondsOf('default', 'get')).toBeGreaterThan(49_000);
  });

  it('inside of a transaction is each command\u2019s own, and all of it that of EXEC', () => {
    world = new World(undefined, { timing: EVERYTHING }).open();
    const client = world.connect();
    world.ask(client, 'MULTI');
    world.ask(client, 'SET', 'a', '1');
    world.ask(client, 'RPUSH', 'l', 'x');
    tickingBy(world, 2);
    world.ask(client, 'EXEC');
    expect(microsecondsOf('default', 'set')).toBeGreaterThanOrEqual(2000);
    expect(microsecondsOf('default', 'rpush')).toBeGreaterThanOrEqual(2000);
    const inside = microsecondsOf('default', 'set') + microsecondsOf('default', 'rpush');
    expect(microsecondsOf('default', 'exec')).toBeGreaterThanOrEqual(inside);
    expect(histogramOf('default', 'exec')).toBe(1);
    // EXEC itself is left out, as in redis.
    expect(words(undefined).slice(0, 2)).toEqual(['RPUSH l x', 'SET a 1']);
  });

  it('that small commands inside of a transaction share is booked before EXEC ends', () => {
    world = new World().open();
    const client = world.connect();
    client.socket.deliver(
      Buffer.concat([wire('MULTI'), ...Array.from({ length: 5 }, () => wire('GET', 'a')), wire('EXEC'), wire('PING')]),
    );
    world.turn(client);
    expect(histogramOf('default', 'get')).toBe(5);
    expect(histogramOf('default', 'exec')).toBe(1);
  });

  it('is in no histogram while latency-tracking is off, and counted all the same', () => {
    world = new World(undefined, { timing: { ...EVERYTHING, latencyTracking: false } }).open();
    const client = world.connect();
    tickingBy(world, 1);
    world.ask(client, 'GET', 'a');
    expect(histogramOf('default', 'get')).toBe(0);
    expect(microsecondsOf('default', 'get')).toBeGreaterThan(0);
  });
});

describe('SLOWLOG', () => {
  it('keeps commands by tenant, and each of them only sees its own', () => {
    world = new World(undefined, { timing: EVERYTHING }).people();
    const [ann, bob] = [world.login('ann'), world.login('bob')];
    world.ask(ann, 'SET', 'of-ann', '1');
    world.ask(bob, 'SET', 'of-bob', '1');
    world.ask(ann, 'GET', 'of-ann');
    expect(words(numberOf('t1'))).toEqual(['GET of-ann', 'SET of-ann 1']);
    expect(words(numberOf('t2'))).toEqual(['SET of-bob 1']);
    expect(words(undefined, 3)).toEqual(['GET of-ann', 'SET of-bob 1', 'SET of-ann 1']);
    const [newest] = world.core.timing.slowlog.newest(numberOf('t2'), 1);
    // The tenant's own count: a number of the process would tell how busy the others are.
    expect(newest).toMatchObject({ ownId: 0, address: '10.0.0.7:4242', clientName: '' });
  });

  it('holds no secret', () => {
    world = new World(undefined, { timing: EVERYTHING }).people();
    const client = world.connect();
    for (const request of [
      ['AUTH', 'ann', 'wrong-secret'],
      ['auth', 'only-secret'],
      ['HELLO', '3', 'AUTH', 'admin', 'pw', 'SETNAME', 'shown'],
      ['ACL', 'SETUSER', 'zed', 'on', '>new-secret'],
    ]) {
      world.ask(client, ...request);
    }
    expect(words(undefined)).toEqual([
      'ACL SETUSER (redacted) (redacted) (redacted)',
      'HELLO 3 AUTH (redacted) (redacted) SETNAME shown',
      'auth (redacted)',
      'AUTH (redacted) (redacted)',
    ]);
  });

  it('cuts long words and many, as redis does', () => {
    world = new World(undefined, { timing: EVERYTHING }).open();
    const client = world.connect();
    world.ask(client, 'SET', 'a', 'x'.repeat(300));
    world.ask(client, 'MSET', ...Array.from({ length: 40 }, (_, i) => `${i}`));
    const [many, long] = world.core.timing.slowlog.newest(undefined, 2);
    expect(long?.words[2]).toBe(`${'x'.repeat(128)}... (172 more bytes)`);
    expect(many?.words).toHaveLength(32);
    expect(many?.words.at(-1)).toBe('... (10 more arguments)');
  });

  it('leaves out what does not reach the threshold, and everything at -1', () => {
    world = new World(undefined, { timing: { ...EVERYTHING, slowlogSlowerThan_us: 10_000 } }).open();
    const client = world.connect();
    world.ask(client, 'SET', 'a', '1');
    tickingBy(world, 11);
    world.ask(client, 'SET', 'b', '1');
    expect(words(undefined)).toEqual(['SET b 1']);
    world.gateway.adoptView({ ...world.view, timing: { ...EVERYTHING, slowlogSlowerThan_us: -1 } });
    world.ask(client, 'SET', 'c', '1');
    expect(words(undefined)).toEqual(['SET b 1']);
  });
});

describe('latency', () => {
  it('is told to the tenant whose command it was, and to operators', () => {
    world = new World(undefined, { timing: { ...EVERYTHING, latencyThreshold_ms: 5 } }).people();
    const [ann, bob] = [world.login('ann'), world.login('bob')];
    world.core.timing.latency.reset(undefined, []);
    tickingBy(world, 7);
    world.ask(ann, 'LRANGE', 'l', '0', '1');
    const seen = (name: string) => world.core.timing.latency.seen(numberOf(name)).map(({ event }) => event);
    expect(seen('t1')).toEqual(['command']);
    expect(seen('t2')).toEqual([]);
    world.ask(bob, 'GET', 'a');
    expect(seen('t2')).toEqual(['fast-command']);
    expect(world.core.timing.latency.seen(undefined).map(({ event }) => event)).toEqual(['command', 'fast-command']);
  });

  it('of the loop is noticed by the timer that came late', () => {
    world = new World(undefined, { timing: { ...EVERYTHING, latencyThreshold_ms: 50 } }).open();
    world.pass(300);
    expect(world.core.timing.latency.seen(undefined)).toEqual([]);
    world.clock.now += 400;
    world.pass(100);
    expect(world.core.timing.latency.seen(undefined)).toMatchObject([{ event: 'event-loop', max_ms: 400 }]);
  });
});

describe('MONITOR', () => {
  function watching(name: string): Client {
    const client = world.login(name);
    expect(world.ask(client, 'MONITOR')).toBe('+OK\r\n');
    return client;
  }

  function seen(client: Client): string[] {
    world.turn(client);
    const lines = client.socket.text().split('\r\n').slice(0, -1);
    return lines.map((line) => line.replace(/^\+\d+\.\d{6} /, ''));
  }

  it('shows a tenant its own commands and operators all', () => {
    world = new World().people();
    const [one, two, all] = [watching('ann'), watching('bob'), watching('admin')];
    const [ann, bob] = [world.login('ann'), world.login('bob', '10.0.0.8')];
    for (const watcher of [one, two, all]) seen(watcher);
    world.ask(ann, 'SELECT', '3');
    world.ask(ann, 'set', 'k', 'v');
    world.ask(bob, 'GET', 'other');
    expect(seen(one)).toEqual(['[3 10.0.0.7:4242] "SELECT" "3"', '[3 10.0.0.7:4242] "set" "k" "v"']);
    expect(seen(two)).toEqual(['[0 10.0.0.8:4242] "GET" "other"']);
    expect(seen(all)).toHaveLength(3);
  });

  it('shows no secret, no administration, and nothing that was refused', () => {
    world = new World().people();
    const all = watching('admin');
    const client = world.connect();
    world.ask(client, 'GET', 'before-login');
    world.ask(client, 'AUTH', 'ann', 'secret');
    world.ask(client, 'HELLO', '2', 'AUTH', 'admin', 'pw');
    world.ask(client, 'ACL', 'SETUSER', 'zed', '>secret');
    world.ask(client, 'CONFIG', 'SET', 'requirepass', 'secret');
    world.ask(client, 'GET');
    world.ask(client, 'NOSUCH', 'x');
    expect(seen(all)).toEqual([
      '[0 10.0.0.7:4242] "AUTH" "(redacted)" "(redacted)"',
      '[0 10.0.0.7:4242] "HELLO" "2" "AUTH" "(redacted)" "(redacted)"',
    ]);
  });

  it('shows a transaction when it runs, and EXEC behind it', () => {
    world = new World().people();
    const all = watching('admin');
    const ann = world.login('ann');
    seen(all);
    for (const line of ['MULTI', 'SET a 1', 'GET a', 'EXEC']) world.ask(ann, ...line.split(' '));
    expect(seen(all).map((line) => line.replace(/^\S+ \S+ /, ''))).toEqual([
      '"MULTI"',
      '"SET" "a" "1"',
      '"GET" "a"',
      '"EXEC"',
    ]);
  });

  it('writes bytes as redis does', () => {
    world = new World().people();
    const all = watching('admin');
    world.ask(world.login('ann'), 'SET', 'a', Buffer.from('b\0\n"\\é\t\x07\x08\x7f', 'utf8'));
    expect(seen(all).at(-1)).toBe('[0 10.0.0.7:4242] "SET" "a" "b\\x00\\n\\"\\\\\\xc3\\xa9\\t\\a\\b\\x7f"');
  });

  it('cuts a line that would be megabytes', () => {
    world = new World().people();
    const all = watching('admin');
    world.ask(world.login('ann'), 'MSET', 'a', '\0'.repeat(1_000_000), 'b', 'c');
    const line = seen(all).at(-1) ?? '';
    expect(line.length).toBeLessThan(MONITOR_LINE_BYTES_MAX + 100);
    expect(line).toMatch(/more bytes\) \.\.\. \(2 more arguments\)$/);
  });

  it('lets who watches ask for no data, and a second time not at all', () => {
    world = new World().people();
    const ann = watching('ann');
    expect(world.ask(ann, 'GET', 'a')).toBe("-ERR Replica can't interact with the keyspace\r\n");
    expect(world.ask(ann, 'MONITOR')).toBe('');
    expect(world.ask(ann, 'PING')).toMatch(/^\+PONG\r\n\+\d+\.\d{6} \[0 10\.0\.0\.7:4242\] "PING"\r\n$/);
    expect(latin1(Buffer.from(world.ask(ann, 'CLIENT', 'INFO')))).toContain(' flags=O ');
  });

  it('ends with RESET and with the connection', () => {
    world = new World().people();
    const [ann, bob] = [watching('ann'), watching('bob')];
    world.ask(ann, 'RESET');
    expect(world.core.monitor.isWatched).toBe(true);
    world.ask(world.login('ann'), 'PING');
    expect(seen(ann)).toEqual([]);
    bob.socket.hangUp();
    expect(world.core.monitor.isWatched).toBe(false);
  });

  it('ends when the user may no longer watch', () => {
    world = new World().people();
    const ann = watching('ann');
    world.enter(world.user('ann', 't1', 'on', '>pw', '~*', '&*', '+@all', '-monitor'));
    expect(ann.socket.isDestroyed).toBe(true);
    expect(world.core.monitor.isWatched).toBe(false);
  });

  it('closes who does not read, and nobody else', () => {
    const limit = { hardBytes: 300_000, softBytes: 0, softSeconds: 0 };
    const none = { hardBytes: 0, softBytes: 0, softSeconds: 0 };
    world = new World(undefined, { outputLimits: { normal: none, pubsub: none, replica: limit } }).people();
    const [slow, ann] = [watching('admin'), world.login('ann')];
    slow.socket.isSlow = true;
    for (let i = 0; i < 50; i++) world.ask(ann, 'SET', 'a', 'x'.repeat(20_000));
    expect(slow.connection.closeReason).toBe('output_buffer_limit');
    expect(world.ask(ann, 'PING')).toBe('+PONG\r\n');
  });
});
