/**
 * How a data folder is divided among shards, and how one division takes the place of another without a moment in which the
 * data is neither here nor there.
 *
 * ```
 *   DIR/redistribute/…            the new one grows                            a crash: it is removed, the old one counts
 *   DIR/redistribute/complete     from here on the new one counts              a crash: what follows is done again
 *   DIR/x ──▶ DIR/before/x        the old one goes aside
 *   DIR/redistribute/x ──▶ DIR/x  the new one takes its place
 *   `complete` goes, then both folders
 * ```
 *
 * Invariants: while `complete` is there it names all that goes and all that comes, every step can be done again, and nothing
 * is removed before everything is in place and on the disk; without it, both folders hold nothing that counts.
 */
import { join } from 'node:path';
import { bytesOf, utf8Text } from '../base/bytes.ts';
import { LAYOUT_MARK_BYTES_MAX, SHARDS_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { Disk, DiskResult } from '../disk/disk.ts';
import {
  DUMP_NAME,
  isLogFile,
  isTemporary,
  LOG_FOLDER_NAME,
  LOG_PREFIX,
  SETUP_MARK_NAME,
  ShardFiles,
  shardFolders,
} from './files.ts';
import { manifestName, readManifest, temporaryManifestName } from './manifest.ts';
import { readSmallFile, temporaryNameOf, writeSmallFile } from './small-file.ts';

const BUILD_FOLDER_NAME = 'redistribute';
const BEFORE_FOLDER_NAME = 'before';
const MARK_NAME = 'complete';
const SHARD_FOLDER = /^shard-(0|[1-9]\d?)$/;

/** Of how many shards the data is that is there. */
export interface Layout {
  readonly shards: number;
  /** Entries of the data folder that make it up. */
  readonly names: readonly string[];
}

/** What goes and what comes, by the names of entries of the data folder. */
interface Swap {
  readonly old: readonly string[];
  readonly new: readonly string[];
}

// -- What is there -----------------------------------------------------------------------------------------------------

/** Undefined: no data. The fault says what cannot be told apart. */
export function findLayout(disk: Disk, dataFolder: string): Result<Layout | undefined> {
  const names = entriesOf(disk, dataFolder);
  if (!names.ok) return names;
  const alone = names.value.filter((name) => name === DUMP_NAME || name === LOG_FOLDER_NAME);
  const folders = names.value.filter((name) => SHARD_FOLDER.test(name));
  let isUsed = false;
  for (const folder of folders) {
    const inside = entriesOf(disk, join(dataFolder, folder));
    if (!inside.ok) return inside;
    if (inside.value.includes(DUMP_NAME) || inside.value.includes(LOG_FOLDER_NAME)) isUsed = true;
  }
  // Folders of shards that have never held anything: of a first start that did not get far.
  if (!isUsed) return success(alone.length === 0 ? undefined : { shards: 1, names: alone });
  const shards = Math.max(...folders.map((name) => Number(SHARD_FOLDER.exec(name)?.[1]))) + 1;
  if (alone.length > 0) {
    return failure(
      `${dataFolder} holds data of one shard (${alone.join(', ')}) and of ${shards}: move away what is not to be loaded`,
    );
  }
  if (shards > SHARDS_MAX) return failure(`${dataFolder} holds data of ${shards} shards: ${SHARDS_MAX} are the most`);
  for (let shard = 0; shard < shards; shard++) {
    if (!folders.includes(`shard-${shard}`)) {
      return failure(`${dataFolder} holds data of ${shards} shards, but shard-${shard} is not there`);
    }
  }
  return success({ shards, names: Array.from({ length: shards }, (_, shard) => `shard-${shard}`) });
}

/** Names in a folder, none where there is no such folder. */
function entriesOf(disk: Disk, folder: string): Result<readonly string[]> {
  const entries = disk.list(folder);
  if (entries.ok) return success(entries.value.map(({ name }) => name));
  return entries.fault.code === 'ENOENT' || entries.fault.code === 'ENOTDIR'
    ? success([])
    : failure(entries.fault.message);
}

/** The first thing in a layout that is none of ours: it would go with the rest. */
export function strangerIn(disk: Disk, dataFolder: string, { shards }: Layout): Result<string | undefined> {
  for (const folder of shardFolders(dataFolder, shards)) {
    const files = new ShardFiles(folder);
    if (shards > 1) {
      const stranger = strangerOf(disk, folder, isShardEntry);
      if (!stranger.ok || stranger.value !== undefined) return stranger;
    }
    const manifest = readManifest(disk, files.logFolder, LOG_PREFIX);
    const { base, history = [], increments = [] } = (manifest.ok ? manifest.value : undefined) ?? {};
    const named = new Set([base, ...history, ...increments].map((file) => file?.name));
    const stranger = strangerOf(disk, files.logFolder, (name) => isLogEntry(name) || named.has(name));
    if (!stranger.ok || stranger.value !== undefined) return stranger;
  }
  return success(undefined);
}

function strangerOf(disk: Disk, folder: string, isOurs: (name: string) => boolean): Result<string | undefined> {
  const names = entriesOf(disk, folder);
  if (!names.ok) return names;
  const stranger = names.value.find((name) => !isOurs(name));
  return success(stranger === undefined ? undefined : join(folder, stranger));
}

function isShardEntry(name: string): boolean {
  return name === DUMP_NAME || name === LOG_FOLDER_NAME || isTemporary(name);
}

function isLogEntry(name: string): boolean {
  const manifests = [manifestName(LOG_PREFIX), temporaryManifestName(LOG_PREFIX), SETUP_MARK_NAME];
  return isLogFile(name) || isTemporary(name) || manifests.includes(name);
}

// -- What a crash has left ---------------------------------------------------------------------------------------------

/** Finishes, or takes back, what was under way. @returns whether there was anything. */
export function settle(disk: Disk, dataFolder: string): Result<boolean> {
  const build = join(dataFolder, BUILD_FOLDER_NAME);
  const before = join(dataFolder, BEFORE_FOLDER_NAME);
  const swap = readMark(disk, build);
  if (!swap.ok) return swap;
  if (swap.value !== undefined) {
    const finished = finish(disk, dataFolder, swap.value);
    return finished.ok ? success(true) : failure(finished.fault.message);
  }
  let isSettled = false;
  for (const folder of [build, before]) {
    const names = entriesOf(disk, folder);
    if (!names.ok) return names;
    const status = disk.status(folder);
    if (!status.ok) return failure(status.fault.message);
    if (status.value === undefined) continue;
    const stranger = names.value.find((name) => !isOwn(name));
    if (stranger !== undefined) return failure(`${join(folder, stranger)} is none of ours: move it away`);
    if (folder === before) {
      const layout = findLayout(disk, dataFolder);
      if (!layout.ok) return layout;
      if (layout.value === undefined && names.value.length > 0) {
        return failure(`${before} holds data, and ${dataFolder} holds none: move away what is not to be loaded`);
      }
    }
    const removed = disk.removeFolder(folder);
    if (!removed.ok) return failure(removed.fault.message);
    isSettled = true;
  }
  if (!isSettled) return success(false);
  const synced = disk.syncFolder(dataFolder);
  return synced.ok ? success(true) : failure(synced.fault.message);
}

function isOwn(name: string): boolean {
  return name === DUMP_NAME || name === LOG_FOLDER_NAME || SHARD_FOLDER.test(name) || isMark(name);
}

function isMark(name: string): boolean {
  return name === MARK_NAME || name === temporaryNameOf(MARK_NAME);
}

// -- One in place of another -------------------------------------------------------------------------------------------

/** The folders that a new layout is built in. What is in them counts for nothing until `takeOver`. */
export function beginBuild(disk: Disk, dataFolder: string, shards: number): Result<readonly ShardFiles[]> {
  const build = join(dataFolder, BUILD_FOLDER_NAME);
  const folders = shardFolders(build, shards);
  for (const folder of [build, ...folders]) {
    const made = disk.makeFolder(folder);
    if (!made.ok) return failure(made.fault.message);
  }
  return success(folders.map((folder) => new ShardFiles(folder)));
}

export function dropBuild(disk: Disk, dataFolder: string): void {
  disk.removeFolder(join(dataFolder, BUILD_FOLDER_NAME));
}

/** What was built is whole and on the disk, folder by folder: it takes the place of what is there. */
export function takeOver(disk: Disk, dataFolder: string, old: Layout | undefined): Result<void> {
  const build = join(dataFolder, BUILD_FOLDER_NAME);
  const names = entriesOf(disk, build);
  if (!names.ok) return names;
  const swap: Swap = { old: old?.names ?? [], new: names.value.filter((name) => !isMark(name)) };
  const synced = [build, dataFolder].map((folder) => disk.syncFolder(folder)).find(({ ok }) => !ok);
  const marked = synced ?? writeSmallFile(disk, build, MARK_NAME, bytesOf(`${JSON.stringify(swap)}\n`));
  if (!marked.ok) {
    // It may be there all the same, and then it counts.
    const found = readMark(disk, build);
    if (found.ok && found.value === undefined) dropBuild(disk, dataFolder);
    return failure(marked.fault.message);
  }
  const finished = finish(disk, dataFolder, swap);
  return finished.ok ? success(undefined) : failure(finished.fault.message);
}

function readMark(disk: Disk, build: string): Result<Swap | undefined> {
  const path = join(build, MARK_NAME);
  const bytes = readSmallFile(disk, path, LAYOUT_MARK_BYTES_MAX);
  if (!bytes.ok) return bytes;
  if (bytes.value === undefined) return success(undefined);
  const parsed = swapOf(utf8Text(bytes.value));
  return parsed === undefined ? failure(`${path} cannot be understood: it was damaged`) : success(parsed);
}

function swapOf(text: string): Swap | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || !('old' in parsed) || !('new' in parsed)) return undefined;
    const { old, new: coming } = parsed;
    return areNames(old) && areNames(coming) ? { old, new: coming } : undefined;
  } catch {
    return undefined;
  }
}

/** Nothing but names of ours: what it says is renamed and removed. */
function areNames(names: unknown): names is string[] {
  const isName = (name: unknown) => name === DUMP_NAME || name === LOG_FOLDER_NAME || SHARD_FOLDER.test(String(name));
  return Array.isArray(names) && names.every((name) => typeof name === 'string' && isName(name));
}

function finish(disk: Disk, dataFolder: string, swap: Swap): DiskResult<void> {
  const build = join(dataFolder, BUILD_FOLDER_NAME);
  const before = join(dataFolder, BEFORE_FOLDER_NAME);
  const steps: readonly (() => DiskResult<void>)[] = [
    // A process that was killed right behind the mark may have left it to the system alone.
    () => disk.syncFolder(build),
    () => disk.makeFolder(before),
    () => disk.syncFolder(dataFolder),
    ...swap.old.map((name) => () => putAside(disk, dataFolder, name, swap.new.includes(name))),
    () => disk.syncFolder(before),
    () => disk.syncFolder(dataFolder),
    ...swap.new.map((name) => () => putInPlace(disk, dataFolder, name)),
    () => disk.syncFolder(build),
    () => disk.syncFolder(dataFolder),
    () => disk.remove(join(build, MARK_NAME)),
    () => disk.syncFolder(build),
    () => disk.removeFolder(build),
    () => disk.removeFolder(before),
    () => disk.syncFolder(dataFolder),
  ];
  for (const step of steps) {
    const done = step();
    if (!done.ok) return done;
  }
  return success(undefined);
}

/** Under a name that also comes, the old one stands only as long as the new one is still where it was built. */
function putAside(disk: Disk, dataFolder: string, name: string, comes: boolean): DiskResult<void> {
  const built = disk.status(join(dataFolder, BUILD_FOLDER_NAME, name));
  if (!built.ok) return built;
  if (comes && built.value === undefined) return success(undefined);
  return moved(disk, join(dataFolder, name), join(dataFolder, BEFORE_FOLDER_NAME, name));
}

function putInPlace(disk: Disk, dataFolder: string, name: string): DiskResult<void> {
  return moved(disk, join(dataFolder, BUILD_FOLDER_NAME, name), join(dataFolder, name));
}

function moved(disk: Disk, from: string, to: string): DiskResult<void> {
  const status = disk.status(from);
  if (!status.ok) return status;
  return status.value === undefined ? success(undefined) : disk.rename(from, to);
}

/** The folders of all shards, before any of them holds anything: so that one that is missing later is missed. */
export function makeShardFolders(disk: Disk, dataFolder: string, shards: number): Result<void> {
  for (const folder of shardFolders(dataFolder, shards)) {
    const made = disk.makeFolder(folder);
    if (!made.ok) return failure(made.fault.message);
  }
  const synced = disk.syncFolder(dataFolder);
  return synced.ok ? success(undefined) : failure(synced.fault.message);
}
