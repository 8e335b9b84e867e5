/**
 * A reply that is still on its way from one or more shards. Each shard answers in the order it was asked, so the pool
 * keeps one queue of these per shard; when the last part is in, the reply goes to its place.
 */
import type { LaterReply } from '../command/ports/backend.ts';
import type { Refusal } from '../resp/refusals.ts';
import { firstError, mergeConcat, mergeInOrder, mergeRandom, mergeSum, writeScanReply } from './merge.ts';

/** What a shard's queue holds: who gets the reply that comes next. */
export interface Expected {
  arrived(bytes: Uint8Array, start: number, end: number, ran_ms: number): void;
  /** The shard died with the request in it. */
  lost(refusal: Refusal): void;
}

/** The reply of one shard is the reply. */
export class WholeReply implements Expected {
  private readonly place: LaterReply;

  constructor(place: LaterReply) {
    this.place = place;
  }

  arrived(bytes: Uint8Array, start: number, end: number, ran_ms: number): void {
    this.place.settleBytes(bytes, start, end, ran_ms);
  }

  lost(refusal: Refusal): void {
    this.place.settle((out) => out.error(refusal));
  }
}

export class ScanReply implements Expected {
  private readonly place: LaterReply;
  private readonly shard: number;
  private readonly shards: number;

  constructor(place: LaterReply, shard: number, shards: number) {
    this.place = place;
    this.shard = shard;
    this.shards = shards;
  }

  arrived(bytes: Uint8Array, start: number, end: number, ran_ms: number): void {
    const part = bytes.subarray(start, end);
    if (firstError([part]) !== undefined) this.place.settleBytes(bytes, start, end, ran_ms);
    else this.place.settle((out) => writeScanReply(part, this.shard, this.shards, out), ran_ms);
  }

  lost(refusal: Refusal): void {
    this.place.settle((out) => out.error(refusal));
  }
}

export type Merge =
  | { readonly kind: 'sum' | 'concat' | 'ok' }
  | { readonly kind: 'random'; readonly weights: () => readonly number[]; readonly random: (bound: number) => number }
  | { readonly kind: 'inOrder'; readonly owners: readonly number[] };

/** One reply out of several shards' parts. */
export class Gather {
  private readonly place: LaterReply;
  private readonly merge: Merge;
  private readonly parts: Uint8Array[];
  private missing: number;
  /** They run at the same time, so the command took as long as the longest of them. */
  private longest_ms: number;
  private refusal: Refusal | undefined;

  constructor(place: LaterReply, merge: Merge, count: number) {
    this.place = place;
    this.merge = merge;
    this.parts = new Array<Uint8Array>(count);
    this.missing = count;
    this.longest_ms = 0;
    this.refusal = undefined;
  }

  /** What the queue of the shard that has part `index` holds. */
  part(index: number): Expected {
    return {
      arrived: (bytes, start, end, ran_ms) => {
        this.longest_ms = Math.max(this.longest_ms, ran_ms);
        this.parts[index] = bytes.slice(start, end);
        this.settleOne();
      },
      lost: (refusal) => {
        this.refusal = refusal;
        this.settleOne();
      },
    };
  }

  private settleOne(): void {
    this.missing--;
    if (this.missing > 0) return;
    const { parts, merge, refusal } = this;
    this.place.settle((out) => {
      if (refusal !== undefined) return out.error(refusal);
      const error = firstError(parts);
      if (error !== undefined) return out.raw(error, 0, error.length);
      switch (merge.kind) {
        case 'sum':
          return mergeSum(parts, out);
        case 'concat':
          return mergeConcat(parts, out);
        case 'inOrder':
          return mergeInOrder(parts, merge.owners, out);
        case 'random':
          return mergeRandom(parts, merge.weights(), merge.random, out);
        case 'ok':
          return out.ok();
      }
    }, this.longest_ms);
  }
}
