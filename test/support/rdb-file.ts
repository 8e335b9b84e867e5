/** RDB files in memory: written from a harness's world, and read into one. */
import { copyRange } from '../../src/base/bytes.ts';
import { DEFAULT_TENANT } from '../../src/base/names.ts';
import { failure, success } from '../../src/base/result.ts';
import type { DiskReader, DiskResult } from '../../src/disk/disk.ts';
import { type Database, MISSING, OK } from '../../src/engine/database.ts';
import type { Shard } from '../../src/engine/shard.ts';
import { RdbFileReader, type RdbItem } from '../../src/rdb/file-reader.ts';
import { type EntryAccess, RdbFileWriter } from '../../src/rdb/file-writer.ts';

/** A file that is read in pieces no longer than told. */
export class MemoryFile implements DiskReader {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly pieceBytesMax: number;
  /** From here on the disk fails. */
  brokenFrom: number;
  /** The largest piece that was asked for. */
  askedBytesMax: number;

  constructor(bytes: Uint8Array, pieceBytesMax = Number.POSITIVE_INFINITY) {
    this.path = '/memory.rdb';
    this.bytes = bytes;
    this.pieceBytesMax = pieceBytesMax;
    this.brokenFrom = Number.POSITIVE_INFINITY;
    this.askedBytesMax = 0;
  }

  get length(): number {
    return this.bytes.length;
  }

  read(at: number, into: Uint8Array, start: number, end: number): DiskResult<number> {
    if (at < 0 || start < 0 || end > into.length) throw new Error('read outside of what there is');
    this.askedBytesMax = Math.max(this.askedBytesMax, end - start);
    if (at >= this.brokenFrom) return failure({ code: 'EIO', message: `EIO: i/o error, read '${this.path}'` });
    const count = Math.max(0, Math.min(end - start, this.pieceBytesMax, this.bytes.length - at));
    copyRange(this.bytes, at, at + count, into, start);
    return success(count);
  }

  close(): void {}
}

/** What a sink was given, as one. */
export class Collected {
  readonly pieces: Uint8Array[] = [];

  readonly sink = (bytes: Uint8Array, start: number, end: number): boolean => {
    this.pieces.push(bytes.slice(start, end));
    return true;
  };

  get bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.pieces));
  }
}

export interface WriteOptions {
  readonly version?: number;
  readonly aux?: readonly (readonly [string, string])[];
  readonly functions?: readonly Uint8Array[];
  /** Names of the realms from 1 on. */
  readonly tenants?: readonly string[];
  readonly access?: (database: Database, ref: number) => EntryAccess;
  /** Writes entries in parts of about so many bytes. */
  readonly bytesPerPart?: number;
  /** Told after each entry how many times it has paused. */
  readonly paused?: (times: number) => void;
}

function writeDatabase(file: RdbFileWriter, database: Database, options: WriteOptions): void {
  if (database.size() === 0) return;
  file.database(database.number, database.size(), database.expiresCount());
  database.forEach((ref) => {
    const access = options.access?.(database, ref);
    if (options.bytesPerPart === undefined) {
      file.entry(database, ref, access);
      return;
    }
    const pauses = [...file.entryParts(database, ref, access, options.bytesPerPart)].length;
    options.paused?.(pauses);
  });
}

/** The whole of a shard as a file. */
export function writtenFile(shard: Shard, options: WriteOptions = {}): Uint8Array {
  const collected = new Collected();
  const file = new RdbFileWriter(collected.sink);
  file.begin(options.version ?? 10, options.aux ?? []);
  file.functions(options.functions ?? []);
  shard.realm(0).eachDatabase((database) => writeDatabase(file, database, options));
  options.tenants?.forEach((name, i) => {
    file.tenant(name);
    shard.realm(i + 1).eachDatabase((database) => writeDatabase(file, database, options));
  });
  if (!file.end()) throw new Error('a sink that takes everything has refused');
  const { bytes } = collected;
  if (bytes.length !== file.bytesWritten) throw new Error(`${file.bytesWritten} bytes said, ${bytes.length} written`);
  return bytes;
}

export interface Loaded {
  /** The last item: `end`, or why there is none. */
  readonly end: RdbItem;
  /** Everything but entries and the end. */
  readonly items: readonly RdbItem[];
  readonly entries: number;
  readonly reader: RdbFileReader;
}

/** Reads a file into a shard, tenants into the realms from 1 on; without a shard it is only checked. */
export function loadedFile(
  file: DiskReader,
  shard: Shard | undefined,
  seen?: (reader: RdbFileReader) => void,
  start = 0,
): Loaded {
  const reader = new RdbFileReader(file, { verifyChecksum: true, start });
  const items: RdbItem[] = [];
  let entries = 0;
  let realm = 0;
  const names: string[] = [];
  reader.target = shard?.realm(0).database(0);
  for (;;) {
    const item = reader.next();
    if (item.kind === 'end' || item.kind === 'fault') {
      const { position } = reader;
      if (JSON.stringify(reader.next()) !== JSON.stringify(item)) throw new Error('the last item changes');
      if (reader.position !== position) throw new Error('reading goes on behind the end');
      return { end: item, items, entries, reader };
    }
    if (item.kind !== 'entry') items.push(item);
    if (item.kind === 'tenant') {
      if (!names.includes(item.name)) names.push(item.name);
      realm = item.name === DEFAULT_TENANT ? 0 : names.indexOf(item.name) + 1;
      reader.target = shard?.realm(realm).database(0);
    } else if (item.kind === 'database') reader.target = shard?.realm(realm).database(item.number);
    else if (item.kind === 'entry') {
      entries++;
      seen?.(reader);
      store(reader);
    }
  }
}

function store(reader: RdbFileReader): void {
  const { target, key, keyStart, keyEnd, expireAt_ms, value } = reader;
  if (target === undefined) return;
  if (target.peek(key, keyStart, keyEnd) !== MISSING) return;
  if (value.store(target, key, keyStart, keyEnd, expireAt_ms) !== OK)
    throw new Error('there is room for what is tested');
}
