import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { tableAlone } from '../../src/app/table.ts';
import { latin1 } from '../../src/base/bytes.ts';
import { parseReply, type Reply } from '../../src/resp/reply-reader.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';
import { RespClient } from '../support/resp-client.ts';
import { commandReference } from './command-reference.ts';
import { REFUSED, withCommandStates } from './command-states.ts';
import { ADDED_BY_7_2, REDIS_COMMANDS } from './redis-commands.ts';

const COMPATIBILITY = new URL('../../docs/compatibility.md', import.meta.url);

it('docs/commands.md says what the declarations say (npm test -- -u writes it)', async () => {
  await expect(commandReference(tableAlone())).toMatchFileSnapshot('../../docs/commands.md');
});

describe('docs/compatibility.md', () => {
  it('says of every command of Redis 7.2 what becomes of it here (npm test -- -u writes it)', async () => {
    const page = readFileSync(COMPATIBILITY, 'utf8');
    await expect(withCommandStates(page, tableAlone())).toMatchFileSnapshot('../../docs/compatibility.md');
  });

  it('names as refused only what there is', () => {
    const table = tableAlone();
    expect([...REFUSED.keys()].filter((name) => table.named(name) === undefined)).toEqual([]);
  });
});

function textsOf(reply: Reply | undefined): string[] {
  if (reply?.kind !== 'array') return [];
  return reply.items.map((item) => ('bytes' in item ? latin1(item.bytes) : 'text' in item ? item.text : ''));
}

describe.skipIf(!redisServerInstalled)('the list of commands (skipped where redis-server is not installed)', () => {
  it('is that of redis-server and what 7.2 added', async () => {
    const server = await RedisServer.start();
    const client = await RespClient.connect(server.port);
    const theirs = textsOf(parseReply(await client.send('COMMAND', 'LIST'))?.value);
    client.close();
    server.stop();
    const listed = Object.values(REDIS_COMMANDS).flat();
    expect(new Set(listed).size).toBe(listed.length);
    expect(listed.filter((name) => !ADDED_BY_7_2.has(name)).toSorted()).toEqual(theirs.toSorted());
  });
});
