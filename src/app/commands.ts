/** The subcommands of the process, each with what --help says of it. A command prints its result and gives an exit code. */
import { realDisk } from '../disk/real-disk.ts';
import { fetchJwks } from '../identity/jwks-fetch.ts';
import { runAudit } from './audit-tool.ts';
import { runBackup } from './backup.ts';
import { runCheck } from './check.ts';
import { runCheckAof } from './check-aof.ts';
import { runCheckRdb } from './check-rdb.ts';
import { runDiff } from './diff.ts';
import { runDrill } from './drill.ts';
import { runExplain } from './explain.ts';
import { runExport } from './export.ts';
import { runExportAcl } from './export-acl.ts';
import { ensureFirstStart } from './first-start.ts';
import { hashPassword } from './hash-password.ts';
import { runImport } from './import.ts';
import { runImportAcl } from './import-acl.ts';
import { parseOptions } from './options.ts';
import type { ToolResult } from './policy-tool.ts';
import { runRestore } from './restore.ts';
import { runtimeFault } from './runtime.ts';
import { serveUntilEnded } from './serve.ts';
import { tableAlone } from './table.ts';

/** The world as far as a command may see it. */
export interface Edge {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly versions: { readonly node: string; readonly bun?: string | undefined };
  readonly print: (text: string) => void;
  /** Says why in one line; gives the exit code that goes with it. */
  readonly fail: (why: string) => number;
  readonly onSignal: (signal: 'SIGTERM' | 'SIGINT' | 'SIGHUP', handler: () => void) => () => void;
}

export interface Command {
  readonly usage: string;
  readonly summary: string;
  readonly run: (args: readonly string[], edge: Edge) => Promise<number>;
}

export const serve: Command = {
  usage: '',
  summary: 'serves; what happens without a command',
  async run(args, edge) {
    const fault = runtimeFault(edge.versions);
    if (fault !== undefined) return edge.fail(fault);
    const options = parseOptions(args, edge.environment, edge.cwd);
    if (!options.ok) return edge.fail(options.fault);
    const ended = await serveUntilEnded(options.value, edge);
    return ended.ok ? ended.value : edge.fail(ended.fault);
  },
};

export const certs: Command = {
  usage: '',
  summary: 'makes certificates and passwords where they are missing',
  async run(args, edge) {
    const options = parseOptions(args, edge.environment, edge.cwd);
    if (!options.ok) return edge.fail(options.fault);
    const { certificatesFolder } = options.value;
    const made = await ensureFirstStart(certificatesFolder);
    if (!made.ok) return edge.fail(made.fault);
    edge.print(`${certificatesFolder}: ${made.value.certificates.created ? 'made' : 'complete'}\n`);
    return 0;
  },
};

export const check: Command = {
  usage: '',
  summary: 'says what is wrong with the policies, as file:line:column',
  run: async (args, edge) => tell(runCheck(args, { ...edge, table: tableAlone() }), edge),
};

export const hash: Command = {
  usage: '',
  summary: 'reads a password and prints its hash, for password_hash in a policy file',
  async run(args, edge) {
    if (args.length > 0) return edge.fail('hash-password takes the password from its input, and no words');
    const made = await hashPassword(process.stdin, (text) => process.stderr.write(text));
    process.stdin.destroy();
    if (!made.ok) return edge.fail(made.fault);
    edge.print(`${made.value}\n`);
    return 0;
  },
};

export const checkRdb: Command = {
  usage: 'FILE',
  summary: 'says what is in an RDB file, or where it is broken',
  run: async (args, edge) => tell(runCheckRdb(args, edge.cwd, Date.now()), edge),
};

export const explain: Command = {
  usage: '--user U|--token F -- …',
  summary: 'says whether a user, or a token, may run a command, and why',
  async run(args, edge) {
    const input = { input: process.stdin, ask: (text: string) => void process.stderr.write(text) };
    const world = { ...input, nowMs: () => Date.now(), fetch: fetchJwks };
    const result = await runExplain(args, { ...edge, ...world, table: tableAlone() });
    process.stdin.destroy();
    return tell(result, edge);
  },
};

export const diff: Command = {
  usage: '[--against FOLDER]',
  summary: 'says what these policies would change, and whose sessions would end',
  run: async (args, edge) => {
    const result = await runDiff(args, { ...edge, table: tableAlone() });
    return result.exitCode === 1 ? edge.fail(result.output) : tell(result, edge);
  },
};

export const importAcl: Command = {
  usage: 'FILE --tenant T [--write]',
  summary: 'makes a tenant file of an ACL file of Redis',
  run: async (args, edge) => done(runImportAcl(args, { ...edge, table: tableAlone() }), edge),
};

export const exportAcl: Command = {
  usage: '[--tenant T]',
  summary: 'writes the users as an ACL file that Redis loads',
  run: async (args, edge) => done(runExportAcl(args, { ...edge, table: tableAlone() }), edge),
};

export const checkAof: Command = {
  usage: '[--fix] PATH',
  summary: 'says whether an append-only log is whole; --fix cuts off an unfinished end',
  run: async (args, edge) => tell(runCheckAof(args, { cwd: edge.cwd, disk: realDisk }), edge),
};

export const audit: Command = {
  usage: 'verify [--key FILE] FILE…',
  summary: 'says whether an audit trail is whole, or where it is not',
  run: async (args, edge) => tell(runAudit(args, { cwd: edge.cwd, disk: realDisk }), edge),
};

export const backup: Command = {
  usage: '[--to WHERE] [--tenant T]',
  summary: 'writes a backup, of a running server too, and reads it back',
  run: async (args, edge) => done(await runBackup(args, { ...edge, table: tableAlone() }), edge),
};

export const restore: Command = {
  usage: '--from BACKUP [--tenant T]',
  summary: 'brings a backup back into an empty data folder, or tenant',
  run: async (args, edge) => done(await runRestore(args, { ...edge, table: tableAlone() }), edge),
};

export const drill: Command = {
  usage: '[--from FOLDER]',
  summary: 'says whether the newest backup would bring the data back',
  run: async (args, edge) => tell(await runDrill(args, { ...edge, table: tableAlone() }), edge),
};

export const importData: Command = {
  usage: 'FILE|FOLDER --tenant T',
  summary: 'brings a dump or a log of Redis into a tenant',
  run: async (args, edge) => done(await runImport(args, { ...edge, table: tableAlone() }), edge),
};

export const exportData: Command = {
  usage: '--tenant T --rdb FILE',
  summary: "writes a tenant's keys as a file that Redis loads",
  run: async (args, edge) => done(await runExport(args, { ...edge, table: tableAlone() }), edge),
};

/** What went wrong is said where everything that goes wrong is said. */
function done(result: ToolResult, edge: Edge): number {
  return result.exitCode === 0 ? tell(result, edge) : edge.fail(result.output);
}

function tell({ exitCode, output }: ToolResult, edge: Edge): number {
  edge.print(output);
  return exitCode;
}
