/**
 * What a backup says of itself: when it was taken and by what, whose keys are in it, and of each file what it must look like.
 * It is written last, so a folder that has one is whole; a folder without is none.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { bytesOf, utf8Text } from '../base/bytes.ts';
import { BACKUP_MANIFEST_BYTES_MAX, SHARDS_MAX, TENANTS_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { Disk } from '../disk/disk.ts';
import { ContentDigest } from './digest.ts';
import { reread, sha256Of } from './reread.ts';
import { readSmallFile, writeSmallFile } from './small-file.ts';

export const BACKUP_MANIFEST_NAME = 'manifest.json';
const FORMAT = 1;

const hex = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits');
const count = z.int().min(0);

const schema = z.strictObject({
  format: z.literal(FORMAT),
  /** Of Portcullis. */
  version: z.string().max(64),
  /** When it was begun, for people, and in milliseconds since the epoch. */
  created: z.string().max(64),
  created_ms: count,
  shards: z.int().min(1).max(SHARDS_MAX),
  /** The only tenant that was asked for; null: all there are. */
  tenant: z.string().max(256).nullable(),
  tenants: z.array(z.strictObject({ name: z.string().max(256), keys: count, digest: hex })).max(TENANTS_MAX),
  files: z
    .array(
      z.strictObject({
        // A name in the same folder, and no way out of it.
        name: z.string().regex(/^shard-\d{1,2}\.rdb$/),
        bytes: count,
        sha256: hex,
        keys: count,
        rdb_version: count,
      }),
    )
    .min(1)
    .max(SHARDS_MAX),
});

export type BackupManifest = z.output<typeof schema>;

/** Undefined where there is none. */
export function readBackupManifest(disk: Disk, folder: string): Result<BackupManifest | undefined> {
  const path = join(folder, BACKUP_MANIFEST_NAME);
  const bytes = readSmallFile(disk, path, BACKUP_MANIFEST_BYTES_MAX);
  if (!bytes.ok) return bytes;
  if (bytes.value === undefined) return success(undefined);
  let parsed: unknown;
  try {
    parsed = JSON.parse(utf8Text(bytes.value));
  } catch {
    return failure(`${path}: is no JSON`);
  }
  const checked = schema.safeParse(parsed);
  if (checked.success) return success(checked.data);
  const [issue] = checked.error.issues;
  return failure(`${path}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'cannot be understood'}`);
}

export interface BackupFacts {
  readonly version: string;
  readonly created_ms: number;
  readonly tenant: string | undefined;
  /** Files in the folder, one of each shard. */
  readonly names: readonly string[];
}

/** Reads every file of a new backup back from the disk, then writes its manifest. The fault is one line. */
export async function sealBackup(disk: Disk, folder: string, facts: BackupFacts): Promise<Result<BackupManifest>> {
  const { version, created_ms, tenant = null, names } = facts;
  const tenants = new Map<string, ContentDigest>();
  const files: BackupManifest['files'] = [];
  for (const name of names) {
    const path = join(folder, name);
    const content = await reread(disk, path);
    if (!content.ok) return content;
    for (const [owner, part] of content.value.tenants) {
      if (tenant !== null && owner !== tenant) return failure(`${path}: holds keys of another tenant than ${tenant}`);
      const sum = tenants.get(owner) ?? new ContentDigest();
      tenants.set(owner, sum);
      sum.merge(part.keys, part.hex());
    }
    const raw = await sha256Of(disk, path);
    if (!raw.ok) return raw;
    files.push({ name, ...raw.value, keys: content.value.keys, rdb_version: content.value.version });
  }
  const manifest: BackupManifest = {
    format: FORMAT,
    version,
    created: new Date(created_ms).toISOString(),
    created_ms,
    shards: names.length,
    tenant,
    tenants: Array.from(tenants, ([name, digest]) => ({ name, keys: digest.keys, digest: digest.hex() })),
    files,
  };
  const written = writeSmallFile(
    disk,
    folder,
    BACKUP_MANIFEST_NAME,
    bytesOf(`${JSON.stringify(manifest, undefined, 2)}\n`),
  );
  return written.ok ? success(manifest) : failure(written.fault.message);
}

/** Whether every file is byte for byte what was written. */
export async function checkFiles(disk: Disk, folder: string, { files }: BackupManifest): Promise<Result<void>> {
  for (const { name, bytes, sha256 } of files) {
    const path = join(folder, name);
    const found = await sha256Of(disk, path);
    if (!found.ok) return found;
    if (found.value.bytes !== bytes) return failure(`${path}: has ${found.value.bytes} bytes, ${bytes} were written`);
    if (found.value.sha256 !== sha256) return failure(`${path}: is not what was written: its SHA-256 is another`);
  }
  return success(undefined);
}

/** What is in it, for one line. */
export function keysIn({ files }: BackupManifest): number {
  return files.reduce((sum, { keys }) => sum + keys, 0);
}
