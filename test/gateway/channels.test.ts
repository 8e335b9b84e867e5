/** What of pub/sub a user may have, and how much of it. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  GLOB_STEPS_MAX,
  PATTERNS_MAX_TENANT,
  SUBSCRIPTION_BYTES_MAX,
  SUBSCRIPTIONS_MAX,
} from '../../src/base/limits.ts';
import { confirmed, fieldOf, heardBy, matched, message } from './messages.ts';
import { type Client, World } from './world.ts';

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

/** A request of more words than a call can have. */
function deliver(client: Client, words: readonly string[]): void {
  const parts = words.map((word) => `$${word.length}\r\n${word}\r\n`);
  client.socket.deliver(Buffer.from(`*${words.length}\r\n${parts.join('')}`, 'latin1'));
}

describe('permission for channels', () => {
  const all = ['on', '>pw', '~*', '+@all'] as const;

  it('is by pattern for names and literal for patterns', () => {
    world = new World().people();
    world.enter(world.user('ann', 't1', ...all, 'resetchannels', '&news.*', '&exact'));
    const ann = world.login('ann');
    const denied = '-NOPERM this user has no permissions to access one of the channels used as arguments\r\n';
    for (const words of [
      ['SUBSCRIBE', 'news.a', 'other'],
      ['PSUBSCRIBE', 'news.a'],
      ['PSUBSCRIBE', '*'],
      ['PSUBSCRIBE', 'news.*', 'news.**'],
      ['SSUBSCRIBE', 'x'],
      ['PUBLISH', 'x', 'y'],
      ['SPUBLISH', 'x', 'y'],
    ]) {
      expect([words, world.ask(ann, ...words)]).toEqual([words, denied]);
    }
    expect(world.core.counters.of(ann.connection.session.tenantNumber).deniedChannel).toBe(7);
    expect(world.aclLog.newest(1)).toMatchObject([{ reason: 'channel', object: 'x', context: 'toplevel' }]);
    expect(world.ask(ann, 'PUBLISH', 'news.a', 'y')).toBe(':0\r\n');
    expect(world.ask(ann, 'PSUBSCRIBE', 'news.*', 'exact')).toContain(confirmed('psubscribe', 'exact', 2));
    expect(world.ask(ann, 'SUBSCRIBE', 'news.b')).toBe(confirmed('subscribe', 'news.b', 3));
    expect(world.ask(ann, 'UNSUBSCRIBE', 'forbidden')).toBe(confirmed('unsubscribe', 'forbidden', 3));
    expect(world.ask(ann, 'SUNSUBSCRIBE', 'forbidden')).toBe(confirmed('sunsubscribe', 'forbidden', 0));
  });

  it('asks for command and channel in one selector', () => {
    world = new World().people();
    world.enter(world.user('ann', 't1', 'on', '>pw', '&a', '-@all', '+publish', '+hello', '(+subscribe &b)'));
    const ann = world.login('ann');
    expect(world.ask(ann, 'PUBLISH', 'a', 'x')).toBe(':0\r\n');
    expect(world.ask(ann, 'PUBLISH', 'b', 'x')).toMatch(/^-NOPERM .*channels/);
    expect(world.ask(ann, 'SUBSCRIBE', 'a')).toMatch(/^-NOPERM .*channels/);
    expect(world.ask(ann, 'SUBSCRIBE', 'b')).toBe(confirmed('subscribe', 'b', 1));
  });

  it('that is taken away ends those who are subscribed to what is no longer theirs, and nobody else', () => {
    world = new World().people();
    world.enter(world.user('ann', 't1', ...all, '&*'), world.user('bob', 't1', ...all, '&*'));
    const loses = world.login('ann');
    const losesPattern = world.login('ann');
    const losesShard = world.login('ann');
    const keeps = world.login('ann');
    const idle = world.login('ann');
    const other = world.login('bob');
    world.ask(loses, 'SUBSCRIBE', 'a', 'b');
    world.ask(losesPattern, 'PSUBSCRIBE', 'a*');
    world.ask(losesShard, 'SSUBSCRIBE', 'b');
    world.ask(keeps, 'SUBSCRIBE', 'a');
    world.ask(other, 'SUBSCRIBE', 'b');
    world.enter(world.user('ann', 't1', ...all, 'resetchannels', '&a'), world.user('bob', 't1', ...all, '&*'));
    const states = [loses, losesPattern, losesShard, keeps, idle, other].map(({ connection }) => connection.state);
    expect(states).toEqual(['closed', 'closed', 'closed', 'open', 'open', 'open']);
    expect(world.closed('channels_revoked')).toBe(3);
    // A wider permission, and one by a selector, ends nobody.
    world.enter(world.user('ann', 't1', ...all, 'resetchannels', '(&a* +@all)'), world.user('bob', 't1', ...all, '&*'));
    expect(keeps.connection.state).toBe('open');
    world.enter(world.user('bob', 't1', ...all, '&*'));
    expect(keeps.connection.closeReason).toBe('user_removed');
    expect(world.ask(other, 'PUBSUB', 'CHANNELS')).toContain('only (P|S)SUBSCRIBE');
  });
});

describe('bounds', () => {
  it('a hundred thousand channels are one client’s right, a million more are not', () => {
    world = new World().open();
    const client = world.connect();
    deliver(client, ['SUBSCRIBE'].concat(Array.from({ length: 100_000 }, (_, i) => `channel:${i}`)));
    expect(heard(client).endsWith(confirmed('subscribe', 'channel:99999', 100_000))).toBe(true);
    expect(Number(field(client, 'sub'))).toBe(100_000);
    expect(Number(field(client, 'tot-mem'))).toBeGreaterThan(100_000 * 100);
    deliver(client, ['SUBSCRIBE'].concat(Array.from({ length: SUBSCRIPTIONS_MAX - 99_999 }, () => 'x')));
    expect(heard(client)).toBe('-ERR too many subscriptions\r\n');
    expect(Number(field(client, 'sub'))).toBe(100_000);
    const publisher = world.connect();
    expect(world.ask(publisher, 'PUBLISH', 'channel:77777', 'x')).toBe(':1\r\n');
    expect(heard(client)).toBe(message('channel:77777', 'x'));
    world.send(client, 'UNSUBSCRIBE');
    expect(heard(client).match(/unsubscribe/g)).toHaveLength(100_000);
    expect(field(client, 'sub')).toBe('0');
  });

  it('the confirmations of one request are not one reply to a budget', () => {
    world = new World().people();
    world.tenant('t1', { largestReplyBytes: 1000 });
    const ann = world.login('ann');
    world.send(ann, 'SUBSCRIBE', ...Array.from({ length: 500 }, (_, i) => `c${i}`));
    expect(heard(ann).match(/subscribe/g)).toHaveLength(500);
  });

  it('names are paid for, and refused when they are too many bytes', () => {
    world = new World().open();
    const client = world.connect();
    const name = 'n'.repeat(SUBSCRIPTION_BYTES_MAX / 4);
    expect(world.ask(client, 'SUBSCRIBE', `${name}1`, `${name}2`, `${name}3`)).not.toContain('-ERR');
    expect(world.ask(client, 'SUBSCRIBE', `${name}4`)).toBe('-ERR too many subscriptions\r\n');
    expect(Number(field(client, 'tot-mem'))).toBeGreaterThan(3 * name.length);
  });

  it('patterns of a tenant are counted over all its clients', () => {
    world = new World().people();
    const ann = world.login('ann');
    const other = world.login('ann');
    world.send(ann, 'PSUBSCRIBE', ...Array.from({ length: PATTERNS_MAX_TENANT }, (_, i) => `p${i}`));
    heard(ann);
    expect(world.ask(other, 'PSUBSCRIBE', 'q')).toBe('-ERR too many subscriptions to patterns in your tenant\r\n');
    expect(world.ask(other, 'SUBSCRIBE', 'q')).toBe(confirmed('subscribe', 'q', 1));
    expect(world.ask(world.login('bob'), 'PSUBSCRIBE', 'q')).toBe(confirmed('psubscribe', 'q', 1));
  });

  it('patterns built to be slow share a bound, and those that mean something are heard all the same', () => {
    world = new World().open();
    const client = world.connect();
    world.send(client, 'PSUBSCRIBE', ...Array.from({ length: 500 }, (_, i) => `${'*a'.repeat(50)}*${i}x`), 'aa*');
    heard(client);
    const channel = 'a'.repeat(20_000);
    expect(world.ask(world.connect(), 'PUBLISH', channel, 'm')).toBe(':1\r\n');
    expect(heard(client)).toBe(matched('aa*', channel, 'm'));
    let steps = 0;
    for (const { glob } of world.core.pubsub.space(0)?.patterns.values() ?? []) steps += glob.steps;
    expect(steps).toBeLessThan(GLOB_STEPS_MAX + 600 * 256);
  });
});

describe('who becomes another user of the same tenant', () => {
  const all = ['on', '>pw', '~*', '+@all'] as const;
  const proof = { kind: 'slow_hash', hash: 'that a policy may take away' } as const;

  function people(of: World): void {
    of.enter(
      of.user('ann', 't1', ...all, '&*'),
      of.user('eve', 't1', ...all, '-monitor', 'resetchannels', '&open.*'),
      of.user('joe', 't1', ...all, '&*'),
    );
  }

  it('hears no more of what that one may not subscribe to, if it came with what may end', () => {
    world = new World().people();
    people(world);
    const [client, joe] = [world.login('ann'), world.login('joe')];
    world.ask(client, 'HELLO', '3');
    world.ask(client, 'SUBSCRIBE', 'secret');
    client.connection.session.proof = proof;
    expect(world.ask(client, 'AUTH', 'eve', 'pw')).toBe('+OK\r\n');
    expect(world.ask(joe, 'PUBLISH', 'secret', 'x')).toBe(':0\r\n');
    expect(heard(client)).toBe('');
    world.ask(client, 'SUBSCRIBE', 'open.news');
    client.connection.session.proof = proof;
    expect(world.ask(client, 'AUTH', 'joe', 'pw')).toBe('+OK\r\n');
    expect(world.ask(joe, 'PUBLISH', 'open.news', 'x')).toBe(':1\r\n');
  });

  it('watches the others no more unless that one may, if it came with what may end', () => {
    world = new World().people();
    people(world);
    const [client, other, joe] = [world.login('ann'), world.login('ann'), world.login('joe')];
    for (const one of [client, other]) {
      expect(world.ask(one, 'MONITOR')).toBe('+OK\r\n');
      one.connection.session.proof = proof;
    }
    expect(world.ask(client, 'AUTH', 'eve', 'pw')).toContain('+OK\r\n');
    expect(world.ask(other, 'AUTH', 'joe', 'pw')).toContain('+OK\r\n');
    heard(client);
    heard(other);
    world.ask(joe, 'SET', 'k', 'v');
    expect(heard(client)).toBe('');
    expect(heard(other)).toContain('"SET" "k" "v"');
  });

  it('goes on hearing, as in Redis, if it came with a password', () => {
    world = new World().people();
    people(world);
    const [client, joe] = [world.login('ann'), world.login('joe')];
    world.ask(client, 'HELLO', '3');
    world.ask(client, 'SUBSCRIBE', 'secret');
    expect(world.ask(client, 'AUTH', 'eve', 'pw')).toBe('+OK\r\n');
    expect(world.ask(joe, 'PUBLISH', 'secret', 'x')).toBe(':1\r\n');
  });
});
