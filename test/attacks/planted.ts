/** One value of each type, to be worked on or to be left alone, and what is held there afterwards. */
import { holds } from './case.ts';
import type { KeyType } from './requests.ts';
import { encode, type Wire } from './wire.ts';

const VALUES: Readonly<Record<KeyType, readonly (readonly string[])[]>> = {
  string: [['SET', '', 'hello']],
  list: [['RPUSH', '', 'a', 'b', 'c']],
  set: [['SADD', '', 'a', 'b', 'c']],
  hash: [['HSET', '', 'a', '1', 'b', '2', 'n', '5']],
  zset: [['ZADD', '', '1', 'a', '2', 'b', '3', 'c']],
  stream: [
    ['XADD', '', '1-1', 'f', 'v'],
    ['XADD', '', '2-1', 'f', 'v'],
    ['XGROUP', 'CREATE', '', 'group', '0'],
  ],
};

const READINGS: Readonly<Record<KeyType, readonly string[]>> = {
  string: ['GET', ''],
  list: ['LRANGE', '', '0', '-1'],
  set: ['SMEMBERS', ''],
  hash: ['HGETALL', ''],
  zset: ['ZRANGE', '', '0', '-1', 'WITHSCORES'],
  stream: ['XRANGE', '', '-', '+'],
};

export const KEY_TYPES = Object.keys(VALUES) as readonly KeyType[];

function at(key: string, words: readonly string[]): string[] {
  return words.map((word) => (word === '' ? key : word));
}

/** Makes the keys anew, each named by its type behind a prefix. */
export async function plant(wire: Wire, prefix: string): Promise<void> {
  await uproot(wire, prefix);
  const requests = KEY_TYPES.flatMap((type) => VALUES[type].map((words) => at(prefix + type, words)));
  wire.send(requests.map((words) => encode(...words)).join(''));
  const replies = await wire.collect(requests.length);
  for (const [i, reply] of replies.entries()) holds(!reply.startsWith('-'), `${requests[i]?.join(' ')}: ${reply}`);
}

export async function uproot(wire: Wire, prefix: string): Promise<void> {
  await wire.ask('DEL', ...KEY_TYPES.map((type) => prefix + type));
}

/** What the keys hold; the same text as long as nobody changes them. */
export async function heldBy(wire: Wire, prefix: string): Promise<string> {
  wire.send(KEY_TYPES.map((type) => encode(...at(prefix + type, READINGS[type]))).join(''));
  return (await wire.collect(KEY_TYPES.length)).join('');
}
