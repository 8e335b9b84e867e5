/** `portcullis check-rdb FILE`: would this RDB file load? Says what is in it; else where it is broken and what was read last. */
import { resolve } from 'node:path';
import { oneLine } from '../base/one-line.ts';
import { realDisk } from '../disk/real-disk.ts';
import { type CheckedTenant, checkRdb, type RdbReport } from '../rdb/check.ts';
import type { ToolResult } from './policy-tool.ts';

const USAGE = 'usage: check-rdb FILE\n';

const CHECKSUMS: Readonly<Record<RdbReport['checksum'], string>> = {
  unread: 'not reached',
  none: 'none in this file',
  unchecked: 'not checked',
  good: 'good',
  wrong: 'wrong',
};

/** Exit code 0 when a load would take the file, 1 when not. */
export function runCheckRdb(args: readonly string[], cwd: string, now_ms: number): ToolResult {
  const [path] = args;
  if (path === undefined || args.length !== 1 || path.startsWith('-')) return { exitCode: 1, output: USAGE };
  const opened = realDisk.open(resolve(cwd, path));
  if (!opened.ok) return { exitCode: 1, output: `${oneLine(opened.fault.message)}\n` };
  const report = checkRdb(opened.value, now_ms);
  opened.value.close();
  const lines = [...describe(report), ...verdict(report)];
  return { exitCode: report.fault === undefined ? 0 : 1, output: lines.map((line) => `${oneLine(line)}\n`).join('') };
}

function describe({ version, aux, functions, emptyKeys, tenants, checksum, bytes, bytesBehind }: RdbReport): string[] {
  if (version === 0) return [];
  const lines = [row('version', `${version}`), ...aux.map(([name, value]) => row(name, value))];
  if (functions > 0) lines.push(row('function libraries', `${functions}`));
  for (const tenant of tenants) lines.push(...describeTenant(tenant));
  if (emptyKeys > 0) lines.push(row('empty keys', `${emptyKeys}, which a load passes over`));
  lines.push(row('bytes', `${bytes}`), row('checksum', CHECKSUMS[checksum]));
  if (checksum !== 'unread' && checksum !== 'wrong' && bytesBehind > 0)
    lines.push(row('bytes behind it', `${bytesBehind}, which are no part of it`));
  return lines;
}

function describeTenant({ name, databases }: CheckedTenant): string[] {
  return databases.map(({ number, keys, expires, expired }) => {
    const times = expires === 0 ? '' : `, ${expires} with a time to live, ${expired} of them over`;
    return row(`${name} database ${number}`, `${keys} ${keys === 1 ? 'key' : 'keys'}${times}`);
  });
}

function verdict({ fault, last }: RdbReport): string[] {
  if (fault === undefined) return ['good'];
  return [`offset ${fault.offset}: ${fault.message}`, `read last: ${last}`];
}

function row(name: string, value: string): string {
  return `${name.padEnd(24)} ${value}`;
}
