/**
 * What the tools that work on data files share: flags and policies as `serve` would take them, the lock of the data folder,
 * and which files are there. A tool answers with one line and an exit code.
 */
import { resolve } from 'node:path';
import { counted } from '../base/counted.ts';
import { SYSTEM_TENANT } from '../base/names.ts';
import { oneLine } from '../base/one-line.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { CommandTable } from '../command/table.ts';
import { FolderLock } from '../disk/lock.ts';
import { realDisk } from '../disk/real-disk.ts';
import { findLayout, type Layout, settle } from '../persist/layout.ts';
import { type Source, sourcesOf, type Tools } from '../persist/redistribute.ts';
import { keysByTenant } from '../persist/scratch.ts';
import type { Policy } from '../policy/policy.ts';
import { backupsFolderOf } from './backups.ts';
import { type Options, parseOptions, splitWords } from './options.ts';
import { loadForTool, problemLines, type ToolResult } from './policy-tool.ts';
import { toolsOf } from './scratch-tools.ts';

export interface DataEdge {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly table: CommandTable;
}

/** What was asked for. */
export interface DataWork {
  readonly options: Options;
  readonly policy: Policy;
  readonly own: ReadonlyMap<string, string | boolean>;
  readonly positionals: readonly string[];
  readonly dataFolder: string;
  readonly backupsFolder: string;
  readonly tools: Tools;
  readonly cwd: string;
}

type Flags = Readonly<Record<string, 'string' | 'boolean'>>;

/** The fault is one line. */
export function dataWorkOf(
  args: readonly string[],
  flags: Flags,
  { environment, cwd, table }: DataEdge,
): Result<DataWork> {
  const words = splitWords(args, flags);
  if (!words.ok) return words;
  const { own, positionals, rest } = words.value;
  const parsed = parseOptions(rest, environment, cwd);
  if (!parsed.ok) return parsed;
  const options = parsed.value;
  const values = new Map([
    ['policies', options.policiesFolder],
    ['certs', options.certificatesFolder],
  ]);
  const { folder, policy } = loadForTool({ values, positionals: [] }, { environment, cwd, table });
  if (!policy.ok) return failure(problemLines(folder, policy.fault).split('\n')[0] ?? 'the policies are wrong');
  const { storage } = policy.value.gateway;
  const dataFolder = options.said.has('data') ? options.dataFolder : resolve(cwd, storage.dataFolder);
  return success({
    options,
    policy: policy.value,
    own,
    positionals,
    dataFolder,
    backupsFolder: backupsFolderOf(dataFolder, storage.backups.folder, cwd),
    tools: toolsOf(table, true),
    cwd,
  });
}

/** A flag of the tool's own that has a value. */
export function textOf({ own }: DataWork, name: string): string | undefined {
  const said = own.get(name);
  return typeof said === 'string' ? said : undefined;
}

export function saidNo(why: string): ToolResult {
  return { exitCode: 1, output: `${oneLine(why.trim())}\n` };
}

/** The lines in front are notes: what was passed over, say. */
export function saidYes(notes: readonly string[], line: string): ToolResult {
  const lines = [...notes.map((note) => `note: ${note}`), line];
  return { exitCode: 0, output: lines.map((one) => `${oneLine(one)}\n`).join('') };
}

/** A tenant that policy knows and that may hold data. */
export function tenantFault({ policy }: DataWork, name: string): string | undefined {
  if (name === SYSTEM_TENANT) return `the tenant '${SYSTEM_TENANT}' holds no data`;
  if (policy.tenants.some((tenant) => tenant.name === name)) return undefined;
  return `there is no tenant '${name}' in the policies: known are ${policy.tenants
    .map((tenant) => tenant.name)
    .filter((known) => known !== SYSTEM_TENANT)
    .join(', ')}`;
}

/** A data folder that nobody serves from, as long as the work lasts. */
export interface OpenData {
  readonly layout: Layout | undefined;
  /** What it holds, shard by shard. */
  readonly sources: readonly Source[];
  /** Of how many shards it is, or will be. */
  readonly shards: number;
}

/** Whether a server, or another tool, works in the folder. */
export function isInUse(dataFolder: string): boolean {
  const status = realDisk.status(FolderLock.pathIn(dataFolder));
  if (!status.ok || status.value === undefined) return false;
  const lock = FolderLock.take(dataFolder);
  if (!lock.ok) return true;
  lock.value.release();
  return false;
}

/** Takes the lock, finishes what a crash has left, and looks at what is there. */
export async function withData(
  work: DataWork,
  isMade: boolean,
  act: (data: OpenData) => Promise<ToolResult>,
): Promise<ToolResult> {
  const { dataFolder, tools, options, policy } = work;
  const { disk } = tools;
  const status = disk.status(dataFolder);
  if (!status.ok) return saidNo(status.fault.message);
  if (status.value === undefined && !isMade) return saidNo(`there is no data folder ${dataFolder}`);
  const lock = FolderLock.take(dataFolder);
  if (!lock.ok) return saidNo(`${lock.fault}: stop the server first`);
  try {
    const settled = settle(disk, dataFolder);
    if (!settled.ok) return saidNo(settled.fault);
    const layout = findLayout(disk, dataFolder);
    if (!layout.ok) return saidNo(layout.fault);
    const there = layout.value?.shards;
    const wanted = options.said.has('shards') ? options.shards : (there ?? policy.gateway.storage.shards);
    const sources = there === undefined ? [] : sourcesOf(tools, dataFolder, there);
    return await act({ layout: layout.value, sources, shards: wanted });
  } finally {
    lock.value.release();
  }
}

/** The same sources; one that holds keys of these tenants is refused. Undefined: of anybody. */
export function withoutKeysOf(
  sources: readonly Source[],
  tenant: string | undefined,
  advice: string,
): readonly Source[] {
  return sources.map((source) => ({
    ...source,
    check(scratch) {
      for (const [name, keys] of keysByTenant(scratch)) {
        if (tenant === undefined || name === tenant) {
          return `the tenant '${name}' holds ${counted(keys, 'key')} already: ${advice}`;
        }
      }
      return undefined;
    },
  }));
}
