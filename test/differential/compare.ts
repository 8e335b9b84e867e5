/** Whether two replies to the same command agree: byte for byte, except where order, time or chance decide. */
import { equalBytes, latin1 } from '../../src/base/bytes.ts';
import { parseReply, type Reply } from '../../src/resp/reply-reader.ts';
import type { Words } from '../support/words.ts';
import { explanation } from './explained.ts';

/** Time that may pass between the two answers. */
const TOLERATED_MS = 10_000;
const CONTAINERS = ['OBJECT', 'MEMORY', 'DEBUG'];

export type Verdict =
  | { readonly kind: 'same' }
  | { readonly kind: 'explained'; readonly reason: string }
  | { readonly kind: 'different' };

const SAME: Verdict = { kind: 'same' };
const DIFFERENT: Verdict = { kind: 'different' };

export function nameOf(words: Words): string {
  const first = (words[0] ?? '').toUpperCase();
  return CONTAINERS.includes(first) ? `${first} ${(words[1] ?? '').toUpperCase()}` : first;
}

export function compared(words: Words, reference: Uint8Array, ours: Uint8Array): Verdict {
  if (equalBytes(reference, ours)) return SAME;
  const name = nameOf(words);
  const theirs = parseReply(reference)?.value;
  const our = parseReply(ours)?.value;
  if (theirs !== undefined && our !== undefined && agree(name, theirs, our)) return SAME;
  const reason = explanation(words, name, reference, ours);
  return reason === undefined ? DIFFERENT : { kind: 'explained', reason };
}

function agree(name: string, theirs: Reply, ours: Reply): boolean {
  switch (name) {
    case 'KEYS':
      return sorted(theirs) !== undefined && sorted(theirs) === sorted(ours);
    case 'SCAN':
      // Cursors differ by nature; whole walks are compared apart.
      return theirs.kind === 'array' && ours.kind === 'array';
    case 'RANDOMKEY':
      return theirs.kind === 'bulk' && ours.kind === 'bulk';
    case 'TTL':
    case 'EXPIRETIME':
      return near(theirs, ours, TOLERATED_MS / 1000);
    case 'PTTL':
    case 'PEXPIRETIME':
      return near(theirs, ours, TOLERATED_MS);
    case 'OBJECT IDLETIME':
      return near(theirs, ours, TOLERATED_MS / 1000);
    default:
      return false;
  }
}

function near(theirs: Reply, ours: Reply, distance: number): boolean {
  if (theirs.kind !== 'integer' || ours.kind !== 'integer') return false;
  const [a, b] = [Number(theirs.value), Number(ours.value)];
  return a >= 0 && b >= 0 && Number.isSafeInteger(a) && Math.abs(a - b) <= distance;
}

/** The elements as one text, in an order of their own. */
export function sorted(reply: Reply): string | undefined {
  if (reply.kind !== 'array' && reply.kind !== 'set') return undefined;
  return reply.items
    .map((item) => (item.kind === 'bulk' ? latin1(item.bytes) : JSON.stringify(item)))
    .sort()
    .join('\x01\x02');
}
