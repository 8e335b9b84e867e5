/** Asks a real redis-server for every text of its that we repeat. Skipped, and said so, where there is none. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesOfLatin1 } from '../../src/base/bytes.ts';
import { doubleText } from '../../src/base/double.ts';
import { Decoder, REQUEST } from '../../src/resp/decoder.ts';
import * as refusals from '../../src/resp/refusals.ts';
import { parseReply, type Reply } from '../../src/resp/reply-reader.ts';
import { Request } from '../../src/resp/request.ts';
import { REDIS_LIMITS } from '../../src/resp/wire-limits.ts';
import { wireCases } from '../wire/case.ts';
import { RedisServer, redisServerInstalled } from '../wire/redis-server.ts';
import { encodedText } from './encode.ts';

function replies(bytes: Uint8Array): Reply[] {
  const found: Reply[] = [];
  for (let at = 0; at < bytes.length; ) {
    const reply = parseReply(bytes, at);
    if (reply === undefined) throw new Error('half a reply');
    found.push(reply.value);
    at = reply.end;
  }
  return found;
}

const text = (reply: Reply | undefined) => (reply?.kind === 'error' ? reply.text : `${reply?.kind}`);

/** What to say, in order, for the last answer to be the refusal. */
const asked: [refusals.Refusal, ...string[]][] = [
  [refusals.WRONG_TYPE, 'SET k v', 'LPUSH k v'],
  [refusals.SYNTAX_ERROR, 'SET k v foo'],
  [refusals.NOT_AN_INTEGER, 'SET k v', 'INCR k'],
  [refusals.NOT_A_FLOAT, 'INCRBYFLOAT k x'],
  [refusals.MUST_BE_POSITIVE, 'LPOP k -1'],
  [refusals.NO_SUCH_KEY, 'RENAME nothing k'],
  [refusals.INDEX_OUT_OF_RANGE, 'DEL l', 'RPUSH l a', 'LSET l 9 x'],
  [refusals.OFFSET_OUT_OF_RANGE, 'SETRANGE k -1 x'],
  [refusals.BIT_OFFSET_OUT_OF_RANGE, 'SETBIT k -1 1'],
  [refusals.BIT_OUT_OF_RANGE, 'SETBIT k 1 2'],
  [refusals.BIT_TYPE_INVALID, 'BITFIELD k GET u64 0'],
  [refusals.BITPOS_BIT_INVALID, 'BITPOS k 2'],
  [refusals.BITOP_NOT_KEYS, 'BITOP NOT t k l'],
  [refusals.BITFIELD_OVERFLOW_INVALID, 'BITFIELD k OVERFLOW x'],
  [refusals.BITFIELD_READ_ONLY, 'BITFIELD_RO k SET u8 0 1'],
  [refusals.NOT_A_HYPERLOGLOG, 'SET k v', 'PFADD k x'],
  [refusals.HYPERLOGLOG_CORRUPTED, 'DEL k', 'PFADD k a', 'APPEND k b', 'PFCOUNT k'],
  [refusals.HYPERLOGLOG_NOT_SPARSE, 'DEL k', 'PFADD k x', 'PFDEBUG TODENSE k', 'PFDEBUG DECODE k'],
  [refusals.KEY_DOES_NOT_EXIST, 'PFDEBUG ENCODING nothing'],
  [refusals.unknownPfdebugSubcommand('x'), 'PFDEBUG x k'],
  [refusals.STRING_TOO_LONG, 'SETRANGE k 536870912 x'],
  [refusals.SAME_OBJECT, 'COPY k k'],
  [refusals.INCREMENT_OVERFLOW, 'SET n 9223372036854775807', 'INCR n'],
  [refusals.DECREMENT_OVERFLOW, 'DECRBY n -9223372036854775808'],
  [refusals.INCREMENT_NOT_FINITE, 'SET f 1', 'INCRBYFLOAT f inf'],
  [refusals.HASH_VALUE_NOT_AN_INTEGER, 'DEL h', 'HSET h f x', 'HINCRBY h f 1'],
  [refusals.HASH_VALUE_NOT_A_FLOAT, 'HINCRBYFLOAT h f 1'],
  [refusals.NOT_FINITE, 'HINCRBYFLOAT h f inf'],
  [refusals.OUT_OF_RANGE, 'HRANDFIELD h 9223372036854775807 WITHVALUES'],
  [refusals.INVALID_CURSOR, 'SCAN abc'],
  [refusals.DB_OUT_OF_RANGE, 'SELECT 99'],
  [refusals.INVALID_FIRST_DB, 'SWAPDB a 0'],
  [refusals.INVALID_SECOND_DB, 'SWAPDB 0 a'],
  [refusals.EXPIRE_NX_CONFLICT, 'EXPIRE k 1 NX XX'],
  [refusals.EXPIRE_GT_LT_CONFLICT, 'EXPIRE k 1 GT LT'],
  [refusals.NUMKEYS_NOT_POSITIVE, 'LMPOP 0 k LEFT'],
  [refusals.LCS_LEN_WITH_IDX, 'LCS a b LEN IDX'],
  [refusals.LCS_NOT_STRINGS, 'LCS l b'],
  [refusals.TIMEOUT_NOT_AN_INTEGER, 'CLIENT PAUSE x'],
  [refusals.TIMEOUT_NOT_A_FLOAT, 'BLPOP a x'],
  [refusals.TIMEOUT_NEGATIVE, 'BLPOP a -1'],
  [refusals.INVALID_TTL, 'RESTORE r -1 x'],
  [refusals.DUMP_PAYLOAD_WRONG, 'RESTORE r 0 x'],
  [refusals.INVALID_IDLETIME, 'RESTORE r 0 x IDLETIME -1'],
  [refusals.INVALID_FREQ, 'RESTORE r 0 x FREQ 256'],
  [refusals.BUSY_KEY, 'SET k v', 'RESTORE k 0 x'],
  [refusals.LFU_NOT_SELECTED, 'OBJECT FREQ k'],
  [refusals.invalidExpireTime('set'), 'SET k v EX 0'],
  [refusals.invalidExpireTime('getex'), 'GETEX k EX 0'],
  [refusals.wrongArity('get'), 'GET'],
  [refusals.wrongArity('config|get'), 'CONFIG GET'],
  [refusals.unknownSubcommand('config', 'foo'), 'CONFIG foo'],
  [refusals.unknownSubcommand('client', 'x'.repeat(128)), `CLIENT ${'x'.repeat(200)}`],
  [refusals.unknownSubcommandOrArguments('debug', 'foo'), 'DEBUG foo'],
  [refusals.NOPROTO, 'HELLO 9'],
  [refusals.PROTOCOL_VERSION_NOT_AN_INTEGER, 'HELLO abc'],
  [refusals.helloSyntax('foo'), 'HELLO 3 foo'],
  [refusals.WRONGPASS, 'AUTH nobody nothing'],
  [refusals.AUTH_WITHOUT_PASSWORD, 'AUTH x'],
  [refusals.NOPERM_KEY, 'ACL SETUSER u on >p ~a* &ch* +get +publish', 'AUTH u p', 'GET b'],
  [refusals.NOPERM_CHANNEL, 'AUTH u p', 'PUBLISH x y'],
  [refusals.nopermCommand('del'), 'AUTH u p', 'DEL a'],
  [refusals.nopermCommand('config|get'), 'AUTH u p', 'CONFIG GET x'],
  [refusals.NOSCRIPT, 'EVALSHA a 0'],
  [refusals.EXEC_WITHOUT_MULTI, 'EXEC'],
  [refusals.DISCARD_WITHOUT_MULTI, 'DISCARD'],
  [refusals.MULTI_NESTED, 'MULTI', 'MULTI'],
  [refusals.WATCH_IN_MULTI, 'MULTI', 'WATCH a'],
  [refusals.EXECABORT, 'MULTI', 'foo', 'EXEC'],
  [refusals.BAD_CLIENT_NAME, 'CLIENT SETNAME a\tb'],
  [refusals.NO_SUCH_CLIENT, 'CLIENT KILL 1.1.1.1:1'],
  [refusals.BAD_CLIENT_ID, 'CLIENT KILL ID abc'],
  [refusals.onlyInSubscriberMode('get'), 'SUBSCRIBE c', 'GET k'],
  [refusals.OOM, 'CONFIG SET maxmemory 1', 'SET k v'],
  [refusals.LFU_SELECTED, 'CONFIG SET maxmemory 0 maxmemory-policy allkeys-lfu', 'OBJECT IDLETIME n'],
  [refusals.READONLY, 'REPLICAOF 127.0.0.1 1', 'SET k v'],
  [refusals.NOAUTH, 'REPLICAOF NO ONE', 'CONFIG SET requirepass pw', 'RESET', 'GET k'],
  [refusals.HELLO_NOAUTH, 'HELLO 3'],
];

describe.skipIf(!redisServerInstalled)('against redis-server', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start('--enable-debug-command', 'yes');
  });
  afterAll(() => server.stop());

  it('every unknown command is worded alike, up to our bound', async () => {
    const words = fc.string({ unit: fc.constantFrom(...'ab\r\n\0 \xe9%'), maxLength: 20 });
    const requests = fc.sample(fc.array(words, { minLength: 1, maxLength: 14 }), 200);
    for (const request of requests) request[0] = `no${request[0]}`;
    requests.push(['x'.repeat(300)], ['x', 'y'.repeat(120), 'z'.repeat(120)]);
    const answer = await server.exchange(Buffer.concat(requests.map((request) => encodedText(...request))));
    const found = replies(answer.bytes);
    expect(found.length).toBe(requests.length);
    for (const [i, request] of requests.entries()) {
      const ours = refusals.unknownCommand(Request.of(...request));
      expect(ours.bytes.length).toBeLessThanOrEqual(256);
      expect(ours.text).toBe(text(found[i]));
    }
  });

  it('inline words are split alike', async () => {
    const lines = fc.sample(fc.string({ unit: fc.constantFrom(...'ab  \t\x0b\r""\'\'\\\\xn4'), maxLength: 16 }), 400);
    const unbalanced = refusals.UNBALANCED_QUOTES.text;
    const ask = async (line: string) => {
      const answer = await server.exchange(bytesOfLatin1(`EVAL 'return ARGV' 0 ${line}\r\nPING\r\n`), 7);
      return renderWords(replies(answer.bytes)[0]);
    };
    const renderWords = (reply: Reply | undefined) =>
      reply?.kind === 'array'
        ? reply.items.map((item) => (item.kind === 'bulk' ? Buffer.from(item.bytes).toString('latin1') : '?'))
        : text(reply);
    const asking = lines.map(async (line) => {
      const decoder = new Decoder(REDIS_LIMITS);
      decoder.feed(bytesOfLatin1(`EVAL 'return ARGV' 0 ${line}\r\n`));
      const ok = decoder.next() === REQUEST;
      const words = Array.from({ length: decoder.request.argc }, (_, i) => decoder.request.text(i)).slice(3);
      expect(ok ? words : decoder.error?.text, JSON.stringify(line)).toEqual(await ask(line));
      if (!ok) expect(decoder.error?.text).toBe(unbalanced);
    });
    await Promise.all(asking);
  });

  it('wire cases end alike', async () => {
    const own = wireCases().filter((test) => !test.flags.has('ours') && !test.flags.has('stranger'));
    const asking = own.map(async (test) => {
      const answer = await server.exchange(test.bytes);
      const found = replies(answer.bytes);
      const last = test.events.at(-1) ?? '';
      expect(answer.closed, test.title).toBe(last.startsWith('error') || last === 'http');
      const executed = test.events.filter((event) => event.startsWith('request')).length;
      // Redis drops the connection and with it the replies it had not sent yet.
      if (last === 'http') return;
      expect(found.length, test.title).toBe(executed + (last.startsWith('error') ? 1 : 0));
      if (last.startsWith('error')) expect(`error "${text(found.at(-1))}"`, test.title).toBe(last);
    });
    await Promise.all(asking);
  });

  it('doubles are printed alike', async () => {
    const ties = [1e7 + 2 ** -10, 2 ** -25, 2 ** -24 * 3, 2 ** 51 + 1.5, 123456789 + 2 ** -8, -0];
    const values = [
      ...ties,
      ...fc.sample(fc.double({ noNaN: true }), 300),
      ...fc.sample(fc.float({ noNaN: true }), 200),
    ];
    const commands = values.flatMap((value) => {
      const spelled = Object.is(value, -0) ? '-0' : `${value}`.replace('Infinity', 'inf');
      return [encodedText('DEL', 'z'), encodedText('ZADD', 'z', 'INCR', spelled, 'm')];
    });
    const answer = await server.exchange(Buffer.concat(commands));
    const found = replies(answer.bytes);
    for (const [i, value] of values.entries()) {
      const score = found[2 * i + 1];
      expect(score?.kind === 'bulk' ? Buffer.from(score.bytes).toString() : '').toBe(doubleText(value));
    }
  });

  it('says every text that we say in its name', async () => {
    for (const [ours, ...lines] of asked) {
      // QUIT is allowed in every state and spares the wait for nothing more to come.
      const session = Buffer.concat([...lines, 'QUIT'].map((line) => encodedText(...line.split(' '))));
      const answer = await server.exchange(session);
      expect(text(replies(answer.bytes).at(-2)), lines.at(-1) ?? '').toBe(ours.text);
    }
    // The password is set by now: the rest is what a stranger is told.
    for (const test of wireCases().filter((each) => each.flags.has('stranger') && !each.flags.has('ours'))) {
      const last = test.events.at(-1) ?? '';
      if (!last.startsWith('error')) continue;
      const answer = await server.exchange(test.bytes);
      expect(`error "${text(replies(answer.bytes).at(-1))}"`, test.title).toBe(last);
      expect(answer.closed).toBe(true);
    }
  }, 60_000);
});
