/**
 * Sets as commands read them, whatever they are kept in: an intset or a listpack while small (`set-small.ts`), a block for
 * each element beyond the thresholds (`set-large.ts`). What changes them is in `set-editor.ts`.
 *
 * A {@link SetView} is aimed at an entry by `open`, or left at the empty set, and dies with the next change of the database. OBJECT
 * ENCODING says `hashtable` of the last two forms, as redis-server 7.0 does, which knows no listpacks of sets.
 *
 * A **place** names an element until the set changes: the ref of its block, or what `set-small.ts` says.
 *
 * Hot path. Budget, with finding the key: asking one of 1M elements, or drawing one, under 700 ns; guarded by `bench/set.ts`.
 */
import type { Prng } from '../../base/prng.ts';
import { assert } from '../../base/result.ts';
import { type Database, Encoding, MISSING } from '../database.ts';
import { ElementView } from '../listpack-element.ts';
import { nameLengthOf, nameStartOf } from '../member.ts';
import type { Members } from '../members.ts';
import { LargeSet } from './set-large.ts';
import {
  firstPlace,
  INTSET,
  LISTPACK,
  NO_PLACE,
  nextPlace,
  placeAt,
  placeOf,
  readPlace,
  type SmallForm,
  sizeOf,
  totalBytesOf,
} from './set-small.ts';

const NOTHING = 2;
export const LARGE = 3;
export type SetForm = SmallForm | typeof NOTHING | typeof LARGE;

/** Told of an element: the bytes are valid during the call only. False ends the walk. */
export type ElementVisitor = (bytes: Uint8Array, start: number, end: number) => boolean;

/** What a small element's block has beyond the element: header, rounding, index slot, and digits that an intset spares. */
export const BLOCK_OVERHEAD_BYTES = 48;
/** Elements of a large set between two looks at whether the visitor has had enough. */
const SLICE = 64;
/** Of a large set with this many times the elements wanted, drawing one after the other beats walking them all. */
const DRAWING_FACTOR = 8;
const NO_BYTES = new Uint8Array(0);

export class SetView {
  /** The element read last: the range [start, end) of `bytes`. */
  bytes: Uint8Array;
  start: number;
  end: number;
  form: SetForm;
  private segment: Uint8Array;
  private at: number;
  private large: Members | undefined;
  private readonly element: ElementView;

  constructor() {
    this.bytes = NO_BYTES;
    this.start = 0;
    this.end = 0;
    this.form = NOTHING;
    this.segment = NO_BYTES;
    this.at = 0;
    this.large = undefined;
    this.element = new ElementView();
  }

  /** Aims at an entry, which must be a set, or at nothing when it is MISSING. */
  open(database: Database, ref: number): this {
    if (ref === MISSING) return this.openNothing();
    const value = database.largeValue(ref);
    if (value !== undefined) {
      assert(value instanceof LargeSet, 'a large set is kept as one');
      return this.openLarge(value);
    }
    const form = database.encoding(ref) === Encoding.intset ? INTSET : LISTPACK;
    return this.openSmall(form, database.valueBytes(ref), database.valueStart(ref));
  }

  openNothing(): this {
    this.form = NOTHING;
    this.large = undefined;
    return this;
  }

  openSmall(form: SmallForm, segment: Uint8Array, at: number): this {
    this.form = form;
    this.segment = segment;
    this.at = at;
    this.large = undefined;
    return this;
  }

  openLarge(value: LargeSet): this {
    this.form = LARGE;
    this.large = value.members;
    return this;
  }

  get size(): number {
    const { form, large } = this;
    if (form === NOTHING) return 0;
    return large === undefined ? sizeOf(form as SmallForm, this.segment, this.at) : large.size;
  }

  /** Bytes that a copy of it in blocks of their own would take, or more. */
  bytesAsBlocks(): number {
    const { form, large } = this;
    if (form === NOTHING) return 0;
    if (large !== undefined) return large.bytes;
    const size = sizeOf(form as SmallForm, this.segment, this.at);
    return totalBytesOf(form as SmallForm, this.segment, this.at) + size * BLOCK_OVERHEAD_BYTES;
  }

  has(bytes: Uint8Array, start: number, end: number): boolean {
    return this.find(bytes, start, end) !== NO_PLACE;
  }

  /** The place of an element, NO_PLACE when it is not there. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const { form, large } = this;
    if (form === NOTHING) return NO_PLACE;
    if (large === undefined) return placeOf(form as SmallForm, this.segment, this.at, bytes, start, end);
    const ref = large.find(bytes, start, end);
    return ref === MISSING ? NO_PLACE : ref;
  }

  /** Reads the element at a place into `bytes`, `start` and `end`. */
  read(place: number): void {
    const { large, element } = this;
    if (large !== undefined) {
      this.bytes = large.arena.bytesOf(place);
      this.start = nameStartOf(large.arena, place);
      this.end = this.start + nameLengthOf(large.arena, place);
      return;
    }
    readPlace(this.form as SmallForm, this.segment, this.at, place, element);
    this.bytes = element.bytes;
    this.start = element.start;
    this.end = element.end;
  }

  // -- Walks -----------------------------------------------------------------------------------------------------------

  /** Visits every element, in no order, until the visitor says false. It must not change the database. */
  each(visit: ElementVisitor): void {
    let goesOn = true;
    this.eachPlace((place) => {
      this.read(place);
      goesOn = visit(this.bytes, this.start, this.end);
      return goesOn;
    });
  }

  /** The same with places, none of which is read. */
  private eachPlace(visit: (place: number) => boolean): void {
    const { form, large, segment, at } = this;
    if (form === NOTHING) return;
    if (large === undefined) {
      const small = form as SmallForm;
      let place = firstPlace(small, segment, at);
      while (place !== NO_PLACE && visit(place)) place = nextPlace(small, segment, at, place);
      return;
    }
    let goesOn = true;
    let cursor = 0;
    do {
      cursor = large.scan(cursor, SLICE, (ref) => {
        if (goesOn) goesOn = visit(ref);
      });
    } while (goesOn && cursor !== 0);
  }

  /**
   * Collects the places of about `count` elements from a cursor on, all of them of a small set. Guarantees are those of
   * `Database.scan`. @returns the next cursor, 0 at the end.
   */
  scan(cursor: number, count: number, places: number[]): number {
    if (this.large === undefined) {
      this.eachPlace((place) => places.push(place) > 0);
      return 0;
    }
    return this.large.scan(cursor, count, (ref) => {
      places.push(ref);
    });
  }

  // -- Chance ----------------------------------------------------------------------------------------------------------

  /** The place of a random element, each as likely as any other; the set must not be empty. */
  random(prng: Prng): number {
    const { large } = this;
    if (large !== undefined) return large.random(prng);
    const form = this.form as SmallForm;
    return placeAt(form, this.segment, this.at, prng.below(sizeOf(form, this.segment, this.at)));
  }

  /** Places of `count` different random elements, any choice as likely as any other; of small sets in rising order. */
  choose(count: number, prng: Prng): Int32Array {
    const { size } = this;
    const chosen = new Int32Array(Math.min(count, size));
    if (this.large !== undefined && chosen.length * DRAWING_FACTOR < size) return this.drawn(chosen, prng);
    let taken = 0;
    let left = size;
    // Each element is taken with the chance of what is wanted among what is left.
    this.eachPlace((place) => {
      if (prng.below(left) < chosen.length - taken) {
        chosen[taken] = place;
        taken++;
      }
      left--;
      return taken < chosen.length;
    });
    return chosen;
  }

  /** Draws until there are enough different ones. */
  private drawn(chosen: Int32Array, prng: Prng): Int32Array {
    const met = new Set<number>();
    while (met.size < chosen.length) {
      const place = this.random(prng);
      if (met.has(place)) continue;
      chosen[met.size] = place;
      met.add(place);
    }
    return chosen;
  }
}
