/**
 * Commands whose outcome is chance or time: we run first, and redis-server is then told to do what we did, so that both go
 * on from the same state.
 */
import { latin1 } from '../../src/base/bytes.ts';
import { parseReply, type Reply } from '../../src/resp/reply-reader.ts';
import { shownPayload, shownValue } from '../support/payload.ts';
import type { Words } from '../support/words.ts';
import { compared } from './compare.ts';

/** What redis-server runs instead of a command. */
export interface Retold {
  readonly commands: readonly Words[];
  /** Whether its replies, one of each command, agree with ours. */
  readonly agrees: (theirs: readonly Uint8Array[]) => boolean;
}

function replyOf(bytes: Uint8Array | undefined): Reply | undefined {
  return bytes === undefined ? undefined : parseReply(bytes)?.value;
}

function integerOf(bytes: Uint8Array | undefined): number {
  const reply = replyOf(bytes);
  return reply?.kind === 'integer' ? Number(reply.value) : Number.NaN;
}

function textsOf(reply: Reply): string[] {
  if (reply.kind === 'bulk') return [latin1(reply.bytes)];
  return reply.kind === 'array' || reply.kind === 'set' ? reply.items.flatMap(textsOf) : [];
}

/** SPOP: as many as were asked for, all of them there, none twice. */
function popped(words: Words, protocol: 2 | 3, ours: Uint8Array): Retold | undefined {
  const reply = replyOf(ours);
  const [, key = '', count] = words;
  const kind = count === undefined ? 'bulk' : protocol === 3 ? 'set' : 'array';
  if (reply === undefined || reply.kind !== kind) return undefined;
  const elements = textsOf(reply);
  if (elements.length === 0) return undefined;
  return {
    commands: [
      ['SCARD', key],
      ['SREM', key, ...elements],
    ],
    agrees: ([before, removed]) =>
      new Set(elements).size === elements.length &&
      integerOf(removed) === elements.length &&
      elements.length === Math.min(Number(count ?? 1), integerOf(before)),
  };
}

/** XADD with an ID of the clock's making: redis-server gets ours. */
function added(words: Words, _protocol: 2 | 3, ours: Uint8Array): Retold | undefined {
  const reply = replyOf(ours);
  const at = words.findIndex((word, i) => i >= 2 && (word === '*' || /^\d+-\*$/.test(word)));
  if (at < 0 || reply?.kind !== 'bulk') return undefined;
  const id = latin1(reply.bytes);
  return {
    commands: [[...words.slice(0, at), id, ...words.slice(at + 1)]],
    agrees: ([theirs]) => theirs !== undefined && latin1(theirs) === latin1(ours),
  };
}

/** Where redis-server adds to what it must not change. */
const ADDED_COPY = '{t}added';

/** Where redis-server sorts what it must not change. */
const SORTED_COPY = '{t}sorted';

/**
 * SORT: redis-server makes any sorted set that it sorts a skip list for good, so it sorts a copy. And it goes by an errno that
 * any earlier conversion may have left behind, so it does one first that leaves none.
 */
function sorted(words: Words, _protocol: 2 | 3, ours: Uint8Array): Retold | undefined {
  const [name, key, ...options] = words;
  if (name === undefined || key === undefined) return undefined;
  return {
    commands: [
      ['INCRBYFLOAT', SORTED_COPY, '1'],
      ['DEL', SORTED_COPY],
      ['COPY', key, SORTED_COPY],
      [name, SORTED_COPY, ...options],
      ['DEL', SORTED_COPY],
    ],
    agrees: ([, , , theirs]) => theirs !== undefined && compared(words, theirs, ours).kind !== 'different',
  };
}

/** PFADD on a value found corrupt: redis-server keeps the elements before it, we keep none, so it adds to a copy. */
function addedToCorrupt(words: Words, _protocol: 2 | 3, ours: Uint8Array): Retold | undefined {
  const [name, key, ...elements] = words;
  if (name === undefined || key === undefined || !latin1(ours).startsWith('-INVALIDOBJ')) return undefined;
  return {
    commands: [
      ['COPY', key, ADDED_COPY, 'REPLACE'],
      [name, ADDED_COPY, ...elements],
      ['DEL', ADDED_COPY],
    ],
    agrees: ([, theirs]) => theirs !== undefined && latin1(theirs) === latin1(ours),
  };
}

/** Where redis-server restores what we have dumped. */
const RESTORED = '{t}restored';

/** DUMP: redis-server's payload says the same, and from ours it makes such a value again. */
function dumped(words: Words, _protocol: 2 | 3, ours: Uint8Array): Retold | undefined {
  const payload = payloadOf(ours);
  if (payload === undefined) return undefined;
  return {
    commands: [['RESTORE', RESTORED, '0', latin1(payload), 'REPLACE'], ['DUMP', RESTORED], ['DEL', RESTORED], words],
    agrees: ([, again, , reply]) => {
      const [restored, theirs] = [payloadOf(again), payloadOf(reply)];
      if (restored === undefined || theirs === undefined) return false;
      // What has shrunk is restored in a simpler encoding.
      return shownPayload(theirs) === shownPayload(payload) && shownValue(restored) === shownValue(payload);
    },
  };
}

function payloadOf(bytes: Uint8Array | undefined): Uint8Array | undefined {
  const reply = replyOf(bytes);
  return reply !== undefined && 'bytes' in reply ? reply.bytes : undefined;
}

/** Where redis-server changes what we refuse to. */
const CORRUPT_COPY = '{t}corrupt';

/** A HyperLogLog that is corrupt to us alone (`explained.ts`): redis-server goes on with a copy, so that the key stays as ours. */
function refused(words: Words, _protocol: 2 | 3, ours: Uint8Array): Retold | undefined {
  const reply = replyOf(ours);
  if (reply?.kind !== 'error' || !reply.text.startsWith('INVALIDOBJ')) return undefined;
  const at = /^pfdebug$/i.test(words[0] ?? '') ? 2 : 1;
  return {
    commands: [
      ['COPY', words[at] ?? '', CORRUPT_COPY, 'REPLACE'],
      [...words.slice(0, at), CORRUPT_COPY, ...words.slice(at + 1)],
      ['DEL', CORRUPT_COPY],
    ],
    agrees: ([, theirs]) => theirs !== undefined && compared(words, theirs, ours).kind !== 'different',
  };
}

const RETELLERS = new Map([
  ['DUMP', dumped],
  ['PFADD', refused],
  ['PFCOUNT', refused],
  ['PFDEBUG', refused],
  ['PFMERGE', refused],
  ['PFADD', addedToCorrupt],
  ['SORT', sorted],
  ['SORT_RO', sorted],
  ['SPOP', popped],
  ['XADD', added],
]);

/** Undefined when redis-server gets the command as it is, as it must answer the same. */
export function retold(words: Words, protocol: 2 | 3, ours: Uint8Array): Retold | undefined {
  return RETELLERS.get((words[0] ?? '').toUpperCase())?.(words, protocol, ours);
}
