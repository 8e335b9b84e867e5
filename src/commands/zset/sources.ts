/**
 * The inputs of ZUNION, ZINTER and ZDIFF: sorted sets, sets whose every element has the score 1, or nothing where there is no
 * key.
 *
 * Invariant: sources die with the next change of the database; `aim` finds their keys again.
 */
import type { ArgIndex } from '../../command/args.ts';
import type { ShardCall } from '../../command/spec.ts';
import { MISSING, ValueType } from '../../engine/database.ts';
import { SetView } from '../../engine/types/set.ts';
import { SortedSet } from '../../engine/types/zset.ts';
import { ZsetCursor } from '../../engine/types/zset-cursor.ts';
import { WRONG_TYPE } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import { find } from '../keys.ts';

/** Told of an element, the bytes being valid during the call only. False ends the walk. */
export type ElementVisitor = (bytes: Uint8Array, start: number, end: number, score: number) => boolean;

const SET_SCORE = 1;

export class Source {
  readonly key: ArgIndex;
  weight: number;
  private readonly cursor: ZsetCursor;
  private readonly zset: SortedSet;
  private readonly set: SetView;
  private kind: 'nothing' | 'set' | 'zset';

  constructor(key: ArgIndex) {
    this.key = key;
    this.weight = 1;
    this.cursor = new ZsetCursor();
    this.zset = new SortedSet();
    this.set = new SetView();
    this.kind = 'nothing';
  }

  /** Aims at an entry, MISSING for none; false when it is neither kind of set. */
  open(call: ShardCall, ref: number): boolean {
    const { database } = call;
    this.kind = 'nothing';
    if (ref === MISSING) return true;
    const type = database.valueType(ref);
    if (type === ValueType.zset) {
      this.kind = 'zset';
      this.zset.open(database, ref);
      return true;
    }
    if (type !== ValueType.set) return false;
    this.kind = 'set';
    this.set.open(database, ref);
    return true;
  }

  /** Aims at the key again, after something may have been evicted. */
  reopen(call: ShardCall): void {
    const { request, database } = call;
    this.open(call, database.peek(request.bytes, request.start(this.key), request.end(this.key)));
  }

  get size(): number {
    if (this.kind === 'nothing') return 0;
    return this.kind === 'zset' ? this.zset.size : this.set.size;
  }

  /** Bytes that the elements take at the most, about. */
  get heldBytes(): number {
    return this.kind === 'zset' ? this.zset.heldBytes : 0;
  }

  /** NaN when there is no such element. */
  scoreOf(bytes: Uint8Array, start: number, end: number): number {
    if (this.kind === 'zset') return this.zset.scoreOf(bytes, start, end);
    return this.kind === 'set' && this.set.has(bytes, start, end) ? SET_SCORE : Number.NaN;
  }

  /** Visits every element until the visitor says false; sorted sets in their order. */
  each(visit: ElementVisitor): void {
    const { cursor } = this;
    if (this.kind === 'set') this.set.each((bytes, start, end) => visit(bytes, start, end, SET_SCORE));
    if (this.kind !== 'zset') return;
    for (let there = this.zset.seek(0, cursor); there; there = cursor.next()) {
      if (!visit(cursor.bytes, cursor.start, cursor.end, cursor.score)) return;
    }
  }
}

/** The sources of so many keys; undefined when one holds something else, which is answered. */
export function sourcesOf(call: ShardCall, first: ArgIndex, count: number, out: ReplyWriter): Source[] | undefined {
  const sources: Source[] = [];
  for (let at = first; at < first + count; at++) {
    const source = new Source(at);
    if (!source.open(call, find(call, at))) {
      out.error(WRONG_TYPE);
      return undefined;
    }
    sources.push(source);
  }
  return sources;
}

/** The smallest first; those of one size stay in the order of the request. */
export function rising(sources: readonly Source[]): Source[] {
  return [...sources].sort((a, b) => a.size - b.size);
}
