/** Groups R and N: more than one's share, and words that JavaScript takes personally. */
import { type AttackCase, attack, holds, matches, pause, same } from '../case.ts';
import { encode, type Wire } from '../wire.ts';
import { SLOW_ADDRESS, type World } from '../world.ts';

const MEGABYTE = 1024 * 1024;
const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
const TOO_MUCH = /^-(?:OOM |ERR string exceeds maximum allowed size)/;
const TOO_FAST = /^-BUSY command rate limit of your (?:user|tenant|address) exceeded, retry after \d+ ms\r\n$/;
const PERSONAL = [
  '__proto__',
  'constructor',
  'prototype',
  'hasOwnProperty',
  'toString',
  'valueOf',
  'then',
  'length',
  '-0',
  '01',
  'NaN',
];

/** Sends so many over each of these at once: what a thousand a second lets in is a second's worth, and what they take. */
async function sendTooFast(wires: readonly Wire[], count: number): Promise<void> {
  await pause(1200);
  const from_ms = performance.now();
  for (const wire of wires) wire.send(encode('GET', 't1:k').repeat(count));
  const replies = (await Promise.all(wires.map((wire) => wire.collect(count, 20_000)))).flat();
  const took_ms = performance.now() - from_ms;
  for (const wire of wires) wire.close();
  same(replies.length, count * wires.length, 'replies');
  for (const reply of replies) if (reply.startsWith('-')) matches(reply, TOO_FAST, 'the refusal');
  const passed = replies.filter((reply) => !reply.startsWith('-')).length;
  holds(passed >= 980 && passed <= 1001 + took_ms, `${passed} were admitted in ${Math.round(took_ms)} ms`);
}

const IDLERS = 1000;
const IDLER_BYTES_MAX = 40 * 1024;

/** Half say nothing, half send a byte a second; all of them are strangers and have done their handshake. */
async function idlers(world: World): Promise<void> {
  const closed = await world.figure('closed_authentication_timeout');
  const wires: Wire[] = [];
  // What a runtime allocates for handshakes at all is not what a connection costs.
  for (let i = 0; i < 200; i++) wires.push(await world.anon());
  for (const wire of wires.splice(0)) wire.close();
  await pause(500);
  const before = world.residentBytes();
  const request = '*2\r\n$4\r\nAUTH\r\n$9\r\n';
  for (let batch = 0; batch < IDLERS / 50; batch++) {
    wires.push(...(await Promise.all(Array.from({ length: 50 }, () => world.anon()))));
  }
  let sent = 0;
  const drip = setInterval(() => {
    const byte = request[sent++ % request.length] ?? '';
    for (let i = 0; i < wires.length; i += 2) wires[i]?.send(byte);
  }, 1000);
  await pause(1500);
  const each = (world.residentBytes() - before) / IDLERS;
  const ended = await Promise.all(wires.map((wire) => wire.ends(15_000)));
  clearInterval(drip);
  for (const wire of wires) wire.close();
  same(ended.filter(Boolean).length, IDLERS, 'strangers dropped');
  const grown = (await world.figure('closed_authentication_timeout')) - closed;
  holds(grown >= IDLERS, `${grown} were closed for not saying who they are`);
  holds(each <= IDLER_BYTES_MAX, `each took ${Math.round(each / 1024)} KiB`);
}

export const resourceCases: readonly AttackCase[] = [
  attack('R137', 'a byte far behind the end of a string', { none: 'want of memory is no denial' }, async (world) => {
    const before = world.residentBytes();
    const t1 = await world.as('t1');
    for (let i = 0; i < 20; i++) {
      matches(await t1.ask('SETRANGE', `t1:far${i}`, '536870911', 'x'), TOO_MUCH, 'SETRANGE');
    }
    same(await t1.ask('EXISTS', 't1:far0'), ':0\r\n', 'the key');
    holds(world.residentBytes() - before < 64 * 1024 * 1024, 'memory was taken');
    t1.close();
  }),
  attack(
    'R137',
    'growing one string until there is no room',
    { none: 'want of memory is no denial' },
    async (world) => {
      const t1 = await world.as('t1');
      const piece = 'x'.repeat(MEGABYTE);
      let length = 0;
      for (let i = 0; i < 70; i++) {
        const reply = await t1.ask('APPEND', 't1:growing', piece);
        if (reply === OOM) break;
        length += MEGABYTE;
        same(reply, `:${length}\r\n`, 'APPEND');
      }
      holds(length > 0 && length < 64 * MEGABYTE, `${length} bytes fitted`);
      same(await t1.ask('STRLEN', 't1:growing'), `:${length}\r\n`, 'the string after the refusal');
      same(await t1.ask('SETRANGE', 't1:growing', String(64 * MEGABYTE - 1), 'x'), OOM, 'SETRANGE');
      const huge = await t1.ask('SETRANGE', 't1:growing', '536870912', 'x');
      matches(huge, /^-ERR string exceeds maximum allowed size/, 'SETRANGE past the limit of a string');
      same(await t1.ask('DEL', 't1:growing'), ':1\r\n', 'DEL');
      same(await t1.ask('SET', 't1:after', 'v'), '+OK\r\n', 'there is room again');
      t1.close();
    },
  ),
  attack(
    'R140',
    'asking for much and reading nothing',
    { none: 'it is closed before its limit by who opened it' },
    async (world) => {
      const t1 = await world.as('t1');
      await t1.ask('SET', 't1:large', 'x'.repeat(1_000_000));
      const greedy = await world.as('t1');
      const before = world.residentBytes();
      greedy.socket.pause();
      for (let i = 0; i < 40; i++) greedy.send(encode('MGET', ...new Array<string>(50).fill('t1:large')));
      await new Promise((resolve) => setTimeout(resolve, 3000));
      const grown = world.residentBytes() - before;
      holds(grown < 600 * 1024 * 1024, `resident memory grew by ${Math.round(grown / 1048576)} MiB`);
      same(await t1.ask('PING'), '+PONG\r\n', 'others are served');
      greedy.close();
      await t1.ask('DEL', 't1:large');
      t1.close();
    },
  ),
  attack('R144', 'patterns built to be slow', { none: 'every request is a valid one' }, async (world) => {
    const t1 = await world.as('t1x');
    await t1.ask('SET', `t1:${'a'.repeat(2000)}`, 'v');
    for (const pattern of ['['.repeat(65_535), 'a\\', '*a'.repeat(1000), `${'*a'.repeat(1000)}b`]) {
      same((await t1.ask('KEYS', pattern)).startsWith('*'), true, 'KEYS');
      same((await t1.ask('CONFIG', 'GET', pattern)).startsWith('-ERR Protocol'), false, 'CONFIG GET');
      same((await t1.ask('COMMAND', 'LIST', 'FILTERBY', 'PATTERN', pattern)).startsWith('*'), true, 'COMMAND LIST');
    }
    t1.close();
  }),
  attack(
    'R146',
    'ten thousand commands in one packet against a thousand a second',
    ['rate_limited: get'],
    async (world) => {
      await sendTooFast([await world.as('limited')], 10_000);
    },
  ),
  attack(
    'R146',
    'the same against the rate of a user, and over several of its connections',
    ['rate_limited: get'],
    async (world) => {
      await sendTooFast([await world.as('bounded')], 10_000);
      await sendTooFast([await world.as('bounded'), await world.as('bounded'), await world.as('bounded')], 4000);
    },
  ),
  attack(
    'R146',
    'the same against the rate of an address, whoever asks from there',
    ['rate_limited: get'],
    async (world) => {
      await sendTooFast([await world.as('t1', 2, SLOW_ADDRESS)], 10_000);
      const counted = await world.figure('rate_limited');
      holds(counted > 0, 'none were counted');
    },
  ),
  attack(
    'R146',
    'a rate that makes wait: every reply comes, in order, and not sooner than it may',
    { none: 'who is too fast waits' },
    async (world) => {
      const wire = await world.as('patient');
      await pause(300);
      const from_ms = performance.now();
      wire.send(Array.from({ length: 1500 }, (_, i) => encode('ECHO', String(i))).join(''));
      const replies = await wire.collect(1500, 20_000);
      const took_ms = performance.now() - from_ms;
      wire.close();
      for (const [i, reply] of replies.entries()) same(reply, `$${String(i).length}\r\n${i}\r\n`, `reply ${i}`);
      same(replies.length, 1500, 'replies');
      holds(took_ms >= 1350, `it took ${Math.round(took_ms)} ms`);
    },
  ),
  attack('R148', 'the fifty-first connection of a tenant', ['too_many_connections: login'], async (world) => {
    const wires: Wire[] = [];
    try {
      for (let i = 0; i < 50; i++) wires.push(await world.as('t1'));
      const extra = await world.anon();
      const reply = await extra.ask('AUTH', 't1', 'a password for tests');
      matches(reply, /^-ERR max number of clients/, 'the refusal');
      const t2 = await world.as('t2');
      same(await t2.ask('PING'), '+PONG\r\n', 'the other tenant');
      t2.close();
      extra.close();
    } finally {
      for (const wire of wires) wire.close();
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }),
  attack(
    'R148',
    'the sixth connection of a user, while its tenant has room',
    ['too_many_connections: login'],
    async (world) => {
      const wires: Wire[] = [];
      try {
        for (let i = 0; i < 5; i++) wires.push(await world.as('bounded'));
        const extra = await world.anon();
        const reply = await extra.ask('AUTH', 'bounded', 'a password for tests');
        same(reply, '-ERR max number of clients reached for your user\r\n', 'the refusal');
        extra.close();
        wires.push(await world.as('patient'));
      } finally {
        for (const wire of wires) wire.close();
        await pause(300);
      }
    },
  ),
  attack(
    'R149',
    'three hundred connections a second of one address: the rest costs no handshake',
    ['connection_rate: connection-refused'],
    async (world) => {
      const before = await world.figure('closed_connection_rate');
      const tried = 100;
      const opened = await Promise.allSettled(Array.from({ length: tried }, () => world.anon(SLOW_ADDRESS)));
      const through = opened.filter(({ status }) => status === 'fulfilled').length;
      for (const one of opened) if (one.status === 'fulfilled') one.value.close();
      const refused = (await world.figure('closed_connection_rate')) - before;
      holds(through >= 15 && through <= 80, `${through} of ${tried} came through`);
      same(refused, tried - through, 'refused before their handshake');
      const elsewhere = await world.as('t1');
      same(await elsewhere.ask('PING'), '+PONG\r\n', 'another address');
      elsewhere.close();
      await pause(1100);
    },
  ),
  attack('R149', 'two thousand connections that break off', { none: 'they go by themselves' }, async (world) => {
    const admin = await world.as('admin');
    const count = async () => Number(/connected_clients:(\d+)/.exec(await admin.ask('INFO', 'clients'))?.[1]);
    const before = await count();
    for (let round = 0; round < 20; round++) {
      const wires = await Promise.all(
        Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? world.anon() : world.plain())),
      );
      for (const [i, wire] of wires.entries()) {
        if (i % 3 === 0) wire.send('*3\r\n$3\r\nSE');
        if (i % 3 === 1) wire.socket.end();
        if (i % 5 === 0) wire.socket.resetAndDestroy();
        else wire.close();
      }
    }
    for (let i = 0; i < 50 && (await count()) > before; i++) await new Promise((resolve) => setTimeout(resolve, 100));
    same(await count(), before, 'connected_clients');
    admin.close();
  }),
  attack(
    'R150',
    'a thousand who say nothing or next to nothing',
    ['authentication_timeout: connection-closed'],
    idlers,
  ),
  attack(
    'R151',
    'a hundred thousand keys expiring in one moment',
    { none: 'every request is a valid one' },
    async (world) => {
      const t1 = await world.as('t1');
      const at = String(Date.now() + 4000);
      for (let batch = 0; batch < 100; batch++) {
        let requests = '';
        for (let i = 0; i < 1000; i++) requests += encode('SET', `t1:e${batch}:${i}`, 'v', 'PXAT', at);
        t1.send(requests);
        await t1.collect(1000);
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, Number(at) - Date.now()) + 3000));
      const t1x = await world.as('t1x');
      const info = await t1x.ask('INFO', 'keyspace');
      const left = Number(/db0:keys=(\d+)/.exec(info)?.[1] ?? 0);
      holds(left < 1000, `${left} keys are left`);
      t1.close();
      t1x.close();
    },
  ),
  attack('R152', 'arithmetic at the edges', { none: 'mistakes, and nothing that was not allowed' }, async (world) => {
    const t1 = await world.as('t1');
    await t1.ask('SET', 't1:n', '9223372036854775807');
    same(await t1.ask('INCR', 't1:n'), '-ERR increment or decrement would overflow\r\n', 'INCR');
    same(await t1.ask('GET', 't1:n'), '$19\r\n9223372036854775807\r\n', 'unchanged');
    same(await t1.ask('DECRBY', 't1:n', '-9223372036854775808'), '-ERR decrement would overflow\r\n', 'DECRBY');
    same(
      await t1.ask('EXPIRE', 't1:n', '9223372036854775807'),
      "-ERR invalid expire time in 'expire' command\r\n",
      'EXPIRE',
    );
    same(await t1.ask('GETRANGE', 't1:n', '-9223372036854775808', '-9223372036854775808'), '$1\r\n9\r\n', 'GETRANGE');
    t1.close();
  }),
  attack('R154', 'the same key twice in one command', { none: 'every request is a valid one' }, async (world) => {
    const t1 = await world.as('t1');
    const [a, b] = ['t1:{twice}a', 't1:{twice}b'];
    await t1.ask('DEL', a, b);
    same(await t1.ask('MSETNX', a, '1', a, '2', b, '3', a, '4'), ':1\r\n', 'MSETNX');
    same(await t1.ask('MGET', a, a, b), '*3\r\n$1\r\n4\r\n$1\r\n4\r\n$1\r\n3\r\n', 'what it left');
    same(await t1.ask('MSETNX', b, '5', 't1:{twice}c', '6', 't1:{twice}c', '7'), ':0\r\n', 'MSETNX once one is there');
    same(await t1.ask('EXISTS', a, a, 't1:{twice}c', a), ':3\r\n', 'EXISTS');
    same(await t1.ask('MSET', a, '1', a, 'longer than before', a, ''), '+OK\r\n', 'MSET');
    same(await t1.ask('GET', a), '$0\r\n\r\n', 'the last of three');
    matches(await t1.ask('RENAME', a, a), /^\+OK/, 'RENAME to itself');
    matches(await t1.ask('COPY', a, a), /^-ERR source and destination objects are the same/, 'COPY to itself');
    same(await t1.ask('LCS', b, b), '$1\r\n3\r\n', 'LCS with itself');
    const many = new Array<string>(10_000).fill(a);
    same(await t1.ask('DEL', ...many), ':1\r\n', 'DEL of one key ten thousand times');
    const pairs = many.flatMap((key, i) => [key, String(i)]);
    same(await t1.ask('MSETNX', ...pairs), ':1\r\n', 'MSETNX of one key ten thousand times');
    same(await t1.ask('GET', a), '$4\r\n9999\r\n', 'the last of ten thousand');
    same(await t1.ask('UNLINK', a, b, a, b), ':2\r\n', 'UNLINK');
    t1.close();
  }),
  attack(
    'N211',
    'names that every object has',
    ['unknown_command: unknown-command', 'unknown_user: login'],
    async (world) => {
      const t1x = await world.as('t1x');
      for (const word of PERSONAL) {
        same(await t1x.ask('SET', `t1:${word}`, word), '+OK\r\n', `SET ${word}`);
        same(await t1x.ask('GET', `t1:${word}`), `$${word.length}\r\n${word}\r\n`, `GET ${word}`);
        matches(await t1x.ask(word), /^-ERR unknown command/, word);
        matches(await t1x.ask('CLIENT', word), /^-ERR unknown subcommand/, `CLIENT ${word}`);
        same(await t1x.ask('CONFIG', 'GET', word), '*0\r\n', `CONFIG GET ${word}`);
        matches(await t1x.ask('AUTH', word, word), /^-WRONGPASS/, `AUTH ${word}`);
        matches(await t1x.ask('ACL', 'GETUSER', word), /^(\$-1|\*-1|-NOPERM)/, `ACL GETUSER ${word}`);
      }
      t1x.close();
    },
  ),
  attack('N215', 'two thousand sockets reset at any moment', { none: 'they go by themselves' }, async (world) => {
    for (let round = 0; round < 20; round++) {
      const wires = await Promise.all(Array.from({ length: 100 }, () => world.plain()));
      for (const [i, wire] of wires.entries()) {
        wire.send(encode('AUTH', 't1', 'a password for tests') + encode('SET', 't1:r', 'v').repeat(i));
        if (i % 2 === 0) wire.socket.resetAndDestroy();
        else setTimeout(() => wire.socket.resetAndDestroy(), i % 10);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const t1 = await world.as('t1');
    same(await t1.ask('PING'), '+PONG\r\n', 'alive');
    t1.close();
    holds(!world.logs.some((line) => line.includes('uncaught')), 'something was not caught');
  }),
];
