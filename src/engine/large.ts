/**
 * Collections too large for one block: small objects on the JavaScript heap over blocks in the arena, known to their
 * entries by number.
 *
 * Invariant: a number is in exactly one entry, whose LARGE_FLAG is set, from `add` until `release` or `forget`; what the
 * object itself costs is charged to the account as LARGE_HEAD_BYTES for just that long.
 */
import { LAZY_FREE_BLOCKS_AT_ONCE } from '../base/limits.ts';
import { assert } from '../base/result.ts';
import type { Account } from './account.ts';
import type { Encoding, ValueType } from './entry.ts';
import type { LazyFree } from './lazy-free.ts';

/**
 * What a head with its index or tree takes on the JavaScript heap: 610 to 690 bytes for 10,000 of them, on Bun and on Node.
 * Small beside the hundreds of elements that make a collection large.
 */
export const LARGE_HEAD_BYTES = 640;

export interface LargeValue {
  /** Blocks that freeing it means, about: whether that may be done at once. */
  effort(): number;
  /** Bytes of all its blocks, each charged to the account. */
  heldBytes(): number;
  /** A copy of everything, charged to the same account; undefined when the arena is full, and then nothing is left of it. */
  copy(): LargeValue | undefined;
  /**
   * Frees about so many blocks of a value that nobody uses any more. @returns how many went: fewer than `budget` only when
   * nothing is left.
   */
  drain(budget: number): number;
}

/** Takes a value that no key has yet: bytes outside of the arena, or a large value that is its own from then on. */
export interface ValueSink {
  setBytes(type: ValueType, encoding: Encoding, bytes: Uint8Array, start: number, end: number): void;
  setLarge(type: ValueType, encoding: Encoding, value: LargeValue): void;
}

export class LargeValues {
  private readonly values: (LargeValue | undefined)[];
  private readonly free: number[];
  private readonly lazyFree: LazyFree;

  constructor(lazyFree: LazyFree) {
    this.values = [];
    this.free = [];
    this.lazyFree = lazyFree;
  }

  add(value: LargeValue, account: Account): number {
    account.charge(LARGE_HEAD_BYTES);
    const number = this.free.pop() ?? this.values.length;
    this.values[number] = value;
    return number;
  }

  get(number: number): LargeValue {
    const value = this.values[number];
    assert(value !== undefined, 'a large entry leads to its value');
    return value;
  }

  /** The entry is gone, and so is the value: now if that is little work, else in slices. */
  release(number: number, account: Account): void {
    const value = this.forget(number, account);
    if (value.effort() > LAZY_FREE_BLOCKS_AT_ONCE) this.lazyFree.addValue(value, account);
    else value.drain(Number.POSITIVE_INFINITY);
  }

  /** The entry is gone or was never made; the value is the caller's again. */
  forget(number: number, account: Account): LargeValue {
    const value = this.get(number);
    this.values[number] = undefined;
    this.free.push(number);
    account.credit(LARGE_HEAD_BYTES);
    return value;
  }
}
