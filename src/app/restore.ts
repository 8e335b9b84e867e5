/**
 * `portcullis restore --from BACKUP`: a backup becomes the data of an empty folder, of however many shards, or with --tenant
 * one tenant's part of it that of an empty tenant. The server must not be running.
 */
import { basename, join, resolve } from 'node:path';
import { counted } from '../base/counted.ts';
import { failure, type Result, success } from '../base/result.ts';
import { BackupFolder, type FoundBackup } from '../persist/backup-folder.ts';
import { checkFiles, readBackupManifest } from '../persist/backup-manifest.ts';
import { loadFile } from '../persist/load.ts';
import { rebuild, type Source, scratchLoad, type Tools } from '../persist/redistribute.ts';
import {
  type DataEdge,
  type DataWork,
  dataWorkOf,
  saidNo,
  saidYes,
  tenantFault,
  textOf,
  withData,
  withoutKeysOf,
} from './data-tool.ts';
import type { ToolResult } from './policy-tool.ts';

const USAGE = 'usage: restore --from BACKUP [--tenant T] [--data FOLDER] [--shards N]';

export async function runRestore(args: readonly string[], edge: DataEdge): Promise<ToolResult> {
  const work = dataWorkOf(args, { from: 'string', tenant: 'string' }, edge);
  if (!work.ok) return saidNo(work.fault);
  const said = textOf(work.value, 'from');
  const tenant = textOf(work.value, 'tenant');
  if (said === undefined || work.value.positionals.length > 0) return saidNo(USAGE);
  const fault = tenant === undefined ? undefined : tenantFault(work.value, tenant);
  if (fault !== undefined) return saidNo(fault);
  const backup = findBackup(work.value.tools, resolve(work.value.cwd, said));
  if (!backup.ok) return saidNo(backup.fault);
  const { folder, manifest } = backup.value;
  const chosen = manifest.tenants.filter(({ name }) => tenant === undefined || name === tenant);
  if (tenant !== undefined && chosen.length === 0) return saidNo(`${folder}: holds no keys of the tenant '${tenant}'`);
  const checked = await checkFiles(work.value.tools.disk, folder, manifest);
  if (!checked.ok) return saidNo(checked.fault);
  return withData(work.value, true, async ({ sources, shards }) => {
    const { tools, dataFolder, options } = work.value;
    const empty = withoutKeysOf(sources, tenant, 'a backup is restored where there is nothing');
    const coming = backupSources(tools, backup.value, tenant);
    const form = options.appendonly ? 'log' : 'dump';
    const written = await rebuild(tools, dataFolder, [...empty, ...coming], shards, form);
    if (!written.ok) return saidNo(written.fault);
    const keys = chosen.reduce((sum, one) => sum + one.keys, 0);
    const names = chosen.map(({ name }) => name);
    const line = `${dataFolder}: ${counted(keys, 'key')} of ${counted(names.length, 'tenant')} restored from ${folder}`;
    return saidYes([...written.value.warnings, ...unknownOf(work.value, names)], line);
  });
}

function unknownOf({ policy }: DataWork, names: readonly string[]): string[] {
  return names
    .filter((name) => !policy.tenants.some((known) => known.name === name))
    .map((name) => `no policy names the tenant '${name}': its data is kept, and nobody reaches it`);
}

/** A backup, or the newest in a folder of backups. */
export function findBackup({ disk }: Tools, folder: string): Result<FoundBackup> {
  const manifest = readBackupManifest(disk, folder);
  if (!manifest.ok) return manifest;
  if (manifest.value !== undefined) return success({ name: basename(folder), folder, manifest: manifest.value });
  const all = new BackupFolder(disk, folder).all();
  if (!all.ok) return all;
  const [newest] = all.value;
  return newest === undefined ? failure(`${folder}: there is no backup`) : success(newest);
}

/** Its files as sources; of one tenant alone when that is named. */
export function backupSources(tools: Tools, { folder, manifest }: FoundBackup, tenant?: string): readonly Source[] {
  return manifest.files.map(({ name: file }) => ({
    load: (scratch) => loadFile(join(folder, file), scratchLoad(tools, scratch)),
    as: (name) => (tenant === undefined || name === tenant ? name : undefined),
  }));
}
