/**
 * A walk over the living entries of a stream between two IDs, both included, in either direction. To be reused; it dies
 * with any change of the stream: whoever keeps one between two commands begins anew.
 *
 * Hot path. Budget: XRANGE of 100 entries of two pairs under 600 ns for each, of which writing the reply is the most; guarded by `bench/stream.ts`.
 */
import type { Arena } from '../arena.ts';
import { last, previous } from '../listpack.ts';
import { type ElementView, elementBytes, integerAt, LISTPACK_END_BYTE, readElement } from '../listpack-element.ts';
import { IdPlace, type IdTree } from './id-tree.ts';
import { BlockHead, DELETED, readEntryId, readHead, SAME_FIELDS } from './stream-block.ts';
import { StreamId } from './stream-id.ts';

const NO_BYTES = new Uint8Array(0);
const head = new BlockHead();
const following = new IdPlace();
const followingId = new StreamId();

export class StreamCursor {
  /** Of the entry that the walk is at. */
  readonly id: StreamId;
  /** Its fields; a value each. */
  fields: number;
  /** The block it is in, and the offset of its first element. */
  readonly place: IdPlace;
  entry: number;
  bytes: Uint8Array;
  /** Offset of the block's listpack. */
  at: number;
  private readonly start: StreamId;
  private readonly end: StreamId;
  private readonly master: StreamId;
  private tree: IdTree | undefined;
  private isReverse: boolean;
  /** Whether the place names a block, and whether its head has been read. */
  private isThere: boolean;
  private isLoaded: boolean;
  private flags: number;
  private masterFields: number;
  private masterStart: number;
  /** The next field of the master entry, if the entry has its fields. */
  private fieldAt: number;
  /** The next element to be read, and how many of the entry come before its last. */
  private position: number;
  private left: number;
  /** Backwards: the last element of the next entry. */
  private tail: number;

  constructor() {
    this.id = new StreamId();
    this.fields = 0;
    this.place = new IdPlace();
    this.entry = 0;
    this.bytes = NO_BYTES;
    this.at = 0;
    this.start = new StreamId();
    this.end = new StreamId();
    this.master = new StreamId();
    this.tree = undefined;
    this.isReverse = false;
    this.isThere = false;
    this.isLoaded = false;
    this.flags = 0;
    this.masterFields = 0;
    this.masterStart = 0;
    this.fieldAt = 0;
    this.position = 0;
    this.left = 0;
    this.tail = 0;
  }

  /** Stands in front of the first entry from `start` to `end`, or behind the last to walk back. */
  begin(blocks: IdTree, start: StreamId, end: StreamId, isReverse: boolean): void {
    this.start.copyFrom(start);
    this.end.copyFrom(end);
    this.tree = blocks;
    this.isReverse = isReverse;
    this.isLoaded = false;
    this.isThere = blocks.floor(isReverse ? end : start, this.place);
    // Before the first block nothing can end; entries of the first may still come after the start.
    if (!this.isThere && !isReverse) this.isThere = blocks.first(this.place);
  }

  /**
   * Goes to the entry of exactly this ID: on from where a walk forward is, when that is in the same block and in front of it,
   * and anew otherwise. So IDs in rising order cost little. False when there is no such entry.
   */
  moveTo(blocks: IdTree, id: StreamId): boolean {
    const goesOn = this.tree === blocks && this.isThere && this.isLoaded && !this.isReverse && id.compare(this.id) > 0;
    if (!goesOn || this.isBehindBlock(blocks, id)) this.begin(blocks, id, id, false);
    else {
      this.start.copyFrom(id);
      this.end.copyFrom(id);
    }
    return this.next();
  }

  private isBehindBlock(blocks: IdTree, id: StreamId): boolean {
    following.leaf = this.place.leaf;
    following.slot = this.place.slot;
    if (!blocks.next(following)) return false;
    blocks.readId(following, followingId);
    return id.compare(followingId) >= 0;
  }

  /** Goes to the next entry; false when there is none. */
  next(): boolean {
    const { tree } = this;
    while (tree !== undefined && this.isThere) {
      if (!this.isLoaded) this.load(tree, tree.ground.arena);
      if (this.isReverse ? this.stepBack() : this.stepForward()) {
        if ((this.flags & DELETED) !== 0) continue;
        if (this.isReverse) {
          if (this.id.compare(this.end) > 0) continue;
          this.isThere = this.id.compare(this.start) >= 0;
        } else {
          if (this.id.compare(this.start) < 0) continue;
          this.isThere = this.id.compare(this.end) <= 0;
        }
        return this.isThere;
      }
      this.isThere = this.isReverse ? tree.previous(this.place) : tree.next(this.place);
      this.isLoaded = false;
    }
    return false;
  }

  /** Goes to the next entry of the first block, deleted ones among them, wherever the walk is to end; not to walk back. */
  nextInBlock(): boolean {
    const { tree } = this;
    if (tree === undefined || !this.isThere) return false;
    if (!this.isLoaded) this.load(tree, tree.ground.arena);
    return this.stepForward();
  }

  get isDeleted(): boolean {
    return (this.flags & DELETED) !== 0;
  }

  /** Reads the next field and its value; as many times as there are fields. */
  readField(field: ElementView, value: ElementView): void {
    const { bytes } = this;
    if ((this.flags & SAME_FIELDS) !== 0) {
      readElement(bytes, this.fieldAt, field);
      this.fieldAt += elementBytes(bytes, this.fieldAt);
    } else {
      readElement(bytes, this.position, field);
      this.skip();
    }
    readElement(bytes, this.position, value);
    this.skip();
  }

  /** Bytes that the fields and values take where they lie; only before the first has been read. */
  contentBytes(): number {
    const { bytes } = this;
    let p = this.position;
    for (let i = this.left; i > 0; i--) p += elementBytes(bytes, p);
    let content = p - this.position;
    if ((this.flags & SAME_FIELDS) === 0) return content;
    p = this.masterStart;
    for (let i = this.masterFields; i > 0; i--) p += elementBytes(bytes, p);
    content += p - this.masterStart;
    return content;
  }

  private skip(): void {
    this.position += elementBytes(this.bytes, this.position);
    this.left--;
  }

  private load(tree: IdTree, arena: Arena): void {
    const ref = tree.word(this.place, 0);
    this.bytes = arena.bytesOf(ref);
    this.at = arena.offsetOf(ref);
    tree.readId(this.place, this.master);
    readHead(this.bytes, this.at, head);
    this.masterFields = head.fields;
    this.masterStart = head.fieldsStart;
    // As if an entry without elements stood in front of the first: its last element is the master's.
    this.position = head.entriesStart;
    this.left = -1;
    this.tail = this.isReverse ? last(this.bytes, this.at) : 0;
    this.isLoaded = true;
  }

  private stepForward(): boolean {
    const { bytes } = this;
    let p = this.position;
    for (let i = this.left; i >= 0; i--) p += elementBytes(bytes, p);
    if (bytes[p] === LISTPACK_END_BYTE) return false;
    this.readEntry(p);
    return true;
  }

  private stepBack(): boolean {
    const { bytes, at } = this;
    const elements = integerAt(bytes, this.tail);
    if (elements === 0) return false;
    let p = this.tail;
    for (let i = 0; i < elements; i++) p = previous(bytes, at, p);
    this.tail = previous(bytes, at, p);
    this.readEntry(p);
    return true;
  }

  private readEntry(entry: number): void {
    const { bytes } = this;
    this.entry = entry;
    this.flags = integerAt(bytes, entry);
    let p = readEntryId(bytes, entry + elementBytes(bytes, entry), this.master, this.id);
    if ((this.flags & SAME_FIELDS) !== 0) {
      this.fields = this.masterFields;
      this.fieldAt = this.masterStart;
      this.left = this.fields;
    } else {
      this.fields = integerAt(bytes, p);
      p += elementBytes(bytes, p);
      this.left = 2 * this.fields;
    }
    this.position = p;
  }
}
