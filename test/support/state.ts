/** The whole state of a world as text: what every key holds and how long it lives, in an order of its own. */
import { latin1 } from '../../src/base/bytes.ts';
import { parseReply, type Reply } from '../../src/resp/reply-reader.ts';
import type { Words } from './words.ts';

type Ask = (words: Words) => Uint8Array;

interface Reading {
  readonly words: (key: string) => Words;
  /** Elements of one unordered thing: 1 of a set, 2 of a hash; 0 when the order counts. */
  readonly unordered: 0 | 1 | 2;
  /** Every second text is a score, whose zero has a sign in one encoding and none in the other, as in Redis. */
  readonly hasScores?: true;
}

const READINGS: Readonly<Record<string, readonly Reading[]>> = {
  string: [{ words: (key) => ['GET', key], unordered: 0 }],
  list: [{ words: (key) => ['LRANGE', key, '0', '-1'], unordered: 0 }],
  set: [{ words: (key) => ['SMEMBERS', key], unordered: 1 }],
  hash: [{ words: (key) => ['HGETALL', key], unordered: 2 }],
  zset: [{ words: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'], unordered: 0, hasScores: true }],
  stream: [
    { words: (key) => ['XRANGE', key, '-', '+'], unordered: 0 },
    { words: (key) => ['XINFO', 'STREAM', key, 'FULL', 'COUNT', '0'], unordered: 0 },
  ],
};

function replyOf(ask: Ask, words: Words): Reply {
  const parsed = parseReply(ask(words))?.value;
  if (parsed === undefined) throw new Error(`no reply to ${words.join(' ')}`);
  return parsed;
}

/** When a consumer was last seen is each world's own, in Redis as well. */
function isClock(name: Reply | undefined): boolean {
  return name?.kind === 'bulk' && latin1(name.bytes) === 'seen-time';
}

function textOf(reply: Reply): string {
  if (reply.kind === 'bulk') return JSON.stringify(latin1(reply.bytes));
  if (reply.kind === 'array' || reply.kind === 'set' || reply.kind === 'push') {
    return `[${reply.items.map((item, i) => (isClock(reply.items[i - 1]) ? '*' : textOf(item))).join(' ')}]`;
  }
  return JSON.stringify(reply, (_name, value) => (typeof value === 'bigint' ? `${value}` : value));
}

function read(ask: Ask, key: string, { words, unordered, hasScores }: Reading): string {
  const reply = replyOf(ask, words(key));
  if (hasScores && reply.kind === 'array') {
    return reply.items.map((item, i) => (i % 2 === 1 ? textOf(item).replace('"-0"', '"0"') : textOf(item))).join(' ');
  }
  if (unordered === 0 || (reply.kind !== 'array' && reply.kind !== 'set')) return textOf(reply);
  const texts: string[] = [];
  for (let i = 0; i < reply.items.length; i += unordered) {
    texts.push(
      reply.items
        .slice(i, i + unordered)
        .map(textOf)
        .join('='),
    );
  }
  return texts.sort().join(' ');
}

/** One line per key of the databases from 0 on, over a connection that speaks RESP2. */
export function stateOf(ask: Ask, databases: number): string[] {
  const lines: string[] = [];
  for (let number = 0; number < databases; number++) {
    ask(['SELECT', String(number)]);
    const keys = replyOf(ask, ['KEYS', '*']);
    if (keys.kind !== 'array') throw new Error('KEYS answers an array');
    for (const item of keys.items) {
      const key = item.kind === 'bulk' ? latin1(item.bytes) : '';
      const type = replyOf(ask, ['TYPE', key]);
      const readings = READINGS[type.kind === 'simple' ? type.text : ''] ?? [];
      const held = readings.map((reading) => read(ask, key, reading));
      lines.push(
        [number, JSON.stringify(key), textOf(type), ...held, textOf(replyOf(ask, ['PEXPIRETIME', key]))].join(' '),
      );
    }
  }
  return lines.sort();
}

const SHOWN_CHARACTERS = 300;
const SHOWN_BEFORE_CHARACTERS = 40;

/** What one state has and the other has not, a line each and short enough to be read; nothing when they are equal. */
export function differencesOf(actual: readonly string[], expected: readonly string[]): string[] {
  const [there, wanted] = [new Set(actual), new Set(expected)];
  const missing = expected.filter((line) => !there.has(line));
  const surplus = actual.filter((line) => !wanted.has(line));
  return [
    ...missing.map((line) => `- ${shortened(line, surplus)}`),
    ...surplus.map((line) => `+ ${shortened(line, missing)}`),
  ];
}

/** From where it differs on from what the other state says of the same key. */
function shortened(line: string, others: readonly string[]): string {
  const name = line.slice(0, line.indexOf(' {"kind"'));
  const other = others.find((one) => one.startsWith(`${name} {`));
  let at = 0;
  while (other !== undefined && at < line.length && line[at] === other[at]) at++;
  const from = Math.max(name.length, at - SHOWN_BEFORE_CHARACTERS);
  return `${name} … ${line.slice(from, from + SHOWN_CHARACTERS)}`;
}
