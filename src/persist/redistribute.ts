/**
 * Writes a data folder anew out of what is there, of other files, or of both: for another number of shards, for imports and
 * for restores. Sources are loaded one after the other into an engine that nobody is served from; what they hold goes, key
 * by key, into one file per new shard; all of it is read back, and only then takes the place of what was there
 * (`layout.ts`). Until then nothing of the old is touched.
 */
import { latin1 } from '../base/bytes.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { DEFAULT_TENANT } from '../base/names.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { Disk } from '../disk/disk.ts';
import { shownKey } from '../rdb/file-types.ts';
import { RDB_VERSION, RDB_VERSION_FIELD_EXPIRY } from '../rdb/format.ts';
import { LOG_PREFIX, ShardFiles, shardFolders } from './files.ts';
import { beginBuild, dropBuild, findLayout, makeShardFolders, settle, strangerIn, takeOver } from './layout.ts';
import { type Loaded, type LoadOptions, load } from './load.ts';
import { LogFiles } from './log-files.ts';
import { baseName, EMPTY_MANIFEST, writeManifest } from './manifest.ts';
import { auxOf, RdbTarget } from './rdb-target.ts';
import { reread } from './reread.ts';
import {
  eachEntry,
  hasExpiringFields,
  LOAD_CLOCK,
  type Scratch,
  type ScratchEntry,
  type ScratchFactory,
} from './scratch.ts';

/** In the first line of a library: `#!lua name=mylib`. */
const LIBRARY_NAME = /^#!\w+[^\n]*?\sname=(\w+)/;

/** Which shard of how many owns a key. */
export type ShardOf = (bytes: Uint8Array, start: number, end: number, shards: number) => number;

/** Something to load. */
export interface Source {
  readonly load: (scratch: Scratch) => Promise<Result<Loaded>>;
  /**
   * Whose its tenant's keys will be; undefined: nobody's, they are left out. Unless told, whose they are. Function libraries are
   * those of `default`, and come along where that stays what it is.
   */
  readonly as?: (tenant: string) => string | undefined;
  /** Which shard of how many it is: keys of another have no place in it. */
  readonly place?: { readonly folder: string; readonly shard: number; readonly shards: number };
  /** What must hold of it, once it is loaded. */
  readonly check?: (scratch: Scratch) => string | undefined;
}

export interface Tools {
  readonly disk: Disk;
  readonly clock?: Clock;
  readonly scratch: ScratchFactory;
  readonly shardOf: ShardOf;
  /** `aof-load-truncated`. */
  readonly acceptsTruncated: boolean;
}

export interface Written {
  readonly keys: number;
  readonly version: number;
  readonly warnings: readonly string[];
}

/** Whose a tenant's keys will be. */
function ownerOf({ as }: Source, tenant: string): string | undefined {
  return as === undefined ? tenant : as(tenant);
}

/** Whether function libraries that a source holds are taken. */
export function keepsFunctions(source: Source): boolean {
  return ownerOf(source, DEFAULT_TENANT) === DEFAULT_TENANT;
}

/** How a load goes into a scratch engine: nothing of the files is changed, nothing expires. */
export function scratchLoad({ disk, acceptsTruncated }: Tools, port: Scratch): LoadOptions {
  return { disk, clock: LOAD_CLOCK, port, acceptsTruncated, leavesFiles: true, progress() {} };
}

/** The files of one shard, its log or else its dump. */
function shardSource(tools: Tools, folder: string, shard: number, shards: number): Source {
  return {
    place: { folder, shard, shards },
    async load(scratch) {
      const files = new ShardFiles(folder);
      const log = new LogFiles(tools.disk, files);
      const found = log.find();
      return found.ok ? load(files, log, found.value, scratchLoad(tools, scratch)) : found;
    },
  };
}

export function sourcesOf(tools: Tools, dataFolder: string, shards: number): readonly Source[] {
  return shardFolders(dataFolder, shards).map((folder, shard) => shardSource(tools, folder, shard, shards));
}

// -- Files out of sources ----------------------------------------------------------------------------------------------

export interface Targets {
  /** One file for each shard. */
  readonly paths: readonly string[];
  readonly isBase: boolean;
}

/** Every file is on the disk and has been read back. After a fault none is left. */
export async function writeFiles(tools: Tools, sources: readonly Source[], targets: Targets): Promise<Result<Written>> {
  const first = await new FileWriting(tools, targets, RDB_VERSION).run(sources);
  if (first !== 'later version') return first;
  return (await new FileWriting(tools, targets, RDB_VERSION_FIELD_EXPIRY).run(sources)) as Result<Written>;
}

class FileWriting {
  private readonly tools: Tools;
  private readonly targets: Targets;
  private readonly version: number;
  private readonly files: RdbTarget[];
  private readonly warnings: string[];
  /** Libraries that have been taken, each with its name. */
  private readonly functions: Map<string, string>;

  constructor(tools: Tools, targets: Targets, version: number) {
    this.tools = tools;
    this.targets = targets;
    this.version = version;
    this.files = [];
    this.warnings = [];
    this.functions = new Map();
  }

  /** 'later version' when a hash has fields that expire and the files were begun without: none of them is left then. */
  async run(sources: readonly Source[]): Promise<Result<Written> | 'later version'> {
    const written = await this.write(sources);
    if (written === 'later version' || !written.ok) for (const file of this.files) file.discard();
    return written;
  }

  private async write(sources: readonly Source[]): Promise<Result<Written> | 'later version'> {
    const { disk, clock = systemClock } = this.tools;
    const aux = auxOf(clock.nowMs(), undefined, this.targets.isBase);
    for (const path of this.targets.paths) {
      const file = RdbTarget.create(disk, path, this.version, aux);
      if (!file.ok) return file;
      this.files.push(file.value);
    }
    for (const source of sources) {
      const taken = await this.take(source);
      if (taken !== undefined) return taken === 'later version' ? taken : failure(taken);
    }
    let keys = 0;
    for (const file of this.files) {
      const fault = await this.close(file);
      if (fault !== undefined) return failure(fault);
      keys += file.keys;
    }
    return success({ keys, version: this.version, warnings: this.warnings });
  }

  /** The engine lives no longer than this: one source is in memory at a time. */
  private async take(source: Source): Promise<string | undefined> {
    const scratch = this.tools.scratch();
    const loaded = await source.load(scratch);
    if (!loaded.ok) return loaded.fault;
    this.warnings.push(...loaded.value.warnings);
    const wrong = source.check?.(scratch);
    if (wrong !== undefined) return wrong;
    const isTaken = (tenant: string) => ownerOf(source, tenant) !== undefined;
    if (this.version < RDB_VERSION_FIELD_EXPIRY && hasExpiringFields(scratch, isTaken)) return 'later version';
    const clash = keepsFunctions(source) ? this.takeFunctions(loaded.value.functions) : undefined;
    return clash ?? eachEntry(scratch, (entry) => this.put(entry, source));
  }

  /** Every shard has all of them. @returns which of them cannot be in one server with what another source holds. */
  private takeFunctions(payloads: readonly Uint8Array[]): string | undefined {
    const namesBefore = new Set(this.functions.values());
    for (const payload of payloads) {
      const text = latin1(payload);
      if (this.functions.has(text)) continue;
      const name = LIBRARY_NAME.exec(text)?.[1] ?? text;
      if (namesBefore.has(name)) return `the function library '${name}' is there twice, and not the same`;
      this.functions.set(text, name);
      for (const file of this.files) file.functions([payload]);
    }
    return undefined;
  }

  private put(entry: Readonly<ScratchEntry>, source: Source): string | undefined {
    const { place } = source;
    const { shardOf } = this.tools;
    const { database, ref } = entry;
    const bytes = database.valueBytes(ref);
    const start = database.keyStart(ref);
    const end = start + database.keyLength(ref);
    if (place !== undefined && shardOf(bytes, start, end, place.shards) !== place.shard) {
      const owner = shardOf(bytes, start, end, place.shards);
      return `${place.folder} holds ${shownKey(bytes, start, end)}, which belongs to shard ${owner} of ${place.shards}: is a shard missing?`;
    }
    const tenant = ownerOf(source, entry.tenant);
    if (tenant === undefined) return undefined;
    return this.files[shardOf(bytes, start, end, this.files.length)]?.put(entry, tenant);
  }

  private async close(file: RdbTarget): Promise<string | undefined> {
    const finished = await file.finish();
    if (!finished.ok) return finished.fault;
    const content = await reread(this.tools.disk, file.path);
    if (!content.ok) return content.fault;
    const { keys } = content.value;
    return keys === file.keys ? undefined : `${file.path}: ${file.keys} keys were written, and ${keys} are there`;
  }
}

// -- A data folder out of sources --------------------------------------------------------------------------------------

/**
 * Puts what the sources hold in place of what the folder holds. After a fault the folder is as it was, or, when the disk
 * failed while the new took its place, `settle` finishes that.
 */
export async function rebuild(
  tools: Tools,
  dataFolder: string,
  sources: readonly Source[],
  shards: number,
  form: 'log' | 'dump',
): Promise<Result<Written>> {
  const { disk } = tools;
  const old = findLayout(disk, dataFolder);
  if (!old.ok) return old;
  if (old.value !== undefined) {
    const stranger = strangerIn(disk, dataFolder, old.value);
    if (!stranger.ok) return stranger;
    if (stranger.value !== undefined) return failure(`${stranger.value} is none of ours: move it away`);
  }
  const begun = beginBuild(disk, dataFolder, shards);
  const written = begun.ok ? await build(tools, sources, begun.value, form) : begun;
  if (!written.ok) {
    dropBuild(disk, dataFolder);
    return written;
  }
  const taken = takeOver(disk, dataFolder, old.value);
  return taken.ok ? written : taken;
}

async function build(
  tools: Tools,
  sources: readonly Source[],
  folders: readonly ShardFiles[],
  form: 'log' | 'dump',
): Promise<Result<Written>> {
  const { disk } = tools;
  const base = baseName(LOG_PREFIX, 1, 'rdb');
  if (form === 'log') {
    for (const { logFolder } of folders) {
      const made = disk.makeFolder(logFolder);
      if (!made.ok) return failure(made.fault.message);
    }
  }
  const paths = folders.map((files) => (form === 'log' ? files.logPath(base) : files.dumpPath));
  const written = await writeFiles(tools, sources, { paths, isBase: form === 'log' });
  if (!written.ok) return written;
  for (const files of folders) {
    const manifest = { ...EMPTY_MANIFEST, base: { name: base, sequence: 1, type: 'base' as const } };
    const named = form === 'log' ? writeManifest(disk, files.logFolder, LOG_PREFIX, manifest) : success(undefined);
    const synced = named.ok ? disk.syncFolder(files.folder) : named;
    if (!synced.ok) return failure(synced.fault.message);
  }
  return written;
}

// -- At the start of a server ------------------------------------------------------------------------------------------

export interface Redistributed extends Written {
  /** Of how many shards it was. */
  readonly from: number;
}

/**
 * Sees to it that the folder holds the data of so many shards, or none. Undefined: nothing had to be done. The fault is one
 * line, and nothing has been touched.
 */
export async function redistribute(
  tools: Tools,
  dataFolder: string,
  shards: number,
  form: 'log' | 'dump',
  begins: (from: number) => void,
): Promise<Result<Redistributed | undefined>> {
  const { disk } = tools;
  const settled = settle(disk, dataFolder);
  if (!settled.ok) return settled;
  const layout = findLayout(disk, dataFolder);
  if (!layout.ok) return layout;
  const from = layout.value?.shards ?? shards;
  if (from === shards) {
    const made = shards === 1 ? success(undefined) : makeShardFolders(disk, dataFolder, shards);
    return made.ok ? success(undefined) : made;
  }
  begins(from);
  const written = await rebuild(tools, dataFolder, sourcesOf(tools, dataFolder, from), shards, form);
  return written.ok ? success({ ...written.value, from }) : written;
}
