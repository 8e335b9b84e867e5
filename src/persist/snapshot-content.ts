/**
 * What a snapshot visits, as content of an RDB file. The walk goes on under everybody's hands, so content comes from two
 * sides: in the order of the walk, and ahead of it, when an entry is about to change. The format allows that: a tenant and
 * a database are named again wherever they change.
 *
 * A large value is written in pieces. What must be written meanwhile goes aside, and into the file behind it; when that
 * becomes much, the large value is finished at once.
 */
import { SNAPSHOT_ASIDE_BYTES_MAX, SNAPSHOT_PIECE_BYTES } from '../base/limits.ts';
import { DEFAULT_TENANT } from '../base/names.ts';
import type { Realm } from '../engine/realm.ts';
import type { SnapshotPart, SnapshotVisitor } from '../engine/snapshot.ts';
import { type EntryAccess, RdbFileWriter } from '../rdb/file-writer.ts';
import { WritingPlace } from './writing-place.ts';

interface Naming {
  readonly tenantName: (realmNumber: number) => string;
  /** Undefined of a tenant that has gone since. */
  readonly realm: (realmNumber: number) => Realm | undefined;
  /** Whether what a tenant has is to be written. */
  readonly isWanted: (realmNumber: number) => boolean;
}

export class SnapshotContent implements SnapshotVisitor {
  private readonly writer: RdbFileWriter;
  private readonly naming: Naming;
  private readonly place: WritingPlace;
  /** Of which the sizes have been said. */
  private readonly named: Set<SnapshotPart>;
  /** The large value that is being written. */
  private open: Generator<void> | undefined;
  private readonly aside: RdbFileWriter;
  private readonly asidePlace: WritingPlace;
  private asidePieces: Uint8Array[];
  private asideBytes: number;

  constructor(writer: RdbFileWriter, naming: Naming) {
    this.writer = writer;
    this.naming = naming;
    this.place = new WritingPlace(DEFAULT_TENANT);
    this.named = new Set();
    this.open = undefined;
    this.aside = new RdbFileWriter((bytes, start, end) => this.keepAside(bytes.slice(start, end)));
    this.asidePlace = new WritingPlace(DEFAULT_TENANT);
    this.asidePieces = [];
    this.asideBytes = 0;
  }

  get isBusy(): boolean {
    return this.open !== undefined;
  }

  entry(part: SnapshotPart, ref: number): void {
    const { writer } = this;
    if (writer.failed || !this.naming.isWanted(part.realmNumber)) return;
    this.choose(this.place, writer, part);
    if (part.database.largeValue(ref) === undefined) {
      writer.entry(part.database, ref, this.access(part, ref));
      return;
    }
    this.asidePlace.follow(this.place);
    this.open = writer.entryParts(part.database, ref, this.access(part, ref), SNAPSHOT_PIECE_BYTES);
    this.goOn();
  }

  early(part: SnapshotPart, ref: number): void {
    const isAside = this.open !== undefined;
    const writer = isAside ? this.aside : this.writer;
    if (this.writer.failed || !this.naming.isWanted(part.realmNumber)) return;
    this.choose(isAside ? this.asidePlace : this.place, writer, part);
    writer.entry(part.database, ref, this.access(part, ref));
    if (this.asideBytes > SNAPSHOT_ASIDE_BYTES_MAX) this.finish();
  }

  private choose(place: WritingPlace, writer: RdbFileWriter, part: SnapshotPart): void {
    if (!place.moves(writer, this.naming.tenantName(part.realmNumber), part.databaseNumber)) return;
    // The sizes are a hint that prepares a whole database: said once.
    const isFirst = !this.named.has(part);
    this.named.add(part);
    writer.database(part.databaseNumber, isFirst ? part.keys : 0, isFirst ? part.expires : 0);
  }

  private access({ realmNumber, database }: SnapshotPart, ref: number): EntryAccess | undefined {
    const policy = this.naming.realm(realmNumber)?.effectivePolicy() ?? 'noeviction';
    if (policy.endsWith('-lfu')) return { kind: 'freq', counter: database.frequency(ref) };
    return policy.endsWith('-lru') ? { kind: 'idle', seconds: database.idleSeconds(ref) } : undefined;
  }

  goOn(): void {
    if (this.open?.next().done === true || this.writer.failed) this.closeOpen();
  }

  finish(): void {
    while (this.open !== undefined) this.goOn();
  }

  /** The large value is written: what stands aside follows. */
  private closeOpen(): void {
    this.open = undefined;
    this.aside.handOver();
    if (this.asidePieces.length === 0) return;
    for (const piece of this.asidePieces) this.writer.raw(piece, 0, piece.length);
    this.asidePieces = [];
    this.asideBytes = 0;
    this.place.follow(this.asidePlace);
  }

  private keepAside(piece: Uint8Array): boolean {
    this.asidePieces.push(piece);
    this.asideBytes += piece.length;
    return true;
  }
}
