/**
 * Replies read back: what tests, the pool's merge and upstream links use. RESP2 and RESP3 without streamed types, which
 * no Redis sends.
 *
 * Where a reply ends needs no stack: an aggregate only adds to the number of values still awaited. That is
 * `ReplyBoundary`, which resumes where it stopped; `parseReply` then builds a value from a reply known to be whole, with
 * an explicit stack, so that nesting is bounded by a limit and never by the machine's.
 *
 * Hot path: `ReplyBoundary` and `skipReply`, for every reply of a shard or an upstream. Guarded by `bench/resp.ts`.
 */
import { copyOf, latin1 } from '../base/bytes.ts';
import { parseInteger } from '../base/integer.ts';
import { BULK_BYTES_MAX_DEFAULT, INLINE_BYTES_MAX, REPLY_DEPTH_MAX, REPLY_ELEMENTS_MAX } from '../base/limits.ts';
import type { Refusal } from './refusals.ts';

export type Reply =
  | { readonly kind: 'simple'; readonly text: string }
  | { readonly kind: 'error'; readonly text: string }
  | { readonly kind: 'integer'; readonly value: number | bigint }
  | { readonly kind: 'bulk'; readonly bytes: Uint8Array }
  /** `wire` tells apart the three spellings: `$-1`, `*-1` and `_`. */
  | { readonly kind: 'null'; readonly wire: '$' | '*' | '_' }
  | { readonly kind: 'double'; readonly value: number; readonly text: string }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'bigNumber'; readonly text: string }
  | { readonly kind: 'verbatim'; readonly format: string; readonly bytes: Uint8Array }
  | { readonly kind: 'array' | 'set' | 'push'; readonly items: readonly Reply[] }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [Reply, Reply])[] }
  | { readonly kind: 'attributed'; readonly entries: readonly (readonly [Reply, Reply])[]; readonly value: Reply };

/** skipReply's answer when the reply is not complete yet. */
export const INCOMPLETE = -1;
/** … and when it can never become one. */
export const MALFORMED = -2;

/** The peer does not speak RESP. Caught where the link is owned, which it ends. */
export class MalformedReply extends Error {
  override readonly name = 'MalformedReply';
}

const CR = 0x0d;
const LF = 0x0a;
const SCALAR = 0;
const LENGTH = 1;
const ITEMS = 2;
const PAIRS = 3;
const ATTRIBUTES = 4;
const UNKNOWN = 5;

/** What follows the first line of each type. */
const shape = new Uint8Array(256).fill(UNKNOWN);
for (const mark of '+-:_,#(') shape[mark.charCodeAt(0)] = SCALAR;
for (const mark of '$=!') shape[mark.charCodeAt(0)] = LENGTH;
for (const mark of '*~>') shape[mark.charCodeAt(0)] = ITEMS;
shape[0x25] = PAIRS;
shape[0x7c] = ATTRIBUTES;

/** Finds the ends of replies in a growing buffer without looking at a byte twice. */
export class ReplyBoundary {
  /** Values of the current reply still awaited; 1 between replies. */
  private awaited: number;
  /** How far, counted from the start of the reply, all is known. */
  private known: number;
  /** How far the unfinished line behind that has been searched. */
  private searched: number;
  private elements: number;

  constructor() {
    this.awaited = 1;
    this.known = 0;
    this.searched = 0;
    this.elements = 0;
  }

  reset(): void {
    this.awaited = 1;
    this.known = 0;
    this.searched = 0;
    this.elements = 0;
  }

  /**
   * The end of the reply that starts at `start`, or INCOMPLETE, or MALFORMED. After INCOMPLETE the caller comes back with
   * the same reply and more bytes; it may have moved in memory.
   */
  find(bytes: Uint8Array, start: number, end: number): number {
    let at = start + this.known;
    let awaited = this.awaited;
    while (awaited > 0) {
      const lineEnd = this.lineEnd(bytes, start, at, end);
      if (lineEnd < 0) {
        this.known = at - start;
        this.awaited = awaited;
        return lineEnd;
      }
      const mark = shape[bytes[at] as number] as number;
      let next = lineEnd + 2;
      let more = 0;
      if (mark === UNKNOWN) return MALFORMED;
      if (mark !== SCALAR) {
        const count = parseInteger(bytes, at + 1, lineEnd);
        if (!(count >= -1 && count <= (mark === LENGTH ? BULK_BYTES_MAX_DEFAULT : REPLY_ELEMENTS_MAX)))
          return MALFORMED;
        if (mark === LENGTH) {
          if (count >= 0) next += count + 2;
          if (next > end) {
            this.known = at - start;
            this.awaited = awaited;
            return INCOMPLETE;
          }
          if (count >= 0 && (bytes[next - 2] !== CR || bytes[next - 1] !== LF)) return MALFORMED;
        } else if (count > 0) {
          more = mark === ITEMS ? count : 2 * count;
        }
        // An attribute is not a value: the one it speaks of is still awaited.
        if (mark === ATTRIBUTES) more++;
        this.elements += more;
        if (this.elements > REPLY_ELEMENTS_MAX) return MALFORMED;
      }
      at = next;
      awaited += more - 1;
      this.searched = 0;
    }
    this.reset();
    return at;
  }

  /** Where the CR of the line at `at` is. */
  private lineEnd(bytes: Uint8Array, start: number, at: number, end: number): number {
    let position = Math.max(at, start + this.searched);
    while (position < end && bytes[position] !== CR) position++;
    this.searched = position - start;
    if (position + 1 >= end) return position - at > INLINE_BYTES_MAX ? MALFORMED : INCOMPLETE;
    return bytes[position + 1] === LF ? position : MALFORMED;
  }
}

const once = new ReplyBoundary();

/** The end of the reply that starts at `start`, or INCOMPLETE, or MALFORMED. */
export function skipReply(bytes: Uint8Array, start: number, end = bytes.length): number {
  once.reset();
  return once.find(bytes, start, end);
}

type Aggregate = 'array' | 'set' | 'push' | 'map' | 'attributed';

/** An aggregate under construction: what came so far, and how many values it still waits for. */
interface Open {
  readonly kind: Aggregate;
  readonly items: Reply[];
  awaited: number;
}

/**
 * The reply that starts at `start` as a value that owns its bytes, or undefined when it is not complete. Throws
 * {@link MalformedReply}.
 */
export function parseReply(bytes: Uint8Array, start = 0): { end: number; value: Reply } | undefined {
  const end = skipReply(bytes, start);
  if (end === INCOMPLETE) return undefined;
  if (end === MALFORMED) throw new MalformedReply('not a reply');
  const stack: Open[] = [];
  let at = start;
  for (;;) {
    const lineEnd = bytes.indexOf(CR, at);
    const mark = bytes[at] as number;
    let value: Reply | undefined;
    const count = shape[mark] === SCALAR ? 0 : parseInteger(bytes, at + 1, lineEnd);
    const kind = aggregateKind(mark);
    const bodyStart = lineEnd + 2;
    if (kind !== undefined) {
      at = bodyStart;
      if (count < 0) value = { kind: 'null', wire: '*' };
      else stack.push({ kind, items: [], awaited: awaitedBy(kind, count) });
      if (stack.length > REPLY_DEPTH_MAX) throw new MalformedReply('nested too deeply');
    } else if (shape[mark] === LENGTH) {
      value = count < 0 ? { kind: 'null', wire: '$' } : sized(mark, copyOf(bytes, bodyStart, bodyStart + count));
      at = count < 0 ? bodyStart : bodyStart + count + 2;
    } else {
      value = scalar(mark, bytes, at + 1, lineEnd);
      at = bodyStart;
    }
    const whole = settle(stack, value);
    if (whole !== undefined) return { end: at, value: whole };
  }
}

/** Puts a value where it belongs, closing every aggregate that it completes. The outermost value comes back. */
function settle(stack: Open[], first: Reply | undefined): Reply | undefined {
  let value = first;
  for (;;) {
    const top = stack.at(-1);
    if (value !== undefined) {
      if (top === undefined) return value;
      top.items.push(value);
      top.awaited--;
    }
    if (top === undefined || top.awaited > 0) return undefined;
    stack.pop();
    value = closed(top);
  }
}

function awaitedBy(kind: Aggregate, count: number): number {
  if (kind === 'map') return 2 * count;
  return kind === 'attributed' ? 2 * count + 1 : count;
}

function aggregateKind(mark: number): Aggregate | undefined {
  switch (mark) {
    case 0x2a:
      return 'array';
    case 0x7e:
      return 'set';
    case 0x3e:
      return 'push';
    case 0x25:
      return 'map';
    case 0x7c:
      return 'attributed';
    default:
      return undefined;
  }
}

function closed(open: Open): Reply {
  if (open.kind !== 'map' && open.kind !== 'attributed') return { kind: open.kind, items: open.items };
  const entries: [Reply, Reply][] = [];
  for (let i = 0; i + 1 < open.items.length; i += 2) entries.push([open.items[i] as Reply, open.items[i + 1] as Reply]);
  if (open.kind === 'map') return { kind: 'map', entries };
  return { kind: 'attributed', entries, value: open.items.at(-1) as Reply };
}

function sized(mark: number, body: Uint8Array): Reply {
  if (mark === 0x21) return { kind: 'error', text: latin1(body) };
  if (mark === 0x3d) return { kind: 'verbatim', format: latin1(body, 0, 3), bytes: copyOf(body, 4) };
  return { kind: 'bulk', bytes: body };
}

function scalar(mark: number, bytes: Uint8Array, start: number, end: number): Reply {
  const text = latin1(bytes, start, end);
  switch (mark) {
    case 0x2b:
      return { kind: 'simple', text };
    case 0x2d:
      return { kind: 'error', text };
    case 0x3a:
      return { kind: 'integer', value: integer(bytes, start, end, text) };
    case 0x5f:
      return { kind: 'null', wire: '_' };
    case 0x23:
      return { kind: 'boolean', value: text === 't' };
    case 0x28:
      return { kind: 'bigNumber', text };
    default:
      return { kind: 'double', value: double(text), text };
  }
}

function integer(bytes: Uint8Array, start: number, end: number, text: string): number | bigint {
  const value = parseInteger(bytes, start, end);
  if (Number.isNaN(value)) throw new MalformedReply('not an integer');
  return Number.isSafeInteger(value) ? value : BigInt(text);
}

function double(text: string): number {
  if (text === 'inf') return Number.POSITIVE_INFINITY;
  if (text === '-inf') return Number.NEGATIVE_INFINITY;
  return Number(text);
}

const PUSH = 0x3e;

/** The same number of replies, each of them this refusal. Messages among them, which are no replies, stay. */
export function refusedReplies(bytes: Uint8Array, refusal: Refusal): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = skipReply(bytes, at);
    if (end < 0) break;
    parts.push(bytes[at] === PUSH ? bytes.subarray(at, end) : refusal.bytes);
    at = end;
  }
  return Buffer.concat(parts);
}
