/** The machine's own disk: what it answers, whom files belong to, and descriptors that are given back. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesOfLatin1 } from '../../src/base/bytes.ts';
import type { DiskResult } from '../../src/disk/disk.ts';
import { realDisk } from '../../src/disk/real-disk.ts';
import { runScript } from './script.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'portcullis-disk-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function must<Value>(result: DiskResult<Value>): Value {
  if (!result.ok) throw new Error(result.fault.message);
  return result.value;
}

const hasFifo = spawnSync('mkfifo', ['--version']).status === 0;
const hasProc = process.platform === 'linux';

describe('the disk of the machine', () => {
  it('answers every call of the script, and leaves no descriptor open', async () => {
    const openBefore = hasProc ? readdirSync('/proc/self/fd').length : 0;
    const lines = await runScript(realDisk, root);
    expect(lines).toContain('create twice: EEXIST');
    expect(lines).toContain('create without folder: ENOENT');
    expect(lines).toContain('open folder: EISDIR');
    expect(lines).toContain('list nothing: ENOENT');
    expect(lines).toContain('status nothing: "none"');
    expect(lines).toContain('remove twice: done');
    expect(lines).toContain('sync: "undefined"');
    expect(lines.filter((line) => line.includes('names no path'))).toEqual([]);
    if (hasProc) expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(openBefore);
  });

  it('makes files and folders that only their owner can open', () => {
    const folder = join(root, 'made', 'deep');
    must(realDisk.makeFolder(folder));
    must(must(realDisk.create(join(folder, 'file'))).close());
    expect(statSync(join(folder, 'file')).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(root, 'made')).mode & 0o777).toBe(0o700);
  });

  it('writes large pieces and bytes of every value', () => {
    const path = join(root, 'file');
    const bytes = new Uint8Array(3 * 1024 * 1024).map((_, index) => (index * 31 + (index >> 8)) & 0xff);
    const file = must(realDisk.create(path));
    expect(must(file.write(bytes, 5, bytes.length))).toBe(bytes.length - 5);
    must(file.close());
    expect(readFileSync(path).equals(bytes.subarray(5))).toBe(true);
    const reader = must(realDisk.open(path));
    const back = new Uint8Array(bytes.length - 5);
    expect(must(reader.read(0, back, 0, back.length))).toBe(back.length);
    expect(Buffer.from(back).equals(bytes.subarray(5))).toBe(true);
    reader.close();
  });

  it('finishes a sync that is on its way when the file is closed', async () => {
    const file = must(realDisk.create(join(root, 'file')));
    must(file.write(bytesOfLatin1('x'), 0, 1));
    const answers = Promise.all([1, 2].map(() => new Promise((resolve) => file.sync(resolve))));
    must(file.close());
    expect(await answers).toEqual([undefined, undefined]);
  });

  it.skipIf(!hasFifo)('takes no pipe for a file', () => {
    const path = join(root, 'pipe');
    execFileSync('mkfifo', [path]);
    // Opening a pipe for reading waits for a writer: a status tells first, and a link to a folder is a folder.
    expect(must(realDisk.status(path))).toMatchObject({ isFolder: false, length: 0 });
    symlinkSync(root, join(root, 'link'));
    expect(must(realDisk.status(join(root, 'link')))?.isFolder).toBe(true);
    expect(realDisk.open(join(root, 'link'))).toMatchObject({ fault: { code: 'EISDIR' } });
  });

  it('tells of a full disk by what it took', () => {
    if (statSync('/dev/full', { throwIfNoEntry: false }) === undefined) return;
    // A device is not a file: only the refusal can be seen here, the rest is the fake disk's.
    expect(realDisk.append('/dev/full')).toMatchObject({ ok: false });
  });
});
