/** Policy files in memory, read with the real judge of ACL rules. */
import { aclFaultOf } from '../../src/app/users.ts';
import { failure, type Result, success } from '../../src/base/result.ts';
import { CommandTable } from '../../src/command/table.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import {
  type BuiltInUser,
  describeProblem,
  type Policy,
  type PolicyFiles,
  type PolicyProblem,
  type StoragePolicy,
} from '../../src/policy/policy.ts';

const table = new CommandTable(shardDeclarations);

export type Files = Readonly<Record<string, string>>;

export const BUILT_INS: readonly BuiltInUser[] = [
  { name: 'app', tenantName: 'default', acl: 'on >app ~* +@all' },
  { name: 'admin', tenantName: 'system', acl: 'on >admin ~* +@all' },
  { name: 'default', tenantName: 'default', acl: 'off' },
];

export const STORAGE_DEFAULTS: StoragePolicy = {
  shards: 1,
  dataFolder: 'data',
  maxmemoryBytes: 0,
  maxmemoryPolicy: 'noeviction',
  maxmemorySamples: 5,
  backups: { folder: undefined, everySeconds: 0, keep: 7 },
};

export class MemoryFiles implements PolicyFiles {
  private readonly files: ReadonlyMap<string, string>;
  private readonly passwords: ReadonlyMap<string, string>;

  constructor(files: Files, passwords: Files = {}) {
    this.files = new Map(Object.entries(files));
    this.passwords = new Map(Object.entries(passwords));
  }

  list(): Result<readonly string[]> {
    return success(Array.from(this.files.keys()));
  }

  read(path: string): Result<string> {
    const text = this.files.get(path);
    return text === undefined ? failure('cannot be read: ENOENT') : success(text);
  }

  readBeside(name: string): Result<string> {
    const text = this.passwords.get(name);
    return text === undefined ? failure(`${name}: cannot be read: ENOENT`) : success(text);
  }

  readPassword(name: string): Result<string> {
    const password = this.passwords.get(name);
    return password === undefined ? failure(`password file ${name}: cannot be read: ENOENT`) : success(password);
  }
}

export function load(files: Files, passwords: Files = {}): Result<Policy, readonly PolicyProblem[]> {
  return loadPolicy(new MemoryFiles(files, passwords), {
    aclFault: (rules) => aclFaultOf(table, rules),
    builtIns: BUILT_INS,
  });
}

export function policyOf(files: Files, passwords: Files = {}): Policy {
  const loaded = load(files, passwords);
  if (!loaded.ok) throw new Error(loaded.fault.map(describeProblem).join('\n'));
  return loaded.value;
}

/** As `portcullis check` prints them; empty when there are none. */
export function problemsOf(files: Files, passwords: Files = {}): readonly string[] {
  const loaded = load(files, passwords);
  return loaded.ok ? [] : loaded.fault.map(describeProblem);
}
