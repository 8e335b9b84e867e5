/**
 * The differences between Portcullis and redis-server 7.0.15 that are meant, each with its reason. docs/compatibility.md
 * lists the same for readers. Whatever is not explained here is a bug.
 */
import { parseReply, type Reply } from '../../src/resp/reply-reader.ts';
import type { Words } from '../support/words.ts';

export interface Explained {
  readonly reason: string;
  readonly applies: (words: Words, name: string, reference: Reply, ours: Reply) => boolean;
}

const EXACT_MAX = 2n ** 53n;
/** Distance of neighbouring doubles at 2^63. */
const COARSE = 2048n;

function integers(reference: Reply, ours: Reply): readonly [bigint, bigint] | undefined {
  if (reference.kind !== 'integer' || ours.kind !== 'integer') return undefined;
  return [BigInt(reference.value), BigInt(ours.value)];
}

export const EXPLAINED: readonly Explained[] = [
  {
    reason: 'Times beyond 2^53 milliseconds are kept as the nearest double, so neighbours are equal to GT and LT.',
    applies: (words, name, reference, ours) =>
      /^P?EXPIRE(AT)?$/.test(name) &&
      words.some((word) => /^[GL]T$/i.test(word)) &&
      Number(words[2]) > Number(EXACT_MAX) &&
      integers(reference, ours) !== undefined,
  },
  {
    reason: 'Times beyond 2^53 milliseconds (the year 287396) are kept as the nearest double.',
    applies: (_words, name, reference, ours) => {
      const both = integers(reference, ours);
      if (both === undefined || !/TTL|EXPIRETIME/.test(name)) return false;
      const [theirs, our] = both;
      if (/^P/.test(name)) return theirs > EXACT_MAX && our > EXACT_MAX && difference(theirs, our) <= COARSE;
      // Redis adds 500 before it divides, which overflows at the very end of time.
      return our > EXACT_MAX / 1000n && (theirs < 0n || difference(theirs, our) <= COARSE);
    },
  },
  {
    reason: 'OBJECT REFCOUNT says INT_MAX of every small integer; in Redis a copy or an old one may be unshared.',
    applies: (_words, name, reference, ours) => name === 'OBJECT REFCOUNT' && integers(reference, ours) !== undefined,
  },
  {
    reason: 'OBJECT IDLETIME is of the key; Redis shares small integers between keys, and their clock with them.',
    applies: (_words, name, reference, ours) => name === 'OBJECT IDLETIME' && integers(reference, ours) !== undefined,
  },
  {
    reason: 'MEMORY USAGE counts the bytes of this engine, and sees no key whose time is over.',
    applies: (_words, name, reference, ours) =>
      name === 'MEMORY USAGE' && reference.kind === 'integer' && (ours.kind === 'integer' || ours.kind === 'null'),
  },
  {
    reason: 'SORT of redis-server 7.0 goes by an errno, which reading a score as small as 1e-320 sets.',
    applies: (_words, name, reference, ours) =>
      /^SORT/.test(name) &&
      reference.kind === 'error' &&
      /can't be converted into double/.test(reference.text) &&
      ours.kind === 'array',
  },
  {
    reason: 'MEMORY HELP lists the subcommands that exist here.',
    applies: (_words, name, reference, ours) =>
      name === 'MEMORY HELP' && reference.kind === 'array' && ours.kind === 'array',
  },
  {
    reason: 'A sparse HyperLogLog that ends within a run is corrupt; Redis reads on in the zero behind the string.',
    applies: (_words, name, reference, ours) =>
      /^PF/.test(name) && reference.kind !== 'error' && ours.kind === 'error' && ours.text.startsWith('INVALIDOBJ'),
  },
  {
    reason: 'Of places equally far away, COUNT takes others.',
    applies: (words, name, reference, ours) =>
      /^GEO(RADIUS|SEARCH)/.test(name) &&
      words.some((word) => /^count$/i.test(word)) &&
      reference.kind === 'array' &&
      ours.kind === 'array' &&
      reference.items.length === ours.items.length,
  },
  {
    reason: 'ZRANK and ZREVRANK take a word more since Redis 7.2: WITHSCORE.',
    applies: (words, name, reference, ours) =>
      /^Z(REV)?RANK$/.test(name) &&
      words.length > 3 &&
      reference.kind === 'error' &&
      (ours.kind === 'error' || /^withscore$/i.test(words[3] ?? '')),
  },
];

function difference(a: bigint, b: bigint): bigint {
  return a > b ? a - b : b - a;
}

export function explanation(words: Words, name: string, reference: Uint8Array, ours: Uint8Array): string | undefined {
  const theirs = parseReply(reference)?.value;
  const our = parseReply(ours)?.value;
  if (theirs === undefined || our === undefined) return undefined;
  return EXPLAINED.find(({ applies }) => applies(words, name, theirs, our))?.reason;
}
