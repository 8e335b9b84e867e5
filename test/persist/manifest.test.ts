/** The manifest: what is taken, what is refused and why, what redis-server thinks of it, and a disk that fails in between. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf, bytesOfLatin1, latin1, utf8Text } from '../../src/base/bytes.ts';
import { MANIFEST_BYTES_MAX } from '../../src/base/limits.ts';
import { realDisk } from '../../src/disk/real-disk.ts';
import {
  baseName,
  EMPTY_MANIFEST,
  formatManifest,
  incrementName,
  type LogFile,
  type Manifest,
  manifestName,
  parseManifest,
  readManifest,
  temporaryManifestName,
  writeManifest,
} from '../../src/persist/manifest.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';

const TEXT =
  'file appendonly.aof.2.base.rdb seq 2 type b\n' +
  'file appendonly.aof.1.base.rdb seq 1 type h\n' +
  'file appendonly.aof.3.incr.aof seq 3 type i\n' +
  'file appendonly.aof.4.incr.aof seq 4 type i\n';

const MANIFEST: Manifest = {
  base: { name: 'appendonly.aof.2.base.rdb', sequence: 2, type: 'base' },
  history: [{ name: 'appendonly.aof.1.base.rdb', sequence: 1, type: 'history' }],
  increments: [
    { name: 'appendonly.aof.3.incr.aof', sequence: 3, type: 'increment' },
    { name: 'appendonly.aof.4.incr.aof', sequence: 4, type: 'increment' },
  ],
};

function faultOf(text: string): string {
  const parsed = parseManifest(text);
  return parsed.ok ? 'taken' : parsed.fault;
}

const line = (name: string, seq: number | string = 1, type = 'i') => `file ${name} seq ${seq} type ${type}\n`;

describe('the text', () => {
  it('reads what it writes', () => {
    expect(parseManifest(TEXT)).toEqual({ ok: true, value: MANIFEST });
    expect(formatManifest(MANIFEST)).toBe(TEXT);
    expect(formatManifest(EMPTY_MANIFEST)).toBe('');
  });

  it('takes lines in any order, comments, keys in any order and case, and keys of later versions', () => {
    const text =
      '# made by hand\n' +
      'type i SEQ 3 startoffset 17 File appendonly.aof.3.incr.aof\n' +
      TEXT.split('\n')[0] +
      '\r\n';
    const parsed = parseManifest(text);
    expect(parsed.ok && formatManifest(parsed.value)).toBe(`${TEXT.split('\n')[0]}\n${TEXT.split('\n')[2]}\n`);
  });

  it.each([
    ['', 'the manifest is empty'],
    ['\n', "line 1 (byte 0): not of the form 'file NAME seq NUMBER type TYPE'"],
    [TEXT.slice(0, -1), 'line 4 (byte 132): the last line has no end'],
    [`${TEXT}\n`, "line 5 (byte 176): not of the form 'file NAME seq NUMBER type TYPE'"],
    [`${TEXT}file a seq 5 type\n`, "line 5 (byte 176): not of the form 'file NAME seq NUMBER type TYPE'"],
    [`file a seq 5 kind i\n`, "line 1 (byte 0): not of the form 'file NAME seq NUMBER type TYPE'"],
    [`file a seq 5 file b\n`, "line 1 (byte 0): 'file' stands twice"],
    [line('a'.repeat(1003)), 'line 1 (byte 0): a file name has 1 to 255 bytes'],
    [line('a'.repeat(1024)), 'line 1 (byte 0): more than 1024 bytes'],
    [line('a\0b'), 'line 1 (byte 0): a zero byte'],
    [line('"a'), 'line 1 (byte 0): quotes that do not match'],
    [line("it's"), 'line 1 (byte 0): quotes that do not match'],
    [line('a') + line('b', 1), 'line 2 (byte 20): sequence number 1 does not come after 1'],
    [line('a', 2) + line('b', 1), 'line 2 (byte 20): sequence number 1 does not come after 2'],
    [line('a', 1, 'b') + line('b', 2, 'b'), 'line 2 (byte 20): a second base file'],
    [line('a', 1, 'h') + line('a', 1), 'line 2 (byte 20): a is named twice'],
    [line('a', 1, 'x'), 'line 1 (byte 0): a type of file that is not known: b, h and i are'],
    [line('a', 1, 'incr'), 'line 1 (byte 0): a type of file that is not known: b, h and i are'],
    [line('a', 0), 'line 1 (byte 0): the sequence number is not a number from 1 on'],
    [line('a', -1), 'line 1 (byte 0): the sequence number is not a number from 1 on'],
    [line('a', '01'), 'line 1 (byte 0): the sequence number is not a number from 1 on'],
    [line('a', '1x'), 'line 1 (byte 0): the sequence number is not a number from 1 on'],
    [line('a', '9007199254740993'), 'line 1 (byte 0): the sequence number is not a number from 1 on'],
    [line('"\\xff"'), 'line 1 (byte 0): a file name that is not UTF-8'],
  ])('refuses %j', (text, fault) => {
    expect(faultOf(text)).toBe(fault);
  });

  it.each(['../a', '/etc/passwd', 'a/b', 'a/', '..', '.', '"a\\\\b"', '"..\\x2fa"', '"\\x2e\\x2e"', '"a\\x00"', '""'])(
    'refuses the path %s',
    (name) => {
      expect(faultOf(line(name))).toMatch(/a path instead of a file name|a file name has 1 to 255 bytes/);
    },
  );

  it('refuses one that is too large', () => {
    expect(faultOf(`#${'x'.repeat(1000)}\n`.repeat(1 + MANIFEST_BYTES_MAX / 1002))).toMatch(
      /^the manifest has more than/,
    );
  });

  it('brings back any file name', () => {
    const names = fc
      .uniqueArray(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 5 })
      .filter((all) => all.every((name) => !/[/\\\0]/.test(name) && name !== '.' && name !== '..'))
      .map((all) => all.map((name) => utf8Text(bytesOf(name))))
      .filter((all) => new Set(all).size === all.length);
    fc.assert(
      fc.property(names, fc.boolean(), (all, hasBase) => {
        const increments = all.map((name, index): LogFile => ({ name, sequence: index + 1, type: 'increment' }));
        const base: LogFile | undefined = hasBase ? { name: 'base', sequence: 7, type: 'base' } : undefined;
        fc.pre(!(hasBase && all.includes('base')));
        const text = formatManifest({ base, history: [], increments });
        expect(parseManifest(text)).toEqual({ ok: true, value: { base, history: [], increments } });
        expect(text).toMatch(/^[\n -~]*$/);
      }),
    );
  });

  it('throws at nothing, and takes only what it would write', () => {
    const check = (text: string) => {
      const parsed = parseManifest(text);
      if (!parsed.ok) {
        expect(parsed.fault).toMatch(/^(?:line \d+ \(byte \d+\): |the manifest )[ -~]+$/);
        return;
      }
      expect(parseManifest(formatManifest(parsed.value))).toEqual(
        formatManifest(parsed.value) === '' ? { ok: false, fault: 'the manifest is empty' } : parsed,
      );
    };
    for (let at = 0; at < TEXT.length; at++) {
      for (const byte of ['\0', '\n', '\r', ' ', '"', "'", '\\', '/', '0', '9', '#', 'x', 'ÿ', '\ud800']) {
        check(TEXT.slice(0, at) + byte + TEXT.slice(at + 1));
        check(TEXT.slice(0, at) + byte + TEXT.slice(at));
      }
      check(TEXT.slice(0, at));
      check(TEXT.slice(at));
    }
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), check));
    const pieces = fc.constantFrom(
      'file ',
      'seq ',
      'type ',
      'b',
      'h',
      'i',
      '1 ',
      '2 ',
      'a.aof ',
      '\n',
      '"',
      '\\x0',
      '#',
      ' ',
    );
    fc.assert(fc.property(fc.array(pieces, { maxLength: 40 }), (all) => check(all.join(''))));
  });
});

describe('names', () => {
  it('are those of redis-server', () => {
    expect(manifestName('appendonly.aof')).toBe('appendonly.aof.manifest');
    expect(baseName('appendonly.aof', 1, 'rdb')).toBe('appendonly.aof.1.base.rdb');
    expect(baseName('appendonly.aof', 12, 'aof')).toBe('appendonly.aof.12.base.aof');
    expect(incrementName('appendonly.aof', 3)).toBe('appendonly.aof.3.incr.aof');
  });
});

const FOLDER = '/data/appendonlydir';
const PATH = `${FOLDER}/appendonly.aof.manifest`;
const TEMPORARY = `${FOLDER}/${temporaryManifestName('appendonly.aof')}`;

function diskWith(text: string): FakeDisk {
  const disk = new FakeDisk();
  disk.put(PATH, bytesOf(text));
  return disk;
}

describe('on a disk', () => {
  it('is none where there is none', () => {
    const disk = new FakeDisk();
    expect(readManifest(disk, FOLDER, 'appendonly.aof')).toEqual({ ok: true, value: undefined });
    disk.makeFolder(FOLDER);
    expect(readManifest(disk, FOLDER, 'appendonly.aof')).toEqual({ ok: true, value: undefined });
  });

  it('comes back', () => {
    const disk = diskWith(TEXT);
    expect(readManifest(disk, FOLDER, 'appendonly.aof')).toEqual({ ok: true, value: MANIFEST });
    expect(writeManifest(disk, FOLDER, 'appendonly.aof', { ...MANIFEST, history: [] }).ok).toBe(true);
    expect(readManifest(disk, FOLDER, 'appendonly.aof')).toEqual({ ok: true, value: { ...MANIFEST, history: [] } });
    expect(disk.bytesOf(TEMPORARY)).toBe(undefined);
  });

  it('names the file that is wrong', () => {
    const fault = (disk: FakeDisk) => {
      const read = readManifest(disk, FOLDER, 'appendonly.aof');
      return read.ok ? 'taken' : read.fault;
    };
    expect(fault(diskWith('x\n'))).toBe(`${PATH}: line 1 (byte 0): not of the form 'file NAME seq NUMBER type TYPE'`);
    expect(fault(diskWith(line('appendonly.aof.manifest', 1, 'h')))).toBe(`${PATH}: names itself as a file of the log`);
    expect(fault(diskWith('x'.repeat(MANIFEST_BYTES_MAX + 1)))).toBe(
      `${PATH}: has more than ${MANIFEST_BYTES_MAX} bytes`,
    );
    const disk = new FakeDisk();
    disk.put(PATH, bytesOfLatin1('file \xff seq 1 type i\n'));
    expect(fault(disk)).toBe(`${PATH}: is not UTF-8`);
    disk.failAt(1, 'EIO', 'read');
    expect(fault(disk)).toContain('EIO');
    disk.failAt(1, 'EACCES', 'open');
    expect(fault(disk)).toContain(PATH);
    const folder = new FakeDisk();
    folder.makeFolder(PATH);
    expect(fault(folder)).toContain('EISDIR');
  });

  it('is the old or the new one after a power cut at any moment', () => {
    const next: Manifest = { ...MANIFEST, history: [], increments: MANIFEST.increments.slice(1) };
    const disk = diskWith(TEXT);
    expect(writeManifest(disk, FOLDER, 'appendonly.aof', next).ok).toBe(true);
    for (let event = 0; event <= disk.events.length; event++) {
      const seen = new Set<string>();
      for (let choice = 0; choice < 60; choice++) {
        seen.add(latin1(disk.crashAt(event, choice).bytesOf(PATH) ?? new Uint8Array(0)));
      }
      for (const text of seen) expect([TEXT, formatManifest(next)]).toContain(text);
      if (event === disk.events.length) expect(seen).toEqual(new Set([formatManifest(next)]));
      expect(latin1(disk.kill(event).bytesOf(PATH) ?? new Uint8Array(0))).toMatch(/^file .* i\n$/s);
    }
  });

  it('is the old one after a fault, with nothing left behind, and can be written again', () => {
    const next: Manifest = { ...MANIFEST, history: [] };
    const clean = diskWith(TEXT);
    writeManifest(clean, FOLDER, 'appendonly.aof', next);
    const calls = clean.events.length;
    for (let call = 1; call <= calls; call++) {
      for (const code of ['EIO', 'ENOSPC']) {
        const disk = diskWith(TEXT);
        disk.failAt(call, code);
        const written = writeManifest(disk, FOLDER, 'appendonly.aof', next);
        expect(written).toMatchObject({ ok: false, fault: { code } });
        const isFolderSync = call === calls;
        expect(latin1(disk.bytesOf(PATH) as Uint8Array)).toBe(isFolderSync ? formatManifest(next) : TEXT);
        expect(disk.bytesOf(TEMPORARY)).toBe(undefined);
        expect(writeManifest(disk, FOLDER, 'appendonly.aof', next).ok).toBe(true);
      }
    }
  });

  it('finishes a write that the disk took in parts, and gives up on a disk that is full', () => {
    const disk = diskWith(TEXT);
    disk.capacityBytes = disk.usedBytes + 10;
    expect(writeManifest(disk, FOLDER, 'appendonly.aof', MANIFEST)).toMatchObject({ fault: { code: 'ENOSPC' } });
    expect(disk.usedBytes).toBe(TEXT.length);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    disk.put(TEMPORARY, bytesOf('left by a crash'));
    expect(writeManifest(disk, FOLDER, 'appendonly.aof', MANIFEST).ok).toBe(true);
  });
});

describe.skipIf(!redisServerInstalled)('beside redis-server', () => {
  it('reads its manifest, writes it back byte for byte, and it starts from ours', async () => {
    const root = mkdtempSync(join(tmpdir(), 'portcullis-manifest-'));
    const prefix = 'an "odd" näme.aof';
    const options = ['--dir', root, '--appendonly', 'yes', '--appendfilename', prefix, '--aof-use-rdb-preamble', 'no'];
    try {
      const first = await RedisServer.start(...options);
      await first.exchange(Buffer.from('SET before rewrite\r\nBGREWRITEAOF\r\n'));
      for (let attempt = 0; attempt < 100; attempt++) {
        const { bytes } = await first.exchange(Buffer.from('INFO persistence\r\n'));
        if (latin1(bytes).includes('aof_rewrites:1') && latin1(bytes).includes('aof_rewrite_in_progress:0')) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await first.exchange(Buffer.from('SET after rewrite\r\n'));
      first.stop();
      const folder = join(root, 'appendonlydir');
      const path = join(folder, manifestName(prefix));
      const text = readFileSync(path, 'utf8');
      const read = readManifest(realDisk, folder, prefix);
      if (!read.ok || read.value === undefined) throw new Error(read.ok ? 'no manifest' : read.fault);
      expect(formatManifest(read.value)).toBe(text);
      expect(read.value.base?.name).toBe(baseName(prefix, read.value.base?.sequence ?? 0, 'aof'));
      const last = read.value.increments.at(-1) as LogFile;
      expect(last.name).toBe(incrementName(prefix, last.sequence));
      // One increment more, as we would open it.
      const name = incrementName(prefix, last.sequence + 1);
      writeFileSync(join(folder, name), '*3\r\n$3\r\nSET\r\n$4\r\nours\r\n$3\r\nyes\r\n');
      const increments: LogFile[] = [
        ...read.value.increments,
        { name, sequence: last.sequence + 1, type: 'increment' },
      ];
      expect(writeManifest(realDisk, folder, prefix, { ...read.value, increments }).ok).toBe(true);
      expect(readdirSync(folder).filter((file) => file.startsWith('temp-'))).toEqual([]);
      expect(spawnSync('redis-check-aof', [path]).status).toBe(0);
      const second = await RedisServer.start(...options);
      const { bytes } = await second.exchange(Buffer.from('MGET before after ours\r\n'));
      second.stop();
      expect(latin1(bytes)).toBe('*3\r\n$7\r\nrewrite\r\n$7\r\nrewrite\r\n$3\r\nyes\r\n');
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
