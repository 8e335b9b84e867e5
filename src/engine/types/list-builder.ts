/**
 * A list in the making, which no key has yet: for commands that store a whole list at once, and for payloads.
 *
 * Whoever begins one ends it, by `storeInto` that succeeds or by `discard`.
 */
import { type Database, Encoding, NO_EXPIRY, NO_ROOM, OK, type Outcome, ValueType } from '../database.ts';
import type { ValueSink } from '../large.ts';
import { LISTPACK_EMPTY_BYTES } from '../listpack.ts';
import { encodedLengthMax } from '../listpack-element.ts';
import { createList, isSmall, runBytesMax } from './list.ts';
import { LargeList } from './list-large.ts';
import { ElementRun } from './list-run.ts';

export class ListBuilder {
  /** Elements added. */
  size: number;
  private readonly database: Database;
  private readonly bytesMax: number;
  private readonly run: ElementRun;
  private large: LargeList | undefined;

  constructor(database: Database) {
    this.size = 0;
    this.database = database;
    this.bytesMax = runBytesMax(database);
    this.run = new ElementRun();
    this.large = undefined;
  }

  /** Adds an element behind the last. False when the arena is full: discard it. */
  add(bytes: Uint8Array, start: number, end: number): boolean {
    const { run } = this;
    if (run.count > 0 && run.length + encodedLengthMax(end - start) > this.bytesMax && !this.flush()) return false;
    run.add(bytes, start, end);
    this.size++;
    return true;
  }

  private flush(): boolean {
    const { database, run } = this;
    const large = this.large ?? new LargeList(database.ground, database.collections.listMaxListpackSize);
    this.large = large;
    if (!large.push(run, false)) return false;
    run.begin();
    return true;
  }

  /** Bytes of elements that have not been charged to the account yet. */
  get openBytes(): number {
    return this.run.length;
  }

  /**
   * Hands the list over as it is, ready to become a value if it is not empty; its bytes last until the next list is built. False:
   * the arena is full, and what is handed over is not the whole list.
   */
  giveTo(sink: ValueSink): boolean {
    const { database, run } = this;
    const { list } = ValueType;
    const total = run.length + LISTPACK_EMPTY_BYTES;
    let isWhole = true;
    if (this.large === undefined && isSmall(database, total, run.count)) {
      run.seal();
      sink.setBytes(list, Encoding.quicklist, run.bytes, 0, total);
      return true;
    }
    if (run.count > 0) isWhole = this.flush();
    if (this.large !== undefined) sink.setLarge(list, Encoding.quicklist, this.large);
    this.large = undefined;
    return isWhole;
  }

  /** Sets a key to the list, which must not be empty, whatever it was. With NO_ROOM it is as before: discard the list. */
  storeInto(key: Uint8Array, start: number, end: number, expireAt_ms: number = NO_EXPIRY): Outcome {
    const { database, large } = this;
    if (large === undefined) return createList(database, key, start, end, this.run, expireAt_ms);
    if (this.run.count > 0 && !this.flush()) return NO_ROOM;
    const { list } = ValueType;
    if (database.setLarge(list, Encoding.quicklist, key, start, end, large, expireAt_ms) !== OK) return NO_ROOM;
    this.large = undefined;
    return OK;
  }

  /** Gives back what the list took. */
  discard(): void {
    this.large?.drain(Number.POSITIVE_INFINITY);
    this.large = undefined;
    this.run.begin();
    this.size = 0;
  }
}
