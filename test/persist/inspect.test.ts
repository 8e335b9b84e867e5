/** A log looked through: every kind of file, transactions that do not end, and the one place where it may be cut. */
import { describe, expect, it } from 'vitest';
import { bytesOf, bytesOfLatin1 } from '../../src/base/bytes.ts';
import {
  checkBase,
  cutBack,
  type FileReport,
  inspectFile,
  inspectLog,
  type Soundness,
} from '../../src/persist/inspect.ts';
import type { LogFile, Manifest } from '../../src/persist/manifest.ts';
import { FakeDisk } from '../support/fake-disk.ts';

const FOLDER = '/data';
const PATH = '/data/log';
/** As redis-server 7.0.15 writes one without keys. */
const RDB = bytesOfLatin1('REDIS0010\xfa\x09redis-ver\x067.0.15\xff\0\0\0\0\0\0\0\0');

function record(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

const SET = record('SET', 'key', 'value');
const MULTI = record('multi');
const EXEC = record('Exec');

function inspected(content: string | Uint8Array, type: FileReport['type'] = 'increment'): FileReport {
  const disk = new FakeDisk();
  disk.put(PATH, typeof content === 'string' ? bytesOfLatin1(content) : content);
  const report = inspectFile(disk, PATH, 'log', type);
  if (!report.ok) throw new Error(report.fault);
  return report.value;
}

const truncatedAt = (offset: number, reason: string): Soundness => ({ kind: 'truncated', offset, reason });

describe('one file', () => {
  it('counts whole records', () => {
    expect(inspected('')).toEqual({
      name: 'log',
      path: PATH,
      type: 'increment',
      bytes: 0,
      commands: 0,
      soundness: { kind: 'good' },
    });
    const tenant = record('PORTCULLIS.TENANT', 'one');
    expect(inspected(record('SELECT', '0') + tenant + SET + MULTI + SET + EXEC)).toMatchObject({
      commands: 6,
      soundness: { kind: 'good' },
    });
  });

  it('may be cut where its last record begins', () => {
    expect(inspected(SET + SET.slice(0, -1))).toMatchObject({
      commands: 1,
      soundness: truncatedAt(SET.length, 'the last record is not whole'),
    });
    expect(inspected(`${SET}\0\0\0`).soundness).toEqual(truncatedAt(SET.length, 'the last record is not whole'));
  });

  it('may be cut where a transaction begins that does not end, and counts nothing of it', () => {
    const begun = SET + MULTI + EXEC + MULTI + SET;
    const offset = begun.length - (MULTI + SET).length;
    expect(inspected(begun)).toMatchObject({
      commands: 3,
      soundness: truncatedAt(offset, 'a transaction has no EXEC'),
    });
    for (let cut = offset + MULTI.length + 1; cut < begun.length; cut++) {
      expect(inspected(begun.slice(0, cut)).soundness).toEqual(
        truncatedAt(offset, 'the last transaction is not whole'),
      );
    }
    expect(inspected(begun + EXEC.slice(0, -1)).soundness).toMatchObject({ kind: 'truncated', offset });
    expect(inspected(`${begun}\0`).soundness).toMatchObject({ kind: 'truncated', offset });
    expect(inspected(begun + EXEC).soundness).toEqual({ kind: 'good' });
  });

  it.each([
    [SET + EXEC, SET.length, 'EXEC without MULTI'],
    [MULTI + SET + MULTI, (MULTI + SET).length, 'MULTI within MULTI'],
    [record('portcullis.tenant'), 0, 'PORTCULLIS.TENANT takes one name'],
    [SET + record('PORTCULLIS.TENANT', 'a', 'b'), SET.length, 'PORTCULLIS.TENANT takes one name'],
    [`${SET}x`, SET.length, "no '*' ('x' found)"],
  ])('is at fault for %j', (content, offset, what) => {
    expect(inspected(content).soundness).toEqual({
      kind: 'fault',
      offset,
      message: `${PATH}: byte ${offset}: ${what}`,
    });
  });

  it('may be an RDB where that belongs', () => {
    expect(inspected(RDB, 'base')).toMatchObject({ bytes: RDB.length, commands: 0, soundness: { kind: 'good' } });
    expect(inspected(RDB, 'log').soundness).toEqual({ kind: 'good' });
    expect(inspected(RDB, 'increment').soundness).toMatchObject({ kind: 'fault', offset: 0 });
    expect(inspected(SET, 'base')).toMatchObject({ commands: 1, soundness: { kind: 'good' } });
    expect(inspected(RDB.subarray(0, -1), 'base').soundness).toMatchObject({ kind: 'fault' });
    expect(inspected('REDIS', 'base').soundness).toMatchObject({ kind: 'fault' });
  });

  it('tells of a disk that does not read', () => {
    const disk = new FakeDisk();
    expect(inspectFile(disk, PATH, 'log', 'log')).toMatchObject({ ok: false });
    disk.put(PATH, bytesOf(SET));
    for (let call = 1; call <= 3; call++) {
      disk.heal();
      disk.failAt(call, 'EIO');
      const report = inspectFile(disk, PATH, 'log', 'log');
      expect(report.ok ? report.value.soundness.kind : 'fault').toBe('fault');
    }
  });
});

describe('a base', () => {
  it('begins and ends as an RDB', () => {
    const disk = new FakeDisk();
    disk.put(PATH, RDB);
    expect(checkBase(disk, PATH)).toEqual({ ok: true, value: { bytes: RDB.length, endsAt: RDB.length } });
    for (let cut = 0; cut < RDB.length; cut++) {
      disk.put(PATH, RDB.subarray(0, cut));
      expect(checkBase(disk, PATH)).toMatchObject({
        ok: false,
        fault: expect.stringMatching(/^\/data\/log: byte \d+: /),
      });
    }
    expect(checkBase(disk, '/data/none').ok).toBe(false);
  });

  it('may have records behind its RDB, as every log had before Redis 7', () => {
    const both = (records: string) => Buffer.concat([RDB, bytesOfLatin1(records)]);
    for (const type of ['base', 'log'] as const) {
      expect(inspected(both(SET + SET), type)).toMatchObject({ commands: 2, soundness: { kind: 'good' } });
      const torn = truncatedAt(RDB.length + SET.length, 'the last record is not whole');
      expect(inspected(both(SET + SET.slice(0, 5)), type)).toMatchObject({ commands: 1, soundness: torn });
    }
  });

  it('is read value by value, not by its ends alone', () => {
    const broken = Buffer.from(RDB);
    broken[10] = 0x40;
    expect(inspected(broken, 'base').soundness).toMatchObject({ kind: 'fault' });
  });
});

const file = (name: string, sequence: number, type: LogFile['type'] = 'increment'): LogFile => ({
  name,
  sequence,
  type,
});
const MANIFEST: Manifest = {
  base: file('base', 1, 'base'),
  history: [file('gone', 1, 'history')],
  increments: [file('1', 1), file('2', 2)],
};

function looked(files: Readonly<Record<string, string | Uint8Array>>, manifest = MANIFEST) {
  const disk = new FakeDisk();
  for (const [name, content] of Object.entries(files)) {
    disk.put(`${FOLDER}/${name}`, typeof content === 'string' ? bytesOfLatin1(content) : content);
  }
  return inspectLog(disk, FOLDER, manifest);
}

describe('a whole log', () => {
  it('is every file but the history', () => {
    const { files, problems } = looked({ base: RDB, '1': SET, '2': SET + SET });
    expect(problems).toEqual([]);
    expect(files.map(({ name, type, commands }) => [name, type, commands])).toEqual([
      ['base', 'base', 0],
      ['1', 'increment', 1],
      ['2', 'increment', 2],
    ]);
  });

  it('may be truncated in its last increment alone', () => {
    const half = SET.slice(0, 5);
    expect(looked({ base: RDB, '1': SET, '2': half }).problems).toEqual([]);
    expect(looked({ base: RDB, '1': half, '2': SET }).problems).toEqual([
      '/data/1: byte 0: the last record is not whole, and it is not the last increment',
    ]);
    expect(looked({ base: half }, { ...MANIFEST, increments: [] }).problems).toEqual([
      '/data/base: byte 0: the last record is not whole, and it is not the last increment',
    ]);
    expect(looked({ base: RDB, '1': MULTI + SET, '2': EXEC }).problems).toHaveLength(2);
  });

  it('lacks no file', () => {
    const { files, problems } = looked({ base: RDB, '2': SET });
    expect(files).toHaveLength(2);
    expect(problems).toEqual([expect.stringContaining('/data/1')]);
    expect(problems[0]).toContain('ENOENT');
  });
});

describe('cutting', () => {
  it('leaves what was whole, for good', () => {
    const disk = new FakeDisk();
    disk.put(PATH, bytesOf(SET + SET.slice(0, 9)));
    expect(cutBack(disk, PATH, SET.length).ok).toBe(true);
    expect(disk.bytesOf(PATH)).toEqual(bytesOf(SET));
    for (let choice = 0; choice < 20; choice++) {
      expect(disk.crashAt(disk.events.length, choice).bytesOf(PATH)).toEqual(bytesOf(SET));
    }
    expect(cutBack(disk, PATH, SET.length + 1).ok).toBe(false);
    expect(cutBack(disk, '/data/none', 0).ok).toBe(false);
    expect(disk.bytesOf(PATH)).toEqual(bytesOf(SET));
  });

  it('says when the disk would not have it', () => {
    for (const operation of ['append', 'truncate', 'syncNow', 'close'] as const) {
      const disk = new FakeDisk();
      disk.put(PATH, bytesOf(SET));
      disk.failAt(1, 'EROFS', operation);
      expect(cutBack(disk, PATH, 0)).toMatchObject({ ok: false, fault: expect.stringContaining('EROFS') });
    }
  });
});
