/**
 * Reads an RDB file back from the disk, as a load would, and says what is in it: what was written is believed only once it
 * has been read. Works in slices.
 */

import { createHash } from 'node:crypto';
import { STILL_CLOCK } from '../base/clock.ts';
import { KeyedHash } from '../base/hash.ts';
import { LAZY_FREE_ENTRIES_PER_SLICE, RDB_WINDOW_BYTES } from '../base/limits.ts';
import { DEFAULT_TENANT } from '../base/names.ts';
import { Prng } from '../base/prng.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { Disk, DiskReader } from '../disk/disk.ts';
import { OK } from '../engine/database.ts';
import { Shard } from '../engine/shard.ts';
import { RdbFileReader } from '../rdb/file-reader.ts';
import { Breath } from './breath.ts';
import { ContentDigest } from './digest.ts';

export interface FileContent {
  readonly version: number;
  readonly keys: number;
  /** With the digests of their content. */
  readonly tenants: ReadonlyMap<string, ContentDigest>;
  readonly functions: number;
}

/** The fault is one line. A file without a checksum is one: ours all have it. */
export async function reread(disk: Disk, path: string): Promise<Result<FileContent>> {
  const file = disk.open(path);
  if (!file.ok) return failure(file.fault.message);
  try {
    return await contentOf(file.value);
  } finally {
    file.value.close();
  }
}

async function contentOf(file: DiskReader): Promise<Result<FileContent>> {
  const reader = new RdbFileReader(file, { verifyChecksum: true });
  const tenants = new Map<string, ContentDigest>();
  const digestOf = (name: string) => {
    const digest = tenants.get(name) ?? new ContentDigest();
    tenants.set(name, digest);
    return digest;
  };
  // One value at a time is put into it, and taken out again.
  const shard = new Shard({ clock: STILL_CLOCK, prng: new Prng(1), hash: new KeyedHash(1, 2) });
  const database = shard.realm(0).database(0);
  reader.target = database;
  const breath = new Breath();
  let tenant = DEFAULT_TENANT;
  let number = 0;
  let keys = 0;
  let functions = 0;
  for (;;) {
    const item = reader.next();
    switch (item.kind) {
      case 'entry': {
        const { key, keyStart, keyEnd } = reader;
        if (reader.value.store(database, key, keyStart, keyEnd, reader.expireAt_ms) !== OK) {
          return failure(`${file.path}: byte ${reader.position}: there is no memory for a value`);
        }
        const ref = database.peek(key, keyStart, keyEnd);
        digestOf(tenant).add(database, number, ref);
        database.deleteEntry(ref);
        while (shard.pendingFrees() > 0) shard.reclaim(LAZY_FREE_ENTRIES_PER_SLICE);
        keys++;
        if (breath.isDue) await breath.take();
        break;
      }
      case 'tenant':
        tenant = item.name;
        number = 0;
        break;
      case 'database':
        number = item.number;
        break;
      case 'function':
        functions++;
        break;
      case 'aux':
        break;
      case 'end': {
        if (reader.checksum !== 'good') return failure(`${file.path}: has no checksum`);
        if (reader.position !== file.length) return failure(`${file.path}: byte ${reader.position}: something follows`);
        return success({ version: reader.version, keys, tenants, functions });
      }
      case 'fault':
        return failure(item.message.includes(file.path) ? item.message : `${file.path}: ${item.message}`);
    }
  }
}

/** Of the bytes as they lie on the disk. */
export async function sha256Of(disk: Disk, path: string): Promise<Result<{ bytes: number; sha256: string }>> {
  const opened = disk.open(path);
  if (!opened.ok) return failure(opened.fault.message);
  const file = opened.value;
  const hash = createHash('sha256');
  const piece = new Uint8Array(RDB_WINDOW_BYTES);
  const breath = new Breath();
  try {
    let at = 0;
    for (;;) {
      const read = file.read(at, piece, 0, piece.length);
      if (!read.ok) return failure(read.fault.message);
      if (read.value === 0) return success({ bytes: at, sha256: hash.digest('hex') });
      hash.update(piece.subarray(0, read.value));
      at += read.value;
      if (breath.isDue) await breath.take();
    }
  } finally {
    file.close();
  }
}
