/**
 * `portcullis backup [--to FOLDER|FILE.rdb] [--tenant T]`: of a running server, which is asked for it and goes on serving;
 * or of the data folder when no server runs. A backup is a folder with a manifest; a FILE.rdb is all of it in one file.
 */
import { dirname, join, resolve } from 'node:path';
import { counted } from '../base/counted.ts';
import { oneLine } from '../base/one-line.ts';
import { failure, type Result, success } from '../base/result.ts';
import { backupFileName } from '../command/ports/durability.ts';
import { copyBackup } from '../persist/backup-copy.ts';
import { BackupFolder, type FoundBackup, stampName } from '../persist/backup-folder.ts';
import { keysIn, readBackupManifest, sealBackup } from '../persist/backup-manifest.ts';
import { type Source, writeFiles } from '../persist/redistribute.ts';
import {
  type DataEdge,
  type DataWork,
  dataWorkOf,
  isInUse,
  type OpenData,
  saidNo,
  saidYes,
  tenantFault,
  textOf,
  withData,
} from './data-tool.ts';
import { writeOne } from './export.ts';
import type { ToolResult } from './policy-tool.ts';
import { backupSources } from './restore.ts';
import { askServer } from './running-server.ts';
import { VERSION } from './version.ts';

const USAGE = 'usage: backup [--to FOLDER|FILE.rdb] [--tenant T] [--url rediss://admin@HOST:PORT] [--data FOLDER]';

export async function runBackup(args: readonly string[], edge: DataEdge): Promise<ToolResult> {
  const work = dataWorkOf(args, { to: 'string', tenant: 'string', url: 'string' }, edge);
  if (!work.ok) return saidNo(work.fault);
  if (work.value.positionals.length > 0) return saidNo(USAGE);
  const tenant = textOf(work.value, 'tenant');
  const fault = tenant === undefined ? undefined : tenantFault(work.value, tenant);
  if (fault !== undefined) return saidNo(fault);
  if (textOf(work.value, 'url') !== undefined || isInUse(work.value.dataFolder)) return online(work.value, tenant);
  return withData(work.value, false, (data) => offline(work.value, data, tenant));
}

function placeOf(work: DataWork): { readonly path: string; readonly isFile: boolean } {
  const said = textOf(work, 'to');
  if (said === undefined) return { path: work.backupsFolder, isFile: false };
  return { path: resolve(work.cwd, said), isFile: said.endsWith('.rdb') };
}

// -- Of a running server -----------------------------------------------------------------------------------------------

async function online(work: DataWork, tenant: string | undefined): Promise<ToolResult> {
  const name = stampName(Date.now());
  const words = tenant === undefined ? [name] : [name, 'TENANT', tenant];
  const reply = await askServer(work, ['PORTCULLIS.BACKUP', ...words]);
  if (!reply.ok) return saidNo(reply.fault);
  const folder = Array.isArray(reply.value) ? String(reply.value[1]) : '';
  const { path, isFile } = placeOf(work);
  if (textOf(work, 'to') === undefined || folder === join(path, name))
    return saidYes([], `${folder}: ${sumUp(work, folder)}`);
  const found = foundAt(work, folder);
  // The server may run elsewhere: there it is, and whole.
  if (!found.ok)
    return saidNo(`the backup is in ${folder} on the server's machine, and cannot be fetched: ${found.fault}`);
  const moved = isFile
    ? await gather(work, found.value, path)
    : await copyBackup(work.tools.disk, found.value, new BackupFolder(work.tools.disk, path));
  if (!moved.ok) return saidNo(`the backup is in ${folder}, and cannot be copied: ${moved.fault}`);
  const dropped = new BackupFolder(work.tools.disk, dirname(folder)).drop(name);
  const notes = dropped.ok ? [] : [`${folder} stays: ${dropped.fault}`];
  return saidYes(notes, `${moved.value}: ${counted(keysIn(found.value.manifest), 'key')}, read back`);
}

function foundAt({ tools }: DataWork, folder: string): Result<FoundBackup> {
  const manifest = readBackupManifest(tools.disk, folder);
  if (!manifest.ok) return manifest;
  if (manifest.value === undefined) return failure('there is no such folder here');
  return success({ name: folder.slice(dirname(folder).length + 1), folder, manifest: manifest.value });
}

function sumUp(work: DataWork, folder: string): string {
  const found = foundAt(work, folder);
  return found.ok ? `${counted(keysIn(found.value.manifest), 'key')}, read back` : 'on the machine of the server';
}

/** All of a backup in one file. */
async function gather(work: DataWork, backup: FoundBackup, path: string): Promise<Result<string>> {
  const written = await writeOne(work.tools, backupSources(work.tools, backup), path);
  return written.ok ? success(path) : written;
}

// -- Of a data folder that nobody serves from --------------------------------------------------------------------------

async function offline(work: DataWork, { layout, sources }: OpenData, tenant: string | undefined): Promise<ToolResult> {
  if (layout === undefined) return saidNo(`there is no data in ${work.dataFolder}`);
  const { tools } = work;
  const { path, isFile } = placeOf(work);
  const chosen = tenant === undefined ? sources : sources.map((source) => onlyOf(source, tenant));
  if (isFile) {
    const written = await writeOne(tools, chosen, path);
    if (!written.ok) return saidNo(written.fault);
    return saidYes(written.value.warnings, `${path}: ${counted(written.value.keys, 'key')}, read back`);
  }
  const created_ms = Date.now();
  const backups = new BackupFolder(tools.disk, path);
  const name = stampName(created_ms);
  const taken = await writeBackup(work, chosen, backups, { name, created_ms, tenant });
  if (taken.ok) return taken.value;
  backups.abandon(name);
  return saidNo(taken.fault);
}

function onlyOf(source: Source, tenant: string): Source {
  return { ...source, as: (name) => (name === tenant ? name : undefined) };
}

interface Order {
  readonly name: string;
  readonly created_ms: number;
  readonly tenant: string | undefined;
}

async function writeBackup(
  { tools }: DataWork,
  sources: readonly Source[],
  backups: BackupFolder,
  { name, created_ms, tenant }: Order,
): Promise<Result<ToolResult>> {
  const begun = backups.begin(name);
  if (!begun.ok) return begun;
  const names: string[] = [];
  const warnings: string[] = [];
  for (const [shard, source] of sources.entries()) {
    const file = backupFileName(shard);
    names.push(file);
    const written = await writeFiles(tools, [source], { paths: [join(begun.value, file)], isBase: false });
    if (!written.ok) return written;
    warnings.push(...written.value.warnings);
  }
  const sealed = await sealBackup(tools.disk, begun.value, { version: VERSION, created_ms, tenant, names });
  if (!sealed.ok) return sealed;
  const named = backups.complete(name);
  if (!named.ok) return named;
  return success(saidYes(warnings.map(oneLine), `${named.value}: ${counted(keysIn(sealed.value), 'key')}, read back`));
}
