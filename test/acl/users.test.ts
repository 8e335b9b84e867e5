/** What the subcommands of ACL say and do, and how much of it a tenant's user gets to see. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Permissions } from '../../src/acl/permissions.ts';
import { AclRegistry } from '../../src/acl/registry.ts';
import { Roster } from '../../src/acl/roster.ts';
import { describeUser, hashOfPassword, passwordMatches } from '../../src/acl/user.ts';
import { bytesOf, bytesOfLatin1 } from '../../src/base/bytes.ts';
import { parseReply, type Reply } from '../../src/resp/reply-reader.ts';
import { gateOf } from './gate.ts';
import { AclWorld, OPERATOR, tenantUser } from './support.ts';

const world = new AclWorld();

function reply(words: readonly string[], protocol: 2 | 3 = 2, asker = OPERATOR): Reply {
  const parsed = parseReply(world.send(words, asker, protocol));
  if (parsed === undefined) throw new Error('incomplete reply');
  return parsed.value;
}

/** A pattern or password of any bytes but those that no rule may hold. */
const TEXT = fc
  .array(fc.integer({ min: 1, max: 255 }), { maxLength: 6 })
  .map((codes) => String.fromCharCode(...codes).replace(/[ \t\n\v\f\r]/g, '_'));
const COMMAND = fc.constantFrom(...world.table.all.map(({ fullName }) => fullName));
const CATEGORY = fc.constantFrom('@all', '@read', '@write', '@slow', '@fast', '@admin', '@dangerous', '@string');
const PERMISSION = fc.oneof(
  fc.tuple(fc.constantFrom('+', '-'), fc.oneof(COMMAND, CATEGORY)).map((parts) => parts.join('')),
  TEXT.map((text) => `+get|${text}x`),
  fc.tuple(fc.constantFrom('~', '%R~', '%W~', '%rW~', '&'), fc.oneof(TEXT, fc.constant('*'))).map((p) => p.join('')),
  fc.constantFrom('allkeys', 'resetkeys', 'allchannels', 'resetchannels', 'allcommands', 'nocommands', ''),
);
/** What the bits and words of permissions come to. */
function meaning(permissions: Permissions) {
  const allowed = world.table.all.filter(({ id }) => permissions.allowsCommand(id)).map(({ fullName }) => fullName);
  return [allowed.join(' '), permissions.firstArguments, permissions.allKeys, permissions.allChannels];
}

const RULE = fc.oneof(
  { weight: 6, arbitrary: PERMISSION },
  { weight: 2, arbitrary: fc.array(PERMISSION, { maxLength: 4 }).map((rules) => `(${rules.join(' ')})`) },
  { weight: 1, arbitrary: TEXT.map((text) => `>${text}`) },
  fc.constantFrom('on', 'off', 'nopass', 'resetpass', 'reset', 'clearselectors', 'skip-sanitize-payload'),
);

describe('ACL LIST', () => {
  it('K95: gives lines from which SETUSER makes the same user again', () => {
    let selectors = 0;
    fc.assert(
      fc.property(fc.array(RULE, { maxLength: 12 }), (rules) => {
        // Each rule by itself: one that is refused changes nothing, and the others still do.
        world.enter();
        world.send(['ACL', 'SETUSER', 'u']);
        for (const rule of rules) world.send(['ACL', 'SETUSER', 'u', rule]);
        const user = world.roster.get('u');
        if (user === undefined) throw new Error('u is gone');
        const line = describeUser(user);
        const again = world.user(line.split(' ').slice(2));
        expect(describeUser(again)).toBe(line);
        selectors += again.selectors.length;
        expect([again.root, ...again.selectors].map(meaning)).toEqual([user.root, ...user.selectors].map(meaning));
        expect(again.passwordHashes).toEqual(user.passwordHashes);
        expect([again.enabled, again.nopass]).toEqual([user.enabled, user.nopass]);
      }),
      { numRuns: 2000 },
    );
    expect(selectors).toBeGreaterThan(0);
  });

  it('lists users in order of name, and never a password', () => {
    world.enter();
    for (const name of ['b', 'a', 'Z', '\xff']) world.send(['ACL', 'SETUSER', name, 'on', '>secret']);
    expect(world.text(['ACL', 'USERS'])).toBe('*4\r\n$1\r\nZ\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\n\xff\r\n');
    const list = world.text(['ACL', 'LIST']);
    expect(list).toContain(`user a on #${hashOfPassword(bytesOf('secret'))} resetchannels -@all`);
    expect(list).not.toContain('secret');
  });
});

describe('ACL SETUSER', () => {
  it('is all or nothing', () => {
    world.enter(world.user(['on', '>a', '~a', '+get', '(+set ~b)'], 'u'));
    const before = world.roster;
    for (const rule of ['+nosuch', '~* x', '(~a', '<none', '#short', 'nonsense']) {
      expect(world.text(['ACL', 'SETUSER', 'u', 'reset', 'nopass', '+@all', rule])).toMatch(/^-ERR /);
      expect(world.roster).toBe(before);
    }
    expect(world.text(['ACL', 'SETUSER', 'new', '+nosuch'])).toMatch(/^-ERR /);
    expect(world.roster.get('new')).toBeUndefined();
  });

  it('makes whom it changes a user of the running process, and leaves its tenant alone', () => {
    world.enter({ ...world.user([], 'u', 't1'), origin: 'policy' });
    world.send(['ACL', 'SETUSER', 'u', 'on']);
    expect(world.roster.get('u')).toMatchObject({ origin: 'runtime', tenant: 't1', enabled: true });
    world.send(['ACL', 'SETUSER', 'new'], { ...OPERATOR, namespaceName: 't2' });
    expect(world.roster.get('new')).toMatchObject({ origin: 'runtime', tenant: 't2', enabled: false });
  });

  it.each(['a b', 'a\tb', 'a\nb', 'a\0b', ' '])('takes no user called %j', (name) => {
    expect(world.text(['ACL', 'SETUSER', name])).toBe("-ERR Usernames can't contain spaces or null characters\r\n");
  });

  it('takes names that objects have', () => {
    world.enter();
    for (const name of ['__proto__', 'constructor', 'toString']) {
      expect(world.text(['ACL', 'GETUSER', name])).toBe('$-1\r\n');
      world.send(['ACL', 'SETUSER', name, 'on']);
      expect(world.roster.get(name)?.enabled).toBe(true);
    }
  });

  it('never answers with the password of a wrong rule', () => {
    world.enter();
    for (const rules of [
      ['<secret'],
      ['>secret', '+nosuch'],
      ['>secret', '(~a'],
      ['>secret', '<other'],
      ['(>secret)'],
      ['(~a', '<secret', '+get)'],
      ['(>secret'],
    ]) {
      const answer = world.text(['ACL', 'SETUSER', 'u', ...rules]);
      expect(answer).toMatch(/^-ERR /);
      expect(answer).not.toMatch(/secret|other/);
    }
  });
});

describe('ACL DELUSER', () => {
  it('takes users away, and none when one of them is default', () => {
    world.enter(...['a', 'b', 'c', 'default'].map((name) => world.user([], name)));
    const { version } = world.roster;
    expect(world.text(['ACL', 'DELUSER', 'a', 'default'])).toBe("-ERR The 'default' user cannot be removed\r\n");
    expect(world.roster.version).toBe(version);
    expect(world.text(['ACL', 'DELUSER', 'a', 'nosuch', 'b', 'a'])).toBe(':2\r\n');
    expect(world.roster.users().map(({ name }) => name)).toEqual(['c', 'default']);
  });
});

describe('ACL GETUSER', () => {
  it('is a map with a set of flags in RESP3, and flat arrays in RESP2', () => {
    world.enter(world.user(['on', 'nopass', '~a', '%R~b', '&c', '+get', '(+set %W~x)'], 'u'));
    const three = reply(['ACL', 'GETUSER', 'u'], 3);
    if (three.kind !== 'map') throw new Error('no map');
    expect(
      three.entries.map(([name, { kind }]) => ['bytes' in name ? Buffer.from(name.bytes).toString() : '', kind]),
    ).toEqual([
      ['flags', 'set'],
      ['passwords', 'array'],
      ['commands', 'bulk'],
      ['keys', 'bulk'],
      ['channels', 'bulk'],
      ['selectors', 'array'],
    ]);
    const two = reply(['ACL', 'GETUSER', 'u'], 2);
    expect(two.kind === 'array' ? two.items.length : 0).toBe(12);
    expect(world.text(['ACL', 'GETUSER', 'nosuch'], OPERATOR, 3)).toBe('_\r\n');
  });
});

describe('a user of a tenant', () => {
  const own = ['whoami', 'cat', 'genpass', 'dryrun', 'getuser', 'help'];

  it('has WHOAMI, CAT, GENPASS, DRYRUN and GETUSER of ACL, whatever its rules say', () => {
    const user = world.user(['+@all', '~*', '&*'], 'mine', 't1');
    const gate = gateOf(world);
    const acl = world.table.named('acl');
    for (const [word, command] of acl?.subcommands ?? []) {
      const words = ['ACL', word, ...Array.from({ length: Math.max(0, Math.abs(command.arity) - 2) }, () => 'x')];
      expect([word, gate.verdict(user, words)]).toEqual([word, own.includes(word) ? 'allowed' : 'command']);
    }
  });

  it('sees itself without its hashes, and everybody else as it sees nobody', () => {
    world.enter(
      world.user(['on', '>p', '~a'], 'mine', 't1'),
      world.user(['on'], 'other', 't1'),
      world.user([], 'x', 't2'),
    );
    const asker = tenantUser('mine', 't1');
    for (const protocol of [2, 3] as const) {
      const nobody = world.text(['ACL', 'GETUSER', 'nobody'], asker, protocol);
      for (const name of ['other', 'x', 'MINE', 'mine ', '']) {
        expect(world.text(['ACL', 'GETUSER', name], asker, protocol)).toBe(nobody);
      }
      const seen = world.text(['ACL', 'GETUSER', 'mine'], asker, protocol);
      expect(seen).toContain('~a');
      expect(seen).not.toContain(hashOfPassword(bytesOf('p')));
      expect(world.text(['ACL', 'GETUSER', 'mine'], OPERATOR, protocol)).toContain(hashOfPassword(bytesOf('p')));
    }
  });

  it('learns its name, also when it has been removed', () => {
    world.enter();
    expect(world.text(['ACL', 'WHOAMI'], tenantUser('m\xe9', 't1'))).toBe('$2\r\nm\xe9\r\n');
  });
});

describe('a password', () => {
  it('is right when its hash is among those of the user, byte for byte', () => {
    fc.assert(
      fc.property(fc.array(TEXT, { maxLength: 4 }), TEXT, (passwords, asked) => {
        const user = world.user(passwords.map((password) => `>${password}`));
        expect(passwordMatches(user, bytesOfLatin1(asked))).toBe(passwords.includes(asked));
      }),
    );
  });

  it('A28: that is empty is one only where an empty one was set', () => {
    expect(passwordMatches(world.user(['on']), bytesOf(''))).toBe(false);
    expect(passwordMatches(world.user(['on', 'nopass']), bytesOf(''))).toBe(false);
    expect(passwordMatches(world.user(['on', '>']), bytesOf(''))).toBe(true);
  });
});

describe('the roster in force', () => {
  it('only ever gets a newer version, and says who changed', () => {
    const registry = new AclRegistry();
    const heard: [number, number][] = [];
    registry.onChange((before, after) => heard.push([before.version, after.version]));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 }), (version) => {
        const now = () => registry.roster;
        const { version: before } = now();
        registry.swap(new Roster(version, [world.user([], `u${version}`)]));
        expect(now().version).toBeGreaterThan(before);
        expect(heard.at(-1)).toEqual([before, now().version]);
        expect(now().users()).toHaveLength(1);
      }),
    );
  });
});
