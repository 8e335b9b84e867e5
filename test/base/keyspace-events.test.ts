import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import {
  EVENT_CLASS,
  KEYEVENT,
  KEYSPACE,
  keyspaceEventsText,
  parseKeyspaceEvents,
} from '../../src/base/keyspace-events.ts';
import { Prng } from '../../src/base/prng.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';
import { RespClient } from '../support/resp-client.ts';

const LETTERS = 'Ag$lshzxeKEtmdn';

function canonical(text: string): string | undefined {
  const events = parseKeyspaceEvents(text);
  return events === undefined ? undefined : keyspaceEventsText(events);
}

describe('notify-keyspace-events', () => {
  it('is read letter by letter, and every letter must be one', () => {
    expect(parseKeyspaceEvents('')).toBe(0);
    expect(parseKeyspaceEvents('KE$')).toBe(KEYSPACE | KEYEVENT | EVENT_CLASS.string);
    for (const wrong of ['q', 'K E', 'KEa', 'K\0', '__proto__']) expect(parseKeyspaceEvents(wrong)).toBeUndefined();
  });
});

describe.skipIf(!redisServerInstalled)('redis-server (skipped where it is not installed)', () => {
  let server: RedisServer;
  let client: RespClient;

  beforeAll(async () => {
    server = await RedisServer.start();
    client = await RespClient.connect(server.port);
  });

  afterAll(() => {
    client?.close();
    server?.stop();
  });

  it('writes every choice of letters the same way', async () => {
    const prng = new Prng(4);
    const choices = ['', 'A', 'KEA', 'KEAmn', 'KEg$lshzxetd', 'n', 'mn', ...LETTERS];
    for (let i = 0; i < 200; i++) {
      choices.push(Array.from({ length: prng.uint32() % 8 }, () => LETTERS[prng.uint32() % LETTERS.length]).join(''));
    }
    for (const choice of choices) {
      await client.send('CONFIG', 'SET', 'notify-keyspace-events', choice);
      const theirs = latin1(await client.send('CONFIG', 'GET', 'notify-keyspace-events')).split('\r\n')[4];
      expect(canonical(choice), choice).toBe(theirs);
    }
  });
});
