/**
 * A point-in-time walk over all that a shard holds, without a copy of it: databases are walked in slices, and an entry
 * that is about to change or to go before the walk has come to it is visited right then, as it still is.
 *
 * ```
 *   begin ──step──step── … ──▶ done        visited before a change: out of order, and once
 *      └── before(entry) ──┘
 * ```
 *
 * Invariants: every entry that was there at `begin` is visited exactly once, as it was then; none that came later is.
 * An unsaved entry's ref is valid, because nothing touches an entry without `before`. Databases that are emptied meanwhile
 * are kept as they were until they have been walked.
 *
 * Who must say `before`: whoever runs commands, for every key of a command that may change it; and whoever is told by the
 * engine that a key or a field goes of its own accord.
 */
import { SNAPSHOT_ENTRIES_PER_LOOK } from '../base/limits.ts';
import { type Database, MISSING } from './database.ts';
import type { KeyIndex } from './index.ts';
import type { Detached } from './lazy-free.ts';
import type { Realm } from './realm.ts';
import type { World } from './world.ts';

/** Content of one database as it was at the beginning. */
export interface SnapshotPart {
  readonly realmNumber: number;
  readonly databaseNumber: number;
  readonly database: Database;
  readonly keys: number;
  readonly expires: number;
}

export interface SnapshotVisitor {
  /**
   * An entry of the walk. What is large may be written in pieces: then the visitor keeps it, is asked to `goOn`, and must
   * `finish` it when it is about to change.
   */
  entry(part: SnapshotPart, ref: number): void;
  /** An entry that is about to change or to go; it must be read now. */
  early(part: SnapshotPart, ref: number): void;
  /** Whether an entry is being read in pieces. */
  readonly isBusy: boolean;
  /** Reads the next piece of it. */
  goOn(): void;
  /** Reads all that is left of it. */
  finish(): void;
}

interface Walk {
  readonly part: SnapshotPart;
  readonly index: KeyIndex;
  /** What to free when it has been walked. */
  detached: Detached | undefined;
}

export class Snapshot {
  readonly parts: readonly SnapshotPart[];
  /** Entries at the beginning, and those visited so far. */
  readonly keysTotal: number;
  keysVisited: number;
  private readonly world: World;
  private readonly visitor: SnapshotVisitor;
  private readonly walks: Walk[];
  private readonly byDatabase: Map<Database, Walk>;
  /** Which walk is under way, and where it is. */
  private at: number;
  private cursor: number;
  private isScanned: boolean;
  /** Large entries that the walk has found and not yet handed over: it can't stop in the middle of a look. */
  private readonly found: Set<number>;
  /** The one that is being read in pieces. */
  private open: number;

  /**
   * Begins at once. There is one at a time, and it must be walked to its end. It is of all realms of the shard: an entry that
   * is not visited would count as visited the next time.
   */
  constructor(world: World, realms: Iterable<Realm>, visitorOf: (parts: readonly SnapshotPart[]) => SnapshotVisitor) {
    this.world = world;
    this.walks = [];
    this.byDatabase = new Map();
    for (const realm of realms) realm.eachDatabase((database) => this.enlist(realm.number, database));
    this.parts = this.walks.map(({ part }) => part);
    this.keysTotal = this.parts.reduce((sum, { keys }) => sum + keys, 0);
    this.keysVisited = 0;
    this.at = 0;
    this.cursor = 0;
    this.isScanned = false;
    this.found = new Set();
    this.open = MISSING;
    this.visitor = visitorOf(this.parts);
    world.mark.turn();
    world.snapshot = this;
  }

  private enlist(realmNumber: number, database: Database): void {
    const keys = database.size();
    if (keys === 0) return;
    const expires = database.expiresCount();
    const part = { realmNumber, databaseNumber: database.number, database, keys, expires };
    const walk: Walk = { part, index: database.keys.index, detached: undefined };
    this.walks.push(walk);
    this.byDatabase.set(database, walk);
  }

  /** Visits some entries, or a piece of a large one. False when everything has been visited. */
  step(): boolean {
    if (this.visitor.isBusy) {
      this.visitor.goOn();
      if (!this.visitor.isBusy) this.open = MISSING;
      return true;
    }
    const walk = this.walks[this.at];
    if (walk === undefined) return this.end();
    const [large] = this.found;
    if (large !== undefined) {
      this.visitFound(walk, large);
      return true;
    }
    if (this.isScanned || walk.index.size === 0) return this.nextWalk(walk);
    this.cursor = walk.index.scan(this.cursor, SNAPSHOT_ENTRIES_PER_LOOK, (ref) => this.look(walk, ref));
    this.isScanned = this.cursor === 0;
    return true;
  }

  private look({ part }: Walk, ref: number): void {
    const { arena, mark } = this.world;
    if (mark.isSaved(arena, ref)) return;
    if (part.database.largeValue(ref) !== undefined) {
      this.found.add(ref);
      return;
    }
    this.count(ref);
    this.visitor.entry(part, ref);
  }

  private visitFound({ part }: Walk, ref: number): void {
    this.found.delete(ref);
    this.open = ref;
    this.count(ref);
    this.visitor.entry(part, ref);
    if (!this.visitor.isBusy) this.open = MISSING;
  }

  /** It is visited now, and not again. */
  private count(ref: number): void {
    this.world.mark.setSaved(this.world.arena, ref);
    this.keysVisited++;
  }

  private nextWalk(walk: Walk): boolean {
    this.byDatabase.delete(walk.part.database);
    if (walk.detached !== undefined) this.world.lazyFree.add(walk.detached);
    this.at++;
    this.cursor = 0;
    this.isScanned = false;
    return this.at < this.walks.length || this.end();
  }

  private end(): false {
    if (this.world.snapshot === this) this.world.snapshot = undefined;
    return false;
  }

  /** An entry is about to change or to go. */
  before(database: Database, ref: number): void {
    if (ref === this.open) {
      this.visitor.finish();
      this.open = MISSING;
      return;
    }
    const { arena, mark } = this.world;
    if (mark.isSaved(arena, ref)) return;
    const walk = this.byDatabase.get(database);
    if (walk === undefined) return;
    this.found.delete(ref);
    this.count(ref);
    this.visitor.early(walk.part, ref);
  }

  /** The same of the entry of a key, if there is one; also of one whose time is over. */
  beforeKey(database: Database, bytes: Uint8Array, start: number, end: number): void {
    const { keys } = database;
    const ref = keys.index.find(keys.hashOf(bytes, start, end), bytes, start, end);
    if (ref !== MISSING) this.before(database, ref);
  }

  /** A database is to be emptied. True: what it held is kept here until it has been walked. */
  takesOver(database: Database): boolean {
    const walk = this.byDatabase.get(database);
    if (walk === undefined || walk.detached !== undefined) return false;
    walk.detached = database.detachForLazyFree();
    this.byDatabase.delete(database);
    return true;
  }
}
