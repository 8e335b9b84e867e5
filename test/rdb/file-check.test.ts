/** What check-rdb finds in a file, and what it says of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCheckRdb } from '../../src/app/check-rdb.ts';
import { TENANTS_MAX } from '../../src/base/limits.ts';
import { checkRdb } from '../../src/rdb/check.ts';
import { MemoryFile } from '../support/rdb-file.ts';
import { entry, file, littleEndian, select, string } from './file-bytes.ts';

const NOW_MS = 1_700_000_000_000;
const KEY = entry('k', `\0${string('v')}`);
const LIST = entry('l', '\x01\x01\x01a');
const timed = (at_ms: number): string => `\xfc${littleEndian(at_ms, 8)}${KEY}`;
const AUX = `\xfa${string('redis-ver')}${string('7.0.15\n')}`;
const GOOD = file(
  10,
  AUX,
  `\xf5${string('#!lua name=x\n')}`,
  select(0),
  '\xfb\x03\x02',
  KEY,
  timed(NOW_MS - 1),
  timed(NOW_MS + 1),
  entry('e', '\x01\x00'),
  select(3),
  LIST,
  `\xc0${string('t1')}`,
  select(0),
  KEY,
  select(0),
  KEY,
);

describe('a check', () => {
  test('tells what is in a file', () => {
    const report = checkRdb(new MemoryFile(GOOD), NOW_MS);
    expect(report).toEqual({
      version: 10,
      aux: [['redis-ver', '7.0.15\n']],
      tenants: [
        {
          name: 'default',
          databases: [
            { number: 0, keys: 3, expires: 2, expired: 1 },
            { number: 3, keys: 1, expires: 0, expired: 0 },
          ],
        },
        { name: 't1', databases: [{ number: 0, keys: 2, expires: 0, expired: 0 }] },
      ],
      functions: 1,
      emptyKeys: 1,
      checksum: 'good',
      bytes: GOOD.length,
      bytesBehind: 0,
      fault: undefined,
      last: 'key "k", a string',
    });
  });

  test.each([
    ['nothing', file(13), 'nothing'],
    ['the field of information "redis-ver"', file(10, AUX, '\xc1'), 'a field'],
    ['a function library', file(10, `\xf5${string('x')}`, '\xc1'), 'a function'],
    ['the number of database 3', file(10, select(3), '\xc1'), 'a database'],
    ['the name of the tenant "t1"', file(10, `\xc0${string('t1')}`, '\xc1'), 'a tenant'],
    ['key "l", a list of elements', file(10, KEY, LIST, entry('broken', '\x01\x02\x01a')), 'an entry'],
    [`key "${'x'.repeat(64)}"…, a string`, file(10, entry('x'.repeat(65), `\0${string('')}`), '\xc1'), 'a long key'],
  ])('says that %s was read last', (last, content, _name) => {
    const report = checkRdb(new MemoryFile(content), NOW_MS);
    expect([report.last, report.fault?.message]).toEqual([last, expect.any(String)]);
  });

  test('bounds what it remembers', () => {
    const tenants = Array.from({ length: TENANTS_MAX + 1 }, (_, i) => `\xc0${string(`t${i}`)}`);
    expect(checkRdb(new MemoryFile(file(10, ...tenants)), NOW_MS).fault?.message).toMatch(/^there are more than/);
    const fields = Array.from({ length: 1000 }, () => AUX);
    expect(checkRdb(new MemoryFile(file(10, ...fields)), NOW_MS).aux).toHaveLength(100);
    const long = `\xfa${string('name'.repeat(1000))}${string('text'.repeat(1000))}`;
    expect(checkRdb(new MemoryFile(file(10, long)), NOW_MS).aux).toEqual([
      [`${'name'.repeat(256)}…`, `${'text'.repeat(256)}…`],
    ]);
  });
});

describe('check-rdb', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'portcullis-check-rdb-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function said(content: Uint8Array): { exitCode: number; lines: string[] } {
    writeFileSync(join(folder, 'dump.rdb'), content);
    const { exitCode, output } = runCheckRdb(['dump.rdb'], folder, NOW_MS);
    return { exitCode, lines: output.split('\n').map((line) => line.replace(/ {2,}/g, ': ')) };
  }

  test('prints a summary', () => {
    expect(said(new Uint8Array(Buffer.concat([GOOD, Buffer.from('xyz')])))).toEqual({
      exitCode: 0,
      lines: [
        'version: 10',
        'redis-ver: 7.0.15\\u000a',
        'function libraries: 1',
        'default database 0: 3 keys, 2 with a time to live, 1 of them over',
        'default database 3: 1 key',
        't1 database 0: 2 keys',
        'empty keys: 1, which a load passes over',
        `bytes: ${GOOD.length}`,
        'checksum: good',
        'bytes behind it: 3, which are no part of it',
        'good',
        '',
      ],
    });
  });

  test('prints where a file is broken', () => {
    const broken = GOOD.slice();
    broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
    const { exitCode, lines } = said(broken);
    expect([exitCode, ...lines.slice(-4)]).toEqual([
      1,
      'checksum: wrong',
      `offset ${GOOD.length - 8}: the checksum is wrong: the file was damaged`,
      'read last: key "k", a string',
      '',
    ]);
    expect(said(new Uint8Array(3)).lines).toEqual([
      'offset 0: the file ends too early, in the header',
      'read last: nothing',
      '',
    ]);
  });

  test('wants one file that is there', () => {
    for (const args of [[], ['a', 'b'], ['--help']]) {
      expect(runCheckRdb(args, folder, NOW_MS)).toEqual({ exitCode: 1, output: 'usage: check-rdb FILE\n' });
    }
    const { exitCode, output } = runCheckRdb(['missing.rdb'], folder, NOW_MS);
    expect([exitCode, output]).toEqual([1, expect.stringMatching(/^ENOENT: .*missing\.rdb'\n$/)]);
    expect(runCheckRdb(['.'], folder, NOW_MS).exitCode).toBe(1);
  });
});
