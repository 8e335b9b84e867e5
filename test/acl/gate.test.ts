/** One answer to "may this user run this": the gate that requests pass, ACL DRYRUN and the rules' plain meaning agree. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { User } from '../../src/acl/user.ts';
import { ACL_PATTERNS_MAX, ACL_RULE_BYTES_MAX, ACL_SELECTORS_MAX } from '../../src/base/limits.ts';
import { gateOf } from './gate.ts';
import { AclWorld, OPERATOR, tenantUser } from './support.ts';

const world = new AclWorld();
const gate = gateOf(world);

const RULE = fc.oneof(
  fc.constantFrom('+@all', '-@all', '~*', 'resetkeys', '~a*', '~b', '%R~c*', '%W~*c', '%RW~[ab]?', '~', '%W~*'),
  fc.constantFrom('&*', '&a*', '&b', 'resetchannels', '(+@pubsub &c)', '(+@all ~* &ab)'),
  fc.constantFrom('(+@read ~b*)', '(+@write %W~*)', '(+@all %R~a*)', '(+get ~* )', '(+@all ~zz)', 'clearselectors'),
  fc
    .record({
      sign: fc.constantFrom('+', '-'),
      word: fc.oneof(
        fc.constantFrom(
          '@read',
          '@write',
          '@slow',
          '@fast',
          '@admin',
          '@dangerous',
          '@connection',
          '@string',
          '@keyspace',
        ),
        fc.constantFrom(...world.table.all.map(({ fullName }) => fullName)),
      ),
    })
    .map(({ sign, word }) => sign + word),
  fc.constantFrom(
    ...world.table.top.filter(({ kind }) => kind !== 'container').map(({ fullName }) => `+${fullName}|a`),
  ),
);

const WORD = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'ab', 'b', 'c', 'ac', 'zz', '', 'A') },
  { weight: 2, arbitrary: fc.constantFrom('1', '2', '-1', '0') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('GET', 'ex', 'KEYS', 'STORE', 'LEN', 'REPLACE', 'DB', 'MATCH', 'COUNT', 'NX'),
  },
);

const REQUEST = fc
  .tuple(fc.constantFrom(...world.table.all), fc.array(WORD, { maxLength: 6 }), fc.boolean())
  .map(([command, words, isUpper]) => {
    const names = command.fullName.split('|');
    const needed = Math.abs(command.arity) - names.length;
    const padded = words.concat(Array.from({ length: Math.max(0, needed - words.length) }, () => 'a'));
    const args = command.arity > 0 ? padded.slice(0, Math.max(0, needed)) : padded;
    return [...names.map((name) => (isUpper ? name.toUpperCase() : name)), ...args];
  });

function dryrun(user: User, words: readonly string[]): string {
  world.enter(user);
  const reply = world.text(['ACL', 'DRYRUN', user.name, ...words], OPERATOR);
  if (reply === '+OK\r\n') return 'allowed';
  if (reply.includes('has no permissions to run the')) return 'command';
  if (/has no permissions to access the '.*' channel/s.test(reply)) return 'channel';
  if (reply.includes('has no permissions to access the')) return 'key';
  if (/^-ERR Command '.*' not found/.test(reply)) return 'unknown';
  return reply.startsWith('-ERR wrong number of arguments') ? 'arity' : reply;
}

describe('ACL DRYRUN', () => {
  it('K95: says what the gate does, for any rules and any request', () => {
    const met = new Set<string>();
    fc.assert(
      fc.property(fc.array(RULE, { maxLength: 6 }), REQUEST, fc.boolean(), (rules, words, isTenant) => {
        // A pattern after `allkeys` is refused; what is left has a meaning.
        const made = world.made(rules, 'u', isTenant ? 't1' : 'system');
        fc.pre(typeof made !== 'string');
        if (typeof made === 'string') return;
        const verdict = gate.verdict(made, words);
        met.add(verdict);
        expect(dryrun(made, words)).toBe(verdict);
      }),
      { numRuns: 10_000 },
    );
    expect([...met].toSorted()).toEqual(expect.arrayContaining(['allowed', 'command', 'key', 'channel']));
  });

  it('speaks of the ceiling too', () => {
    const everything = ['+@all', '~*'];
    for (const command of world.table.all.filter(({ ceiling }) => ceiling === 'operator')) {
      const names = command.fullName.split('|');
      const words = names.concat(
        Array.from({ length: Math.max(0, Math.abs(command.arity) - names.length) }, () => 'a'),
      );
      expect([words, dryrun(world.user(everything, 'u', 't1'), words)]).toEqual([words, 'command']);
      expect([words, dryrun(world.user(everything), words)]).toEqual([words, 'allowed']);
    }
  });

  it('answers a tenant user about itself alone, and about nobody else whether there or not', () => {
    world.enter(world.user(['+get', '~a'], 'mine', 't1'), world.user(['+@all'], 'theirs', 't2'));
    const asker = tenantUser('mine', 't1');
    expect(world.text(['ACL', 'DRYRUN', 'mine', 'get', 'a'], asker)).toBe('+OK\r\n');
    const about = (name: string) => world.text(['ACL', 'DRYRUN', name, 'get', 'a'], asker).replace(name, '');
    expect(about('theirs')).toBe(about('nobody'));
  });
});

describe('every command', () => {
  it('is denied to a user with no rule, and allowed by its own name alone', () => {
    const nobody = world.user(['~*']);
    for (const command of world.table.all) {
      const names = command.fullName.split('|');
      const words = names.concat(
        Array.from({ length: Math.max(0, Math.abs(command.arity) - names.length) }, () => '1'),
      );
      if (command.kind === 'container' && command.runSession === undefined) continue;
      if (!command.isNoAuth) expect([words, gate.verdict(nobody, words)]).toEqual([words, 'command']);
      const alone = world.user(['~*', '&*', `+${command.fullName}`]);
      expect([words, gate.verdict(alone, words)]).toEqual([words, 'allowed']);
      const others = world.user(['~*', '&*', '+@all', `-${command.fullName}`]);
      if (!command.isNoAuth) expect([words, gate.verdict(others, words)]).toEqual([words, 'command']);
    }
  });

  it('A28: is refused before authentication, but for AUTH, HELLO, QUIT and RESET', () => {
    const open: string[] = [];
    for (const command of world.table.all) {
      const names = command.fullName.split('|');
      const words = names.concat(
        Array.from({ length: Math.max(0, Math.abs(command.arity) - names.length) }, () => '1'),
      );
      const verdict = gate.verdict(undefined, words);
      if (command.kind === 'container' && verdict === 'unknown') continue;
      if (verdict !== 'noauth') open.push(command.fullName);
    }
    expect(open.toSorted()).toEqual(['auth', 'hello', 'quit', 'reset']);
  });
});

describe('the gate', () => {
  const verdict = (rules: readonly string[], ...words: string[]) => gate.verdict(world.user(rules), words);

  it('K81: tells reading from writing, and wants both from one pattern', () => {
    const reader = ['+@all', '%R~*'];
    for (const words of [
      ['set', 'a', '1'],
      ['set', 'a', '1', 'GET'],
      ['getset', 'a', '1'],
      ['getdel', 'a'],
      ['expire', 'a', '1'],
    ]) {
      expect([words, verdict(reader, ...words)]).toEqual([words, 'key']);
    }
    expect(verdict(reader, 'getex', 'a')).toBe(verdict(reader, 'getex', 'a', 'EX', '1'));
    expect(verdict(['+@all', '%W~*'], 'set', 'a', '1')).toBe('allowed');
    expect(verdict(['+@all', '%W~*'], 'set', 'a', '1', 'GET')).toBe('key');
    expect(verdict(['+@all', '%W~*'], 'get', 'a')).toBe('key');
    expect(verdict(['+@all', '%R~a*', '%W~*b'], 'set', 'ab', '1', 'GET')).toBe('key');
    expect(verdict(['+@all', '%R~a', '%W~a'], 'set', 'a', '1', 'GET')).toBe('allowed');
  });

  it('K69: wants every key', () => {
    expect(verdict(['+@all', '~a*'], 'mget', 'a1', 'a2', 'b')).toBe('key');
    expect(gate.deniedKeys.at(-1)).toBe('b');
    expect(verdict(['+@all', '~a*'], 'mset', 'a1', '1', 'b', '1')).toBe('key');
    expect(verdict(['+@all', '~a*'], 'mset', 'a1', 'b', 'a2', 'b')).toBe('allowed');
    expect(verdict(['+@all', '~a*'], 'rename', 'a1', 'b')).toBe('key');
  });

  it('wants all of it from one selector', () => {
    expect(verdict(['+get', '~a', '(+set ~b)'], 'get', 'b')).toBe('key');
    expect(verdict(['+get', '~a', '(+set ~b)'], 'set', 'b', '1')).toBe('allowed');
    expect(verdict(['+@all', '~a', '(+@all ~b)'], 'mget', 'a', 'b')).toBe('key');
  });

  it('denies a key before it looks at the rest of a request that is wrong', () => {
    expect(verdict(['+@all', '~a'], 'set', 'b', '1', 'NOSUCH')).toBe('key');
    expect(verdict(['+@all', '~a'], 'set', 'a', '1', 'NOSUCH')).toBe('allowed');
  });

  it('K88: an alias goes by the categories of what it stands for', () => {
    for (const [alias, name] of [
      ['substr', 'getrange'],
      ['psetex', 'setex'],
      ['getset', 'set'],
    ] as const) {
      const categories = (one: string) =>
        world.table.named(one)?.categories.filter((category) => category !== 'slow' && category !== 'fast');
      expect(categories(alias)).toEqual(categories(name));
    }
    expect(verdict(['+@all', '-substr', '~*'], 'SUBSTR', 'a', '0', '1')).toBe('command');
    expect(verdict(['+@all', '-@read', '~*'], 'SuBsTr', 'a', '0', '1')).toBe('command');
  });

  it('K90: folds names first, and knows a container alone and a subcommand that is none', () => {
    expect(verdict(['+config|get'], 'cOnFiG', 'gEt', 'x')).toBe('allowed');
    expect(verdict(['+config|get'], 'config', 'set', 'x', 'y')).toBe('command');
    expect(verdict(['+@all', '-config|get'], 'CONFIG', 'Get', 'x')).toBe('command');
    expect(verdict(['+@all', '-config'], 'CONFIG', 'GET', 'x')).toBe('command');
    expect(verdict(['+@all'], 'config')).toBe('arity');
    expect(verdict(['+@all'], 'config', 'nosuch')).toBe('unknown');
    for (const name of ['\u017fet', '\u212aeys', 'get\0', 'get ', 'config|get', '__proto__', '']) {
      expect([
        name,
        verdict(['+@all'], name.normalize('NFKC') === name ? name : Buffer.from(name).toString('latin1'), 'a'),
      ]).toEqual([name, 'unknown']);
    }
  });

  it('knows first arguments in any case, and only the first', () => {
    expect(verdict(['+get|AbC', '~*'], 'get', 'aBc')).toBe('allowed');
    expect(verdict(['+get|abc', '~*'], 'get', 'abcd')).toBe('command');
    expect(verdict(['+mget|a', '~*'], 'mget', 'b', 'a')).toBe('command');
    expect(verdict(['+ping|x'], 'ping')).toBe('command');
  });
});

describe('K91: a rule that is malformed or huge', () => {
  const bad = ['(~a', '(+@x)', '%~', '%~x', '%RQ~', '%RQ~x', '((', '(((+get', '%', '%R', '%W', '(%)', '(~a (+get))'];
  it.each(bad)('%s is refused and changes nothing', (rule) => {
    world.enter(world.user(['on', '+get', '~a']));
    const before = world.text(['ACL', 'LIST']);
    expect(world.text(['ACL', 'SETUSER', 'u', 'off', '+set', rule])).toMatch(/^-ERR /);
    expect(world.text(['ACL', 'LIST'])).toBe(before);
  });

  it('has its bound, in bytes, patterns and selectors', () => {
    const tooMany = (rules: readonly string[]) => expect(world.made(rules)).toMatch(/Too many patterns/);
    tooMany([`~${'a'.repeat(ACL_RULE_BYTES_MAX)}`]);
    tooMany(['(', ...Array.from({ length: ACL_RULE_BYTES_MAX }, () => '~a'), ')']);
    tooMany(Array.from({ length: 10_000 }, () => '(+get)'));
    tooMany(Array.from({ length: ACL_PATTERNS_MAX + 1 }, (_, i) => `~${i}`));
    tooMany(Array.from({ length: ACL_PATTERNS_MAX + 1 }, (_, i) => `&${i}`));
    tooMany(Array.from({ length: ACL_PATTERNS_MAX + 1 }, (_, i) => `>${i}`));
    tooMany(Array.from({ length: ACL_PATTERNS_MAX + 1 }, (_, i) => `+get|${i}`));
    const full = world.user([
      ...Array.from({ length: ACL_PATTERNS_MAX }, (_, i) => `~${i}`),
      ...Array.from({ length: ACL_SELECTORS_MAX }, () => '(+get)'),
    ]);
    expect(full.selectors).toHaveLength(ACL_SELECTORS_MAX);
    expect(gate.verdict(world.user(['+get', `~${'a'.repeat(ACL_RULE_BYTES_MAX - 1)}`]), ['get', 'a'])).toBe('key');
  });
});
