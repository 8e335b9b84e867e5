/** Groups K, X, R and N where channels are concerned: who may hear, who is heard, and what it may cost. */
import { type AttackCase, attack, becomes, holds, matches, noPermission, pause, same } from '../case.ts';
import { FOREIGN } from '../neighbour.ts';
import { PASSWORD } from '../password.ts';
import { encode, type Wire } from '../wire.ts';
import type { World } from '../world.ts';

const MEBIBYTE = 1024 * 1024;
const PERSONAL = ['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString', 'then', 'length', '', '-0'];
/** A pattern that is tried again at every place of a text made for it. */
const SLOW_PATTERNS = ['['.repeat(65_535), `${'x'.repeat(2000)}\\`, '*a'.repeat(1000), `${'*a'.repeat(500)}*b`];

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

function message(channel: string, content: string): string {
  return `>3\r\n${bulk('message')}${bulk(channel)}${bulk(content)}`;
}

/** What comes next is this, and nothing is between it and a marker behind it. */
async function hears(wire: Wire, expected: readonly string[], what: string): Promise<void> {
  wire.send(encode('ECHO', 'marker'));
  const replies = await wire.collect(expected.length + 1);
  same(replies.join(''), expected.join('') + bulk('marker'), what);
}

/** Users of tenant one that are made for a case and gone after it. */
async function withUser(world: World, rules: readonly string[], run: (admin: Wire, name: string) => Promise<void>) {
  const admin = await world.as('admin');
  const name = 'passing';
  same(await admin.ask('TENANT', 'USE', 'one'), '+OK\r\n', 'TENANT USE');
  same(await admin.ask('ACL', 'SETUSER', name, 'on', '>pw', '~*', '+@all', ...rules), '+OK\r\n', 'ACL SETUSER');
  await run(admin, name);
  await admin.ask('ACL', 'DELUSER', name);
  admin.close();
}

async function login(world: World, name: string): Promise<Wire> {
  const wire = await world.anon();
  matches(await wire.ask('HELLO', '3', 'AUTH', name, 'pw'), /^%/, 'the login');
  return wire;
}

/** Ten who do not read cost what one message costs each time, and are gone at their limit; the publisher goes on. */
async function slowSubscribers(world: World): Promise<void> {
  const slow: Wire[] = [];
  for (let i = 0; i < 10; i++) slow.push(await world.as('t1x'));
  const good = await world.as('t1x', 3);
  for (const wire of [...slow, good]) {
    await wire.ask('SUBSCRIBE', 't1:flood');
    if (wire !== good) wire.socket.pause();
  }
  const publisher = await world.as('t1x');
  const before = world.residentBytes();
  const closed = await world.figure('closed_output_buffer_limit');
  const content = 'x'.repeat(MEBIBYTE / 4);
  let sent = 0;
  let most = 0;
  for (; sent < 400; sent++) {
    matches(await publisher.ask('PUBLISH', 't1:flood', content), /^:\d+\r\n$/, 'PUBLISH');
    const [heard] = await good.collect(1);
    same(heard?.length, message('t1:flood', content).length, 'what the one who reads has heard');
    if (sent % 20 === 0) most = Math.max(most, world.residentBytes() - before);
    if (sent > 140 && (await world.figure('closed_output_buffer_limit')) - closed >= slow.length) break;
  }
  same((await world.figure('closed_output_buffer_limit')) - closed, slow.length, 'subscribers that were closed');
  holds(most < 400 * MEBIBYTE, `${Math.round(most / MEBIBYTE)} MiB were taken`);
  for (const wire of slow) {
    wire.socket.resume();
    holds(await wire.ends(10_000), 'a slow subscriber is still there');
  }
  same(await publisher.ask('PUBLISH', 't1:flood', 'x'), ':1\r\n', 'who is left');
  for (const wire of [...slow, good, publisher]) wire.close();
}

async function aHundredThousand(world: World): Promise<void> {
  const t1x = await world.as('t1x', 3);
  const publisher = await world.as('t1x');
  const count = 100_000;
  for (let from = 0; from < count; from += 1000) {
    t1x.send(encode('SUBSCRIBE', ...Array.from({ length: 1000 }, (_, i) => `t1:${from + i}`)));
    same((await t1x.collect(1000)).length, 1000, 'confirmations');
  }
  const info = await t1x.ask('CLIENT', 'INFO');
  holds(info.includes(` sub=${count} `), 'CLIENT INFO counts them');
  holds(Number(/tot-mem=(\d+)/.exec(info)?.[1]) > count * 100, 'they are not paid for');
  same(await world.figure('pubsub_channels', 't1x'), count, 'channels in INFO');
  same(await publisher.ask('PUBLISH', 't1:77777', 'x'), ':1\r\n', 'PUBLISH');
  await hears(t1x, [message('t1:77777', 'x')], 'the message');
  t1x.close();
  holds(await becomes(async () => (await world.figure('pubsub_channels', 't1x')) === 0), 'they are still there');
  publisher.close();
}

async function otherTenant(world: World): Promise<void> {
  const turncoat = await world.as('t1x', 3);
  await turncoat.ask('SUBSCRIBE', 't1:news');
  await turncoat.ask('SSUBSCRIBE', 't1:news');
  const publisher = await world.as('t1x');
  same(await publisher.ask('PUBLISH', 't1:news', 'x'), ':1\r\n', 'before');
  await hears(turncoat, [message('t1:news', 'x')], 'before');
  matches(await turncoat.ask('AUTH', 't2', 'wrong'), /^-WRONGPASS/, 'a login that fails');
  same(await publisher.ask('PUBLISH', 't1:news', 'y'), ':1\r\n', 'after a login that failed');
  await hears(turncoat, [message('t1:news', 'y')], 'after a login that failed');
  same(await turncoat.ask('AUTH', 't2', PASSWORD), '+OK\r\n', 'the other login');
  same(await publisher.ask('PUBLISH', 't1:news', 'z'), ':0\r\n', 'afterwards');
  same(await publisher.ask('SPUBLISH', 't1:news', 'z'), ':0\r\n', 'afterwards, to shards');
  await hears(turncoat, [], 'afterwards');
  holds((await turncoat.ask('CLIENT', 'INFO')).includes(' sub=0 psub=0 ssub=0 '), 'subscriptions are left');
  await turncoat.ask('PSUBSCRIBE', '*');
  same(await publisher.ask('PUBLISH', 't1:news', 'z'), ':0\r\n', 'a message to the same name elsewhere');
  await hears(turncoat, [], 'the same name elsewhere');
  for (const wire of [publisher, turncoat]) wire.close();
}

async function mixedUp(world: World): Promise<void> {
  const client = await world.as('t1x', 3);
  const parts: string[] = [];
  for (let i = 0; i < 200; i++) {
    parts.push(encode('CLIENT', 'REPLY', 'OFF'), encode('SUBSCRIBE', 't1:m'), encode('SET', 't1:k', 'v'));
    parts.push(encode('PUBLISH', 't1:m', `${i}`), encode('CLIENT', 'REPLY', 'ON'), encode('GET', 't1:k'));
    parts.push(encode('CLIENT', 'REPLY', 'SKIP'), encode('PUBLISH', 't1:m', 's'), encode('UNSUBSCRIBE', 't1:m'));
  }
  client.send(parts.join(''));
  const replies = await client.collect(200 * 6);
  for (let i = 0; i < 200; i++) {
    const confirmed = (word: string, count: number) => `>3\r\n${bulk(word)}${bulk('t1:m')}:${count}\r\n`;
    const expected = [confirmed('subscribe', 1), message('t1:m', `${i}`), '+OK\r\n', bulk('v'), message('t1:m', 's')];
    expected.push(confirmed('unsubscribe', 0));
    same(replies.slice(6 * i, 6 * i + 6).join(''), expected.join(''), `round ${i}`);
  }
  client.send(`${encode('SUBSCRIBE', 't1:m')}${encode('PUBLISH', 't1:m', 'last')}`);
  client.socket.end();
  same(
    (await client.collect(3)).join('').includes(message('t1:m', 'last')),
    true,
    'what was asked before half the end',
  );
  holds(await client.ends(10_000), 'the connection has not ended');
}

export const pubsubCases: readonly AttackCase[] = [
  attack(
    'K85',
    'channels that are not the user’s',
    ['channel: subscribe psubscribe ssubscribe publish spublish'],
    async (world) => {
      const t1 = await world.as('t1', 3);
      for (const words of [
        ['SUBSCRIBE', 't1:a', FOREIGN],
        ['PSUBSCRIBE', '*'],
        ['PSUBSCRIBE', 't1:*', 't*'],
        ['PSUBSCRIBE', 't1:a*'],
        ['SSUBSCRIBE', FOREIGN],
        ['PUBLISH', FOREIGN, 'x'],
        ['SPUBLISH', FOREIGN, 'x'],
        ['PUBLISH', 'T1:a', 'x'],
        ['SUBSCRIBE', '__keyspace@0__:t1:a'],
      ]) {
        noPermission(await t1.ask(...words), words.join(' '));
      }
      holds((await t1.ask('CLIENT', 'INFO')).includes(' sub=0 psub=0 ssub=0 '), 'something was subscribed to');
      same(await t1.ask('PSUBSCRIBE', 't1:*'), `>3\r\n${bulk('psubscribe')}${bulk('t1:*')}:1\r\n`, 'its own pattern');
      const ro = await world.as('ro');
      noPermission(await ro.ask('SUBSCRIBE', 't1:a'), 'a user without channels');
      for (const wire of [t1, ro]) wire.close();
    },
  ),
  attack('K96', 'ACL LOG says which channel it was', ['channel: publish psubscribe'], async (world) => {
    const admin = await world.as('admin');
    await admin.ask('ACL', 'LOG', 'RESET');
    const denied = await world.figure('acl_access_denied_channel');
    const t1 = await world.as('t1');
    for (let i = 0; i < 3; i++) await t1.ask('PUBLISH', 'loud', 'a secret');
    await t1.ask('PSUBSCRIBE', 'x*');
    const log = await admin.ask('ACL', 'LOG');
    for (const word of ['channel', 'loud', 'x*', 'toplevel', ':3\r\n']) holds(log.includes(word), `no ${word}: ${log}`);
    holds(!log.includes('a secret'), 'a message stands in the log');
    same((await world.figure('acl_access_denied_channel')) - denied, 4, 'the counter');
    for (const wire of [admin, t1]) wire.close();
  }),
  attack(
    'K96',
    'channels that are taken away while somebody listens',
    ['channels_revoked: connection-closed', 'user_removed: connection-closed'],
    (world) =>
      withUser(world, ['&a*', '&b'], async (admin, name) => {
        const [loses, keeps, silent] = [await login(world, name), await login(world, name), await login(world, name)];
        await loses.ask('SUBSCRIBE', 'b');
        await keeps.ask('PSUBSCRIBE', 'a*');
        await admin.ask('ACL', 'SETUSER', name, 'resetchannels', '&a*');
        holds(await loses.ends(5_000), 'it still listens');
        same(await keeps.ask('PING'), '+PONG\r\n', 'who keeps its channel');
        same(await silent.ask('PING'), '+PONG\r\n', 'who listens to nothing');
        await admin.ask('ACL', 'DELUSER', name);
        holds(await keeps.ends(5_000), 'a user who is gone listens');
        for (const wire of [loses, keeps, silent]) wire.close();
      }),
  ),
  attack(
    'X103',
    'killing the subscribers of others',
    { none: 'it finds nobody to kill in its own tenant' },
    async (world) => {
      const t1x = await world.as('t1x');
      const t2 = await world.as('t2', 3);
      await t2.ask('SUBSCRIBE', FOREIGN);
      same(await t1x.ask('CLIENT', 'KILL', 'TYPE', 'pubsub'), ':0\r\n', 'CLIENT KILL');
      holds(!(await t1x.ask('CLIENT', 'LIST', 'TYPE', 'pubsub')).includes('user=t2'), 'CLIENT LIST');
      same(await t2.ask('PING'), '+PONG\r\n', 'the subscriber');
      for (const wire of [t1x, t2]) wire.close();
    },
  ),
  attack('X108', 'channels of others', { none: 'it is shown its own channels alone' }, async (world) => {
    const t2 = await world.as('t2', 3);
    const t1x = await world.as('t1x', 3);
    t2.send(encode('SUBSCRIBE', FOREIGN, 't1:shared') + encode('PSUBSCRIBE', `${FOREIGN}*`));
    t2.send(encode('SSUBSCRIBE', FOREIGN, 't1:shared'));
    same((await t2.collect(5)).length, 5, 'confirmations');
    t1x.send(encode('SUBSCRIBE', 't1:mine', 't1:shared'));
    same((await t1x.collect(2)).length, 2, 'confirmations');
    for (const words of [['CHANNELS'], ['CHANNELS', '*'], ['SHARDCHANNELS']]) {
      holds(!(await t1x.ask('PUBSUB', ...words)).includes(FOREIGN), `PUBSUB ${words.join(' ')}`);
    }
    same(
      await t1x.ask('PUBSUB', 'NUMSUB', FOREIGN, 't1:shared'),
      `*4\r\n${bulk(FOREIGN)}:0\r\n${bulk('t1:shared')}:1\r\n`,
      'NUMSUB',
    );
    same(await t1x.ask('PUBSUB', 'SHARDNUMSUB', FOREIGN), `*2\r\n${bulk(FOREIGN)}:0\r\n`, 'SHARDNUMSUB');
    same(await t1x.ask('PUBSUB', 'NUMPAT'), ':0\r\n', 'NUMPAT');
    const info = await t1x.ask('INFO', 'everything');
    for (const line of ['pubsub_channels:2', 'pubsub_patterns:0', 'pubsubshard_channels:0']) {
      holds(info.includes(`${line}\r\n`), line);
    }
    same(await t1x.ask('PUBLISH', 't1:shared', 'x'), `${message('t1:shared', 'x')}`, 'what the publisher hears');
    same(await t1x.reply(), ':1\r\n', 'PUBLISH');
    await hears(t2, [], 'the other tenant');
    for (const wire of [t2, t1x]) wire.close();
  }),
  attack('X108', 'becoming somebody of another tenant while subscribed', ['wrong_secret: login'], otherTenant),
  attack('F173', 'channels that mean something to servers', ['channel: publish subscribe'], async (world) => {
    const t1 = await world.as('t1');
    noPermission(
      await t1.ask('PUBLISH', '__sentinel__:hello', '127.0.0.1,26379,x,1,mymaster,127.0.0.1,6379,9'),
      'hello',
    );
    noPermission(await t1.ask('PUBLISH', '__redis__:invalidate', 'k'), 'invalidate');
    noPermission(await t1.ask('SUBSCRIBE', '__redis__:invalidate'), 'SUBSCRIBE');
    t1.close();
  }),
  attack('R141', 'subscribers who do not read', ['output_buffer_limit: connection-closed'], slowSubscribers),
  attack('R144', 'patterns built to be slow', { none: 'every request is a valid one' }, async (world) => {
    const t2 = await world.as('t2', 3);
    for (let i = 0; i < 200; i++) await t2.ask('PSUBSCRIBE', ...SLOW_PATTERNS.map((pattern) => `${pattern}${i}`));
    const publisher = await world.as('t2');
    t2.socket.resume();
    const longest: number[] = [];
    for (let i = 0; i < 20; i++) {
      const from_ms = performance.now();
      matches(await publisher.ask('PUBLISH', 'a'.repeat(20_000), 'x'), /^:\d+\r\n$/, 'PUBLISH');
      longest.push(performance.now() - from_ms);
    }
    if (world.options.timed) holds(Math.min(...longest) <= 20, `a publish took ${Math.min(...longest).toFixed(0)} ms`);
    same(await publisher.ask('PUBSUB', 'CHANNELS', '*a'.repeat(1000)), '*0\r\n', 'PUBSUB CHANNELS');
    for (const wire of [t2, publisher]) wire.close();
  }),
  attack('R149', 'a thousand subscribers that break', { none: 'they go by themselves' }, async (world) => {
    const t2 = await world.as('t2');
    for (let round = 0; round < 20; round++) {
      const wires = await Promise.all(Array.from({ length: 50 }, () => world.as('t2')));
      for (const wire of wires) wire.send(encode('SUBSCRIBE', 'c', `own:${round}`) + encode('PSUBSCRIBE', '*'));
      await pause(20);
      for (const wire of wires) wire.close();
    }
    const isOver = async () => (await t2.ask('PUBSUB', 'CHANNELS')) === '*0\r\n';
    holds(await becomes(isOver), 'channels are left');
    same(await t2.ask('PUBSUB', 'NUMPAT'), ':0\r\n', 'patterns');
    same(await t2.ask('PUBLISH', 'c', 'x'), ':0\r\n', 'subscribers');
    t2.close();
  }),
  attack('R150', 'a hundred thousand subscriptions', { none: 'every request is a valid one' }, aHundredThousand),
  attack('R150', 'subscriptions without end', { none: 'want of memory is no denial' }, async (world) => {
    const t1x = await world.as('t1x', 3);
    const name = `t1:${'n'.repeat(16 * MEBIBYTE)}`;
    let refused = '';
    for (let i = 0; i < 8 && refused === ''; i++) {
      const reply = await t1x.ask('SUBSCRIBE', `${name}${i}`);
      if (reply.startsWith('-')) refused = reply;
    }
    same(refused, '-ERR too many subscriptions\r\n', 'the last of them');
    same(await t1x.ask('PING'), '+PONG\r\n', 'the connection');
    t1x.close();
  }),
  attack(
    'P117',
    'messages, silence and half an end in one pipeline',
    { none: 'every request is a valid one' },
    mixedUp,
  ),
  attack('N211', 'personal words as channels', { none: 'every request is a valid one' }, async (world) => {
    const t2 = await world.as('t2', 3);
    for (const word of PERSONAL) {
      same(await t2.ask('SUBSCRIBE', word), `>3\r\n${bulk('subscribe')}${bulk(word)}:1\r\n`, `SUBSCRIBE ${word}`);
      same(await t2.ask('PUBLISH', word, word), message(word, word), `the message to ${word}`);
      same(await t2.reply(), ':1\r\n', `PUBLISH ${word}`);
      same(await t2.ask('PUBSUB', 'CHANNELS'), `*1\r\n${bulk(word)}`, `PUBSUB CHANNELS ${word}`);
      await t2.ask('UNSUBSCRIBE');
    }
    t2.close();
  }),
];
