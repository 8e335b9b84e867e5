/** `portcullis export --tenant T --rdb FILE`: one tenant's keys as an RDB that any Redis of that version loads. */
import { basename, dirname, resolve } from 'node:path';
import { counted } from '../base/counted.ts';
import { DEFAULT_TENANT } from '../base/names.ts';
import { type Source, writeFiles } from '../persist/redistribute.ts';
import { RDB_VERSION } from '../rdb/format.ts';
import { type DataEdge, dataWorkOf, saidNo, saidYes, tenantFault, textOf, withData } from './data-tool.ts';
import type { ToolResult } from './policy-tool.ts';

const USAGE = 'usage: export --tenant T --rdb FILE [--data FOLDER]';

export async function runExport(args: readonly string[], edge: DataEdge): Promise<ToolResult> {
  const work = dataWorkOf(args, { tenant: 'string', rdb: 'string' }, edge);
  if (!work.ok) return saidNo(work.fault);
  const tenant = textOf(work.value, 'tenant');
  const said = textOf(work.value, 'rdb');
  if (tenant === undefined || said === undefined || work.value.positionals.length > 0) return saidNo(USAGE);
  const fault = tenantFault(work.value, tenant);
  if (fault !== undefined) return saidNo(fault);
  return withData(work.value, false, async ({ sources }) => {
    const path = resolve(work.value.cwd, said);
    const { tools } = work.value;
    const written = await writeAlone(work.value.tools, sources, tenant, path);
    if (!written.ok) return saidNo(written.fault);
    const { version, keys, warnings } = written.value;
    const needs = version > RDB_VERSION ? ', which takes Redis 7.4: fields of hashes have times to live' : '';
    const size = tools.disk.status(path);
    const bytes = size.ok ? (size.value?.length ?? 0) : 0;
    return saidYes(
      warnings,
      `${said}: ${counted(keys, 'key')} of the tenant '${tenant}', ${counted(bytes, 'byte')}, RDB version ${version}${needs}`,
    );
  });
}

/** A file that appears under its name once it is whole and has been read back. Of the tenant alone nothing says whose it was. */
async function writeAlone(
  tools: Parameters<typeof writeFiles>[0],
  sources: readonly Source[],
  tenant: string,
  path: string,
): ReturnType<typeof writeFiles> {
  return writeOne(
    tools,
    sources.map((source) => ({
      ...source,
      as: (name: string) => (name === tenant ? DEFAULT_TENANT : undefined),
    })),
    path,
  );
}

export async function writeOne(
  tools: Parameters<typeof writeFiles>[0],
  sources: readonly Source[],
  path: string,
): ReturnType<typeof writeFiles> {
  const { disk } = tools;
  const status = disk.status(path);
  if (!status.ok) return { ok: false, fault: status.fault.message };
  if (status.value !== undefined) return { ok: false, fault: `${path} is there already` };
  const partial = `${path}.partial`;
  disk.remove(partial);
  const written = await writeFiles(tools, sources, { paths: [partial], isBase: false });
  if (!written.ok) return written;
  const renamed = disk.rename(partial, path);
  const synced = renamed.ok ? disk.syncFolder(dirname(path)) : renamed;
  if (synced.ok) return written;
  // What is told to have failed is not there, under either name.
  disk.remove(renamed.ok ? path : partial);
  return { ok: false, fault: `${basename(path)}: ${synced.fault.message}` };
}
