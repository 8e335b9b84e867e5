import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import type { ServerPort, ShutdownOrder } from '../../src/command/ports/server.ts';
import type { SessionPort } from '../../src/command/ports/session.ts';
import { CommandTable } from '../../src/command/table.ts';
import { serverDeclarations } from '../../src/commands/server/family.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { parseReply } from '../../src/resp/reply-reader.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';
import { Request } from '../../src/resp/request.ts';
import { RedisServer, redisServerInstalled } from '../wire/redis-server.ts';

const table = new CommandTable([...shardDeclarations, ...serverDeclarations]);

interface Asked {
  readonly sections: (readonly string[])[];
  readonly pairs: (readonly (readonly [string, string])[])[];
  readonly orders: ShutdownOrder[];
}

/** Runs one session command against ports that only remember. */
function run(words: readonly string[], protocol: 2 | 3 = 2): { bytes: Uint8Array; asked: Asked } {
  const asked: Asked = { sections: [], pairs: [], orders: [] };
  const request = Request.of(...words);
  const out = new ReplyWriter(protocol);
  const found = table.resolve(request);
  if (found === undefined) throw new Error(`no such command: ${words.join(' ')}`);
  const server: Partial<ServerPort> = {
    table,
    nowMs: () => 1_234_567_890_123,
    info(sections) {
      asked.sections.push(sections);
      return '# Server\r\n';
    },
    configGet: (patterns) => patterns.map((pattern) => [latin1(pattern), 'value'] as const),
    configSet(pairs) {
      asked.pairs.push(pairs);
      return undefined;
    },
    resetStatistics: () => {},
    shutdown: (order) => asked.orders.push(order) > 0,
    abortShutdown: () => false,
    debugAllowed: () => false,
    tenants: () => [],
  };
  const session: Partial<SessionPort> = { useTenant: (name) => name === 'known' };
  if (!found.arityHolds(request.argc)) return { bytes: Buffer.from('-arity\r\n'), asked };
  const refused = found.parse(request);
  if (refused !== undefined) out.error(refused);
  else found.runSession?.({ session: session as SessionPort, server: server as ServerPort, request }, out);
  return { bytes: out.take(), asked };
}

function text(words: readonly string[], protocol: 2 | 3 = 2): string {
  return latin1(run(words, protocol).bytes);
}

describe('COMMAND of the whole table', () => {
  it.each([2, 3] as const)('says in RESP%d what it says of each command, however often it is asked', (protocol) => {
    const names = table.top.map(({ fullName }) => fullName);
    for (const words of [['COMMAND', 'DOCS'], ['COMMAND', 'INFO'], ['COMMAND']]) {
      const [first, second] = [run(words, protocol).bytes, run(words, protocol).bytes];
      const kind = words[1] ?? 'INFO';
      expect(Buffer.compare(first, run(['COMMAND', kind, ...names], protocol).bytes)).toBe(0);
      expect(Buffer.compare(first, second)).toBe(0);
    }
  });
});

describe('COMMAND', () => {
  it('counts and lists the whole table', () => {
    expect(text(['COMMAND', 'COUNT'])).toBe(`:${table.top.length}\r\n`);
    const listed = parseReply(run(['COMMAND', 'LIST']).bytes)?.value;
    expect(listed?.kind === 'array' ? listed.items.length : 0).toBe(table.all.length);
    const bare = parseReply(run(['COMMAND']).bytes)?.value;
    expect(bare?.kind === 'array' ? bare.items.length : 0).toBe(table.top.length);
  });

  it('filters by category, pattern and module', () => {
    expect(text(['COMMAND', 'LIST', 'FILTERBY', 'pattern', 'CONFIG|r*'])).toBe(
      '*2\r\n$16\r\nconfig|resetstat\r\n$14\r\nconfig|rewrite\r\n',
    );
    expect(text(['COMMAND', 'LIST', 'filterby', 'ACLCAT', 'nosuch'])).toBe('*0\r\n');
    expect(text(['COMMAND', 'LIST', 'FILTERBY', 'MODULE', 'x'])).toBe('*0\r\n');
    expect(text(['COMMAND', 'LIST', 'FILTERBY', 'PATTERN', '*'])).toBe(text(['COMMAND', 'LIST']));
    for (const wrong of [
      ['FILTERBY'],
      ['x'],
      ['FILTERBY', 'PATTERN'],
      ['FILTERBY', 'x', 'y'],
      ['FILTERBY', 'MODULE', 'a', 'b'],
    ]) {
      expect(text(['COMMAND', 'LIST', ...wrong])).toBe('-ERR syntax error\r\n');
    }
  });

  it('N211: knows no command by the names of objects', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', '-0']) {
      expect(text(['COMMAND', 'INFO', name])).toBe('*1\r\n$-1\r\n');
      expect(text(['COMMAND', 'DOCS', name])).toBe('*0\r\n');
    }
  });

  it('says why it can find no keys', () => {
    expect(text(['COMMAND', 'GETKEYS', 'nosuch', 'a'])).toBe('-ERR Invalid command specified\r\n');
    expect(text(['COMMAND', 'GETKEYS', 'time', 'a'])).toBe('-ERR The command has no key arguments\r\n');
    expect(text(['COMMAND', 'GETKEYS', 'get', 'a', 'b'])).toBe(
      '-ERR Invalid number of arguments specified for command\r\n',
    );
  });
});

describe.skipIf(!redisServerInstalled)('COMMAND, next to redis-server (skipped where it is not installed)', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis.stop());

  async function theirs(protocol: 2 | 3, ...words: readonly string[]): Promise<string> {
    const request = words.map((word) => `$${word.length}\r\n${word}\r\n`).join('');
    const hello = protocol === 3 ? 'HELLO 3\r\n' : '';
    const { bytes } = await redis.exchange(Buffer.from(`${hello}*${words.length}\r\n${request}`));
    const from = protocol === 3 ? (parseReply(bytes)?.end ?? 0) : 0;
    return latin1(bytes, from);
  }

  /** What came after 7.0, or is ours. */
  const OURS = new Set(['tenant']);
  const known = table.all.filter(
    ({ fullName, declaration }) =>
      !OURS.has(fullName.split('|')[0] ?? '') && !/\|help$/.test(fullName) && declaration.since < '7.1',
  );

  /** Notes are for readers of redis' source; commands that have one are not compared. */
  it('describes every command as redis does, in both protocols', async () => {
    // Redis knows DEBUG's subcommands only inside of it, and ZRANK takes WITHSCORE since 7.2.
    const names = known
      .filter(({ kind, parent }) => kind !== 'container' && parent?.fullName !== 'debug')
      .filter(({ fullName }) => !/^z(rev)?rank$/.test(fullName))
      .map(({ fullName }) => fullName);
    const different: string[] = [];
    for (const protocol of [2, 3] as const) {
      const both = await Promise.all(
        names.map(async (name) => ({
          name,
          ours: text(['COMMAND', 'INFO', name], protocol),
          real: await theirs(protocol, 'COMMAND', 'INFO', name),
        })),
      );
      for (const { name, ours, real } of both) {
        if (ours !== real && !real.includes('$5\r\nnotes'))
          different.push(
            `${name} (RESP${protocol})\n  ours  ${ours.replaceAll('\r\n', ' ')}\n  redis ${real.replaceAll('\r\n', ' ')}`,
          );
      }
    }
    expect(different.join('\n')).toBe('');
  });

  it('finds the same keys with the same flags', async () => {
    const requests = [
      'GET a',
      'SET a b',
      'SET a b GET',
      'MSET a 1 b 2 c 3',
      'MGET a b c',
      'DEL a b',
      'COPY a b',
      'RENAME a b',
      'LCS a b',
      'GETEX a PERSIST',
      'OBJECT ENCODING a',
      'MEMORY USAGE a',
      'EXISTS a b',
      'INCRBY a 1',
      'TOUCH a',
    ];
    const different: string[] = [];
    for (const request of requests) {
      for (const verb of ['GETKEYS', 'GETKEYSANDFLAGS']) {
        const words = ['COMMAND', verb, ...request.split(' ')];
        const ours = text(words, 3);
        const real = await theirs(3, ...words);
        if (ours !== real)
          different.push(
            `${words.join(' ')}\n  ours  ${ours.replaceAll('\r\n', ' ')}\n  redis ${real.replaceAll('\r\n', ' ')}`,
          );
      }
    }
    expect(different.join('\n')).toBe('');
  });

  it('helps with the same words', async () => {
    for (const container of ['COMMAND', 'CONFIG']) {
      expect(text([container, 'HELP'])).toBe(await theirs(2, container, 'HELP'));
    }
  });
});

describe('CONFIG, INFO, TIME, SHUTDOWN and TENANT', () => {
  it('hand on what they were given', () => {
    expect(run(['INFO', 'Server', 'ALL']).asked.sections).toEqual([['server', 'all']]);
    expect(text(['INFO'], 3)).toBe('=14\r\ntxt:# Server\r\n\r\n');
    expect(run(['CONFIG', 'SET', 'a', '1', 'b', '2']).asked.pairs).toEqual([
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ]);
    expect(text(['CONFIG', 'GET', 'x', 'y'], 3)).toBe('%2\r\n$1\r\nx\r\n$5\r\nvalue\r\n$1\r\ny\r\n$5\r\nvalue\r\n');
    expect(text(['CONFIG', 'REWRITE'])).toBe('-ERR The server is running without a config file\r\n');
    expect(text(['CONFIG', 'SET', 'a'])).toBe('-arity\r\n');
  });

  it('tell the time in seconds and microseconds', () => {
    expect(text(['TIME'])).toBe('*2\r\n$10\r\n1234567890\r\n$6\r\n123000\r\n');
  });

  it('end the server without a reply, or say why not', () => {
    const ended = run(['SHUTDOWN', 'NOSAVE', 'NOW']);
    expect(ended.bytes.length).toBe(0);
    expect(ended.asked.orders).toEqual([{ save: false, now: true, force: false }]);
    expect(text(['SHUTDOWN', 'ABORT'])).toBe('-ERR No shutdown in progress.\r\n');
    for (const wrong of [['x'], ['SAVE', 'NOSAVE'], ['ABORT', 'NOW']]) {
      expect(text(['SHUTDOWN', ...wrong])).toBe('-ERR syntax error\r\n');
    }
  });

  it('choose a tenant that exists', () => {
    expect(text(['TENANT', 'USE', 'known'])).toBe('+OK\r\n');
    expect(text(['TENANT', 'USE', 'other'])).toBe("-ERR No such tenant 'other'\r\n");
    expect(text(['TENANT', 'INFO', '__proto__'])).toBe("-ERR No such tenant '__proto__'\r\n");
  });

  it('show a tenant with the budgets of its users, each as the tenant is shown', () => {
    const asked: string[] = [];
    const one = {
      name: 'ann',
      role: 'reader',
      connections: 1,
      connectionsMax: 2,
      connectionsPerSecondMax: 3,
      commandsPerSecondMax: 4,
    };
    const more = {
      bytesInPerSecondMax: 5,
      bytesOutPerSecondMax: 6,
      commandsRefused: 7,
      commandsDelayed: 8,
      connectionsRefused: 9,
    };
    const tenant = { users: 1, connections: 1, connectionsMax: 0, usedBytes: 10, limitBytes: 20, policy: 'noeviction' };
    const ofTenant = { commandsPerSecondMax: 0, bytesInPerSecondMax: 0, bytesOutPerSecondMax: 0 };
    const server: Partial<ServerPort> = {
      tenants: () => [{ name: 'shop', ...tenant, ...ofTenant }],
      userUses(name) {
        asked.push(name);
        return { shown: [{ ...one, ...more }], unlisted: 3 };
      },
    };
    const request = Request.of('TENANT', 'INFO', 'shop');
    const command = table.resolve(request);
    const told = ([2, 3] as const).map((protocol) => {
      const out = new ReplyWriter(protocol);
      command?.parse(request);
      command?.runSession?.({ session: {} as SessionPort, server: server as ServerPort, request }, out);
      return latin1(out.take());
    });
    expect(asked).toEqual(['shop', 'shop']);
    expect(told[0]).toMatch(/^\*24\r\n\$4\r\nname\r\n\$4\r\nshop\r\n/);
    expect(told[1]).toMatch(/^%12\r\n/);
    expect(told[0]).toMatch(/\$12\r\nuser-budgets\r\n\*1\r\n\*22\r\n\$4\r\nname\r\n\$3\r\nann\r\n/);
    expect(told[1]).toMatch(/\$12\r\nuser-budgets\r\n\*1\r\n%11\r\n/);
    const numbers = Array.from(told[0]?.split('user-budgets\r\n')[1]?.matchAll(/:(\d+)/g) ?? [], ([, digits]) =>
      Number(digits),
    );
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 3]);
    expect(told[0]).toMatch(/user-budgets-unlisted\r\n:3\r\n$/);
  });

  it('X114: what is reserved for operators says so in its declaration', () => {
    for (const name of ['config|set', 'config|rewrite', 'shutdown', 'tenant|use', 'tenant|list', 'tenant|info']) {
      expect(table.named(name)?.ceiling, name).toBe('operator');
    }
  });
});
