/**
 * Groups P, A, K, X and R where a connection has more than one request to its name: queued, blocked, watching, caching.
 * Nothing of the old identity may act for the new one, replies stay in step, and what is held is bounded and paid for.
 */
import { type AttackCase, attack, becomes, holds, matches, noPermission, same } from '../case.ts';
import { FOREIGN } from '../neighbour.ts';
import { PASSWORD } from '../password.ts';
import { all, blocks, bulk, fieldOf, hears, idOf, invalidation, login, nobodyWaits, withUser } from '../sessions.ts';
import { encode } from '../wire.ts';
import type { World } from '../world.ts';

// -- Protocol --------------------------------------------------------------------------------------------------------------

async function helloInside(world: World): Promise<void> {
  const t1 = await world.as('t1');
  for (const words of [
    ['HELLO', '3'],
    ['HELLO', '9'],
    ['HELLO', 'abc'],
    ['HELLO', '3', 'AUTH', 't1', 'wrong'],
    ['HELLO', '3', 'AUTH', 't2', 'wrong'],
    ['AUTH', 't2', 'wrong'],
    ['SUBSCRIBE', 't1:c'],
    ['MULTI'],
    ['WATCH', 't1:{p}a'],
    ['CLIENT', 'TRACKING', 'ON'],
    ['CLIENT', 'REPLY', 'ON'],
    ['MONITOR'],
    ['RESET'],
  ]) {
    const replies = await all(t1, ['MULTI'], ['SET', 't1:{p}a', '1'], words, ['GET', 't1:{p}a'], ['EXEC']);
    const what = words.join(' ');
    same(replies.slice(0, 2).join(''), '+OK\r\n+QUEUED\r\n', what);
    matches(replies[2] ?? '', /^(\+QUEUED|\+RESET|-ERR|-NOPERM)/, what);
    matches(replies[4] ?? '', /^(\*\d+\r\n|-EXECABORT|-ERR EXEC without MULTI|-NOAUTH)/, what);
    await t1.ask('RESET');
    same(await t1.ask('AUTH', 't1', PASSWORD), '+OK\r\n', `in step after ${what}`);
    await hears(t1, [], `in step after ${what}`);
  }
  t1.close();
}

async function repliesOffWithPushes(world: World): Promise<void> {
  const [cache, writer] = [await world.as('t1x', 3), await world.as('t1x')];
  await cache.ask('CLIENT', 'TRACKING', 'ON');
  await writer.ask('SET', 't1:cached', '1');
  for (let round = 0; round < 20; round++) {
    const requests: readonly (readonly string[])[] = [
      ['GET', 't1:cached'],
      ['CLIENT', 'REPLY', 'OFF'],
      ['NOSUCH'],
      ['GET', 't1:cached'],
      ['MULTI'],
      ['GET'],
      ['EXEC'],
      ['MULTI'],
      ['GET', 't1:cached'],
      ['EXEC'],
      ['BLPOP', 't1:nothing', '0.001'],
    ];
    cache.send(requests.map((words) => encode(...words)).join(''));
    same((await cache.collect(1)).join(''), bulk('1'), 'the only reply');
    // A reply that is not shown tells nothing: a marker through a channel does.
    cache.send(encode('SUBSCRIBE', 't1:silent') + encode('UNSUBSCRIBE'));
    same((await cache.collect(2)).length, 2, 'confirmations');
    await writer.ask('SET', 't1:cached', '1');
    same((await cache.collect(1)).join(''), invalidation('t1:cached'), 'the message behind replies that are off');
    same(await cache.ask('CLIENT', 'REPLY', 'ON'), '+OK\r\n', 'CLIENT REPLY ON');
    cache.send(encode('CLIENT', 'REPLY', 'SKIP') + encode('NOSUCH'));
    await hears(cache, [], `in step, round ${round}`);
  }
  for (const wire of [cache, writer]) wire.close();
}

// -- Identity --------------------------------------------------------------------------------------------------------------

async function resetAnywhere(world: World): Promise<void> {
  const [t1, writer] = [await world.as('t1x', 3), await world.as('t1x')];
  await writer.ask('SET', 't1:{r}k', '1');
  await all(t1, ['SELECT', '3'], ['CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', 't1:'], ['WATCH', 't1:{r}k']);
  await all(t1, ['SSUBSCRIBE', 't1:c'], ['PSUBSCRIBE', 't1:*'], ['MULTI'], ['SET', 't1:{r}k', 'never'], ['RESET']);
  matches(await t1.ask('GET', 't1:{r}k'), /^-NOAUTH/, 'the next command');
  await writer.ask('SET', 't1:{r}k', '2');
  same(await writer.ask('PUBLISH', 't1:c', 'x'), ':0\r\n', 'subscriptions');
  same(await t1.ask('AUTH', 't2', PASSWORD), '+OK\r\n', 'another login');
  await hears(t1, [], 'what it hears');
  const info = await t1.ask('CLIENT', 'INFO');
  for (const [field, value] of [
    ['db', '0'],
    ['multi', '-1'],
    ['sub', '0'],
    ['psub', '0'],
    ['redir', '-1'],
    ['resp', '2'],
    ['flags', 'N'],
  ] as const) {
    same(fieldOf(info, field), value, `${field} after RESET`);
  }
  same(await t1.ask('EXEC'), '-ERR EXEC without MULTI\r\n', 'EXEC');
  same((await all(t1, ['MULTI'], ['PING'], ['EXEC']))[2], '*1\r\n+PONG\r\n', 'a transaction that watches nothing');
  same(await writer.ask('GET', 't1:{r}k'), bulk('2'), 'what was queued before');
  for (const wire of [t1, writer]) wire.close();
}

/** Becomes somebody of another tenant while it watches, has queued, tracks; what was is not carried over. */
async function turncoat(world: World): Promise<void> {
  const [wire, one] = [await world.as('t1x', 3), await world.as('t1x')];
  await one.ask('SET', 't1:{x}k', 'of one');
  const two = await world.as('t2');
  await two.ask('SET', `t1:{x}${FOREIGN}`, FOREIGN);
  await all(wire, ['CLIENT', 'TRACKING', 'ON'], ['GET', 't1:{x}k'], ['WATCH', 't1:{x}k']);
  same(await wire.ask('AUTH', 't2', PASSWORD), '+OK\r\n', 'AUTH');
  await one.ask('SET', 't1:{x}k', 'changed');
  await hears(wire, [], 'changes of tenant one');
  same(fieldOf(await wire.ask('CLIENT', 'INFO'), 'redir'), '-1', 'tracking');
  same((await all(wire, ['MULTI'], ['GET', 't1:{x}k'], ['EXEC']))[2], '*1\r\n_\r\n', 'EXEC of the other');
  // In a transaction: a pool refuses to change who asks, one thread does it and goes on as the other.
  same(await wire.ask('AUTH', 't1x', PASSWORD), '+OK\r\n', 'AUTH back');
  const replies = await all(
    wire,
    ['MULTI'],
    ['AUTH', 't2', PASSWORD],
    ['GET', 't1:{x}k'],
    ['GET', `t1:{x}${FOREIGN}`],
    ['EXEC'],
  );
  const [exec = ''] = replies.slice(4);
  holds(exec.startsWith('*3\r\n') && !exec.includes('of one'), `EXEC: ${exec}`);
  holds(!(exec.includes('changed') && exec.includes(FOREIGN)), `both tenants in one answer: ${exec}`);
  same(await wire.ask('AUTH', 't2', PASSWORD), '+OK\r\n', 'AUTH once more');
  same(await wire.ask('DEL', `t1:{x}${FOREIGN}`), ':1\r\n', 'the key of tenant two');
  for (const each of [wire, one, two]) each.close();
  holds(await becomes(async () => (await world.figure('tracking_clients')) === 0), 'trackers are left');
}

async function blockedTurncoat(world: World): Promise<void> {
  const [wire, one] = [await world.as('t1x', 3), await world.as('t1x')];
  await blocks(world, wire, 't1x', 'BLPOP', 't1:queue', '0');
  // It stands behind the wait, and acts when that is over.
  wire.send(encode('AUTH', 't2', PASSWORD) + encode('BLPOP', 't1:queue', '0.05'));
  await one.ask('RPUSH', 't1:queue', 'a', 'b');
  const replies = await wire.collect(3);
  same(replies.join(''), `*2\r\n${bulk('t1:queue')}${bulk('a')}+OK\r\n_\r\n`, 'the replies in their order');
  same(await one.ask('LPOP', 't1:queue'), bulk('b'), 'what is left');
  for (const each of [wire, one]) each.close();
}

/** Users who go, or lose their rights, while they wait. */
async function revokedWhileBlocked(world: World): Promise<void> {
  await withUser(world, ['~q*'], async (admin, name) => {
    const loses = await login(world, name);
    await blocks(world, loses, 't1x', 'BLPOP', 'q1', '0');
    same(await admin.ask('ACL', 'SETUSER', name, 'resetkeys', '~other'), '+OK\r\n', 'resetkeys');
    matches(await loses.reply(), /^-NOPERM/, 'the wait of who may not any more');
    same(await admin.ask('RPUSH', 'q1', 'x'), ':1\r\n', 'an element');
    same(await admin.ask('LLEN', 'q1'), ':1\r\n', 'nobody has taken it');
    same(await loses.ask('PING'), '+PONG\r\n', 'the connection stays');
    await admin.ask('DEL', 'q1');
    await admin.ask('ACL', 'SETUSER', name, '~q*');
    const [gone, off] = [await login(world, name), await login(world, name)];
    await blocks(world, gone, 't1x', 'BLPOP', 'q2', '0');
    await blocks(world, off, 't1x', 'XREAD', 'BLOCK', '0', 'STREAMS', 'q3', '$');
    await admin.ask('ACL', 'DELUSER', name);
    for (const wire of [gone, off, loses]) holds(await wire.ends(5000), 'a user who is gone is connected');
    await nobodyWaits(world, 't1x');
    same(await admin.ask('RPUSH', 'q2', 'x'), ':1\r\n', 'an element');
    same(await admin.ask('DEL', 'q2', 'q3'), ':1\r\n', 'nobody has taken it');
  });
}

// -- Permissions -----------------------------------------------------------------------------------------------------------

async function judgedAtExec(world: World): Promise<void> {
  await withUser(world, ['~{e}*'], async (admin, name) => {
    const wire = await login(world, name);
    await all(wire, ['SET', '{e}a', 'secret'], ['MULTI'], ['GET', '{e}a'], ['SET', '{e}b', '1'], ['PING']);
    await admin.ask('ACL', 'SETUSER', name, 'resetkeys', '~{e}b');
    const exec = await wire.ask('EXEC');
    matches(exec, /^\*3\r\n-NOPERM [^\r]*keys[^\r]*\r\n\+OK\r\n\+PONG\r\n$/, 'EXEC');
    await all(wire, ['MULTI'], ['SET', '{e}b', '2']);
    await admin.ask('ACL', 'SETUSER', name, '-set');
    matches(await wire.ask('EXEC'), /^\*1\r\n-NOPERM [^\r]*command[^\r]*\r\n$/, 'EXEC without the command');
    await all(wire, ['MULTI'], ['PING']);
    await admin.ask('ACL', 'SETUSER', name, '-exec');
    matches(await wire.ask('EXEC'), /^-(EXECABORT|NOPERM)/, 'without EXEC');
    await admin.ask('DEL', '{e}a', '{e}b');
  });
}

async function watchForeign(world: World): Promise<void> {
  const t1 = await world.as('t1');
  for (const words of [
    ['WATCH', 't2:k'],
    ['WATCH', 't1:{w}a', FOREIGN],
    ['SUBSCRIBE', 't2:c'],
  ]) {
    noPermission(await t1.ask(...words), words.join(' '));
  }
  same(await t1.ask('UNWATCH'), '+OK\r\n', 'UNWATCH');
  same((await all(t1, ['MULTI'], ['PING'], ['EXEC']))[2], '*1\r\n+PONG\r\n', 'nothing is watched');
  for (const words of [
    ['BLPOP', 't2:k', '0'],
    ['BLMOVE', 't1:{w}a', FOREIGN, 'LEFT', 'LEFT', '0'],
    ['BLMPOP', '0', '2', 't1:{w}a', FOREIGN, 'LEFT'],
    ['XREAD', 'BLOCK', '0', 'STREAMS', FOREIGN, '$'],
    ['BZPOPMIN', FOREIGN, '0'],
  ]) {
    noPermission(await t1.ask(...words), words.join(' '));
  }
  t1.close();
}

// -- Other tenants ---------------------------------------------------------------------------------------------------------

async function unblockForeign(world: World): Promise<void> {
  const [t1x, t2, third] = [await world.as('t1x'), await world.as('t2', 3), await world.as('t2')];
  const id = await idOf(t2);
  await blocks(world, t2, 't2', 'BLPOP', 'queue:of:two', '0');
  for (const words of [[id], [id, 'ERROR'], [id, 'TIMEOUT']]) {
    same(await t1x.ask('CLIENT', 'UNBLOCK', ...words), ':0\r\n', `UNBLOCK ${words.join(' ')}`);
  }
  same(await t1x.ask('CLIENT', 'KILL', 'ID', id), ':0\r\n', 'KILL');
  await t1x.ask('RPUSH', 't1:queue:of:two', 'x');
  await t1x.ask('FLUSHALL');
  await t1x.ask('SWAPDB', '0', '1');
  same(
    await t1x.ask('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id),
    '-ERR The client ID you want redirect to does not exist\r\n',
    'REDIRECT',
  );
  holds(!(await t1x.ask('CLIENT', 'LIST')).includes(`id=${id} `), 'CLIENT LIST');
  same(await third.ask('RPUSH', 'queue:of:two', 'mine'), ':1\r\n', 'RPUSH of its own');
  same(await t2.reply(), `*2\r\n${bulk('queue:of:two')}${bulk('mine')}`, 'what it waited for');
  for (const wire of [t1x, t2, third]) wire.close();
}

async function cachesOfOthers(world: World): Promise<void> {
  const [cache, reader, t2] = [await world.as('t1x', 3), await world.as('t1x', 3), await world.as('t2')];
  await cache.ask('CLIENT', 'TRACKING', 'ON', 'BCAST');
  await reader.ask('CLIENT', 'TRACKING', 'ON');
  await reader.ask('GET', 't1:shared');
  await t2.ask('SET', 't1:shared', 'of two');
  await t2.ask('DEL', 't1:shared');
  await t2.ask('SELECT', '7');
  await t2.ask('SET', 'passing', '1');
  await t2.ask('FLUSHDB');
  await hears(cache, [], 'changes and a flush of tenant two, by prefix');
  await hears(reader, [], 'changes and a flush of tenant two');
  for (const wire of [cache, reader, t2]) wire.close();
}

async function selectInside(world: World): Promise<void> {
  const t1x = await world.as('t1x');
  for (let database = 0; database < 16; database++) {
    const replies = await all(t1x, ['MULTI'], ['SELECT', `${database}`], ['GET', `t1:${FOREIGN}`], ['EXEC']);
    same(replies[3], '*2\r\n+OK\r\n$-1\r\n', `database ${database}`);
  }
  same(
    (await all(t1x, ['MULTI'], ['SELECT', '16'], ['PING'], ['EXEC']))[3],
    '*2\r\n-ERR DB index is out of range\r\n+PONG\r\n',
    'SELECT 16',
  );
  await t1x.ask('SELECT', '0');
  same(await t1x.ask('WAIT', '0', '0'), ':0\r\n', 'WAIT 0 0');
  t1x.close();
}

// -- Endings ---------------------------------------------------------------------------------------------------------------

async function endings(world: World): Promise<void> {
  const one = await world.as('t1x');
  const states: readonly (readonly (readonly string[])[])[] = [
    [['MULTI'], ['RPUSH', 't1:{q}q', 'never']],
    [['WATCH', 't1:{q}q'], ['MULTI'], ['RPUSH', 't1:{q}q', 'never']],
    [['CLIENT', 'TRACKING', 'ON'], ['GET', 't1:{q}k'], ['MULTI'], ['RPUSH', 't1:{q}q', 'never']],
    [
      ['CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', 't1:'],
      ['SUBSCRIBE', 't1:c'],
    ],
  ];
  for (const state of states) {
    for (const how of ['kill', 'half', 'cut'] as const) {
      const wire = await world.as('t1x', 3);
      const id = await idOf(wire);
      await all(wire, ...state);
      if (how === 'kill') same(await one.ask('CLIENT', 'KILL', 'ID', id), ':1\r\n', 'CLIENT KILL');
      else if (how === 'half') wire.socket.end();
      else wire.close();
      holds(await wire.ends(10_000), `${how} does not end it`);
    }
  }
  for (const how of ['kill', 'half', 'cut'] as const) {
    const wire = await world.as('t1x', 3);
    const id = await idOf(wire);
    await blocks(world, wire, 't1x', 'BLMOVE', 't1:{q}q', 't1:{q}to', 'LEFT', 'RIGHT', '0');
    if (how === 'kill') same(await one.ask('CLIENT', 'KILL', 'ID', id), ':1\r\n', 'CLIENT KILL');
    else if (how === 'half') wire.socket.end();
    else wire.close();
    await nobodyWaits(world, 't1x');
  }
  same(await one.ask('EXISTS', 't1:{q}q'), ':0\r\n', 'what was queued has run');
  same(await one.ask('RPUSH', 't1:{q}q', 'x'), ':1\r\n', 'RPUSH');
  same(await one.ask('LRANGE', 't1:{q}q', '0', '-1'), `*1\r\n${bulk('x')}`, 'an element that was taken by nobody');
  await one.ask('DEL', 't1:{q}q');
  one.close();
}

/** Behind a client that is served, times out and is unblocked all at once: one answer each time. */
async function racingEnds(world: World): Promise<void> {
  const [waits, one, other] = [await world.as('t1x'), await world.as('t1x'), await world.as('t1x')];
  const id = await idOf(waits);
  let [taken, pushed] = [0, 0];
  for (let round = 0; round < 300; round++) {
    waits.send(encode('BLPOP', 't1:race', '0.002'));
    one.send(encode('RPUSH', 't1:race', `${round}`));
    other.send(encode('CLIENT', 'UNBLOCK', id, round % 2 === 0 ? 'ERROR' : 'TIMEOUT'));
    pushed++;
    const reply = await waits.reply();
    matches(reply, /^(\*-1\r\n$|\*2\r\n|-UNBLOCKED)/, `round ${round}`);
    if (reply.startsWith('*2')) taken++;
    await one.reply();
    await other.reply();
    await hears(waits, [], `round ${round}`);
  }
  const left = Number((await one.ask('LLEN', 't1:race')).slice(1, -2));
  same(taken + left, pushed, 'elements');
  await one.ask('DEL', 't1:race');
  for (const wire of [waits, one, other]) wire.close();
}

async function halfAnEndInAPipeline(world: World): Promise<void> {
  for (let count = 1; count <= 6; count++) {
    const wire = await world.as('t1x');
    const requests = [
      ['MULTI'],
      ['SET', 't1:{h}k', `${count}`],
      ['GET', 't1:{h}k'],
      ['EXEC'],
      ['INCR', 't1:{h}k'],
      ['PING'],
    ].slice(0, count);
    wire.send(requests.map((words) => encode(...words)).join(''));
    wire.socket.end();
    same((await wire.collect(count)).length, count, `replies to ${count} requests and half an end`);
    holds(await wire.ends(10_000), 'the connection has not ended');
  }
}

export const sessionCases: readonly AttackCase[] = [
  attack(
    'P16',
    'HELLO, AUTH, SUBSCRIBE and RESET inside MULTI',
    // A pool lets nobody try to log in inside MULTI.
    ({ shards }) => {
      const always = ['command: monitor', 'not_authenticated: get exec'] as const;
      return shards === 1 ? [...always, 'wrong_secret: login'] : always;
    },
    helloInside,
  ),
  attack(
    'P17',
    'messages among replies that are off or skipped',
    ['unknown_command: unknown-command'],
    repliesOffWithPushes,
  ),
  attack('A30', 'RESET while everything is going on', ['not_authenticated: get'], resetAnywhere),
  attack(
    'A30',
    'becoming somebody of another tenant while watching, queueing and caching',
    { none: 'every request is a valid one' },
    turncoat,
  ),
  attack(
    'A30',
    'becoming somebody of another tenant behind a wait',
    { none: 'every request is a valid one' },
    blockedTurncoat,
  ),
  attack('A33', 'users who go while they wait', ['key: blpop', 'user_removed: connection-closed'], revokedWhileBlocked),
  attack(
    'K83',
    'rules that change between MULTI and EXEC',
    ['key: get', 'command: set exec', 'user_removed: connection-closed'],
    judgedAtExec,
  ),
  attack(
    'K85',
    'watching and waiting for keys of others',
    ['key: watch blpop blmove blmpop xread bzpopmin', 'channel: subscribe'],
    watchForeign,
  ),
  attack(
    'X103',
    'unblocking, redirecting and flushing those of another tenant',
    { none: 'it finds nobody in its own tenant' },
    unblockForeign,
  ),
  attack('X108', 'caches and the changes of another tenant', { none: 'every request is a valid one' }, cachesOfOthers),
  attack('X112', 'SELECT inside MULTI', { none: 'mistakes, and nothing that was not allowed' }, selectInside),
  attack(
    'R149',
    'connections that end while queueing, watching, caching and waiting',
    ['killed: connection-closed'],
    endings,
  ),
  attack('R149', 'an element, a time and CLIENT UNBLOCK at once', { none: 'every request is a valid one' }, racingEnds),
  attack('R149', 'half an end in a pipeline', { none: 'every request is a valid one' }, halfAnEndInAPipeline),
];
