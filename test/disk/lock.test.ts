import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderLock } from '../../src/disk/lock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the lock of a data folder', () => {
  it('makes the folder, is held once, and is free again after its release', () => {
    const data = join(folder, 'deep', 'data');
    const first = FolderLock.take(data);
    expect(first.ok).toBe(true);
    const second = FolderLock.take(data);
    expect(second).toEqual({ ok: false, fault: `the data folder ${data} is in use by process ${process.pid}` });
    if (first.ok) first.value.release();
    expect(readdirSync(data)).toEqual([]);
    expect(FolderLock.take(data).ok).toBe(true);
  });

  it('is refused while another process holds it, and taken over once that one was killed', async () => {
    const child = spawn('sleep', ['60']);
    const { pid } = child;
    if (pid === undefined) throw new Error('sleep did not start');
    expect(FolderLock.take(folder, pid).ok).toBe(true);
    expect(FolderLock.take(folder)).toMatchObject({ ok: false });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    expect(FolderLock.take(folder).ok).toBe(true);
    expect(readdirSync(folder)).toEqual(['portcullis.lock']);
  });

  it('does not take another process with the same id for the holder', () => {
    writeFileSync(join(folder, 'portcullis.lock'), `${process.ppid} 1\n`);
    expect(FolderLock.take(folder).ok).toBe(true);
  });

  it.each(['', '\n', 'garbage', '-1 5', '0', '99999999999999999999 1', '\0\0\0'])(
    'takes over a file that says %j',
    (text) => {
      writeFileSync(join(folder, 'portcullis.lock'), text);
      expect(FolderLock.take(folder).ok).toBe(true);
    },
  );

  it('is refused in one line where the folder cannot be made', () => {
    writeFileSync(join(folder, 'file'), '');
    const taken = FolderLock.take(join(folder, 'file', 'data'));
    expect(taken.ok ? '' : taken.fault).toMatch(/^the data folder .* cannot be used: [^\n]*$/);
  });
});
