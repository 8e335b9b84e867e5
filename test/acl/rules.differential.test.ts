/** The rule language next to redis-server: the same rules are taken or refused in the same words, and allow the same. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { parseReply } from '../../src/resp/reply-reader.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';
import { RespClient } from '../support/resp-client.ts';
import { shown, type Words } from '../support/words.ts';
import { AclWorld } from './support.ts';

const HASH = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c0f00a08';

/** Every way a rule can be right or wrong, one sequence per line. */
const SEQUENCES: readonly Words[] = [
  [],
  [''],
  ['', 'on', ''],
  ['on'],
  ['ON'],
  ['oFf'],
  ['on', 'off', 'on'],
  ['on '],
  [' on'],
  ['nosuchword'],
  ['+@all'],
  ['-@all'],
  ['+@ALL', '-@aLl'],
  ['allcommands'],
  ['nocommands'],
  ['AllCommands', '-get'],
  ['+get'],
  ['+GET'],
  ['-get'],
  ['+get', '-get', '+get'],
  ['+@all', '-get', '+get'],
  ['+nosuch'],
  ['-nosuch'],
  ['+'],
  ['-'],
  ['+@'],
  ['-@'],
  ['+@nosuch'],
  ['-@nosuch'],
  ['+@read', '-@read', '+@write'],
  ['+@READ'],
  ['+@read|x'],
  ['+@read '],
  ['+config|get'],
  ['+CONFIG|gEt'],
  ['+config', '-config|get'],
  ['+config|get', '+config'],
  ['+config|get', '-config'],
  ['-config', '+config|get', '-config|get'],
  ['+config|nosuch'],
  ['-config|nosuch'],
  ['+config|'],
  ['-config|'],
  ['+config|get|x'],
  ['-config|get|x'],
  ['+config|get|'],
  ['+config|nosuch|x'],
  ['+|get'],
  ['+|'],
  ['+nosuch|x'],
  ['+nosuch|'],
  ['+get|x'],
  ['+get|X', '+get|y'],
  ['+get|x', '+get'],
  ['+get|x', '-get'],
  ['+get', '+get|x', '-@string'],
  ['+get|x', '-@string'],
  ['+get|x', '+@string', '-@string'],
  ['+get|x', '+@all', '-@all'],
  ['+get|x|y'],
  ['+get|'],
  ['-get|x'],
  ['-get|'],
  ['+@slow'],
  ['+@all', '-@slow'],
  ['+@admin', '-acl|whoami'],
  ['+acl', '-@admin'],
  ['~a*'],
  ['~A*'],
  ['~'],
  ['~*'],
  ['~**'],
  ['~a', '~a', '~b'],
  ['~*', '~a'],
  ['allkeys', '~a'],
  ['ALLKEYS', '%R~a'],
  ['allkeys', '%X~'],
  ['allkeys', 'resetkeys', '~a'],
  ['~a', 'allkeys'],
  ['~a', 'resetkeys'],
  ['~a b'],
  ['~a\0b'],
  ['~\xff\xfe*'],
  ['%R~a'],
  ['%r~a'],
  ['%W~b'],
  ['%RW~c'],
  ['%wR~c'],
  ['%X~'],
  ['%~x'],
  ['%'],
  ['%RR~a'],
  ['%RWR~a'],
  ['%RX~a'],
  ['%R~a', '%W~a'],
  ['%R~a*', '%W~*b'],
  ['%RW~*', '~x'],
  ['%R~*', '%W~*', '~x'],
  ['%R~*'],
  ['%R~a b'],
  ['&c'],
  ['&'],
  ['&c', '&c', '&d'],
  ['&*'],
  ['&*', '&c'],
  ['allchannels', '&c'],
  ['AllChannels', 'resetchannels', '&c'],
  ['&a b'],
  ['>pw'],
  ['>'],
  ['> '],
  ['>pw', '>pw'],
  ['>pw', '<pw'],
  [`#${HASH}0a1b2`],
  [`#${HASH}abc`],
  [`#${HASH.toUpperCase()}ABC`],
  ['#'],
  ['#badhash'],
  ['!'],
  ['!badhash'],
  [`!${HASH}abc`],
  [`#${HASH}abc`, `!${HASH}abc`],
  ['nopass'],
  ['nopass', '>pw'],
  ['>pw', 'nopass'],
  ['>pw', 'resetpass'],
  ['nopass', 'resetpass'],
  ['NoPass'],
  ['on', '>pw', '~a', '&b', '+get', '(+set)', 'reset'],
  ['reset', 'RESET'],
  ['sanitize-payload'],
  ['skip-sanitize-payload'],
  ['Skip-Sanitize-Payload', 'sanitize-payload'],
  ['(+get ~a)'],
  ['(%R~x +@read)'],
  ['(+get', '~a)'],
  ['(+get', '~a', ')'],
  ['(', '+get', '~a', ')'],
  ['()'],
  ['( )'],
  ['(', ')'],
  ['(+get)', '(+set)'],
  ['(+get)', '(+get)'],
  ['(+get)', 'clearselectors'],
  ['(+get)', 'CLEARSELECTORS', '(+set)'],
  ['(+get'],
  ['on', '(+get'],
  ['(+get)', '(+set', '~a'],
  ['(('],
  ['((+get)'],
  ['((+get))'],
  ['(+get))'],
  ['(', '(+get)', ')'],
  [')'],
  ['+get)'],
  ['(+@x)'],
  ['(+nosuch)'],
  ['(on)'],
  ['(nopass)'],
  ['(reset)'],
  ['(resetkeys +@all allkeys)'],
  ['(allkeys ~x)'],
  ['(allchannels &x)'],
  ['(~a  +get)'],
  ['(\t+get\n~a )'],
  ['(%Q~a)'],
  ['(+get|x)'],
  ['(+config|get|x)'],
];

/** Words that make random sequences: they collide on purpose. */
const RULE = fc.constantFrom(
  ...[
    '+@all',
    '-@all',
    '+get',
    '-get',
    '+set',
    '-set',
    '+@read',
    '-@read',
    '+@write',
    '-@write',
    '+@string',
    '-@string',
  ],
  ...['+config', '-config', '+config|get', '-config|get', '+get|a', '+get|b', '+@slow', '-@slow', '+@fast', '-@fast'],
  ...['+@dangerous', '-@dangerous', '+@admin', '-@admin', '+@keyspace', '-@keyspace', '+mget', '+@connection'],
  ...['~a*', '~*b', '%R~a*', '%W~*b', '%RW~ab', '%R~*', '%W~a*', '%W~ab', 'resetkeys', 'allkeys', '~b'],
  ...[
    '(+get ~b)',
    '(+@write %W~a*)',
    '(+@all %R~*)',
    '(+set %R~a %W~b)',
    '(+config|get)',
    'clearselectors',
    'reset',
    'on',
  ],
);

const PROBES: readonly Words[] = [
  ...['a', 'b', 'ab', 'ba', 'x', ''].flatMap((key) => [
    ['get', key],
    ['set', key, '1'],
    ['set', key, '1', 'GET'],
    ['getdel', key],
    ['append', key, 'x'],
    ['ttl', key],
    ['del', key],
    ['getex', key],
    ['GETEX', key, 'EX', '10'],
    ['object', 'encoding', key],
  ]),
  ['mget', 'a', 'b'],
  ['mset', 'a', '1', 'b', '2'],
  ['mset', 'ab', '1', 'ba', '2'],
  ['copy', 'a', 'b'],
  ['copy', 'ab', 'ab'],
  ['rename', 'a', 'ab'],
  ['lcs', 'a', 'ab'],
  ['config', 'get', 'x'],
  ['CONFIG', 'SET', 'x', 'y'],
  ['config', 'resetstat'],
  ['acl', 'whoami'],
  ['acl', 'list'],
  ['client', 'id'],
  ['command', 'count'],
  ['command'],
  ['ping'],
  ['auth', 'x'],
  ['hello'],
  ['quit'],
  ['keys', '*'],
  ['flushall'],
  ['dbsize'],
  ['get'],
  ['get', 'a', 'b'],
  ['nosuch'],
  ['config'],
  ['config', 'nosuch'],
];

describe.skipIf(!redisServerInstalled)('ACL rules, next to redis-server (skipped where it is not installed)', () => {
  let redis: RedisServer;
  let client: RespClient;
  const world = new AclWorld();
  beforeAll(async () => {
    redis = await RedisServer.start();
    client = await RespClient.connect(redis.port);
  });
  afterAll(() => {
    client.close();
    redis.stop();
  });

  async function bothSay(commands: readonly Words[]): Promise<string[]> {
    const theirs = await client.pipeline(commands);
    const different: string[] = [];
    for (const [i, words] of commands.entries()) {
      const ours = world.text(words);
      const real = latin1(theirs[i] ?? new Uint8Array());
      if (ours !== real) different.push(`${shown(words)}\n  ours  ${ours}  redis ${real}`);
    }
    return different;
  }

  it('are taken or refused in the same words', async () => {
    const different = await bothSay(
      SEQUENCES.flatMap((rules) => [
        ['ACL', 'SETUSER', 'u', 'reset'],
        ['ACL', 'SETUSER', 'u', ...rules],
      ]),
    );
    expect(different.join('')).toBe('');
  });

  it('hide what may be a password where redis repeats it', async () => {
    await client.send('ACL', 'SETUSER', 'u', 'reset');
    world.send(['ACL', 'SETUSER', 'u', 'reset']);
    const answer = world.text(['ACL', 'SETUSER', 'u', '<secret']);
    expect(latin1(await client.send('ACL', 'SETUSER', 'u', '<secret'))).toContain('secret');
    expect(answer).toContain('The password you are trying to remove from the user does not exist');
    expect(answer).not.toContain('secret');
  });

  it('are stricter than redis where it guesses', async () => {
    // Redis: a pattern of no bytes, and quotes that vanish or swallow the rest of the selector.
    for (const rule of ['%R', '(~a"b")', "(+get ~it's)"]) {
      expect(latin1(await client.send('ACL', 'SETUSER', 'strict', rule))).toBe('+OK\r\n');
      expect(world.text(['ACL', 'SETUSER', 'strict', rule])).toContain('Syntax error');
    }
  });

  it('allow the same after every sequence', async () => {
    for (const rules of SEQUENCES) {
      const different = await bothSay([
        ['ACL', 'SETUSER', 'u', 'reset'],
        ['ACL', 'SETUSER', 'u', ...rules],
        ...PROBES.map((probe) => ['ACL', 'DRYRUN', 'u', ...probe]),
      ]);
      expect(`${shown(rules)}: ${different.join('')}`).toBe(`${shown(rules)}: `);
    }
  });

  it('allow the same after random sequences', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(RULE, { minLength: 1, maxLength: 8 }), async (rules) => {
        const different = await bothSay([
          ['ACL', 'SETUSER', 'u', 'reset'],
          ['ACL', 'SETUSER', 'u', ...rules],
          ...PROBES.map((probe) => ['ACL', 'DRYRUN', 'u', ...probe]),
        ]);
        expect(different.join('')).toBe('');
      }),
      { numRuns: 300 },
    );
  });

  it('read single commands and whole categories alike', async () => {
    const known = world.table.all.filter(({ fullName }) => !/^tenant|\|help$/.test(fullName));
    const theirNames = new Set(await listOf(['COMMAND', 'LIST']));
    const commands = known.map(({ fullName }) => fullName).filter((name) => theirNames.has(name));
    expect(commands.length).toBeGreaterThan(100);
    const different = await bothSay([
      ...commands.flatMap((name) => [
        ['ACL', 'SETUSER', 'u', 'reset', `+${name}`],
        ['ACL', 'DRYRUN', 'u', 'get', 'a'],
        ['ACL', 'SETUSER', 'u', '+@all', '~*', `-${name}`],
        ...PROBES.slice(-20).map((probe) => ['ACL', 'DRYRUN', 'u', ...probe]),
      ]),
    ]);
    expect(different.join('')).toBe('');
  });

  it('put every shared command into the same categories', async () => {
    const theirNames = new Set(await listOf(['COMMAND', 'LIST']));
    const ourNames = new Set(world.table.all.map(({ fullName }) => fullName));
    expect(valuesOf(world.send(['ACL', 'CAT']))).toEqual(await listOf(['ACL', 'CAT']));
    for (const category of valuesOf(world.send(['ACL', 'CAT']))) {
      const ours = valuesOf(world.send(['ACL', 'CAT', category])).filter((name) => theirNames.has(name));
      const theirs = (await listOf(['ACL', 'CAT', category])).filter((name) => ourNames.has(name));
      expect([category, ...ours.toSorted()]).toEqual([category, ...theirs.toSorted()]);
    }
  });

  it('are described by GETUSER in the same shape, in both protocols', async () => {
    const sequences = SEQUENCES.concat([['on', '~a', '%R~b', '&c', '+get', '(%W~x +set)', '(&y)']]);
    for (const protocol of [2, 3] as const) {
      await client.send('HELLO', `${protocol}`);
      for (const rules of sequences) {
        world.send(['ACL', 'DELUSER', 'u']);
        const made = world.text(['ACL', 'SETUSER', 'u', ...rules]).startsWith('+');
        await client.send('ACL', 'DELUSER', 'u');
        await client.send('ACL', 'SETUSER', 'u', ...rules);
        if (!made) continue;
        const ours = world.text(['ACL', 'GETUSER', 'u'], undefined, protocol);
        const theirs = latin1(await client.send('ACL', 'GETUSER', 'u'));
        expect(`${shown(rules)}: ${comparable(ours)}`).toBe(`${shown(rules)}: ${comparable(theirs)}`);
      }
      expect(world.text(['ACL', 'GETUSER', 'nosuch'], undefined, protocol)).toBe(
        latin1(await client.send('ACL', 'GETUSER', 'nosuch')),
      );
    }
    await client.send('HELLO', '2');
  });

  it('and what else ACL answers is said in the same words', async () => {
    const different = await bothSay([
      ['ACL', 'GENPASS', '0'],
      ['ACL', 'GENPASS', '-1'],
      ['ACL', 'GENPASS', '4097'],
      ['ACL', 'GENPASS', 'x'],
      ['ACL', 'GENPASS', '1.5'],
      ['ACL', 'CAT', 'nosuch'],
      ['ACL', 'DELUSER'],
      ['ACL', 'DELUSER', 'nosuch'],
      ['ACL', 'SETUSER', 'a'],
      ['ACL', 'DELUSER', 'a', 'default'],
      ['ACL', 'DELUSER', 'a', 'a', 'nosuch'],
      ['ACL', 'SETUSER'],
      ['ACL', 'SETUSER', 'a b'],
      ['ACL', 'SETUSER', 'a\tb'],
      ['ACL', 'SETUSER', 'a\0b'],
      ['ACL', 'LOG', 'x'],
      ['ACL', 'LOG', '-1'],
      ['ACL', 'LOG', '0'],
      ['ACL', 'LOG', 'ReSeT'],
      ['ACL', 'NOSUCH'],
      ['ACL'],
      ['ACL', 'HELP'],
      ['ACL', 'HELP', 'x'],
      ['ACL', 'DRYRUN', 'nosuch', 'get', 'a'],
      ['ACL', 'DRYRUN', 'u'],
      ['ACL', 'WHOAMI', 'x'],
      ['ACL', 'LIST', 'x'],
      ['ACL', 'USERS', 'x'],
    ]);
    expect(different.join('')).toBe('');
    for (const bits of [1, 4, 5, 8, 255, 256, 4095, 4096]) {
      const theirs = latin1(await client.send('ACL', 'GENPASS', `${bits}`));
      expect(world.text(['ACL', 'GENPASS', `${bits}`])).toHaveLength(theirs.length);
    }
  });

  async function listOf(words: Words): Promise<string[]> {
    return valuesOf((await client.pipeline([words]))[0] ?? new Uint8Array());
  }
});

function valuesOf(bytes: Uint8Array): string[] {
  const reply = parseReply(bytes)?.value;
  if (reply?.kind !== 'array') throw new Error(`no array: ${latin1(bytes)}`);
  return reply.items.map((item) => ('bytes' in item ? latin1(item.bytes) : 'text' in item ? item.text : item.kind));
}

/**
 * What may differ: redis remembers whether sanitize-payload was ever said, sums command rules up in its own way, and writes
 * %RW~* as what it is not, `allkeys`.
 */
function comparable(reply: string): string {
  return reply
    .replace(/\$16\r\nsanitize-payload\r\n/g, '')
    .replace(/([*~])\d+(?=\r\n\$\d+\r\no(?:n|ff)\r\n)/, '$1')
    .replace('$8\r\n%RW~* ~x', '$5\r\n~* ~x')
    .replace(/(\$8\r\ncommands\r\n)\$\d+\r\n[^\r]*\r\n/g, '$1');
}
