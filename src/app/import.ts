/**
 * `portcullis import FILE|FOLDER --tenant T`: what another server has left becomes the data of a tenant. The server must not
 * be running; the data folder is written anew beside itself and changed in one step, so that a crash leaves the old or the new.
 */
import { resolve } from 'node:path';
import { counted } from '../base/counted.ts';
import { DEFAULT_TENANT } from '../base/names.ts';
import type { Result } from '../base/result.ts';
import { loadForeign } from '../persist/foreign.ts';
import type { Loaded, LoadOptions } from '../persist/load.ts';
import { keepsFunctions, rebuild, type Source, scratchLoad } from '../persist/redistribute.ts';
import { keysByTenant, type Scratch } from '../persist/scratch.ts';
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

const USAGE = 'usage: import FILE|FOLDER --tenant T [--from-tenant NAME] [--replace] [--data FOLDER] [--shards N]';

export async function runImport(args: readonly string[], edge: DataEdge): Promise<ToolResult> {
  const work = dataWorkOf(args, { tenant: 'string', 'from-tenant': 'string', replace: 'boolean' }, edge);
  if (!work.ok) return saidNo(work.fault);
  const [said] = work.value.positionals;
  const tenant = textOf(work.value, 'tenant');
  if (said === undefined || work.value.positionals.length > 1 || tenant === undefined) return saidNo(USAGE);
  const fault = tenantFault(work.value, tenant);
  if (fault !== undefined) return saidNo(fault);
  return withData(work.value, true, async ({ sources, shards }) => {
    const { tools, dataFolder, options } = work.value;
    const incoming = new Incoming(work.value, resolve(work.value.cwd, said), tenant);
    const isReplaced = work.value.own.has('replace');
    const kept = isReplaced
      ? sources.map((source) => ({ ...source, as: (name: string) => (name === tenant ? undefined : name) }))
      : withoutKeysOf(sources, tenant, 'say --replace to put the import in their place');
    const form = options.appendonly ? 'log' : 'dump';
    const written = await rebuild(tools, dataFolder, [...kept, incoming.source], shards, form);
    if (!written.ok) return saidNo(written.fault);
    const { keys } = incoming;
    return saidYes(
      [...written.value.warnings, ...incoming.leftOut()],
      `${said}: ${counted(keys, 'key')} imported into the tenant '${tenant}'`,
    );
  });
}

/** Keys of one tenant of a file, on their way to another. */
class Incoming {
  readonly source: Source;
  keys: number;
  private from: string | undefined;
  private libraries: number;

  constructor(work: DataWork, path: string, tenant: string) {
    this.keys = 0;
    this.libraries = 0;
    this.from = textOf(work, 'from-tenant');
    this.source = {
      load: (scratch) => this.load(path, scratchLoad(work.tools, scratch)),
      check: (scratch) => this.choose(scratch),
      as: (name) => (name === (this.from ?? DEFAULT_TENANT) ? tenant : undefined),
    };
  }

  private async load(path: string, options: LoadOptions): Promise<Result<Loaded>> {
    const loaded = await loadForeign(path, options);
    if (loaded.ok) this.libraries = loaded.value.functions.length;
    return loaded;
  }

  /** What is there and has not been taken. */
  leftOut(): string[] {
    if (this.libraries === 0 || keepsFunctions(this.source)) return [];
    const libraries = counted(this.libraries, 'function library', 'function libraries');
    return [`${libraries} left out: the tenant '${DEFAULT_TENANT}' alone has any`];
  }

  private choose(scratch: Scratch): string | undefined {
    const counts = keysByTenant(scratch);
    const names = Array.from(counts.keys());
    if (this.from === undefined && names.length > 1) {
      return `there are keys of ${names.length} tenants (${names.join(', ')}): say --from-tenant and which`;
    }
    this.from ??= names[0];
    this.keys = this.from === undefined ? 0 : (counts.get(this.from) ?? 0);
    if (this.from !== undefined && this.keys === 0) return `there are no keys of a tenant '${this.from}'`;
    return undefined;
  }
}
