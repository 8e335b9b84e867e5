/**
 * Data that another server has left: a dump, a log of Redis 7 by its folder or manifest, or a log in one file, with or
 * without an RDB in front. Nothing of it is changed.
 */
import { basename, dirname, join } from 'node:path';
import { failure, type Result } from '../base/result.ts';
import { DUMP_NAME, LOG_FOLDER_NAME } from './files.ts';
import { type Loaded, type LoadOptions, loadFile, loadManifest } from './load.ts';
import { manifestName, readManifest } from './manifest.ts';
import { temporaryNameOf } from './small-file.ts';

const SUFFIX = manifestName('');

/** The fault is one line. */
export async function loadForeign(path: string, options: LoadOptions): Promise<Result<Loaded>> {
  const { disk } = options;
  const status = disk.status(path);
  if (!status.ok) return failure(status.fault.message);
  if (status.value === undefined) return failure(`${path}: there is no such file`);
  if (!status.value.isFolder) {
    return path.endsWith(SUFFIX) ? loadLog(dirname(path), basename(path), options) : loadFile(path, options);
  }
  const entries = disk.list(path);
  if (!entries.ok) return failure(entries.fault.message);
  const manifests = entries.value.filter(({ name, isFolder }) => !isFolder && isManifest(name));
  const [manifest, another] = manifests;
  if (another !== undefined) return failure(`${path}: there are ${manifests.length} manifests, name one of them`);
  if (manifest !== undefined) return loadLog(path, manifest.name, options);
  // The folder of a server: its log counts, else its dump.
  const names = entries.value.map(({ name }) => name);
  if (names.includes(LOG_FOLDER_NAME)) return loadForeign(join(path, LOG_FOLDER_NAME), options);
  if (names.includes(DUMP_NAME)) return loadFile(join(path, DUMP_NAME), options);
  return failure(`${path}: there is neither a manifest of a log in this folder nor ${DUMP_NAME}`);
}

function isManifest(name: string): boolean {
  return name.endsWith(SUFFIX) && !name.startsWith(temporaryNameOf(''));
}

async function loadLog(folder: string, name: string, options: LoadOptions): Promise<Result<Loaded>> {
  const manifest = readManifest(options.disk, folder, name.slice(0, -SUFFIX.length));
  if (!manifest.ok) return manifest;
  if (manifest.value === undefined) return failure(`${join(folder, name)}: there is no such file`);
  return loadManifest(folder, manifest.value, options);
}
