/** The disk of crash tests: behaves as the real one, and loses only what a disk may lose. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import { Prng } from '../../src/base/prng.ts';
import type { Disk, DiskResult, DiskWriter } from '../../src/disk/disk.ts';
import { realDisk } from '../../src/disk/real-disk.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { seed } from '../support/seed.ts';
import { runScript } from './script.ts';

function must<Value>(result: DiskResult<Value>): Value {
  if (!result.ok) throw new Error(result.fault.message);
  return result.value;
}

function write(file: DiskWriter, text: string): void {
  expect(must(file.write(bytesOfLatin1(text), 0, text.length))).toBe(text.length);
}

function textOf(disk: FakeDisk, path: string): string | undefined {
  const bytes = disk.bytesOf(path);
  return bytes === undefined ? undefined : latin1(bytes);
}

/** Every content that power cuts at this moment leave under a path. */
function outcomes(disk: FakeDisk, path: string, event = disk.events.length, choices = 400): Set<string | undefined> {
  const found = new Set<string | undefined>();
  for (let choice = 0; choice < choices; choice++) found.add(textOf(disk.crashAt(event, choice), path));
  return found;
}

function withFile(content = ''): { disk: FakeDisk; file: DiskWriter } {
  const disk = new FakeDisk();
  disk.put('/log', bytesOfLatin1(content));
  return { disk, file: must(disk.append('/log')) };
}

describe('beside the real disk', () => {
  it('gives the same answers to the same calls', async () => {
    const root = mkdtempSync(join(tmpdir(), 'portcullis-disk-'));
    try {
      const fake = new FakeDisk();
      must(fake.makeFolder(root));
      const expected = await runScript(realDisk, root);
      expect(expected.length).toBeGreaterThan(90);
      expect(await runScript(fake, root)).toEqual(expected);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});

describe('a power cut', () => {
  it('keeps what is synced, always', () => {
    const { disk, file } = withFile('before ');
    write(file, 'synced ');
    must(file.syncNow());
    write(file, 'not');
    for (const text of outcomes(disk, '/log')) expect(text?.startsWith('before synced ')).toBe(true);
  });

  it('may keep any part of what is not synced', () => {
    const { disk, file } = withFile();
    write(file, 'abc');
    write(file, 'def');
    const found = outcomes(disk, '/log');
    for (const text of ['', 'a', 'ab', 'abc', 'abcd', 'abcde', 'abcdef', '\0\0\0\0\0\0']) expect(found).toContain(text);
    // Within one page nothing is reordered.
    for (const text of found) expect('abcdef'.startsWith((text ?? '?').replace(/\0+$/, ''))).toBe(true);
  });

  it('reorders pages and leaves holes', () => {
    const { disk, file } = withFile();
    write(file, 'a'.repeat(4096));
    write(file, 'b'.repeat(4096));
    write(file, 'c'.repeat(4096));
    const shapes = Array.from(outcomes(disk, '/log'), (text) => (text ?? '').replace(/(.)\1*/gs, '$1'));
    expect(shapes).toContain('\0b\0');
    expect(shapes).toContain('a\0c');
    expect(shapes).toContain('\0c');
  });

  it('may undo a cut that was not synced, and not one that was', () => {
    const { disk, file } = withFile('0123456789');
    must(file.truncate(4));
    expect(outcomes(disk, '/log')).toContain('0123456789');
    must(file.syncNow());
    expect(outcomes(disk, '/log')).toEqual(new Set(['0123']));
  });

  it('covers by a sync what was written before it was asked for, once it is confirmed', async () => {
    const { disk, file } = withFile();
    disk.manualSyncs = true;
    write(file, 'one');
    const said: unknown[] = [];
    file.sync((fault) => said.push(fault));
    write(file, 'two');
    await Promise.resolve();
    expect(said).toEqual([]);
    expect(disk.syncsPending).toBe(1);
    expect(textOf(disk.crashAt(disk.events.length, 0), '/log')).toBe('');
    disk.completeSyncs();
    expect(said).toEqual([undefined]);
    expect(textOf(disk.crashAt(disk.events.length, 0), '/log')).toBe('one');
    expect(textOf(disk.crashAt(disk.events.length, 1), '/log')).toBe('onetwo');
    expect(textOf(disk.crashAt(disk.events.length - 1, 0), '/log')).toBe('');
  });

  it('holds nothing of a failed sync for safe, even after one that succeeds', async () => {
    const { disk, file } = withFile();
    write(file, 'lost');
    disk.failAt(1, 'EIO', 'synced');
    const first = await new Promise((resolve) => file.sync(resolve));
    expect(first).toMatchObject({ code: 'EIO' });
    write(file, 'kept');
    expect(await new Promise((resolve) => file.sync(resolve))).toBe(undefined);
    expect(textOf(disk, '/log')).toBe('lostkept');
    const found = outcomes(disk, '/log');
    expect(found).toContain('\0\0\0\0kept');
    expect(found).toContain('lostkept');
    for (const text of found) expect(text?.endsWith('kept')).toBe(true);
  });

  it('may lose or keep a new file until its folder is synced', () => {
    const disk = new FakeDisk();
    const file = must(disk.create('/new'));
    write(file, 'x');
    must(file.syncNow());
    expect(outcomes(disk, '/new')).toEqual(new Set([undefined, 'x']));
    must(disk.syncFolder('/'));
    expect(outcomes(disk, '/new')).toEqual(new Set(['x']));
    must(disk.remove('/new'));
    expect(outcomes(disk, '/new')).toEqual(new Set([undefined, 'x']));
    must(disk.syncFolder('/'));
    expect(outcomes(disk, '/new')).toEqual(new Set([undefined]));
  });

  it('leaves the old or the new content under a name that was renamed onto', () => {
    const disk = new FakeDisk();
    disk.put('/folder/name', bytesOfLatin1('old'));
    const file = must(disk.create('/folder/temporary'));
    write(file, 'new');
    must(file.syncNow());
    must(disk.rename('/folder/temporary', '/folder/name'));
    expect(outcomes(disk, '/folder/name')).toEqual(new Set(['old', 'new']));
    must(disk.syncFolder('/folder'));
    expect(outcomes(disk, '/folder/name')).toEqual(new Set(['new']));
    expect(outcomes(disk, '/folder/temporary')).toEqual(new Set([undefined]));
  });

  it('never loses a file that moves between folders', () => {
    const disk = new FakeDisk();
    disk.put('/a/file', bytesOfLatin1('x'));
    disk.put('/b/other', bytesOfLatin1('y'));
    must(disk.rename('/a/file', '/b/file'));
    for (let choice = 0; choice < 100; choice++) {
      const left = disk.crashAt(disk.events.length, choice);
      expect([textOf(left, '/a/file'), textOf(left, '/b/file')]).toContain('x');
    }
    must(disk.syncFolder('/a'));
    expect(outcomes(disk, '/b/file')).toEqual(new Set(['x']));
  });

  it('may keep some of the changes of a folder and not others', () => {
    const disk = new FakeDisk();
    for (const name of ['/1', '/2', '/3']) must(disk.create(name));
    const found = new Set<string>();
    for (let choice = 0; choice < 200; choice++) {
      found.add(
        must(disk.crashAt(3, choice).list('/'))
          .map(({ name }) => name)
          .join(''),
      );
    }
    expect(Array.from(found).sort()).toEqual(['', '1', '12', '123', '13', '2', '23', '3']);
  });

  it('is the same for the same choice, at any moment of the past', () => {
    const { disk, file } = withFile();
    for (let i = 0; i < 50; i++) {
      write(file, `${i},`);
      if (i % 7 === 0) must(file.syncNow());
    }
    const crashes = disk.crashStates(new Prng(seed), 40);
    expect(crashes[0]?.event).toBe(disk.events.length);
    for (const crash of crashes) {
      const again = disk.crashAt(crash.event, crash.choice);
      expect(textOf(again, '/log')).toEqual(textOf(crash.disk, '/log'));
      // What has survived is certain.
      expect(outcomes(crash.disk, '/log', 0, 5).size).toBe(1);
    }
  });

  it('keeps to the promises over random runs', () => {
    const prng = new Prng(seed);
    for (let round = 0; round < 60; round++) {
      const { disk, file } = withFile();
      let written = '';
      const safe: string[] = [''];
      for (let step = 0; step < 30; step++) {
        if (prng.below(4) > 0) {
          const text = String.fromCharCode(97 + prng.below(26)).repeat(1 + prng.below(3000));
          write(file, text);
          written += text;
        } else must(file.syncNow());
        safe[disk.events.length] = disk.events.at(-1)?.operation === 'syncNow' ? written : (safe.at(-1) ?? '');
      }
      for (const { disk: left, event, choice } of disk.crashStates(prng, 20)) {
        const text = textOf(left, '/log') ?? '';
        const certain = safe[event] ?? '';
        expect(text.startsWith(certain), `event ${event} choice ${choice}`).toBe(true);
        for (let i = certain.length; i < text.length; i++) {
          if (text[i] !== '\0' && text[i] !== written[i]) expect.fail(`event ${event} choice ${choice} byte ${i}`);
        }
      }
    }
  });
});

describe('the death of the process', () => {
  it('loses nothing that was written, and makes nothing safer', () => {
    const { disk, file } = withFile();
    write(file, 'written');
    must(disk.create('/new'));
    const next = disk.kill();
    expect(textOf(next, '/log')).toBe('written');
    expect(textOf(next, '/new')).toBe('');
    expect(outcomes(next, '/log')).toContain('');
    expect(outcomes(next, '/new')).toContain(undefined);
    const reopened = must(next.append('/log'));
    must(reopened.syncNow());
    expect(outcomes(next, '/log')).toEqual(new Set(['written']));
    // Each lives its own life.
    write(file, '!');
    expect(textOf(next, '/log')).toBe('written');
  });
});

describe('faults', () => {
  it('fails the call that was chosen, once or from then on', () => {
    const { disk, file } = withFile();
    disk.failAt(2, 'EIO', 'write');
    write(file, 'a');
    expect(file.write(bytesOfLatin1('b'), 0, 1)).toMatchObject({ ok: false, fault: { code: 'EIO' } });
    write(file, 'c');
    expect(textOf(disk, '/log')).toBe('ac');
    expect(file.length).toBe(2);
    disk.failAt(3, 'EROFS', undefined, { fromThenOn: true });
    const probe: Disk = disk;
    const said = Array.from({ length: 5 }, () => probe.makeFolder('/folder').ok);
    expect(said).toEqual([true, true, false, false, false]);
    disk.heal();
    expect(probe.remove('/log').ok).toBe(true);
  });

  it('takes a part of a write before it fails', () => {
    const { disk, file } = withFile();
    disk.failAt(1, 'ENOSPC', 'write', { partialBytes: 2 });
    expect(must(file.write(bytesOfLatin1('abcd'), 0, 4))).toBe(2);
    expect(file.write(bytesOfLatin1('cd'), 0, 2)).toMatchObject({ fault: { code: 'ENOSPC' } });
    write(file, 'cd');
    expect(textOf(disk, '/log')).toBe('abcd');
    disk.failAt(1, 'ENOSPC', 'write', { partialBytes: 1, fromThenOn: true });
    expect(must(file.write(bytesOfLatin1('ef'), 0, 2))).toBe(1);
    for (let i = 0; i < 3; i++) expect(file.write(bytesOfLatin1('f'), 0, 1).ok).toBe(false);
    expect(textOf(disk, '/log')).toBe('abcde');
  });

  it('runs full, and has room again', () => {
    const { disk, file } = withFile('1234');
    const other = must(disk.create('/other'));
    disk.capacityBytes = 6;
    expect(must(file.write(bytesOfLatin1('abc'), 0, 3))).toBe(2);
    expect(other.write(bytesOfLatin1('x'), 0, 1)).toMatchObject({ fault: { code: 'ENOSPC' } });
    disk.capacityBytes = 7;
    expect(must(other.write(bytesOfLatin1('x'), 0, 1))).toBe(1);
    must(file.truncate(3));
    expect(must(other.write(bytesOfLatin1('yyyy'), 0, 4))).toBe(3);
    // An open file takes its room with it only when it is closed.
    must(disk.remove('/other'));
    expect(file.write(bytesOfLatin1('z'), 0, 1).ok).toBe(false);
    must(other.close());
    expect(file.write(bytesOfLatin1('z'), 0, 1).ok).toBe(true);
  });

  it('fails a sync in its answer', async () => {
    const { disk, file } = withFile();
    disk.failAt(1, 'EIO', 'sync');
    write(file, 'x');
    expect(await new Promise((resolve) => file.sync(resolve))).toMatchObject({ code: 'EIO' });
    must(file.syncNow());
    expect(outcomes(disk, '/log')).toContain('');
    disk.failAt(1, 'EIO', 'syncNow');
    expect(file.syncNow().ok).toBe(false);
  });

  it('refuses what is closed', async () => {
    const { disk, file } = withFile('x');
    const reader = must(disk.open('/log'));
    must(file.close());
    reader.close();
    expect(file.write(bytesOfLatin1('y'), 0, 1)).toMatchObject({ fault: { code: 'EBADF' } });
    expect(file.syncNow()).toMatchObject({ fault: { code: 'EBADF' } });
    expect(file.truncate(0)).toMatchObject({ fault: { code: 'EBADF' } });
    expect(reader.read(0, new Uint8Array(1), 0, 1)).toMatchObject({ fault: { code: 'EBADF' } });
    expect(await new Promise((resolve) => file.sync(resolve))).toMatchObject({ code: 'EBADF' });
    expect(textOf(disk, '/log')).toBe('x');
  });
});
