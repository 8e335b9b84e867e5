/**
 * A place in a sorted set, small or large, from which to walk either way: a member's name as a range of bytes, and its
 * score. Reusable; it dies with the next change of the database.
 *
 * Hot path. Budget: a step under 40 ns; guarded by `bench/zset.ts`.
 */
import type { Arena } from '../arena.ts';
import { next, previous } from '../listpack.ts';
import { ElementView, readElement } from '../listpack-element.ts';
import { nameLengthOf, nameStartOf } from '../member.ts';
import { SortedCursor } from '../sorted-cursor.ts';
import type { SortedTree } from '../sorted-tree.ts';
import { scoreBehind } from './zset-small.ts';

const NO_BYTES = new Uint8Array(0);

export class ZsetCursor {
  /** The name: [start, end) of `bytes`. */
  bytes: Uint8Array;
  start: number;
  end: number;
  private readonly view: ElementView;
  private readonly tree: SortedCursor;
  /** Of a large set; undefined on a small one. */
  private arena: Arena | undefined;
  /** The segment of a small set, where its listpack begins, and the member stood on. */
  private blob: Uint8Array;
  private at: number;
  private p: number;

  constructor() {
    this.bytes = NO_BYTES;
    this.start = 0;
    this.end = 0;
    this.view = new ElementView();
    this.tree = new SortedCursor();
    this.arena = undefined;
    this.blob = NO_BYTES;
    this.at = 0;
    this.p = -1;
  }

  get score(): number {
    return this.arena === undefined ? scoreBehind(this.blob, this.p) : this.tree.score;
  }

  /** Onto a member of a small set. */
  placeSmall(blob: Uint8Array, at: number, p: number): void {
    this.arena = undefined;
    this.blob = blob;
    this.at = at;
    this.readSmall(p);
  }

  /** Onto a rank of a large set. @returns false when there is none. */
  placeLarge(tree: SortedTree, rank: number): boolean {
    if (!tree.seek(rank, this.tree)) return false;
    this.arena = tree.arena;
    this.readLarge(tree.arena);
    return true;
  }

  /** False at the end; the cursor stays where it is. */
  next(): boolean {
    if (this.arena !== undefined) {
      if (!this.tree.next()) return false;
      this.readLarge(this.arena);
      return true;
    }
    const score = next(this.blob, this.p);
    const p = score < 0 ? -1 : next(this.blob, score);
    if (p < 0) return false;
    this.readSmall(p);
    return true;
  }

  /** False at the beginning; the cursor stays where it is. */
  previous(): boolean {
    if (this.arena !== undefined) {
      if (!this.tree.previous()) return false;
      this.readLarge(this.arena);
      return true;
    }
    const score = previous(this.blob, this.at, this.p);
    if (score < 0) return false;
    this.readSmall(previous(this.blob, this.at, score));
    return true;
  }

  private readSmall(p: number): void {
    this.p = p;
    readElement(this.blob, p, this.view);
    this.bytes = this.view.bytes;
    this.start = this.view.start;
    this.end = this.view.end;
  }

  private readLarge(arena: Arena): void {
    const { ref } = this.tree;
    this.bytes = arena.bytesOf(ref);
    this.start = nameStartOf(arena, ref);
    this.end = this.start + nameLengthOf(arena, ref);
  }
}
