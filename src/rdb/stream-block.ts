/**
 * A block of a stream from outside (`engine/types/stream-block.ts` has its layout): is it one, with IDs that rise and counts that
 * are true? The listpack itself must be valid, and written as we would.
 *
 * Only entries that live rise: XSETID may set a stream back to before one that was deleted, and it goes on from there.
 */
import { after } from '../engine/listpack.ts';
import { elementBytes, integerAt, LISTPACK_END_BYTE } from '../engine/listpack-element.ts';
import { DELETED, readEntryId, SAME_FIELDS } from '../engine/types/stream-block.ts';
import { StreamId } from '../engine/types/stream-id.ts';
import type { Pack } from './pack.ts';

const FLAGS_MAX = DELETED | SAME_FIELDS;
/** Elements of an entry beside fields and values, but for the last: flags, the two halves of the ID. */
const HEAD_ELEMENTS = 3;

const id = new StreamId();

/** Walks a block, remembering what it has found. */
export class BlockCheck {
  /** Entries that live. */
  living: number;
  private bytes: Uint8Array;
  private p: number;
  private masterFields: number;
  private deleted: number;

  constructor() {
    this.living = 0;
    this.bytes = new Uint8Array(0);
    this.p = 0;
    this.masterFields = 0;
    this.deleted = 0;
  }

  /**
   * Whether a pack is a block known by the ID `master` whose living entries come behind `last`, which becomes the ID of the
   * last of them.
   */
  holds(pack: Pack, master: StreamId, last: StreamId): boolean {
    if (pack.first === -1) return false;
    this.bytes = pack.bytes;
    this.p = pack.first;
    const living = this.count();
    const deleted = this.count();
    this.masterFields = this.count();
    if (!(living >= 0 && deleted >= 0 && this.masterFields >= 1)) return false;
    if (!this.skip(this.masterFields) || this.count() !== 0 || this.isAtEnd) return false;
    this.living = 0;
    this.deleted = 0;
    while (!this.isAtEnd) {
      const { deleted } = this;
      if (!this.readEntry(master)) return false;
      if (this.deleted > deleted) continue;
      if (id.compare(last) <= 0) return false;
      last.copyFrom(id);
    }
    return this.living === living && this.deleted === deleted;
  }

  private get isAtEnd(): boolean {
    return this.bytes[this.p] === LISTPACK_END_BYTE;
  }

  /** One entry, whose ID is left in `id`. */
  private readEntry(master: StreamId): boolean {
    const flags = this.count();
    if (!(flags >= 0 && flags <= FLAGS_MAX)) return false;
    if (!this.readId(master)) return false;
    const isSame = (flags & SAME_FIELDS) !== 0;
    const fields = isSame ? this.masterFields : this.count();
    if (!(fields >= 1)) return false;
    const content = isSame ? fields : 2 * fields;
    if (!this.skip(content) || this.count() !== HEAD_ELEMENTS + content + (isSame ? 0 : 1)) return false;
    if ((flags & DELETED) !== 0) this.deleted++;
    else this.living++;
    return true;
  }

  /** Puts what the next two elements mean into `id`. */
  private readId(master: StreamId): boolean {
    const { bytes, p } = this;
    if (Number.isNaN(this.count()) || Number.isNaN(this.count())) return false;
    readEntryId(bytes, p, master, id);
    // A difference is never negative in milliseconds, so nothing can come before the master.
    return id.compare(master) >= 0;
  }

  /** The integer that comes next, NaN when what comes is none. */
  private count(): number {
    if (this.isAtEnd) return Number.NaN;
    const value = integerAt(this.bytes, this.p);
    this.p = after(this.bytes, this.p);
    return value;
  }

  /** Passes over so many elements; false when there are not so many. */
  private skip(elements: number): boolean {
    const { bytes } = this;
    for (let left = elements; left > 0; left--) {
      if (bytes[this.p] === LISTPACK_END_BYTE) return false;
      this.p += elementBytes(bytes, this.p);
    }
    return true;
  }
}
