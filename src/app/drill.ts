/**
 * `portcullis drill [--from FOLDER]`: would the newest backup bring the data back? Loads all of it into an engine that nobody
 * is served from, and compares what is there with what was written down when it was taken.
 */
import { join, resolve } from 'node:path';
import { counted } from '../base/counted.ts';
import { checkFiles, keysIn } from '../persist/backup-manifest.ts';
import { ContentDigest } from '../persist/digest.ts';
import { loadFile } from '../persist/load.ts';
import { scratchLoad } from '../persist/redistribute.ts';
import { eachEntry } from '../persist/scratch.ts';
import { type DataEdge, dataWorkOf, saidNo, saidYes, textOf } from './data-tool.ts';
import type { ToolResult } from './policy-tool.ts';
import { findBackup } from './restore.ts';

const USAGE = 'usage: drill [--from FOLDER]';

/** Exit code 0 when the backup is good. */
export async function runDrill(args: readonly string[], edge: DataEdge): Promise<ToolResult> {
  const work = dataWorkOf(args, { from: 'string' }, edge);
  if (!work.ok) return saidNo(work.fault);
  if (work.value.positionals.length > 0) return saidNo(USAGE);
  const said = textOf(work.value, 'from');
  const { tools, backupsFolder, cwd } = work.value;
  const backup = findBackup(tools, said === undefined ? backupsFolder : resolve(cwd, said));
  if (!backup.ok) return saidNo(backup.fault);
  const { folder, manifest } = backup.value;
  const checked = await checkFiles(tools.disk, folder, manifest);
  if (!checked.ok) return saidNo(checked.fault);
  const scratch = tools.scratch();
  for (const { name } of manifest.files) {
    const loaded = await loadFile(join(folder, name), scratchLoad(tools, scratch));
    if (!loaded.ok) return saidNo(loaded.fault);
  }
  const found = new Map<string, ContentDigest>();
  await eachEntry(scratch, ({ tenant, database, databaseNumber, ref }) => {
    const digest = found.get(tenant) ?? new ContentDigest();
    found.set(tenant, digest);
    digest.add(database, databaseNumber, ref);
    return undefined;
  });
  for (const { name, keys, digest } of manifest.tenants) {
    const there = found.get(name) ?? new ContentDigest();
    if (there.keys !== keys)
      return saidNo(`${folder}: tenant '${name}': ${keys} keys were written, ${there.keys} come back`);
    if (there.hex() !== digest) return saidNo(`${folder}: tenant '${name}': what comes back is not what was written`);
    found.delete(name);
  }
  const [more] = found.keys();
  if (more !== undefined) return saidNo(`${folder}: keys of a tenant '${more}' come back that was not written down`);
  const keys = counted(keysIn(manifest), 'key');
  const tenants = counted(manifest.tenants.length, 'tenant');
  return saidYes([], `${folder}: taken ${manifest.created}, ${keys} of ${tenants} come back as they were: good`);
}
