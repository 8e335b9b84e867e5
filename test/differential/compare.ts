/** Whether two replies to the same command agree: byte for byte, except where order, time or chance decide. */
import { equalBytes, latin1 } from '../../src/base/bytes.ts';
import { parseReply, type Reply } from '../../src/resp/reply-reader.ts';
import type { Words } from '../support/words.ts';
import { explanation } from './explained.ts';
import { isAmbiguous, isLimited, isSort } from './sorting.ts';
import { agreeButForTimes } from './streams.ts';

/** Time that may pass between the two answers. */
const TOLERATED_MS = 10_000;
const CONTAINERS = ['OBJECT', 'MEMORY', 'DEBUG', 'XINFO'];

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
  if (theirs !== undefined && our !== undefined && isSort(name) && agreeSorted(words, theirs, our)) return SAME;
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
    case 'SMEMBERS':
    case 'SINTER':
    case 'SUNION':
    case 'SDIFF':
    case 'HKEYS':
    case 'HVALS':
      return theirs.kind === ours.kind && sorted(theirs) !== undefined && sorted(theirs) === sorted(ours);
    case 'HGETALL':
      return theirs.kind === ours.kind && pairs(theirs) !== undefined && pairs(theirs) === pairs(ours);
    case 'SSCAN':
    case 'HSCAN':
    case 'ZSCAN':
      // Small collections come whole, large ones in steps of either side's own: whole walks are compared apart.
      return theirs.kind === 'array' && ours.kind === 'array';
    case 'SRANDMEMBER':
    case 'HRANDFIELD':
    case 'ZRANDMEMBER':
      return shape(theirs) === shape(ours);
    case 'RANDOMKEY':
      return theirs.kind === 'bulk' && ours.kind === 'bulk';
    case 'TTL':
    case 'EXPIRETIME':
      return near(theirs, ours, TOLERATED_MS / 1000);
    case 'PTTL':
    case 'PEXPIRETIME':
      return near(theirs, ours, TOLERATED_MS);
    case 'XPENDING':
    case 'XINFO CONSUMERS':
    case 'XINFO STREAM':
      return agreeButForTimes(theirs, ours, TOLERATED_MS);
    case 'OBJECT IDLETIME':
      return near(theirs, ours, TOLERATED_MS / 1000);
    default:
      return false;
  }
}

/** What compares as equal may come in any order; texts do to strcoll that differ behind a NUL alone. */
function agreeSorted(words: Words, theirs: Reply, ours: Reply): boolean {
  if (theirs.kind !== 'array' || ours.kind !== 'array' || theirs.items.length !== ours.items.length) return false;
  const mayDiffer = isAmbiguous(words) || theirs.items.some((item) => item.kind === 'bulk' && item.bytes.includes(0));
  return mayDiffer && (isLimited(words) || sorted(theirs) === sorted(ours));
}

function near(theirs: Reply, ours: Reply, distance: number): boolean {
  if (theirs.kind !== 'integer' || ours.kind !== 'integer') return false;
  const [a, b] = [Number(theirs.value), Number(ours.value)];
  return a >= 0 && b >= 0 && Number.isSafeInteger(a) && Math.abs(a - b) <= distance;
}

function textOf(item: Reply): string {
  return item.kind === 'bulk' ? latin1(item.bytes) : JSON.stringify(item);
}

/** The elements as one text, in an order of their own. */
function sorted(reply: Reply): string | undefined {
  if (reply.kind !== 'array' && reply.kind !== 'set') return undefined;
  return reply.items.map(textOf).sort().join('\x01\x02');
}

/** The same of pairs, which stay together. */
function pairs(reply: Reply): string | undefined {
  const rows: string[] = [];
  if (reply.kind === 'map') rows.push(...reply.entries.map(([name, value]) => `${textOf(name)}\x03${textOf(value)}`));
  else if (reply.kind !== 'array') return undefined;
  else
    for (let i = 0; i < reply.items.length; i += 2)
      rows.push(
        reply.items
          .slice(i, i + 2)
          .map(textOf)
          .join('\x03'),
      );
  return rows.sort().join('\x01\x02');
}

/** What a reply is, whatever it says: for random choices. */
function shape(reply: Reply): string {
  if (reply.kind === 'array' || reply.kind === 'set') return `${reply.kind}(${reply.items.map(shape).join()})`;
  return reply.kind === 'error' ? reply.text : reply.kind;
}
