/** Every declared command against what redis-server says of itself: COMMAND INFO and COMMAND DOCS. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tableAlone } from '../../src/app/table.ts';
import { latin1 } from '../../src/base/bytes.ts';
import type { KeySpec } from '../../src/command/args.ts';
import type { Command } from '../../src/command/command.ts';
import { legacyRange } from '../../src/command/key-specs.ts';
import { parseReply, type Reply } from '../../src/resp/reply-reader.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';
import { RespClient } from '../support/resp-client.ts';

type Plain = string | number | null | Plain[] | { [name: string]: Plain };

function plain(reply: Reply | undefined): Plain {
  if (reply === undefined || reply.kind === 'null') return null;
  switch (reply.kind) {
    case 'array':
    case 'set':
    case 'push':
      return reply.items.map(plain);
    case 'map':
      return Object.fromEntries(reply.entries.map(([name, value]) => [String(plain(name)), plain(value)]));
    case 'integer':
      return Number(reply.value);
    default:
      return 'bytes' in reply ? latin1(reply.bytes) : 'text' in reply ? reply.text : null;
  }
}

function specOf(spec: KeySpec): Plain {
  const begin =
    spec.begin.kind === 'index'
      ? { type: 'index', spec: { index: spec.begin.index } }
      : spec.begin.kind === 'keyword'
        ? { type: 'keyword', spec: { keyword: spec.begin.keyword, startfrom: spec.begin.startFrom } }
        : { type: spec.begin.kind, spec: {} };
  const find =
    spec.find.kind === 'range'
      ? { type: 'range', spec: { lastkey: spec.find.lastKey, keystep: spec.find.step, limit: spec.find.limit } }
      : spec.find.kind === 'keynum'
        ? {
            type: 'keynum',
            spec: { keynumidx: spec.find.keyNumberIndex, firstkey: spec.find.firstKey, keystep: spec.find.step },
          }
        : { type: spec.find.kind, spec: {} };
  return { flags: [...spec.flags].sort(), begin_search: begin, find_keys: find };
}

function theirSpec(spec: Plain): Plain {
  const { notes: _notes, flags, ...rest } = spec as { [name: string]: Plain };
  return { ...rest, flags: [...(flags as string[])].sort() };
}

/** The facts that both sides must agree on. */
function facts(command: Command): Plain {
  return {
    name: command.fullName,
    arity: command.arity,
    flags: [...command.flags].sort(),
    range: [...legacyRange(command.keySpecs)],
    categories: command.categories.map((category) => `@${category}`).sort(),
    tips: [...(command.declaration.tips ?? [])],
    keySpecs: command.keySpecs.map(specOf),
  };
}

function theirFacts(info: Plain): Plain {
  const [name, givenArity, flags, first, last, step, categories, tips, specs] = info as Plain[];
  const arity = LONGER_LATER.has(`${name}`) ? -Number(givenArity) : givenArity;
  return {
    name: name ?? null,
    arity: arity ?? null,
    flags: [...(flags as string[])].sort(),
    range: [first ?? null, last ?? null, step ?? null],
    categories: [...(categories as string[])].sort(),
    tips: tips ?? null,
    keySpecs: (specs as Plain[]).map(theirSpec),
  };
}

const table = tableAlone();
/** What redis-server 7.0 does not know: its subcommands of DEBUG, what came with 7.2, and what is only here. */
const UNKNOWN_THERE =
  /^(debug\||tenant|policy|portcullis\.|cluster\|myshardid$|client\|setinfo$|client\|no-touch$|h(p?expire(at|time)?|p?ttl|persist|getdel|getex|setex)$)/;
/** Said differently on purpose: QUIT was deprecated by 7.2. */
const DEPRECATED_LATER = new Set(['quit']);
/** Take a word more since 7.2: WITHSCORE. */
const LONGER_LATER = new Set(['zrank', 'zrevrank']);
const hint = redisServerInstalled ? '' : ' (skipped: redis-server is not installed)';

describe.skipIf(!redisServerInstalled)(`the declarations${hint}`, () => {
  let server: RedisServer;
  let client: RespClient;

  async function ask(...words: string[]): Promise<Plain> {
    return plain(parseReply(await client.send(...words))?.value);
  }

  beforeAll(async () => {
    server = await RedisServer.start();
    client = await RespClient.connect(server.port);
    await client.send('HELLO', '3');
  });

  afterAll(() => {
    client?.close();
    server?.stop();
  });

  for (const command of table.all.filter(({ fullName }) => !UNKNOWN_THERE.test(fullName))) {
    it(`of ${command.fullName} say what redis-server says`, async () => {
      const [info] = (await ask('COMMAND', 'INFO', command.fullName)) as Plain[];
      expect(facts(command)).toEqual(theirFacts(info ?? null));
      const docs = (await ask('COMMAND', 'DOCS', command.fullName)) as { [name: string]: { [name: string]: Plain } };
      const doc = docs[command.fullName];
      const { since, group, deprecated, history } = command.declaration as typeof command.declaration & {
        deprecated?: { since: string; replacedBy: string };
        history?: readonly (readonly [string, string])[];
      };
      expect({ since, group }).toEqual({ since: doc?.['since'], group: doc?.['group'] });
      if (!DEPRECATED_LATER.has(command.fullName)) {
        expect(deprecated?.since).toEqual(doc?.['deprecated_since']);
        expect(deprecated?.replacedBy).toEqual(doc?.['replaced_by']);
      }
      const versions = (doc?.['history'] as Plain[][] | undefined)?.map(([version]) => version);
      const known = history?.map(([version]) => version).filter((version) => version < '7.1');
      expect(known ?? []).toEqual(versions ?? []);
    });
  }
});
