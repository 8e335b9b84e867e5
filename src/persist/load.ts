/**
 * Brings back what one shard has written down: its log if there is one, else its dump. Files are read in slices, so that
 * whoever knocks meanwhile is told that the data is being loaded.
 *
 * Nothing is touched before all of it is there, but for the torn end of the last increment, which is cut off and told. A
 * file that cannot be trusted stops the start with one line that says which, where and what to do.
 */
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { DEFAULT_TENANT } from '../base/names.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { LoadedShard } from '../command/ports/durability.ts';
import type { Disk, DiskReader } from '../disk/disk.ts';
import { type Database, MISSING, OK } from '../engine/database.ts';
import type { Shard } from '../engine/shard.ts';
import { RdbFileReader } from '../rdb/file-reader.ts';
import type { Request } from '../resp/request.ts';
import { Breath } from './breath.ts';
import type { ShardFiles } from './files.ts';
import { cutBack, isRdb } from './inspect.ts';
import type { LogFiles } from './log-files.ts';
import { type LogItem, LogReader } from './log-reader.ts';
import { lastWritten, type Manifest } from './manifest.ts';
import { Replay } from './replay.ts';
import { verifyLog } from './verify.ts';

/** Runs what was written down. */
export interface ReplayPort {
  readonly shard: Shard;
  /** Makes the namespace of a tenant where there is none yet. */
  tenantNumber(name: string): number | Promise<number>;
  /** @returns why it cannot be: an unknown command, say. One that answers with an error is among the failures. */
  run(realmNumber: number, databaseNumber: number, request: Request): string | undefined;
  /** How many did so far, and which was the first, with its answer. */
  readonly failures: number;
  readonly firstFailure: string;
}

export interface LoadOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly port: ReplayPort;
  /** `aof-load-truncated`. */
  readonly acceptsTruncated: boolean;
  /** Files are only read: a torn end is told and left as it is. */
  readonly leavesFiles?: boolean;
  /** Bytes read so far, of all there are. */
  readonly progress: (loadedBytes: number, totalBytes: number) => void;
}

export interface Loaded extends LoadedShard {
  /** Bytes at the end of the last file that no checksum covers. */
  readonly uncoveredBytes: number;
  /** Tenant that records behind the last one belong to. */
  readonly lastRealm: number;
  readonly functions: readonly Uint8Array[];
  /** Lines for a person: a torn end, say. */
  readonly warnings: readonly string[];
}

/** Loads what counts. `log` has been looked for. */
export function load(files: ShardFiles, log: LogFiles, hasLog: boolean, options: LoadOptions): Promise<Result<Loaded>> {
  return loading(options, (loader) =>
    hasLog ? loader.loadLog(files.logFolder, log.manifest) : loader.loadDump(files),
  );
}

/** Loads one file from anywhere: an RDB, a log, or a log with an RDB in front, as there were before Redis 7. */
export function loadFile(path: string, options: LoadOptions): Promise<Result<Loaded>> {
  return loading(options, (loader) => loader.loadAnyAt(path));
}

/** Loads the log that a manifest makes up, wherever it lies. */
export function loadManifest(folder: string, manifest: Manifest, options: LoadOptions): Promise<Result<Loaded>> {
  return loading(options, (loader) => loader.loadLog(folder, manifest));
}

async function loading(
  options: LoadOptions,
  work: (loader: Loader) => Promise<Result<Loaded['source']>>,
): Promise<Result<Loaded>> {
  const { shard } = options.port;
  const loader = new Loader(options);
  shard.world.isLoading = true;
  shard.beginTurn();
  try {
    const loaded = await work(loader);
    const { failures, firstFailure } = options.port;
    if (failures > 0) loader.warnings.push(`${failures} records were answered with an error, first ${firstFailure}`);
    return loaded.ok ? success(loader.summary(loaded.value)) : loaded;
  } finally {
    shard.world.isLoading = false;
    shard.beginTurn();
  }
}

const END: LogItem = { kind: 'end' };

class Loader {
  private readonly options: LoadOptions;
  private readonly paths: string[];
  readonly warnings: string[];
  private readonly functions: Uint8Array[];
  private keys: number;
  private expired: number;
  private records: number;
  private realm: number;
  private doneBytes: number;
  private totalBytes: number;
  private readonly breath: Breath;
  private uncoveredBytes: number;

  constructor(options: LoadOptions) {
    this.options = options;
    this.paths = [];
    this.warnings = [];
    this.functions = [];
    this.keys = 0;
    this.expired = 0;
    this.records = 0;
    this.realm = 0;
    this.doneBytes = 0;
    this.totalBytes = 0;
    this.breath = new Breath(options.clock);
    this.uncoveredBytes = 0;
  }

  summary(source: Loaded['source']): Loaded {
    const { paths, keys, expired, records, functions, warnings, uncoveredBytes } = this;
    return { source, uncoveredBytes, paths, keys, expired, records, lastRealm: this.realm, functions, warnings };
  }

  async loadDump(files: ShardFiles): Promise<Result<Loaded['source']>> {
    const status = this.options.disk.status(files.dumpPath);
    if (!status.ok) return failure(status.fault.message);
    if (status.value === undefined) return success('nothing');
    const loaded = await this.opened(files.dumpPath, async (file) => {
      this.totalBytes = Math.max(this.totalBytes, file.length);
      const end = await this.loadRdb(file, false);
      return end.ok ? success(undefined) : end;
    });
    return loaded.ok ? success('dump') : loaded;
  }

  async loadAnyAt(path: string): Promise<Result<Loaded['source']>> {
    const loaded = await this.opened(path, (file) => {
      this.totalBytes = file.length;
      return this.loadPart(file, true);
    });
    return loaded.ok ? success('log') : loaded;
  }

  async loadLog(folder: string, { base, increments }: Manifest): Promise<Result<Loaded['source']>> {
    const { disk } = this.options;
    const parts = base === undefined ? increments : [base, ...increments];
    const lengths: number[] = [];
    for (const { name } of parts) {
      const status = disk.status(join(folder, name));
      if (!status.ok) return failure(status.fault.message);
      lengths.push(status.value?.length ?? 0);
      this.totalBytes += status.value?.length ?? 0;
    }
    const last = lastWritten(lengths);
    for (const [index, part] of parts.entries()) {
      const isLast = index >= last && part.type === 'increment';
      const loaded = await this.opened(join(folder, part.name), (file) => this.loadPart(file, isLast));
      if (!loaded.ok) return loaded;
    }
    return success('log');
  }

  private async opened(path: string, work: (file: DiskReader) => Promise<Result<void>>): Promise<Result<void>> {
    const file = this.options.disk.open(path);
    if (!file.ok) return failure(file.fault.message);
    this.paths.push(path);
    try {
      const done = await work(file.value);
      this.doneBytes += file.value.length;
      return done;
    } finally {
      file.value.close();
    }
  }

  /** A base, or an increment; a base may have records behind its RDB. */
  private async loadPart(file: DiskReader, isLast: boolean): Promise<Result<void>> {
    const begins = isRdb(file);
    if (!begins.ok) return begins;
    let start = 0;
    if (begins.value) {
      const end = await this.loadRdb(file, true);
      if (!end.ok) return end;
      start = end.value;
    }
    return this.loadRecords(file, start, isLast);
  }

  /** @returns where it ends. */
  private async loadRdb(file: DiskReader, isOfLog: boolean): Promise<Result<number>> {
    const { port, clock } = this.options;
    const reader = new RdbFileReader(file, { verifyChecksum: true });
    const now_ms = clock.nowMs();
    this.realm = await port.tenantNumber(DEFAULT_TENANT);
    let database = port.shard.realm(this.realm).database(0);
    reader.target = database;
    for (;;) {
      const item = reader.next();
      switch (item.kind) {
        case 'entry': {
          const isOver = reader.expireAt_ms >= 0 && reader.expireAt_ms < now_ms;
          // Records behind it may still be about a key of a log; of a dump it is all there is.
          if (isOver && !isOfLog) this.expired++;
          else {
            const fault = this.store(reader, database);
            if (fault !== undefined) return failure(`${file.path}: byte ${reader.position}: ${fault}`);
          }
          if ((this.keys & 63) === 0) await this.breathe(reader.position);
          break;
        }
        case 'tenant':
          this.realm = await port.tenantNumber(item.name);
          database = port.shard.realm(this.realm).database(0);
          reader.target = database;
          break;
        case 'database':
          database = port.shard.realm(this.realm).database(item.number);
          reader.target = database;
          break;
        case 'function':
          this.functions.push(item.payload);
          break;
        case 'aux':
          break;
        case 'end':
          return success(reader.position);
        case 'fault':
          return failure(`${file.path}: byte ${item.offset}: ${item.message}; check-rdb says more`);
      }
    }
  }

  private store(reader: RdbFileReader, database: Database): string | undefined {
    const { key, keyStart, keyEnd } = reader;
    if (database.peek(key, keyStart, keyEnd) !== MISSING) return 'a key is there twice';
    const outcome = reader.value.store(database, key, keyStart, keyEnd, reader.expireAt_ms);
    if (outcome !== OK) return 'there is no memory for more';
    this.keys++;
    const { idleSeconds, frequency } = reader;
    if (idleSeconds < 0 && frequency < 0) return undefined;
    const { shard } = this.options.port;
    const ref = database.peek(key, keyStart, keyEnd);
    shard.world.setAccess(ref, shard.realm(this.realm).usesLfu(), idleSeconds, frequency);
    return undefined;
  }

  private async loadRecords(file: DiskReader, start: number, isLast: boolean): Promise<Result<void>> {
    const { port } = this.options;
    const verdict = verifyLog(file, start);
    if (verdict.kind === 'fault') return failure(`${verdict.message}; check-aof says more`);
    this.uncoveredBytes = verdict.kind === 'good' ? verdict.uncoveredBytes : Number.POSITIVE_INFINITY;
    const end = verdict.kind === 'torn' ? verdict.at : file.length;
    const reader = new LogReader(file, start);
    const replay = new Replay(port);
    this.realm = await replay.begin();
    for (;;) {
      const next = reader.next();
      // The line of a sum may stand between the last record that counts and the first that does not.
      const at = next.kind === 'command' ? reader.commandStart : reader.position;
      const item = at >= end ? END : next;
      if (item.kind === 'command') {
        const told = replay.take(reader.request, reader.commandStart);
        const fault = told instanceof Promise ? await told : told;
        if (fault !== undefined) return failure(`${file.path}: byte ${reader.commandStart}: ${fault}`);
        this.records++;
        if ((this.records & 63) === 0) await this.breathe(reader.position);
        continue;
      }
      this.realm = replay.realmNumber;
      if (item.kind === 'fault') return failure(`${item.message}; check-aof says more`);
      const tornAt = replay.openAt ?? (verdict.kind === 'torn' ? verdict.at : undefined);
      if (tornAt === undefined) return success(undefined);
      // What is cut off may be part of what no sum covers: a file of its own is begun.
      this.uncoveredBytes = Number.POSITIVE_INFINITY;
      return this.torn(file, tornAt, isLast);
    }
  }

  /** The file ends in the middle of something that was never acknowledged. */
  private torn(file: DiskReader, at: number, isLast: boolean): Result<void> {
    const bytes = file.length - at;
    if (!isLast) {
      return failure(`${file.path}: byte ${at}: ends within a record, though files follow it; check-aof says more`);
    }
    if (!this.options.acceptsTruncated) {
      return failure(
        `${file.path}: byte ${at}: ends within a record; check-aof --fix cuts it, or set aof-load-truncated`,
      );
    }
    if (this.options.leavesFiles === true) {
      this.warnings.push(`${file.path}: the last ${bytes} bytes, from byte ${at} on, were no whole record`);
      return success(undefined);
    }
    const cut = cutBack(this.options.disk, file.path, at);
    if (!cut.ok) return cut;
    this.warnings.push(
      `${file.path}: the last ${bytes} bytes were no whole record and have been cut off at byte ${at}`,
    );
    return success(undefined);
  }

  private async breathe(position: number): Promise<void> {
    if (!this.breath.isDue) return;
    this.options.progress(this.doneBytes + position, this.totalBytes);
    await this.breath.take();
  }
}
