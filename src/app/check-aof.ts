/**
 * `portcullis check-aof [--fix] PATH`: is a log whole, and where not. PATH is a manifest, the folder that holds one, or one
 * file. `--fix` cuts the last increment back to its last whole record, if that is all that is wrong; a log that is in use or
 * damaged before its end is left alone.
 */
import { basename, dirname, join, relative, resolve } from 'node:path';
import { counted } from '../base/counted.ts';
import { oneLine } from '../base/one-line.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { Disk } from '../disk/disk.ts';
import { FolderLock } from '../disk/lock.ts';
import { cutBack, type FileReport, inspectFile, inspectLog, type LogInspection } from '../persist/inspect.ts';
import { lastWritten, type Manifest, manifestName, readManifest } from '../persist/manifest.ts';
import type { ToolResult } from './policy-tool.ts';

const USAGE = 'usage: check-aof [--fix] PATH, where PATH is a manifest, the folder it lies in, or one file';
const SUFFIX = manifestName('');
/** `appendonlydir`, `shard-K` and the data folder: one of them has the lock. */
const FOLDERS_UP = 3;

export interface CheckEdge {
  readonly cwd: string;
  readonly disk: Disk;
}

/** Exit code 0 when the log is whole, or was made so; 1 when not. */
export function runCheckAof(args: readonly string[], { cwd, disk }: CheckEdge): ToolResult {
  const flags = args.filter((arg) => arg.startsWith('-'));
  const paths = args.filter((arg) => !arg.startsWith('-'));
  const [said] = paths;
  if (said === undefined || paths.length > 1 || flags.some((flag) => flag !== '--fix')) {
    return { exitCode: 1, output: `${USAGE}\n` };
  }
  const path = resolve(cwd, said);
  const shown = oneLine(relative(cwd, path) || '.');
  const target = targetOf(disk, path);
  if (!target.ok) return { exitCode: 1, output: `${oneLine(target.fault)}\n` };
  const report = lookThrough(disk, target.value);
  const lines = [...report.files.map(fileLine), ...report.problems.map((problem) => `problem: ${problem}`)];
  const verdict = judge(disk, target.value, report, flags.length > 0);
  return { exitCode: verdict.exitCode, output: `${[...lines, `${shown}: ${verdict.output}`].join('\n')}\n` };
}

// -- What is looked at -------------------------------------------------------------------------------------------------

interface Target {
  readonly folder: string;
  readonly manifest: Manifest | undefined;
  /** The only file looked at; of the manifest, if one lies beside it that names it. */
  readonly file: string | undefined;
}

function targetOf(disk: Disk, path: string): Result<Target> {
  const status = disk.status(path);
  if (!status.ok) return failure(status.fault.message);
  if (status.value === undefined) return failure(`${path}: there is no such file`);
  if (status.value.isFolder) {
    const found = manifestsIn(disk, path);
    if (!found.ok) return found;
    const [name, another] = found.value;
    if (name === undefined) return failure(`${path}: there is no manifest in this folder`);
    if (another !== undefined) return failure(`${path}: there are ${found.value.length} manifests, name one of them`);
    return whole(disk, path, name);
  }
  if (path.endsWith(SUFFIX)) return whole(disk, dirname(path), basename(path));
  return alone(disk, dirname(path), basename(path));
}

function manifestsIn(disk: Disk, folder: string): Result<readonly string[]> {
  const entries = disk.list(folder);
  if (!entries.ok) return failure(entries.fault.message);
  const files = entries.value.filter(({ isFolder, name }) => !isFolder && name.endsWith(SUFFIX));
  return success(files.map(({ name }) => name).filter((name) => !name.startsWith('temp-')));
}

function whole(disk: Disk, folder: string, name: string): Result<Target> {
  const manifest = readManifest(disk, folder, name.slice(0, -SUFFIX.length));
  return manifest.ok ? success({ folder, manifest: manifest.value, file: undefined }) : manifest;
}

/** A file of a manifest keeps its place in it: cutting any but the last would leave a hole in the log. */
function alone(disk: Disk, folder: string, file: string): Result<Target> {
  const names = manifestsIn(disk, folder);
  for (const name of names.ok ? names.value : []) {
    const read = readManifest(disk, folder, name.slice(0, -SUFFIX.length));
    if (!read.ok) return read;
    const manifest = read.value;
    const listed = manifest === undefined ? [] : [manifest.base, ...manifest.history, ...manifest.increments];
    if (listed.some((one) => one?.name === file)) return success({ folder, manifest, file });
  }
  return success({ folder, manifest: undefined, file });
}

function lookThrough(disk: Disk, { folder, manifest, file }: Target): LogInspection {
  if (file === undefined)
    return manifest === undefined ? { files: [], problems: [] } : inspectLog(disk, folder, manifest);
  const isIncrement = manifest?.increments.some(({ name }) => name === file) ?? false;
  const report = inspectFile(disk, join(folder, file), file, isIncrement ? 'increment' : 'log');
  if (!report.ok) return { files: [], problems: [report.fault] };
  const { soundness } = report.value;
  return { files: [report.value], problems: soundness.kind === 'fault' ? [soundness.message] : [] };
}

function fileLine({ name, bytes, commands, soundness }: FileReport): string {
  const size = `${oneLine(name)}: ${counted(bytes, 'byte')}, ${counted(commands, 'command')}`;
  switch (soundness.kind) {
    case 'good':
      return `${size}: good`;
    case 'truncated':
      return `${size}: truncated at byte ${soundness.offset}: ${soundness.reason}`;
    case 'fault':
      return `${size}: fault at byte ${soundness.offset}`;
  }
}

// -- What is said and done ---------------------------------------------------------------------------------------------

function judge(disk: Disk, target: Target, { files, problems }: LogInspection, mayCut: boolean): ToolResult {
  const no = (output: string): ToolResult => ({ exitCode: 1, output });
  if (problems.length > 0) {
    const what = `${counted(problems.length, 'problem')}: this log would be refused`;
    if (!mayCut) return no(what);
    return no(`${what}; nothing was cut, as what follows may be whole: restore a backup, or a copy from a replica`);
  }
  const last = files.at(lastWritten(files.map(({ bytes }) => bytes)));
  if (last === undefined || last.soundness.kind !== 'truncated') return { exitCode: 0, output: 'good' };
  const { soundness, bytes } = last;
  const lost = `${counted(bytes - soundness.offset, 'byte')} from byte ${soundness.offset} on`;
  if (!isCuttable(disk, target))
    return no(`truncated, and not the last increment of its manifest: nothing may be cut here`);
  if (!mayCut) return no(`truncated; --fix cuts off ${lost}`);
  const cut = whileFree(target.folder, disk, () => cutAsSeen(disk, last, soundness.offset));
  return cut.ok ? { exitCode: 0, output: `cut off ${lost}: good now` } : no(`nothing was cut: ${oneLine(cut.fault)}`);
}

function isCuttable(disk: Disk, { folder, manifest, file }: Target): boolean {
  if (manifest === undefined || file === undefined) return true;
  const { increments } = manifest;
  const lengths = increments.map(({ name }) => {
    const status = disk.status(join(folder, name));
    // Of what cannot be seen it is not known that it is empty.
    return status.ok ? (status.value?.length ?? 0) : 1;
  });
  return increments.at(lastWritten(lengths))?.name === file;
}

/** Looks again, now that nobody else can write: a server may have come and gone since. */
function cutAsSeen(disk: Disk, { path, name, type, bytes }: FileReport, offset: number): Result<void> {
  const again = inspectFile(disk, path, name, type);
  if (!again.ok) return again;
  const { soundness } = again.value;
  const isSame = again.value.bytes === bytes && soundness.kind === 'truncated' && soundness.offset === offset;
  return isSame ? cutBack(disk, path, offset) : failure(`${path}: has just been written to, check again`);
}

/** A server that runs writes to the very file: what looks cut is a record on its way. */
function whileFree(folder: string, disk: Disk, work: () => Result<void>): Result<void> {
  const locks: FolderLock[] = [];
  try {
    let above = folder;
    for (let step = 0; step < FOLDERS_UP; step++, above = dirname(above)) {
      const held = disk.status(FolderLock.pathIn(above));
      if (!held.ok || held.value === undefined) continue;
      const lock = FolderLock.take(above);
      if (!lock.ok) return lock;
      locks.push(lock.value);
    }
    return work();
  } finally {
    for (const lock of locks) lock.release();
  }
}
