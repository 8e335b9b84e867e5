/** `portcullis audit verify [--key FILE] [--seal NUMBER:HASH] FILE…`: is an audit trail whole, and where not. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { latin1 } from '../base/bytes.ts';
import { AUDIT_LINE_BYTES_MAX } from '../base/limits.ts';
import { oneLine } from '../base/one-line.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { Disk } from '../disk/disk.ts';
import { sequenceOf } from '../observe/audit-chain.ts';
import { type AuditVerdict, AuditVerifier } from '../observe/audit-verify.ts';
import { auditKeyOf } from './audit.ts';
import type { ToolResult } from './policy-tool.ts';

const USAGE = 'usage: audit verify [--key FILE] [--seal NUMBER:HASH] FILE…, the files of one trail in any order';
const PIECE_BYTES = 1024 * 1024;
const HEAD_BYTES = 256;
const KEY_BYTES_MAX = 4096;
const NEWLINE = 0x0a;

export interface AuditToolEdge {
  readonly cwd: string;
  readonly disk: Disk;
}

/** Exit code 0 when it is whole, 1 when not. */
export function runAudit(args: readonly string[], { cwd, disk }: AuditToolEdge): ToolResult {
  const words = wordsOf(args);
  if (!words.ok) return { exitCode: 1, output: `${words.fault}\n` };
  const { keyPath, expected, files } = words.value;
  const key =
    keyPath === undefined ? success(undefined) : auditKeyOf(keyPath, () => readText(disk, resolve(cwd, keyPath)));
  if (!key.ok) return { exitCode: 1, output: `${oneLine(key.fault)}\n` };
  const verifier = new AuditVerifier({ key: key.value, expected });
  const ordered = inOrder(disk, files, cwd);
  for (const file of ordered) {
    const read = readLines(disk, resolve(cwd, file), file, verifier);
    if (!read.ok) return { exitCode: 1, output: `${oneLine(read.fault)}\n` };
  }
  return told(verifier.end());
}

interface Asked {
  readonly keyPath: string | undefined;
  readonly expected: string | undefined;
  readonly files: readonly string[];
}

function wordsOf(args: readonly string[]): Result<Asked> {
  try {
    const { values, positionals } = parseArgs({
      args: Array.from(args),
      options: { key: { type: 'string' }, seal: { type: 'string' } },
      strict: true,
      allowPositionals: true,
    });
    const [verb, ...files] = positionals;
    if (verb !== 'verify' || files.length === 0) return failure(USAGE);
    if (values.seal !== undefined && !/^\d{1,15}:[0-9a-f]{64}$/.test(values.seal)) return failure(USAGE);
    return success({ keyPath: values.key, expected: values.seal, files });
  } catch {
    return failure(USAGE);
  }
}

function readText(disk: Disk, path: string): Result<string> {
  const bytes = readRange(disk, path, KEY_BYTES_MAX);
  return bytes.ok ? success(Buffer.from(bytes.value).toString('utf8').trim()) : bytes;
}

function readRange(disk: Disk, path: string, max: number): Result<Uint8Array> {
  const opened = disk.open(path);
  if (!opened.ok) return failure(opened.fault.message);
  const bytes = new Uint8Array(Math.min(max, opened.value.length));
  const read = opened.value.read(0, bytes, 0, bytes.length);
  opened.value.close();
  return read.ok ? success(bytes.subarray(0, read.value)) : failure(read.fault.message);
}

/** By the number of their first line: shells give names in their own order, and the newest file has the shortest. */
function inOrder(disk: Disk, files: readonly string[], cwd: string): readonly string[] {
  const first = (file: string) => {
    const head = readRange(disk, resolve(cwd, file), HEAD_BYTES);
    return (head.ok ? sequenceOf(latin1(head.value)) : undefined) ?? Number.MAX_SAFE_INTEGER;
  };
  return files
    .map((file) => ({ file, at: first(file) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ file }) => file);
}

/** A piece at a time; of a line that is longer than any of ours only the beginning counts. */
function readLines(disk: Disk, path: string, shown: string, verifier: AuditVerifier): Result<void> {
  const opened = disk.open(path);
  if (!opened.ok) return failure(opened.fault.message);
  const file = opened.value;
  verifier.begin(oneLine(shown));
  const piece = Buffer.alloc(PIECE_BYTES);
  let rest = '';
  let at = 0;
  for (;;) {
    const read = file.read(at, piece, 0, piece.length);
    if (!read.ok) {
      file.close();
      return failure(read.fault.message);
    }
    if (read.value === 0) break;
    at += read.value;
    let from = 0;
    for (let end = piece.indexOf(NEWLINE); end !== -1 && end < read.value; end = piece.indexOf(NEWLINE, from)) {
      verifier.line(rest + latin1(piece, from, end));
      rest = '';
      from = end + 1;
    }
    if (rest.length <= AUDIT_LINE_BYTES_MAX) rest += latin1(piece, from, read.value);
  }
  file.close();
  if (rest !== '') verifier.torn(rest.length);
  return success(undefined);
}

function told({ problems, notes, lines, seals, firstSequence, lastSeal }: AuditVerdict): ToolResult {
  const output = [
    ...problems.map(({ file, line, what }) => `${file}:${line}: ${what}`),
    ...notes.map((note) => `note: ${note}`),
  ];
  if (problems.length > 0)
    output.push('the trail is not whole: what stands from the first place on is not to be trusted');
  else if (seals === 0) output.push('there is no seal: nothing can be said');
  else output.push(`whole: ${lines} lines from number ${firstSequence} on, ${seals} seals, the last ${lastSeal}`);
  return { exitCode: problems.length > 0 || seals === 0 ? 1 : 0, output: `${output.join('\n')}\n` };
}
