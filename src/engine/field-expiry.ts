/**
 * Removes fields of hashes whose time is over though nobody touches them: the part of the expiry cycle (`expiry.ts`) that
 * looks into hashes.
 *
 * Invariant: one batch looks at no more than `limit` hashes and removes no more than `limit` fields; a hash with more of them
 * is where the next batch begins.
 */
import type { Database } from './database.ts';
import { keyLengthOf, keyStartOf } from './entry.ts';
import { ElementView } from './listpack-element.ts';
import type { Realm } from './realm.ts';
import { Hash, NEVER } from './types/hash.ts';
import type { World } from './world.ts';

export class FieldExpiry {
  private readonly world: World;
  private readonly hash: Hash;
  private readonly view: ElementView;
  /** Whose fields `tell` is told of. */
  private realmNumber: number;
  private database: Database | undefined;
  private readonly hashes: Int32Array;
  private readonly refs: Int32Array;

  constructor(world: World, batchMax: number) {
    this.world = world;
    this.hash = new Hash();
    this.view = new ElementView();
    this.realmNumber = 0;
    this.database = undefined;
    this.hashes = new Int32Array(batchMax);
    this.refs = new Int32Array(batchMax);
  }

  /** @returns how many fields went. */
  expireBatch(realm: Realm, database: Database, limit: number): number {
    const { hashes, refs, world, hash } = this;
    const { fieldExpires } = database.keys;
    this.realmNumber = realm.number;
    this.database = database;
    const count = fieldExpires.collect(database.fieldExpiryCursor, limit, hashes, refs);
    let gone = 0;
    for (let i = 0; i < count; i++) {
      hash.open(database, refs[i] as number, world.now_ms);
      database.fieldExpiryCursor = (hashes[i] as number) >>> 0;
      const first_ms = hash.firstEnd();
      if (first_ms !== NEVER && first_ms < world.now_ms) {
        gone += hash.removeExpired(limit - gone, this.tell);
        if (hash.isEmpty) this.drop(database);
        if (gone === limit) break;
      }
      database.fieldExpiryCursor = ((hashes[i] as number) + 1) >>> 0;
    }
    realm.statistics.expiredFields += gone;
    return gone;
  }

  private readonly tell = (place: number): void => {
    const { world, database, hash, view } = this;
    if (database === undefined || world.listener.fieldExpired === undefined) return;
    const key = hash.entry;
    const start = keyStartOf(world.arena, key);
    const end = start + keyLengthOf(world.arena, key);
    hash.readName(place, view);
    const { bytes, start: from, end: to } = view;
    world.listener.fieldExpired(
      this.realmNumber,
      database.number,
      world.arena.bytesOf(key),
      start,
      end,
      bytes,
      from,
      to,
    );
  };

  /** Nothing is left in the hash. */
  private drop(database: Database): void {
    const { world, hash } = this;
    const start = keyStartOf(world.arena, hash.entry);
    const end = start + keyLengthOf(world.arena, hash.entry);
    world.listener.emptied?.(this.realmNumber, database.number, world.arena.bytesOf(hash.entry), start, end);
    database.deleteEntry(hash.entry);
  }
}
