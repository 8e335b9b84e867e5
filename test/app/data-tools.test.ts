/** import, export, backup, restore and drill on folders that no server uses: what they take, what they refuse and leave alone. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { runBackup } from '../../src/app/backup.ts';
import { runDrill } from '../../src/app/drill.ts';
import { runExport } from '../../src/app/export.ts';
import { runImport } from '../../src/app/import.ts';
import { runRestore } from '../../src/app/restore.ts';
import { tableAlone } from '../../src/app/table.ts';
import { latin1 } from '../../src/base/bytes.ts';
import { Harness } from '../support/harness.ts';
import { loadedFile, MemoryFile, writtenFile } from '../support/rdb-file.ts';

const table = tableAlone();
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function record(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

/** A folder with policies of two tenants, and the tools in it. */
function home() {
  const cwd = mkdtempSync(join(tmpdir(), 'portcullis-data-tools-'));
  folders.push(cwd);
  mkdirSync(join(cwd, 'policies', 'tenants'), { recursive: true });
  for (const name of ['blue', 'red'])
    writeFileSync(join(cwd, 'policies', 'tenants', `${name}.yaml`), `tenant: ${name}\n`);
  const edge = { environment: {}, cwd, table };
  const put = (name: string, content: string | Buffer) => {
    mkdirSync(join(cwd, name, '..'), { recursive: true });
    writeFileSync(join(cwd, name), content, 'latin1');
    return name;
  };
  const tools = { import: runImport, export: runExport, backup: runBackup, restore: runRestore, drill: runDrill };
  const run = (tool: keyof typeof tools, ...words: string[]) => tools[tool](words, edge);
  return { cwd, put, run, read: (name: string) => readFileSync(join(cwd, name)) };
}

const good = (output: string) => ({ exitCode: 0, output });
const bad = (output: string | RegExp) => ({
  exitCode: 1,
  output: typeof output === 'string' ? `${output}\n` : expect.stringMatching(output),
});

const KEYS = record('SET', 'a', '1') + record('SET', 'b', '2');

describe('import', () => {
  it('takes a log, with and without an RDB in front, and what export has written', async () => {
    const { run, put, read } = home();
    put('old.aof', KEYS);
    expect(await run('import', 'old.aof', '--tenant', 'blue')).toEqual(
      good("old.aof: 2 keys imported into the tenant 'blue'\n"),
    );
    expect(await run('export', '--tenant', 'blue', '--rdb', 'blue.rdb')).toEqual(
      good(`blue.rdb: 2 keys of the tenant 'blue', ${read('blue.rdb').length} bytes, RDB version 10\n`),
    );
    expect(read('blue.rdb').toString('latin1')).not.toContain('blue');
    expect(await run('import', 'blue.rdb', '--tenant', 'red')).toEqual(
      good("blue.rdb: 2 keys imported into the tenant 'red'\n"),
    );
    put('mixed.aof', Buffer.concat([read('blue.rdb'), Buffer.from(record('SET', 'c', '3') + record('DEL', 'a'))]));
    expect(await run('import', 'mixed.aof', '--tenant', 'default', '--shards', '3')).toMatchObject({ exitCode: 0 });
    expect(await run('drill', '--from', 'data')).toMatchObject(bad(/: there is no backup\n$/));
    expect(await run('backup')).toMatchObject({ exitCode: 0, output: expect.stringMatching(/: 6 keys, read back\n$/) });
    expect(await run('drill')).toMatchObject({
      output: expect.stringContaining('6 keys of 3 tenants come back as they were: good'),
    });
  });

  it('says what it will not do, and leaves everything as it is', async () => {
    const { run, put, cwd } = home();
    const text = record('SET', 'd', '1') + record('PORTCULLIS.TENANT', 'x') + KEYS;
    put('two.aof', text);
    put('torn.aof', KEYS + record('SET', 'c', '3').slice(0, -4));
    put('damaged.aof', `${KEYS}what is this\r\n${KEYS}`);
    put('foreign.aof', record('FUNCTION', 'LOAD', 'x'));
    mkdirSync(join(cwd, 'empty'));
    const cases: [string[], RegExp | string][] = [
      [['two.aof'], /^usage: import FILE\|FOLDER --tenant T/],
      [['two.aof', '--tenant'], '--tenant needs a value'],
      [['two.aof', '--tenant', 'blue', '--nonsense'], /^Unknown option '--nonsense'/],
      [['two.aof', '--tenant', 'blu'], "there is no tenant 'blu' in the policies: known are default, blue, red"],
      [['two.aof', '--tenant', 'system'], "the tenant 'system' holds no data"],
      [['none.aof', '--tenant', 'blue'], `${cwd}/none.aof: there is no such file`],
      [['empty', '--tenant', 'blue'], `${cwd}/empty: there is neither a manifest of a log in this folder nor dump.rdb`],
      [['two.aof', '--tenant', 'blue'], 'there are keys of 2 tenants (default, x): say --from-tenant and which'],
      [['two.aof', '--tenant', 'blue', '--from-tenant', 'y'], "there are no keys of a tenant 'y'"],
      [['damaged.aof', '--tenant', 'blue'], /damaged\.aof: byte 54: no '\*'/],
      [['foreign.aof', '--tenant', 'blue'], /foreign\.aof: byte 0: unknown command 'FUNCTION'/],
    ];
    for (const [words, says] of cases) expect(await run('import', ...words), words.join(' ')).toEqual(bad(says));
    expect(readdirSync(join(cwd, 'data'))).toEqual([]);
    expect(await run('import', 'two.aof', '--tenant', 'blue', '--from-tenant', 'x')).toMatchObject({ exitCode: 0 });
    const before = readFileSync(join(cwd, 'data/appendonlydir/appendonly.aof.1.base.rdb'));
    expect(await run('import', 'two.aof', '--tenant', 'blue', '--from-tenant', 'default')).toEqual(
      bad("the tenant 'blue' holds 2 keys already: say --replace to put the import in their place"),
    );
    expect(readFileSync(join(cwd, 'data/appendonlydir/appendonly.aof.1.base.rdb'))).toEqual(before);
    const torn = await run('import', 'torn.aof', '--tenant', 'blue', '--replace');
    expect(torn.output).toMatch(
      /^note: .*torn\.aof: the last 23 bytes, from byte 54 on, were no whole record\ntorn\.aof: 2 keys/,
    );
    expect(readFileSync(join(cwd, 'torn.aof'), 'latin1')).toHaveLength(77);
    expect(readFileSync(join(cwd, 'two.aof'), 'latin1')).toBe(text);
  });
});

describe('function libraries', () => {
  const library = (version: string) =>
    new Uint8Array(Buffer.from(`#!lua name=lib\nreturn '${version}' -- ${'padding '.repeat(20)}`));
  /** A dump with a key and a library, as a redis-server leaves it. */
  const dump = (version: string) => {
    const { shard } = new Harness();
    const key = new Uint8Array([107]);
    shard.realm(0).database(0).setString(key, 0, 1, key, 0, 1, 0, -1);
    return Buffer.from(writtenFile(shard, { functions: [library(version)] }));
  };
  const librariesIn = (bytes: Uint8Array) =>
    loadedFile(new MemoryFile(bytes), undefined).items.flatMap((item) =>
      item.kind === 'function' ? [latin1(item.payload).slice(15, 26)] : [],
    );

  it('come along into default, and take the place of those of before', async () => {
    const { run, put, read } = home();
    put('one.rdb', dump('one'));
    put('two.rdb', dump('two'));
    await run('import', 'one.rdb', '--tenant', 'default');
    expect(await run('import', 'two.rdb', '--tenant', 'default', '--replace')).toEqual(
      good("two.rdb: 1 key imported into the tenant 'default'\n"),
    );
    await run('export', '--tenant', 'default', '--rdb', 'x.rdb');
    expect(librariesIn(read('x.rdb'))).toEqual(["return 'two"]);
  });

  it('are left out of any other tenant, which is said, and those of default stay', async () => {
    const { run, put, read } = home();
    put('one.rdb', dump('one'));
    put('two.rdb', dump('two'));
    await run('import', 'one.rdb', '--tenant', 'default');
    expect(await run('import', 'two.rdb', '--tenant', 'blue')).toEqual(
      good(
        "note: 1 function library left out: the tenant 'default' alone has any\n" +
          "two.rdb: 1 key imported into the tenant 'blue'\n",
      ),
    );
    await run('export', '--tenant', 'default', '--rdb', 'x.rdb');
    expect(librariesIn(read('x.rdb'))).toEqual(["return 'one"]);
  });

  it('of one name and two contents are refused, as redis-server would refuse what holds both', async () => {
    const { run, put } = home();
    put('none.rdb', Buffer.from(writtenFile(new Harness().shard, { functions: [library('one')] })));
    put('one.rdb', dump('one'));
    put('two.rdb', dump('two'));
    await run('import', 'none.rdb', '--tenant', 'default');
    expect(await run('import', 'two.rdb', '--tenant', 'default')).toEqual(
      bad("the function library 'lib' is there twice, and not the same"),
    );
    expect(await run('import', 'one.rdb', '--tenant', 'default')).toMatchObject({ exitCode: 0 });
  });

  it('of a backup are restored with default, and not with another tenant alone', async () => {
    const { run, put, read } = home();
    put('one.rdb', dump('one'));
    await run('import', 'one.rdb', '--tenant', 'default');
    await run('import', 'one.rdb', '--tenant', 'blue');
    await run('backup', '--to', 'safe');
    for (const [data, words, libraries] of [
      ['a', [], ["return 'one"]],
      ['b', ['--tenant', 'default'], ["return 'one"]],
      ['c', ['--tenant', 'blue'], []],
    ] as const) {
      await run('restore', '--from', 'safe', '--data', data, ...words);
      await run('export', '--tenant', 'default', '--rdb', `${data}.rdb`, '--data', data);
      expect(librariesIn(read(`${data}.rdb`)), data).toEqual(libraries);
    }
  });
});

describe('backup, restore and export without a server', () => {
  it('keep tenants apart and what is there as it is', async () => {
    const { run, put, cwd } = home();
    expect(await run('backup')).toEqual(bad(`there is no data folder ${cwd}/data`));
    expect(await run('export', '--tenant', 'blue', '--rdb', 'x.rdb')).toEqual(
      bad(`there is no data folder ${cwd}/data`),
    );
    put('keys.aof', KEYS);
    await run('import', 'keys.aof', '--tenant', 'blue');
    await run('import', 'keys.aof', '--tenant', 'red', '--shards', '2');
    expect(readdirSync(join(cwd, 'data'))).toEqual(['shard-0', 'shard-1']);
    expect(await run('backup', '--tenant', 'blue', '--to', 'safe')).toMatchObject({
      output: expect.stringMatching(/: 2 keys, read back\n$/),
    });
    expect(await run('backup', '--to', 'all.rdb')).toEqual(good(`${cwd}/all.rdb: 4 keys, read back\n`));
    expect(await run('backup', '--to', 'all.rdb')).toEqual(bad(`${cwd}/all.rdb is there already`));
    expect(await run('restore', '--from', 'safe')).toEqual(
      bad(/^the tenant 'blue|red' holds \d keys? already: a backup is restored/),
    );
    expect(await run('restore', '--from', 'safe', '--tenant', 'red', '--data', 'other')).toEqual(
      bad(/: holds no keys of the tenant 'red'\n$/),
    );
    expect(await run('restore', '--from', 'safe', '--data', 'other', '--shards', '3')).toMatchObject({
      output: expect.stringMatching(new RegExp(`^${cwd}/other: 2 keys of 1 tenant restored from ${cwd}/safe/`)),
    });
    expect(readdirSync(join(cwd, 'other'))).toEqual(['shard-0', 'shard-1', 'shard-2']);
    expect(await run('export', '--tenant', 'red', '--rdb', 'red.rdb', '--data', 'other')).toMatchObject({
      output: expect.stringContaining("0 keys of the tenant 'red'"),
    });
    rmSync(join(cwd, 'policies', 'tenants', 'blue.yaml'));
    const noted = await run('restore', '--from', 'safe', '--data', 'third');
    expect(noted.output).toMatch(/^note: no policy names the tenant 'blue': its data is kept, and nobody reaches it\n/);
    expect(readdirSync(cwd).filter((name) => name.includes('partial'))).toEqual([]);
  });

  it('says from which version on a file is loaded', async () => {
    const { run, put } = home();
    put('keys.aof', record('HSET', 'h', 'f', 'v') + record('HPEXPIREAT', 'h', '9999999999999', 'FIELDS', '1', 'f'));
    await run('import', 'keys.aof', '--tenant', 'blue');
    const said = await run('export', '--tenant', 'blue', '--rdb', 'x.rdb');
    expect(said.output).toMatch(/RDB version 12, which takes Redis 7\.4: fields of hashes have times to live\n$/);
    put('plain.aof', KEYS);
    await run('import', 'plain.aof', '--tenant', 'red');
    const other = await run('export', '--tenant', 'red', '--rdb', 'y.rdb');
    expect(other.output).toMatch(/2 keys of the tenant 'red', \d+ bytes, RDB version 10\n$/);
  });
});
