import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { POLICY_FILE_BYTES_MAX, POLICY_FILES_MAX } from '../../src/base/limits.ts';
import { DiskPolicyFiles } from '../../src/disk/policy-files.ts';

let root: string;
let policies: string;
let passwords: string;
let files: DiskPolicyFiles;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'policies-'));
  policies = join(root, 'policies');
  passwords = join(root, 'passwords');
  mkdirSync(join(policies, 'tenants'), { recursive: true });
  mkdirSync(passwords);
  files = new DiskPolicyFiles(policies, passwords);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(path: string, text: string | Uint8Array = ''): void {
  writeFileSync(join(policies, path), text);
}

describe('the policy files of a folder', () => {
  it('are gateway.yaml and tenants/*.yaml, sorted, and nothing else', () => {
    for (const path of ['tenants/b.yaml', 'tenants/a.yaml', 'gateway.yaml', 'other.yaml', 'README.md']) put(path);
    for (const path of ['tenants/.hidden.yaml', 'tenants/a.yaml~', 'tenants/a.yaml.bak', '.gateway.yaml.swp'])
      put(path);
    expect(files.list()).toEqual({ ok: true, value: ['gateway.yaml', 'tenants/a.yaml', 'tenants/b.yaml'] });
  });

  it('may be none, also without a folder of tenants', () => {
    expect(files.list()).toEqual({ ok: true, value: [] });
    rmSync(join(policies, 'tenants'), { recursive: true });
    expect(files.list()).toEqual({ ok: true, value: [] });
    put('gateway.yaml');
    expect(files.list()).toEqual({ ok: true, value: ['gateway.yaml'] });
  });

  it('are a fault in one line where the folder is missing or is none', () => {
    rmSync(policies, { recursive: true });
    expect(files.list()).toEqual({ ok: false, fault: `${policies} cannot be read: ENOENT` });
    writeFileSync(policies, '');
    expect(files.list()).toEqual({ ok: false, fault: `${policies} cannot be read: ENOTDIR` });
  });

  it.each(['gateway.yml', 'tenants/t1.yml'])('%s is not overlooked in silence', (path) => {
    put(path);
    expect(files.list()).toMatchObject({
      ok: false,
      fault: expect.stringMatching(/\.yml: policy files end in \.yaml/),
    });
  });

  it('gateway.yml is not overlooked without a folder of tenants either', () => {
    rmSync(join(policies, 'tenants'), { recursive: true });
    put('gateway.yml');
    expect(files.list()).toMatchObject({ ok: false });
  });

  it('have a bound', () => {
    for (let i = 0; i < POLICY_FILES_MAX + 1; i++) put(`tenants/${i}.yaml`);
    expect(files.list()).toEqual({ ok: false, fault: `more than ${POLICY_FILES_MAX} policy files` });
  });
});

describe('a policy file', () => {
  it('is its text', () => {
    put('gateway.yaml', 'a: "é\u{1f600}"\r\n');
    expect(files.read('gateway.yaml')).toEqual({ ok: true, value: 'a: "é\u{1f600}"\r\n' });
  });

  it('is refused when it is not there, a folder, too large, or no UTF-8', () => {
    expect(files.read('tenants/a.yaml')).toEqual({ ok: false, fault: 'cannot be read: ENOENT' });
    mkdirSync(join(policies, 'gateway.yaml'));
    expect(files.read('gateway.yaml')).toEqual({ ok: false, fault: 'is not a file' });
    put('tenants/large.yaml');
    truncateSync(join(policies, 'tenants/large.yaml'), POLICY_FILE_BYTES_MAX + 1);
    expect(files.read('tenants/large.yaml')).toEqual({
      ok: false,
      fault: `has more than ${POLICY_FILE_BYTES_MAX} bytes`,
    });
    put('tenants/latin.yaml', Uint8Array.of(0x61, 0xe9));
    expect(files.read('tenants/latin.yaml')).toEqual({ ok: false, fault: 'is not UTF-8' });
  });

  it('may be as large as the bound', () => {
    put('gateway.yaml', ' '.repeat(POLICY_FILE_BYTES_MAX));
    expect(files.read('gateway.yaml').ok).toBe(true);
  });

  it('that is a pipe or an endless device is refused and does not hold the process up', () => {
    expect(spawnSync('mkfifo', [join(policies, 'gateway.yaml')]).status).toBe(0);
    symlinkSync('/dev/zero', join(policies, 'tenants', 'zero.yaml'));
    expect(files.read('gateway.yaml')).toEqual({ ok: false, fault: 'is not a file' });
    expect(files.read('tenants/zero.yaml')).toEqual({ ok: false, fault: 'is not a file' });
  });

  it('is read through symbolic links, as mounted volumes have them', () => {
    for (const version of ['v1', 'v2']) {
      mkdirSync(join(root, version, 'tenants'), { recursive: true });
      writeFileSync(join(root, version, 'gateway.yaml'), version);
    }
    rmSync(policies, { recursive: true });
    symlinkSync('v1', policies);
    expect(files.read('gateway.yaml')).toEqual({ ok: true, value: 'v1' });
    const before = files.fingerprint();
    symlinkSync('v2', join(root, 'next'));
    renameSync(join(root, 'next'), policies);
    expect(files.read('gateway.yaml')).toEqual({ ok: true, value: 'v2' });
    expect(files.fingerprint()).not.toBe(before);
  });

  it.runIf(process.getuid?.() !== 0)('is refused where it may not be read (skipped as root, who may)', () => {
    put('gateway.yaml', 'x');
    chmodSync(join(policies, 'gateway.yaml'), 0);
    expect(files.read('gateway.yaml')).toEqual({ ok: false, fault: 'cannot be read: EACCES' });
  });
});

describe('a password file', () => {
  it('is its text without the blanks around it', () => {
    writeFileSync(join(passwords, 'p'), '  two words \n');
    expect(files.readPassword('p')).toEqual({ ok: true, value: 'two words' });
    expect([files.hasPassword('p'), files.hasPassword('q')]).toEqual([true, false]);
  });

  it('is refused when missing, empty or far too long, and the fault does not hold it', () => {
    expect(files.readPassword('q')).toEqual({ ok: false, fault: 'password file q: cannot be read: ENOENT' });
    writeFileSync(join(passwords, 'p'), ' \n');
    expect(files.readPassword('p')).toEqual({ ok: false, fault: 'password file p: is empty' });
    writeFileSync(join(passwords, 'p'), 'x'.repeat(4097));
    expect(files.readPassword('p')).toEqual({ ok: false, fault: 'password file p: has more than 4096 bytes' });
  });

  it('that is no UTF-8 is refused: two such passwords would be the same', () => {
    writeFileSync(join(passwords, 'p'), Uint8Array.of(0xe9, 0xe8));
    expect(files.readPassword('p')).toEqual({ ok: false, fault: 'password file p: is not UTF-8' });
  });
});

describe('the fingerprint', () => {
  it('changes when a file is written, replaced, added, removed or touched, and not otherwise', () => {
    put('gateway.yaml', 'a');
    put('tenants/a.yaml', 'a');
    const seen = [files.fingerprint()];
    const changes: readonly (() => void)[] = [
      () => put('tenants/a.yaml', 'ab'),
      () => {
        put('.new', 'xy');
        renameSync(join(policies, '.new'), join(policies, 'tenants/a.yaml'));
      },
      () => put('tenants/b.yaml'),
      () => rmSync(join(policies, 'tenants/b.yaml')),
      () => utimesSync(join(policies, 'gateway.yaml'), 1, 1),
      () => rmSync(join(policies, 'tenants'), { recursive: true }),
      () => rmSync(policies, { recursive: true }),
    ];
    for (const change of changes) {
      change();
      const now = files.fingerprint();
      expect(files.fingerprint()).toBe(now);
      expect(now).not.toBe(seen.at(-1));
      seen.push(now);
    }
  });
});
