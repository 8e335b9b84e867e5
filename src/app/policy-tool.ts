/** What `check` and `explain` share: flags, the policy as `serve` would load it, and how an end is told. */
import { join, resolve } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { failure, type Result, success } from '../base/result.ts';
import type { CommandTable } from '../command/table.ts';
import { DiskPolicyFiles } from '../disk/policy-files.ts';
import { loadPolicy } from '../policy/load.ts';
import { describeProblem, type Policy, type PolicyFiles, type PolicyProblem } from '../policy/policy.ts';
import { aclFaultOf, builtInUsers } from './users.ts';

export interface ToolEdge {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Every command of the process: ACL rules speak of them. */
  readonly table: CommandTable;
}

export interface ToolResult {
  readonly exitCode: number;
  /** For stdout; lines end in a newline. */
  readonly output: string;
}

/** Made at the first start, so `check` does not ask for them before. */
const MADE_AT_START: readonly string[] = ['app.password', 'admin.password'];

type Flags = NonNullable<ParseArgsConfig['options']>;

export interface Words {
  readonly values: ReadonlyMap<string, string | boolean>;
  readonly positionals: readonly string[];
}

/** `--policies` and `--certs` are known to every tool. */
export function parseWords(args: readonly string[], own: Flags, positionals: boolean): Result<Words> {
  const options: Flags = { policies: { type: 'string' }, certs: { type: 'string' }, ...own };
  try {
    const parsed = parseArgs({ args: Array.from(args), options, strict: true, allowPositionals: positionals });
    const values = new Map<string, string | boolean>();
    for (const [name, value] of Object.entries(parsed.values)) {
      if (typeof value === 'string' || typeof value === 'boolean') values.set(name, value);
    }
    return success({ values, positionals: parsed.positionals });
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return failure(said.split('\n')[0]?.replace(/\. To specify.*$/, '') ?? said);
  }
}

export interface Loaded {
  readonly folder: string;
  readonly policy: Result<Policy, readonly PolicyProblem[]>;
  /** Paths of the files read, relative to the folder. */
  readonly files: readonly string[];
  readonly read: PolicyFiles['read'];
}

/** A file that is not there yet, to be judged among those that are. */
export interface AddedFile {
  readonly path: string;
  readonly text: string;
}

/** The policy that `serve` would come up with, given the same flags and environment. */
export function loadForTool({ values }: Words, { environment, cwd, table }: ToolEdge, added?: AddedFile): Loaded {
  const folderOf = (flag: string, variable: string, fallback: string) => {
    const said = values.get(flag);
    return resolve(cwd, typeof said === 'string' ? said : (environment[variable] ?? fallback));
  };
  const folder = folderOf('policies', 'PORTCULLIS_POLICIES', 'policies');
  const passwords = folderOf('certs', 'PORTCULLIS_CERTS', 'certs-dev');
  const disk = new DiskPolicyFiles(folder, passwords);
  const files: PolicyFiles = {
    list() {
      const found = disk.list();
      return found.ok && added !== undefined ? success([...found.value, added.path]) : found;
    },
    read: (path) => (path === added?.path ? success(added.text) : disk.read(path)),
    readBeside: (name) => disk.readBeside(name),
    readPassword: (name) =>
      MADE_AT_START.includes(name) && !disk.hasPassword(name) ? success('') : disk.readPassword(name),
  };
  const madeAtStart = (name: string): string => {
    const password = disk.hasPassword(name) ? disk.readPassword(name) : success('');
    return password.ok ? password.value : '';
  };
  const policy = loadPolicy(files, {
    aclFault: (rules) => aclFaultOf(table, rules),
    builtIns: builtInUsers({ app: madeAtStart('app.password'), admin: madeAtStart('admin.password') }),
  });
  const paths = disk.list();
  return { folder, policy, files: paths.ok ? paths.value : [], read: files.read };
}

/** One line per problem, as compilers write them, so that editors find the place. */
export function problemLines(folder: string, problems: readonly PolicyProblem[]): string {
  return problems.map((problem) => `${describeProblem({ ...problem, file: join(folder, problem.file) })}\n`).join('');
}
