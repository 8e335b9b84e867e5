/** Group X: what one tenant can see of another. */
import { type AttackCase, attack, holds, matches, same } from '../case.ts';
import { FOREIGN } from '../neighbour.ts';
import { encode, type Wire } from '../wire.ts';
import { EVICTING_BYTES, type World } from '../world.ts';

/** `+@all`, but of tenant one. */
function careless(world: World): Promise<Wire> {
  return world.as('t1x');
}

export const tenantCases: readonly AttackCase[] = [
  attack('X97', 'listing and counting keys', { none: 'every request is a valid one' }, async (world) => {
    const t1x = await careless(world);
    await t1x.ask('SET', 't1:mine', 'v');
    for (const words of [
      ['KEYS', '*'],
      ['SCAN', '0', 'COUNT', '1000000000'],
      ['SCAN', '0', 'MATCH', '*two*', 'TYPE', 'string'],
      ['INFO', 'keyspace'],
      ['INFO', 'everything'],
    ]) {
      holds(!(await t1x.ask(...words)).includes(FOREIGN), words.join(' '));
    }
    for (let i = 0; i < 1000; i++) t1x.send(encode('RANDOMKEY'));
    holds(!(await t1x.collect(1000)).join('').includes(FOREIGN), 'RANDOMKEY');
    t1x.close();
  }),
  attack('X98', 'crafted cursors', { none: 'mistakes, and nothing that was not allowed' }, async (world) => {
    const t1x = await careless(world);
    for (const cursor of [
      '0',
      '1',
      '4294967295',
      '4294967296',
      '9007199254740993',
      '9223372036854775807',
      '18446744073709551615',
    ]) {
      const reply = await t1x.ask('SCAN', cursor);
      holds(!reply.includes(FOREIGN), `cursor ${cursor}`);
    }
    matches(await t1x.ask('SCAN', '18446744073709551616'), /^-ERR invalid cursor/, 'past 64 bits');
    same(await t1x.ask('PING'), '+PONG\r\n', 'alive');
    t1x.close();
  }),
  attack('X99', 'flushing and swapping', { none: 'it empties what is its own' }, async (world) => {
    const t1x = await careless(world);
    for (const words of [['FLUSHALL'], ['FLUSHDB'], ['FLUSHALL', 'ASYNC'], ['SWAPDB', '0', '1'], ['SWAPDB', '0', '1']])
      await t1x.ask(...words);
    const t2 = await world.as('t2');
    same(await t2.ask('GET', FOREIGN), `$${FOREIGN.length}\r\n${FOREIGN}\r\n`, 'the other key');
    t1x.close();
    t2.close();
  }),
  attack(
    'X103',
    'listing, killing and pausing clients',
    ['failure: client-kill', 'ceiling: client-pause'],
    async (world) => {
      const t1x = await careless(world);
      const t2 = await world.as('t2');
      const id = (await t2.ask('CLIENT', 'ID')).slice(1, -2);
      await t2.ask('CLIENT', 'SETNAME', FOREIGN);
      holds(!(await t1x.ask('CLIENT', 'LIST')).includes(FOREIGN), 'CLIENT LIST');
      holds(!(await t1x.ask('CLIENT', 'LIST', 'ID', id)).includes(FOREIGN), 'CLIENT LIST ID');
      for (const words of [
        ['ID', id],
        ['USER', 't2'],
        ['TYPE', 'normal', 'SKIPME', 'yes'],
        ['LADDR', `127.0.0.1:${world.port}`],
      ]) {
        await t1x.ask('CLIENT', 'KILL', ...words);
      }
      const t1 = await world.as('t1x');
      matches(await t1.ask('CLIENT', 'PAUSE', '5000'), /^-/, 'CLIENT PAUSE');
      await t1.ask('CLIENT', 'UNBLOCK', id);
      same(await t2.ask('PING'), '+PONG\r\n', 'the other client');
      for (const wire of [t1x, t1, t2]) wire.close();
    },
  ),
  attack('X105', 'looking at the whole process', ['ceiling: debug-sleep debug-object'], async (world) => {
    const t1x = await careless(world);
    for (const words of [
      ['INFO'],
      ['INFO', 'all'],
      ['INFO', 'clients'],
      ['INFO', 'commandstats'],
      ['MEMORY', 'STATS'],
      ['CONFIG', 'GET', '*'],
    ]) {
      const reply = await t1x.ask(...words);
      holds(!reply.includes(FOREIGN) && !reply.includes('t2'), words.join(' '));
    }
    matches(await t1x.ask('DEBUG', 'SLEEP', '1'), /^-/, 'DEBUG SLEEP');
    matches(await t1x.ask('DEBUG', 'OBJECT', 't1:mine'), /^-/, 'DEBUG OBJECT');
    t1x.close();
  }),
  attack(
    'X107',
    'reading and writing other users',
    ['ceiling: acl-list acl-users acl-log acl-setuser acl-deluser acl-load acl-save'],
    async (world) => {
      const t1x = await careless(world);
      for (const words of [['LIST'], ['USERS'], ['LOG'], ['GETUSER', 't2'], ['GETUSER', 'nobody']]) {
        const reply = await t1x.ask('ACL', ...words);
        holds(!reply.includes('t2') || reply.startsWith('-'), `ACL ${words.join(' ')}`);
        holds(!reply.includes('#'), `ACL ${words.join(' ')} shows a hash`);
      }
      same(
        await t1x.ask('ACL', 'GETUSER', 't2'),
        await t1x.ask('ACL', 'GETUSER', 'nobody'),
        'GETUSER tells them apart',
      );
      for (const words of [
        ['SETUSER', 'default', 'on', 'nopass'],
        ['SETUSER', 't1x', '~*'],
        ['DELUSER', 't2'],
        ['LOAD'],
        ['SAVE'],
      ]) {
        matches(await t1x.ask('ACL', ...words), /^-/, `ACL ${words.join(' ')}`);
      }
      const t2 = await world.as('t2');
      same(await t2.ask('PING'), '+PONG\r\n', 't2 still logs in');
      t1x.close();
      t2.close();
    },
  ),
  attack('X112', 'SELECT stays inside', { none: 'mistakes, and nothing that was not allowed' }, async (world) => {
    const t1x = await careless(world);
    for (let database = 0; database < 16; database++) {
      same(await t1x.ask('SELECT', String(database)), '+OK\r\n', `SELECT ${database}`);
      holds(!(await t1x.ask('KEYS', '*')).includes(FOREIGN), `database ${database}`);
    }
    matches(await t1x.ask('SELECT', '16'), /^-ERR/, 'SELECT 16');
    t1x.close();
  }),
  attack(
    'X113',
    'eviction takes from the tenant that is full alone',
    { none: 'every request is a valid one' },
    async (world) => {
      const t1 = await world.as('t1x');
      await t1.ask('SET', 't1:stays', 'v');
      t1.close();
      const evictor = await world.as('evictor');
      const value = 'x'.repeat(10_000);
      for (let batch = 0; batch < 20; batch++) {
        let requests = '';
        for (let i = 0; i < 100; i++) requests += encode('SET', `e:${batch}:${i}`, value);
        evictor.send(requests);
        const refused = (await evictor.collect(100)).find((reply) => reply !== '+OK\r\n');
        same(refused, undefined, 'a write while the tenant evicts');
      }
      const evicted = await world.figure('evicted_keys', 'evictor');
      const [, keys = '0'] = /db0:keys=(\d+)/.exec(await evictor.ask('INFO', 'keyspace')) ?? [];
      same(evicted + Number(keys), 2000, 'keys evicted and keys left');
      holds(Number(keys) > 100, `${keys} keys are left`);
      const used = await world.figure('used_memory', 'evictor');
      holds(used <= EVICTING_BYTES, `${used} bytes are used`);
      for (const other of ['t1x', 't2'])
        same(await world.figure('evicted_keys', other), 0, `keys evicted from ${other}`);
      const again = await world.as('t1x');
      same(await again.ask('EXISTS', 't1:stays'), ':1\r\n', 'the key of tenant one');
      same(await evictor.ask('FLUSHALL'), '+OK\r\n', 'FLUSHALL');
      again.close();
      evictor.close();
    },
  ),
  attack(
    'X114',
    'the ceiling holds despite +@all',
    [
      'ceiling: shutdown config-set config-rewrite save bgrewriteaof module-load tenant-use tenant-list',
      'unknown_command: unknown-command',
      'failure: cluster-reset',
    ],
    async (world) => {
      const t1x = await careless(world);
      for (const words of [
        ['SHUTDOWN'],
        ['SHUTDOWN', 'NOSAVE'],
        ['CONFIG', 'SET', 'maxclients', '1'],
        ['CONFIG', 'SET', 'dir', '/tmp'],
        ['CONFIG', 'REWRITE'],
        ['REPLICAOF', '127.0.0.1', '1'],
        ['SAVE'],
        ['BGREWRITEAOF'],
        ['MODULE', 'LOAD', '/tmp/x.so'],
        ['CLUSTER', 'RESET'],
        ['TENANT', 'USE', 'two'],
        ['TENANT', 'LIST'],
      ]) {
        matches(await t1x.ask(...words), /^-/, words.join(' '));
      }
      holds(world.alive, 'the process ended');
      t1x.close();
    },
  ),
  attack(
    'X117',
    'asking for the command table again and again',
    { none: 'every request is a valid one' },
    async (world) => {
      const t1x = await careless(world);
      for (let i = 0; i < 50; i++)
        t1x.send(encode('COMMAND', 'LIST') + encode('COMMAND', 'DOCS') + encode('COMMAND', 'COUNT'));
      same((await t1x.collect(150, 20_000)).length, 150, 'replies');
      t1x.close();
    },
  ),
  attack(
    'X117',
    'asking for the keys of requests that make no sense',
    { none: 'mistakes, and nothing that was not allowed' },
    async (world) => {
      const t1x = await careless(world);
      const huge = Array.from({ length: 20_000 }, (_, i) => `k${i}`);
      const questions: readonly (readonly string[])[] = [
        ['GETKEYS', 'GET', 'a'],
        ['GETKEYS', 'GET'],
        ['GETKEYS', 'NOSUCH', 'a'],
        ['GETKEYS', 'PING'],
        ['GETKEYS', 'MSET', 'a'],
        ['GETKEYS', 'MSET', 'a', '1', 'b'],
        ['GETKEYS', 'CONFIG', 'GET', 'x'],
        ['GETKEYS', 'COMMAND', 'GETKEYS', 'GET', 'a'],
        ['GETKEYSANDFLAGS', 'SET', 'a', 'v', 'GET'],
        ['GETKEYSANDFLAGS', '', ''],
        ['GETKEYS', 'DEL', ...huge],
        ['INFO', ...huge],
        ['DOCS', ...huge],
        ['INFO', '__proto__', 'constructor', '\0'],
        ['LIST', 'FILTERBY', 'ACLCAT', 'nosuch'],
        ['LIST', 'FILTERBY', 'MODULE', '*'],
        ['LIST', 'FILTERBY', 'nosuch', 'x'],
      ];
      for (const words of questions) {
        const reply = await t1x.ask('COMMAND', ...words);
        matches(reply, /^[*$:%-]/, `COMMAND ${words.slice(0, 3).join(' ')}`);
        holds(!reply.includes(FOREIGN), `COMMAND ${words.slice(0, 3).join(' ')}`);
      }
      for (let i = 0; i < 5000; i++) t1x.send(encode('COMMAND', 'GETKEYS', 'MSET', 'a', '1', 'b', '2'));
      const replies = await t1x.collect(5000);
      same(
        replies.filter((reply) => reply === '*2\r\n$1\r\na\r\n$1\r\nb\r\n').length,
        5000,
        'right answers of a storm',
      );
      t1x.close();
    },
  ),
];
