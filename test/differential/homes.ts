/**
 * Which keys a family of commands mostly works on, so that collections live long enough to grow, and what their elements are:
 * few enough that the same ones meet again.
 */
import type { Prng } from '../../src/base/prng.ts';
import type { Group } from '../../src/command/spec.ts';

type Home = 'string' | 'set' | 'hash' | 'zset' | 'list' | 'stream';

/** One of each `{t}` family is in the same slot, for commands that may not span slots. */
export const HOMES: Readonly<Record<Home, readonly string[]>> = {
  string: ['a', 'key:1', '{t}1', '{}x', '', 'a b', 'long'.repeat(20)],
  set: ['b', 'key:2', '{t}2', '{t}7', 'x{y', '\0'],
  hash: ['c', 'key:3', '{t}3', '__proto__', '\xff\xfe'],
  zset: ['d', '{t}4', '{t}8', 'constructor', 'a*'],
  list: ['e', '{t}5', 'toString', '[a]'],
  stream: ['f', '{t}6', 'k\r\n'],
};

const HOME_OF_GROUP: Partial<Record<Group, Home>> = {
  string: 'string',
  bitmap: 'string',
  hyperloglog: 'string',
  set: 'set',
  hash: 'hash',
  'sorted-set': 'zset',
  geo: 'zset',
  list: 'list',
  stream: 'stream',
};

/** The keys of a command group; undefined when it works on keys of any type. */
export function homeOf(group: Group): readonly string[] | undefined {
  const home = HOME_OF_GROUP[group];
  return home === undefined ? undefined : HOMES[home];
}

const EDGES = [
  ...['', '-1', '01', '-0', '128', '-129', '32768', '-32769', '2147483648', '-2147483649', '9223372036854775807'],
  ...['-9223372036854775808', '9223372036854775808', '1.5', 'inf', '\0\x01\xff\r\n', '__proto__', '\xe2\x82\xac'],
];
/** Lengths around the thresholds. */
const LONG = ['l'.repeat(8), 'l'.repeat(9), 'l'.repeat(64), 'l'.repeat(65), 'l'.repeat(130), 'l'.repeat(5000)];

/** What the elements of one command are like. */
export type Flavour = 'integers' | 'mixed';

/** An element of a collection, one of about `variety`. */
export function element(prng: Prng, flavour: Flavour, variety: number): string {
  const kind = prng.below(100);
  if (flavour === 'integers' || kind < 45) return `${prng.below(variety)}`;
  if (kind < 85) return `m${prng.below(variety)}`;
  if (kind < 95) return EDGES[prng.below(EDGES.length)] as string;
  return LONG[prng.below(LONG.length)] as string;
}

/** How many elements or rows a command that takes many gets: mostly few, sometimes enough to pass every threshold. */
export function howMany(prng: Prng, grows: boolean): number {
  const kind = prng.below(1000);
  if (grows && kind < 4) return 520 + prng.below(200);
  if (grows && kind < 60) return 10 + prng.below(140);
  return prng.below(3);
}
