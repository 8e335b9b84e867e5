/** Where the files of one shard are, and what they are called: the names of redis-server. */
import { join } from 'node:path';

export const DUMP_NAME = 'dump.rdb';
export const LOG_FOLDER_NAME = 'appendonlydir';
export const LOG_PREFIX = 'appendonly.aof';
export const SETUP_MARK_NAME = 'setup';

const TEMPORARY = /^temp-(?:save|rewrite|setup)(?:-\d+)?\.(?:rdb|aof)$/;

/** Of one shard; all paths absolute. */
export class ShardFiles {
  readonly folder: string;
  readonly dumpPath: string;
  readonly logFolder: string;

  constructor(folder: string) {
    this.folder = folder;
    this.dumpPath = join(folder, DUMP_NAME);
    this.logFolder = join(folder, LOG_FOLDER_NAME);
  }

  logPath(name: string): string {
    return join(this.logFolder, name);
  }

  /** A snapshot that has no name yet. */
  get temporaryDump(): string {
    return join(this.folder, 'temp-save.rdb');
  }

  get temporaryBase(): string {
    return join(this.logFolder, 'temp-rewrite.rdb');
  }

  /** Records of a log whose base is still being written. */
  get temporaryIncrement(): string {
    return join(this.logFolder, 'temp-setup.aof');
  }

  /** While it is there, and no manifest, what else is in the folder is a log that was never complete. */
  get setupMark(): string {
    return join(this.logFolder, SETUP_MARK_NAME);
  }
}

export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name);
}

/** `appendonly.aof.12.incr.aof` and its like. */
export function isLogFile(name: string): boolean {
  return (
    name.startsWith(`${LOG_PREFIX}.`) &&
    /^\d+\.(?:base\.(?:rdb|aof)|incr\.aof)$/.test(name.slice(LOG_PREFIX.length + 1))
  );
}

/** One shard keeps its files in the data folder itself, several have a folder each. */
export function shardFolders(dataFolder: string, shards: number): readonly string[] {
  if (shards === 1) return [dataFolder];
  return Array.from({ length: shards }, (_, shard) => join(dataFolder, `shard-${shard}`));
}
