/** Backups on a disk that loses power, fails and fills; what is left, what is kept, and what a digest tells apart. */
import { describe, expect, it } from 'vitest';
import { Backups } from '../../src/app/backups.ts';
import { writeOne } from '../../src/app/export.ts';
import { toolsOf } from '../../src/app/scratch-tools.ts';
import { tableAlone } from '../../src/app/table.ts';
import { bytesOfLatin1 } from '../../src/base/bytes.ts';
import { failure, success } from '../../src/base/result.ts';
import { copyBackup } from '../../src/persist/backup-copy.ts';
import { BackupFolder } from '../../src/persist/backup-folder.ts';
import { checkFiles, readBackupManifest, sealBackup } from '../../src/persist/backup-manifest.ts';
import { ContentDigest } from '../../src/persist/digest.ts';
import { loadFile } from '../../src/persist/load.ts';
import { scratchLoad, writeFiles } from '../../src/persist/redistribute.ts';
import { eachEntry, type Scratch } from '../../src/persist/scratch.ts';
import { SnapshotJob, type SnapshotOutcome } from '../../src/persist/snapshot-job.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { FakeClock, Harness } from '../support/harness.ts';

const table = tableAlone();
const FOLDER = '/backups';
const FACTS = { version: '0', created_ms: 1_700_000_000_000, tenant: undefined, names: ['shard-0.rdb'] };

const tools = (disk: FakeDisk) => ({ ...toolsOf(table, true), disk });

function record(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

/** A log as the source of everything else. */
function logged(disk: FakeDisk, ...rows: readonly string[][]): string {
  const path = `/log-${disk.events.length}`;
  disk.put(path, bytesOfLatin1(rows.map((row) => record(...row)).join('')));
  return path;
}

async function write(disk: FakeDisk, folder: string, ...rows: readonly string[][]): Promise<void> {
  const path = logged(disk, ...rows);
  const source = {
    load: (scratch: ReturnType<ReturnType<typeof tools>['scratch']>) =>
      loadFile(path, scratchLoad(tools(disk), scratch)),
  };
  const written = await writeFiles(tools(disk), [source], { paths: [`${folder}/shard-0.rdb`], isBase: false });
  if (!written.ok) throw new Error(written.fault);
}

async function digestOf(...rows: readonly string[][]): Promise<string> {
  const disk = new FakeDisk();
  const scratch = tools(disk).scratch();
  const loaded = await loadFile(logged(disk, ...rows), scratchLoad(tools(disk), scratch));
  if (!loaded.ok) throw new Error(loaded.fault);
  const digest = new ContentDigest();
  await eachEntry(scratch, ({ database, databaseNumber, ref }) => {
    digest.add(database, databaseNumber, ref);
    return undefined;
  });
  return digest.hex();
}

async function take(disk: FakeDisk, name: string, value = '1'): Promise<string> {
  const backups = new BackupFolder(disk, FOLDER);
  const begun = backups.begin(name);
  if (!begun.ok) return begun.fault;
  await write(disk, begun.value, ['SET', 'key', value]);
  const sealed = await sealBackup(disk, begun.value, { ...FACTS, created_ms: FACTS.created_ms + Number(value) });
  if (!sealed.ok) return sealed.fault;
  const named = backups.complete(name);
  return named.ok ? '' : named.fault;
}

describe('a backup', () => {
  it('is whole or none after a power cut at any moment, and the next one clears up', async () => {
    const disk = new FakeDisk();
    expect(await take(disk, 'first', '1')).toBe('');
    const begun = disk.events.length;
    expect(await take(disk, 'second', '2')).toBe('');
    for (let event = begun; event <= disk.events.length; event++) {
      for (const choice of [0, 1, event + 2, 'kill'] as const) {
        const crashed = choice === 'kill' ? disk.kill(event) : disk.crashAt(event, choice);
        const all = new BackupFolder(crashed, FOLDER).all();
        const found = all.ok ? all.value : [];
        expect(found.at(-1)?.name).toBe('first');
        if (event === disk.events.length) expect(found[0]?.name).toBe('second');
        for (const { folder, manifest } of found)
          expect(await checkFiles(crashed, folder, manifest)).toEqual(success(undefined));
        expect(await take(crashed, 'third', '3')).toBe('');
        const names = crashed.list(FOLDER);
        expect(names.ok ? names.value.map(({ name }) => name) : []).not.toContain('second.partial');
      }
    }
  });

  it('that is told to have failed is not there, whichever call it was', async () => {
    const probe = new FakeDisk();
    await take(probe, 'first');
    let failed = 0;
    for (let nth = 1; nth <= probe.events.length; nth++) {
      const disk = new FakeDisk();
      disk.failAt(nth, 'EIO');
      const fault = await take(disk, 'first').catch(String);
      const all = new BackupFolder(disk, FOLDER).all();
      expect(all.ok && all.value.map(({ name }) => name)).toEqual(fault === '' ? ['first'] : []);
      if (fault !== '') failed++;
      expect(await take(disk, 'second')).toBe('');
    }
    expect(failed).toBeGreaterThan(probe.events.length / 2);
  });

  it('in one file that is told to have failed is not there either', async () => {
    const attempt = async (disk: FakeDisk) => {
      const path = logged(disk, ['SET', 'key', 'value']);
      disk.makeFolder('/out');
      const { length } = disk.events;
      const source = { load: (scratch: Scratch) => loadFile(path, scratchLoad(tools(disk), scratch)) };
      return { calls: length, run: () => writeOne(tools(disk), [source], '/out/all.rdb') };
    };
    const probe = new FakeDisk();
    const { calls, run } = await attempt(probe);
    expect(await run()).toMatchObject({ ok: true });
    let failed = 0;
    for (let nth = 1; nth <= probe.events.length - calls; nth++) {
      const disk = new FakeDisk();
      const next = await attempt(disk);
      disk.failAt(nth, 'EIO');
      const written = await next.run();
      const names = disk.list('/out');
      expect(names.ok && names.value.map(({ name }) => name), `${nth}`).toEqual(written.ok ? ['all.rdb'] : []);
      if (!written.ok) failed++;
    }
    expect(failed).toBeGreaterThan(3);
  });

  it('is not sealed when a file is not what was written, or holds what was not asked for', async () => {
    const disk = new FakeDisk();
    await write(disk, FOLDER.replace('/backups', ''), ['SET', 'key', 'value']);
    const whole = disk.bytesOf('/shard-0.rdb') ?? new Uint8Array(0);
    for (const [at, says] of [
      [20, /^\/a\/shard-0\.rdb: /],
      [whole.length - 3, /the checksum is wrong/],
    ] as const) {
      const bytes = whole.slice();
      bytes[at] = (bytes[at] ?? 0) ^ 0x55;
      const damaged = new FakeDisk();
      damaged.put('/a/shard-0.rdb', bytes);
      const sealed = await sealBackup(damaged, '/a', FACTS);
      expect(sealed.ok ? '' : sealed.fault).toMatch(says);
      expect(damaged.bytesOf('/a/manifest.json')).toBeUndefined();
    }
    const sealed = await sealBackup(disk, '/', { ...FACTS, tenant: 'blue' });
    expect(sealed).toEqual(failure('/shard-0.rdb: holds keys of another tenant than blue'));
  });

  it('has a manifest that is believed only as far as it makes sense', async () => {
    const disk = new FakeDisk();
    expect(await take(disk, 'one')).toBe('');
    const text = Buffer.from(disk.bytesOf(`${FOLDER}/one/manifest.json`) ?? []).toString();
    const read = (changed: string) => {
      const other = new FakeDisk();
      other.put('/b/manifest.json', bytesOfLatin1(changed));
      const manifest = readBackupManifest(other, '/b');
      return manifest.ok ? 'good' : manifest.fault;
    };
    expect(read(text)).toBe('good');
    expect(read(text.replace('shard-0.rdb', '../../etc/x'))).toMatch(/^\/b\/manifest\.json: files\.0\.name: /);
    expect(read(text.replace('"format": 1', '"format": 2'))).toMatch(/^\/b\/manifest\.json: format: /);
    expect(read(text.slice(0, -3))).toBe('/b/manifest.json: is no JSON');
  });

  it('is copied byte for byte, and not at all when the disk is full', async () => {
    const disk = new FakeDisk();
    expect(await take(disk, 'one')).toBe('');
    const all = new BackupFolder(disk, FOLDER).all();
    const [backup] = all.ok ? all.value : [];
    if (backup === undefined) throw new Error('there is a backup');
    disk.capacityBytes = disk.usedBytes + 40;
    const full = await copyBackup(disk, backup, new BackupFolder(disk, '/elsewhere'));
    expect(full.ok ? '' : full.fault).toContain('ENOSPC');
    expect(disk.list('/elsewhere')).toEqual(success([]));
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    expect(await copyBackup(disk, backup, new BackupFolder(disk, '/elsewhere'))).toEqual(success('/elsewhere/one'));
    expect(disk.bytesOf('/elsewhere/one/shard-0.rdb')).toEqual(disk.bytesOf(`${FOLDER}/one/shard-0.rdb`));
  });

  it('goes when there are enough, the oldest of the clock first, and nothing that is not ours', async () => {
    const disk = new FakeDisk();
    for (const [name, value] of [
      ['scheduled-1', '1'],
      ['mine', '2'],
      ['scheduled-2', '3'],
      ['scheduled-3', '4'],
      ['scheduled-4', '5'],
    ] as const) {
      expect(await take(disk, name, value)).toBe('');
    }
    disk.put(`${FOLDER}/scheduled-1/notes.txt`, bytesOfLatin1('mine'));
    expect(new BackupFolder(disk, FOLDER).prune(2)).toEqual(success(['scheduled-2', 'scheduled-1']));
    const names = disk.list(FOLDER);
    expect(names.ok ? names.value.map(({ name }) => name) : []).toEqual([
      'mine',
      'scheduled-1',
      'scheduled-3',
      'scheduled-4',
    ]);
    expect(disk.bytesOf(`${FOLDER}/scheduled-1/shard-0.rdb`)).toBeDefined();
  });
});

describe('backups by the clock', () => {
  it('are taken when one is due, and after a failure later', async () => {
    const disk = new FakeDisk();
    const clock = new FakeClock(1_700_000_000_000);
    const lines: string[] = [];
    let fails = true;
    const backups = new Backups({
      durability: {
        async backup(folder) {
          if (fails) return failure('no\nroom');
          await write(disk, folder, ['SET', 'key', 'value']);
          return success(undefined);
        },
      },
      disk,
      clock,
      log: { write: (_level, event, message) => lines.push(`${event}: ${message}`) },
      shards: 1,
      policy: () => ({ folder: FOLDER, everySeconds: 60, keep: 2 }),
      knowsTenant: () => false,
      seal: (folder, facts) => sealBackup(disk, folder, facts),
    });
    const tick = async (after_ms: number) => {
      clock.now += after_ms;
      backups.tick();
      while (backups.figures().isRunning) await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    };
    await tick(0);
    expect(lines).toEqual([expect.stringMatching(/^backup\.failed: no.*room$/)]);
    expect(backups.figures()).toMatchObject({ isLastGood: false, failures: 1, last_ms: 0 });
    fails = false;
    await tick(10_000);
    expect(backups.figures()).toMatchObject({ taken: 0, failures: 1 });
    await tick(300_000);
    expect(backups.figures()).toMatchObject({ isLastGood: true, taken: 1, last_ms: clock.now });
    await tick(59_000);
    expect(backups.figures()).toMatchObject({ taken: 1 });
    for (let i = 0; i < 3; i++) await tick(61_000);
    expect(backups.figures()).toMatchObject({ taken: 4 });
    const names = disk.list(FOLDER);
    expect(names.ok ? names.value.length : 0).toBe(2);
  });
});

describe('a digest of content', () => {
  const fields = Array.from({ length: 600 }, (_, i) => [`field ${i}`, `${i}`]);

  it('does not depend on order or encoding', async () => {
    const one = await digestOf(
      ['HSET', 'hash', ...fields.flat()],
      ['SADD', 'set', '1', '2', 'three'],
      ['ZADD', 'zset', '1', 'a', '2', 'b'],
      ['SET', 'string', '12'],
    );
    const other = await digestOf(
      ['SET', 'string', '1'],
      ['APPEND', 'string', '2'],
      ['ZADD', 'zset', '2', 'b', '1', 'a', '3', 'x'.repeat(100)],
      ['ZREM', 'zset', 'x'.repeat(100)],
      ['SADD', 'set', 'three', '2', 'x'.repeat(100), '1'],
      ['SREM', 'set', 'x'.repeat(100)],
      ['HSET', 'hash', ...fields.toReversed().flat()],
    );
    expect(other).toBe(one);
  });

  it.each([
    [
      ['SET', 'a', '1'],
      ['SET', 'a', '2'],
    ],
    [
      ['SET', 'a', '1'],
      ['SET', 'b', '1'],
    ],
    [
      ['SET', 'a', '1'],
      ['SET', 'a', '1', 'PXAT', '9999999999999'],
    ],
    [
      ['RPUSH', 'a', '1', '2'],
      ['RPUSH', 'a', '2', '1'],
    ],
    [
      ['RPUSH', 'a', '1', '2'],
      ['SADD', 'a', '1', '2'],
    ],
    [
      ['HSET', 'a', '1', '2'],
      ['HSET', 'a', '2', '1'],
    ],
    [
      ['SADD', 'a', 'ab', 'c'],
      ['SADD', 'a', 'a', 'bc'],
    ],
    [
      ['ZADD', 'a', '1', 'x', '2', 'y'],
      ['ZADD', 'a', '2', 'x', '1', 'y'],
    ],
    [
      ['XADD', 'a', '1-1', 'f', 'v'],
      ['XADD', 'a', '1-2', 'f', 'v'],
    ],
  ])('tells %j from %j', async (one, other) => {
    expect(await digestOf(one)).not.toBe(await digestOf(other));
  });

  it('tells groups of streams apart, and what waits in them', async () => {
    const base = [
      ['XADD', 'a', '1-1', 'f', 'v'],
      ['XGROUP', 'CREATE', 'a', 'group', '0'],
    ];
    const claimed = ['XCLAIM', 'a', 'group', 'consumer', '0', '1-1', 'TIME', '5', 'RETRYCOUNT', '1', 'FORCE', 'JUSTID'];
    const all = new Set(
      await Promise.all([
        digestOf(...base.slice(0, 1)),
        digestOf(...base),
        digestOf(...base, ['XGROUP', 'SETID', 'a', 'group', '1-1']),
        digestOf(...base, claimed),
      ]),
    );
    expect(all.size).toBe(4);
  });
});

describe('a snapshot of one tenant', () => {
  it('leaves nothing out of the next one', async () => {
    const disk = new FakeDisk();
    const clock = new FakeClock(1_700_000_000_000);
    const harness = new Harness({ clock });
    const { shard } = harness;
    const words = bytesOfLatin1('key:0value');
    const set = (realm: number, key: string) => {
      const bytes = bytesOfLatin1(key);
      shard.realm(realm).database(0).setString(bytes, 0, bytes.length, words, 5, 10, 0, -1);
    };
    for (let i = 0; i < 100; i++) set(i % 2, `key:${i}`);
    const run = async (path: string, onlyRealm?: number): Promise<SnapshotOutcome> => {
      const ended = new Promise<SnapshotOutcome>((resolve) => {
        const job = new SnapshotJob({
          shard,
          disk,
          clock,
          path,
          tenantName: (number) => `tenant ${number}`,
          aux: [],
          functions: [],
          ...(onlyRealm === undefined ? {} : { onlyRealm }),
          wake() {},
          ended: resolve,
        });
        while (job.isDue) job.slice(1000);
      });
      return ended;
    };
    expect(await run('/one', 1)).toMatchObject({ ok: true, keys: 50 });
    expect(await run('/all')).toMatchObject({ ok: true, keys: 100 });
    expect(await run('/none', 7)).toMatchObject({ ok: true, keys: 0 });
    expect(await run('/again')).toMatchObject({ ok: true, keys: 100 });
    const keysIn = async (path: string) => {
      const scratch = tools(disk).scratch();
      const loaded = await loadFile(path, scratchLoad(tools(disk), scratch));
      return loaded.ok ? loaded.value.keys : loaded.fault;
    };
    expect([await keysIn('/one'), await keysIn('/all'), await keysIn('/none'), await keysIn('/again')]).toEqual([
      50, 100, 0, 100,
    ]);
  });
});
