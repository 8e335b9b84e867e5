/** check-aof: what it says, what it cuts and what it never touches; and whether redis-check-aof thinks so, too. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { runCheckAof } from '../../src/app/check-aof.ts';
import { FolderLock } from '../../src/disk/lock.ts';
import { realDisk } from '../../src/disk/real-disk.ts';

const launcher = fileURLToPath(new URL('../../src/launch.mjs', import.meta.url));
const hasPeer = spawnSync('redis-check-aof', [], { encoding: 'utf8' }).stdout?.includes('Usage') ?? false;
/** Without keys, and without a checksum. */
const RDB = Buffer.from('REDIS0010\xff\0\0\0\0\0\0\0\0', 'latin1');

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function record(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

const SET = record('SET', 'key', 'value');

/** A data folder with a log of two increments; the first is whole. */
function logOf(last: string | Buffer, first: string = SET): { cwd: string; folder: string } {
  const cwd = mkdtempSync(join(tmpdir(), 'portcullis-check-aof-'));
  folders.push(cwd);
  const folder = join(cwd, 'appendonlydir');
  mkdirSync(folder);
  const line = (name: string, seq: number, type: string) => `file appendonly.aof.${name} seq ${seq} type ${type}\n`;
  writeFileSync(
    join(folder, 'appendonly.aof.manifest'),
    line('1.base.aof', 1, 'b') + line('1.incr.aof', 1, 'i') + line('2.incr.aof', 2, 'i'),
  );
  writeFileSync(join(folder, 'appendonly.aof.1.base.aof'), SET);
  writeFileSync(join(folder, 'appendonly.aof.1.incr.aof'), first);
  writeFileSync(join(folder, 'appendonly.aof.2.incr.aof'), last, 'latin1');
  return { cwd, folder };
}

const run = (cwd: string, ...args: string[]) => runCheckAof(args, { cwd, disk: realDisk });
const lastOf = (folder: string) => readFileSync(join(folder, 'appendonly.aof.2.incr.aof'), 'latin1');

describe('check-aof', () => {
  it('says of every file that it is good', () => {
    const { cwd } = logOf(SET + SET);
    const good = {
      exitCode: 0,
      output:
        'appendonly.aof.1.base.aof: 33 bytes, 1 command: good\n' +
        'appendonly.aof.1.incr.aof: 33 bytes, 1 command: good\n' +
        'appendonly.aof.2.incr.aof: 66 bytes, 2 commands: good\n',
    };
    expect(run(cwd, 'appendonlydir')).toEqual({ ...good, output: `${good.output}appendonlydir: good\n` });
    expect(run(cwd, 'appendonlydir/appendonly.aof.manifest', '--fix').output).toContain('.manifest: good\n');
    expect(run(cwd, 'appendonlydir/appendonly.aof.1.incr.aof')).toEqual({
      exitCode: 0,
      output: 'appendonly.aof.1.incr.aof: 33 bytes, 1 command: good\nappendonlydir/appendonly.aof.1.incr.aof: good\n',
    });
  });

  it('says where it is truncated, and cuts it there when asked to', () => {
    const { cwd, folder } = logOf(SET + record('MULTI') + SET + SET.slice(0, 7));
    const said = run(cwd, 'appendonlydir');
    expect(said.exitCode).toBe(1);
    expect(said.output).toContain(
      'appendonly.aof.2.incr.aof: 88 bytes, 1 command: truncated at byte 33: the last transaction is not whole\n' +
        'appendonlydir: truncated; --fix cuts off 55 bytes from byte 33 on\n',
    );
    expect(lastOf(folder)).toHaveLength(88);
    const fixed = run(cwd, '--fix', 'appendonlydir');
    expect(fixed.exitCode).toBe(0);
    expect(fixed.output).toContain('appendonlydir: cut off 55 bytes from byte 33 on: good now\n');
    expect(lastOf(folder)).toBe(SET);
    expect(run(cwd, 'appendonlydir').exitCode).toBe(0);
    expect(readdirSync(cwd)).toEqual(['appendonlydir']);
  });

  it('touches nothing when the fault is not at the end', () => {
    const damaged = `${SET}\0\0\0\0${SET}`;
    const { cwd, folder } = logOf(damaged);
    const said = run(cwd, '--fix', 'appendonlydir');
    expect(said.exitCode).toBe(1);
    expect(said.output).toContain('appendonly.aof.2.incr.aof: 70 bytes, 1 command: fault at byte 33\n');
    expect(said.output).toContain(
      `problem: ${join(folder, 'appendonly.aof.2.incr.aof')}: byte 33: no '*' (byte 0x00 found)\n`,
    );
    expect(said.output).toContain('nothing was cut, as what follows may be whole: restore a backup');
    expect(lastOf(folder)).toBe(damaged);
  });

  it('cuts no increment but the last, by its own path neither, and leaves that alone when another is damaged', () => {
    const half = SET.slice(0, 9);
    const { cwd, folder } = logOf(half, half);
    const whole = run(cwd, '--fix', 'appendonlydir');
    expect(whole.exitCode).toBe(1);
    expect(whole.output).toContain('byte 0: the last record is not whole, and it is not the last increment');
    expect(lastOf(folder)).toBe(half);
    const first = 'appendonlydir/appendonly.aof.1.incr.aof';
    const alone = run(cwd, '--fix', first);
    expect(alone.exitCode).toBe(1);
    expect(alone.output).toContain('not the last increment of its manifest: nothing may be cut here');
    expect(readFileSync(join(cwd, first), 'latin1')).toBe(half);
  });

  it('cuts the increment behind which nothing was written, as that is the one whose end may be torn', () => {
    const half = SET.slice(0, 9);
    const first = 'appendonlydir/appendonly.aof.1.incr.aof';
    for (const path of ['appendonlydir', first]) {
      const { cwd } = logOf('', SET + half);
      expect(run(cwd, path).output).toContain(': truncated; --fix cuts off 9 bytes from byte 33 on\n');
      expect(run(cwd, '--fix', path)).toMatchObject({ exitCode: 0 });
      expect(readFileSync(join(cwd, first), 'latin1')).toBe(SET);
      expect(run(cwd, 'appendonlydir').exitCode).toBe(0);
    }
  });

  it('cuts a log of one file, as redis before 7 had it', () => {
    const cwd = mkdtempSync(join(tmpdir(), 'portcullis-check-aof-'));
    folders.push(cwd);
    const path = join(cwd, 'appendonly.aof');
    writeFileSync(path, SET + SET.slice(0, -2));
    expect(run(cwd, '--fix', path)).toMatchObject({ exitCode: 0 });
    expect(readFileSync(path, 'latin1')).toBe(SET);
    writeFileSync(path, RDB);
    expect(run(cwd, path)).toMatchObject({ exitCode: 0 });
    writeFileSync(path, RDB.subarray(0, -1));
    expect(run(cwd, '--fix', path)).toMatchObject({ exitCode: 1 });
    expect(readFileSync(path)).toHaveLength(RDB.length - 1);
    writeFileSync(path, Buffer.concat([RDB, Buffer.from(SET + SET.slice(0, -2))]));
    expect(run(cwd, '--fix', path)).toMatchObject({ exitCode: 0 });
    expect(readFileSync(path)).toEqual(Buffer.concat([RDB, Buffer.from(SET)]));
  });

  it('cuts nothing that a server has in use', () => {
    const { cwd, folder } = logOf(SET + SET.slice(0, 9));
    const before = lastOf(folder);
    // Process 1 lives, and has not been started by us.
    writeFileSync(FolderLock.pathIn(cwd), '1\n');
    const said = run(cwd, '--fix', 'appendonlydir');
    expect(said).toMatchObject({ exitCode: 1 });
    expect(said.output).toContain(`nothing was cut: the data folder ${cwd} is in use by process 1`);
    expect(lastOf(folder)).toBe(before);
    writeFileSync(FolderLock.pathIn(cwd), '4194305 1\n');
    expect(run(cwd, '--fix', 'appendonlydir')).toMatchObject({ exitCode: 0 });
    expect(lastOf(folder)).toBe(SET);
  });

  it.each([
    [[], /^usage: check-aof/],
    [['a', 'b'], /^usage: check-aof/],
    [['--fix'], /^usage: check-aof/],
    [['--force', 'a'], /^usage: check-aof/],
    [['none'], /none: there is no such file\n$/],
    [['.'], /there is no manifest in this folder\n$/],
  ])('answers %j', (args, output) => {
    const { cwd } = logOf(SET);
    const said = run(cwd, ...args);
    expect(said.exitCode).toBe(1);
    expect(said.output).toMatch(output);
  });

  it('asks which of two manifests, and refuses one that is wrong', () => {
    const { cwd, folder } = logOf(SET);
    const manifest = join(folder, 'appendonly.aof.manifest');
    writeFileSync(join(folder, 'temp-appendonly.aof.manifest'), 'half');
    expect(run(cwd, 'appendonlydir').exitCode).toBe(0);
    writeFileSync(join(folder, 'other.manifest'), readFileSync(manifest));
    expect(run(cwd, 'appendonlydir').output).toContain('there are 2 manifests, name one of them');
    writeFileSync(manifest, 'file ../x seq 1 type i\n');
    expect(run(cwd, manifest)).toEqual({
      exitCode: 1,
      output: `${manifest}: line 1 (byte 0): a path instead of a file name\n`,
    });
    rmSync(join(folder, 'appendonly.aof.1.incr.aof'));
    expect(run(cwd, join(folder, 'other.manifest')).output).toContain('problem: ENOENT');
  });

  it('is a command of the process', { timeout: 60_000 }, () => {
    const { cwd, folder } = logOf(SET + SET.slice(0, 9));
    const spawned = (...args: string[]) => {
      return spawnSync(process.execPath, [launcher, 'start', 'check-aof', ...args], { cwd, encoding: 'utf8' });
    };
    const truncated = spawned('appendonlydir');
    expect(truncated.status).toBe(1);
    expect(truncated.stdout).toContain('truncated at byte 33');
    expect(spawned('--fix', folder).status).toBe(0);
    expect(lastOf(folder)).toBe(SET);
  });
});

describe.skipIf(!hasPeer)('beside redis-check-aof', () => {
  const MULTI = record('MULTI');
  const EXEC = record('EXEC');
  const LOG = record('SELECT', '0') + SET + MULTI + SET + SET + EXEC + SET;

  function peer(folder: string): { isGood: boolean; okUpTo: number } {
    const { status, stdout } = spawnSync('redis-check-aof', [join(folder, 'appendonly.aof.manifest')], {
      encoding: 'latin1',
    });
    const last = stdout.split('AOF analyzed: filename=appendonly.aof.2.incr.aof').at(-1) ?? '';
    return { isGood: status === 0, okUpTo: Number(/ok_up_to=(\d+)/.exec(last)?.[1] ?? 0) };
  }

  function ours(cwd: string): { isGood: boolean; okUpTo: number | undefined } {
    const { exitCode, output } = run(cwd, 'appendonlydir');
    const offset = /appendonly\.aof\.2\.incr\.aof: .* truncated at byte (\d+)/.exec(output)?.[1];
    return { isGood: exitCode === 0, okUpTo: offset === undefined ? undefined : Number(offset) };
  }

  it('agrees on every cut', { timeout: 120_000 }, () => {
    const { cwd, folder } = logOf('');
    for (let cut = 0; cut <= LOG.length; cut++) {
      writeFileSync(join(folder, 'appendonly.aof.2.incr.aof'), LOG.slice(0, cut));
      const theirs = peer(folder);
      const own = ours(cwd);
      expect(own.isGood, `cut at ${cut}`).toBe(theirs.isGood);
      if (!own.isGood) expect(own.okUpTo, `cut at ${cut}`).toBe(theirs.okUpTo);
    }
  });

  it.each([
    ['an annotation', `#TS:1795828215\r\n${SET}`],
    ['zeros at the end', `${SET}\0\0\0\0\0`],
    ['zeros in the middle', `${SET}\0\0\0\0\0${SET}`],
    ['EXEC without MULTI', SET + EXEC],
    ['MULTI within MULTI', MULTI + SET + MULTI],
    ['a wrong length', SET.replace('$5', '$4')],
    ['an inline command', `${SET}PING\r\n`],
    ['our own record', record('PORTCULLIS.TENANT', 'one') + SET],
    ['a value of every byte', record('SET', 'k', String.fromCharCode(...Array(256).keys()))],
  ])('agrees on %s', (_name, text) => {
    const { cwd, folder } = logOf(text);
    expect(ours(cwd).isGood).toBe(peer(folder).isGood);
  });
});
