/**
 * How fast a log is read: millions of records a second, and MB a second, from memory and from a file.
 *
 *   bun bench/log-reader.ts        node bench/log-reader.ts
 *
 * Each row is the fastest of several rounds, as anything slower was somebody else's time.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesOfLatin1 } from '../src/base/bytes.ts';
import type { DiskReader } from '../src/disk/disk.ts';
import { realDisk } from '../src/disk/real-disk.ts';
import { inspectFile } from '../src/persist/inspect.ts';
import { LogReader } from '../src/persist/log-reader.ts';

const FILE_BYTES = 64 * 1024 * 1024;
const ROUNDS = 5;
/** A loader executes the records as well, in some 500 ns each: reading them must not be what start-up waits for. */
const BUDGET_NS = 80;

const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));

function record(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

function fileOf(name: string, records: (index: number) => string): string {
  const path = join(folder, name);
  const file = realDisk.create(path);
  if (!file.ok) throw new Error(file.fault.message);
  for (let index = 0; file.value.length < FILE_BYTES; ) {
    let piece = '';
    while (piece.length < 1024 * 1024) piece += records(index++);
    file.value.write(bytesOfLatin1(piece), 0, piece.length);
  }
  file.value.close();
  return path;
}

function opened(path: string): DiskReader {
  const file = realDisk.open(path);
  if (!file.ok) throw new Error(file.fault.message);
  return file.value;
}

function row(name: string, budget: number | undefined, bytes: number, run: () => number): void {
  let best = Number.POSITIVE_INFINITY;
  let records = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const from = performance.now();
    records = run();
    best = Math.min(best, performance.now() - from);
  }
  const ns = (best * 1e6) / records;
  const rates = `${(records / best / 1e3).toFixed(2)} M/s ${(bytes / best / 1e3).toFixed(0).padStart(6)} MB/s`;
  const verdict = budget === undefined ? '' : ns <= budget ? `  budget ${budget}` : `  OVER budget ${budget}`;
  console.log(`${name.padEnd(40)} ${ns.toFixed(1).padStart(9)} ns  ${rates}${verdict}`);
}

function readAll(path: string): number {
  const file = opened(path);
  const reader = new LogReader(file);
  let records = 0;
  let item = reader.next();
  while (item.kind === 'command') {
    records++;
    item = reader.next();
  }
  if (item.kind !== 'end') throw new Error(`${path}: ${item.kind}`);
  file.close();
  return records;
}

console.log(`${process.versions['bun'] ? `bun ${process.versions['bun']}` : `node ${process.version}`}\n`);

const key = (index: number) => `key:${String(index % 1_000_000).padStart(12, '0')}`;
const logs: readonly (readonly [string, number | undefined, (index: number) => string])[] = [
  ['INCR', BUDGET_NS, (index) => record('INCR', `c${index % 10}`)],
  ['SET of 16 + 64 bytes', BUDGET_NS, (index) => record('SET', key(index), 'v'.repeat(64))],
  ['SET with PXAT', BUDGET_NS, (index) => record('SET', key(index), 'v'.repeat(64), 'PXAT', '1795828215000')],
  ['SET of 4 KB', undefined, (index) => record('SET', key(index), 'v'.repeat(4096))],
  ['SET of 4 MB', undefined, (index) => record('SET', key(index), 'v'.repeat(4 * 1024 * 1024))],
  ['RPUSH of 100', undefined, (index) => record('RPUSH', key(index), ...Array.from({ length: 100 }, () => 'element'))],
  ['MULTI, 2 × SET, EXEC', undefined, (i) => record('MULTI') + record('SET', key(i), 'v').repeat(2) + record('EXEC')],
];
for (const [name, budget, records] of logs) {
  const path = fileOf(name, records);
  const { length } = opened(path);
  row(name, budget, length, () => readAll(path));
}
const path = join(folder, 'SET of 16 + 64 bytes');
row('check-aof, SET of 16 + 64 bytes', undefined, FILE_BYTES, () => {
  const report = inspectFile(realDisk, path, 'log', 'increment');
  return report.ok ? report.value.commands : 0;
});
rmSync(folder, { recursive: true });
