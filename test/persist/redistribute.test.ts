/** Data among another number of shards: what comes out, and what a crash at any moment leaves. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toolsOf } from '../../src/app/scratch-tools.ts';
import { tableAlone } from '../../src/app/table.ts';
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import type { Disk } from '../../src/disk/disk.ts';
import { ContentDigest } from '../../src/persist/digest.ts';
import { findLayout, settle } from '../../src/persist/layout.ts';
import { type Redistributed, redistribute, sourcesOf, type Tools } from '../../src/persist/redistribute.ts';
import { eachEntry } from '../../src/persist/scratch.ts';
import { FakeDisk } from '../support/fake-disk.ts';

const table = tableAlone();
const DIR = '/data';

const tools = (disk: Disk, acceptsTruncated = true): Tools => ({ ...toolsOf(table, acceptsTruncated), disk });

function record(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

const IS_LONG = process.env['PORTCULLIS_LONG'] === '1';
const MOVES: readonly (readonly [from: number, to: number])[] = [
  [1, 3],
  [3, 2],
  ...(IS_LONG
    ? ([
        [3, 1],
        [2, 5],
      ] as const)
    : []),
];

/** What a crash leaves: nothing that is not certain, everything, a draw, or what the death of the process alone leaves. */
function choicesAt(event: number): readonly (number | 'kill')[] {
  if (IS_LONG) return [0, 1, 2 + event, 3 + event, 'kill'];
  return event % 2 === 0 ? [0, 'kill'] : [1, 2 + event];
}

/** Something of every type, of two tenants and two databases. */
const CONTENT = [
  record('SELECT', '0'),
  ...Array.from({ length: 40 }, (_, i) => record('SET', `key:${i}`, `value ${i}`)),
  record('SET', 'later', '1', 'PXAT', '99999999999999'),
  record('SET', 'over', '1', 'PXAT', '1'),
  record('RPUSH', 'list', ...Array.from({ length: 300 }, (_, i) => `${i} ${'x'.repeat(60)}`)),
  record('SADD', 'set', ...Array.from({ length: 700 }, (_, i) => `member ${i}`)),
  record('HSET', 'hash', 'a', '1', 'b', '2'),
  record('HPEXPIREAT', 'hash', '9999999999999', 'FIELDS', '1', 'a'),
  record('ZADD', 'zset', '1.5', 'one', '-2', 'two'),
  record('XADD', 'stream', '5-1', 'field', 'value'),
  record('XGROUP', 'CREATE', 'stream', 'group', '0'),
  record('MULTI'),
  record('INCR', '{pair}a'),
  record('INCR', '{pair}b'),
  record('EXEC'),
  record('SELECT', '3'),
  record('SET', 'key:1', 'of another database'),
  record('PORTCULLIS.TENANT', 'blue'),
  record('SELECT', '0'),
  ...Array.from({ length: 20 }, (_, i) => record('SET', `key:${i}`, `blue ${i}`)),
].join('');

const MANIFEST = 'file appendonly.aof.1.incr.aof seq 1 type i\n';

function diskOf(content = CONTENT, folder = `${DIR}/appendonlydir`): FakeDisk {
  const disk = new FakeDisk();
  disk.put(`${folder}/appendonly.aof.manifest`, bytesOfLatin1(MANIFEST));
  disk.put(`${folder}/appendonly.aof.1.incr.aof`, bytesOfLatin1(content));
  return disk;
}

/** Per tenant, whatever the number of shards. */
async function digestsOf(disk: Disk): Promise<string> {
  const layout = findLayout(disk, DIR);
  if (!layout.ok) throw new Error(layout.fault);
  const digests = new Map<string, ContentDigest>();
  for (const source of sourcesOf(tools(disk), DIR, layout.value?.shards ?? 1)) {
    const scratch = tools(disk).scratch();
    const loaded = await source.load(scratch);
    if (!loaded.ok) throw new Error(loaded.fault);
    await eachEntry(scratch, ({ tenant, database, databaseNumber, ref }) => {
      const digest = digests.get(tenant) ?? new ContentDigest();
      digests.set(tenant, digest);
      digest.add(database, databaseNumber, ref);
      return undefined;
    });
  }
  return JSON.stringify(Array.from(digests, ([name, digest]) => [name, digest.keys, digest.hex()]).sort());
}

async function divided(disk: Disk, shards: number): Promise<Redistributed | undefined> {
  const done = await redistribute(tools(disk), DIR, shards, 'log', () => {});
  if (!done.ok) throw new Error(done.fault);
  return done.value;
}

function namesIn(disk: Disk, folder: string): string[] {
  const entries = disk.list(folder);
  return entries.ok ? entries.value.map(({ name }) => name) : [];
}

/** Every file below a folder with its content. */
function picture(disk: FakeDisk, folder: string): string[] {
  const entries = disk.list(folder);
  if (!entries.ok) return [];
  return entries.value.flatMap(({ name, isFolder }) => {
    const path = `${folder}/${name}`;
    if (isFolder) return picture(disk, path);
    return [
      `${path} ${createHash('sha256')
        .update(disk.bytesOf(path) ?? new Uint8Array(0))
        .digest('hex')}`,
    ];
  });
}

describe('data for another number of shards', () => {
  it('is the same data: 1, 3, 5, 2, 1', async () => {
    const disk = diskOf();
    const before = await digestsOf(disk);
    expect(before).toContain('["blue",20,');
    expect(before).toContain('["default",50,');
    let from = 1;
    for (const shards of [3, 5, 2, 1]) {
      expect(await divided(disk, shards)).toMatchObject({ from, keys: 70, version: 12 });
      expect(await digestsOf(disk)).toBe(before);
      const names = shards === 1 ? ['appendonlydir'] : Array.from({ length: shards }, (_, i) => `shard-${i}`);
      expect(namesIn(disk, DIR)).toEqual(names);
      expect(await divided(disk, shards)).toBeUndefined();
      from = shards;
    }
  });

  it('is written at the lowest version that holds it, and may be of no keys at all', async () => {
    const plain = diskOf(record('SET', 'a', '1'));
    expect(await divided(plain, 2)).toMatchObject({ keys: 1, version: 10 });
    const empty = new FakeDisk();
    expect(await divided(empty, 3)).toBeUndefined();
    expect(namesIn(empty, DIR)).toEqual(['shard-0', 'shard-1', 'shard-2']);
    expect(await divided(empty, 1)).toBeUndefined();
  });

  it('is what it was, or what it becomes, after a crash at any moment, and leaves nothing behind', {
    timeout: 120_000,
  }, async () => {
    for (const [from, to] of MOVES) {
      const first = diskOf(record('SET', 'a', '1') + record('SET', 'b', '2') + record('SET', 'c', '3'));
      if (from !== 1) await divided(first, from);
      const disk = first.crashAt(first.events.length, 1);
      const before = await digestsOf(disk);
      const begun = disk.events.length;
      await divided(disk, to);
      const events = disk.events.length;
      for (let event = begun; event <= events; event++) {
        // What an event has not changed a crash behind it finds as in front of it.
        if (event > begun && disk.events[event - 1]?.changes.length === 0) continue;
        for (const choice of choicesAt(event)) {
          const crashed = choice === 'kill' ? disk.kill(event) : disk.crashAt(event, choice);
          const settled = settle(crashed, DIR);
          expect(settled.ok ? '' : settled.fault).toBe('');
          await divided(crashed, to);
          expect(await digestsOf(crashed), `${from} to ${to}, event ${event}, choice ${choice}`).toBe(before);
          const names = to === 1 ? ['appendonlydir'] : Array.from({ length: to }, (_, i) => `shard-${i}`);
          expect(namesIn(crashed, DIR)).toEqual(names);
        }
      }
    }
  });

  it('is the same when what was begun is finished, and a crash comes into that, too', {
    timeout: 120_000,
  }, async () => {
    const disk = diskOf(record('SET', 'a', '1') + record('SET', 'b', '2') + record('SET', 'c', '3'));
    const before = await digestsOf(disk);
    const begun = disk.events.length;
    await divided(disk, 3);
    // Right behind each rename: the moments from which there is most to do.
    const moments = Array.from(disk.events.keys()).filter(
      (event) =>
        event >= begun && disk.events[event]?.operation === 'rename' && !disk.events[event]?.path.includes('.aof'),
    );
    expect(moments.length).toBeGreaterThan(4);
    for (const moment of moments) {
      const first = disk.kill(moment + 1);
      expect(settle(first, DIR)).toEqual({ ok: true, value: true });
      for (let event = 0; event <= first.events.length; event++) {
        if (event > 0 && first.events[event - 1]?.changes.length === 0) continue;
        for (const choice of choicesAt(event)) {
          const second = choice === 'kill' ? first.kill(event) : first.crashAt(event, choice);
          await divided(second, 3);
          expect(await digestsOf(second), `renamed at ${moment}, event ${event}, choice ${choice}`).toBe(before);
          expect(namesIn(second, DIR)).toEqual(['shard-0', 'shard-1', 'shard-2']);
        }
      }
    }
  });

  it('is as it was when the disk fails before the new is whole, and finished later when it fails behind that', {
    timeout: 120_000,
  }, async () => {
    const content = record('SET', 'a', '1') + record('SET', 'b', '2') + record('SET', 'c', '3');
    const whole = diskOf(content);
    await divided(whole, 3);
    const calls = whole.events.length;
    const before = await digestsOf(diskOf(content));
    for (let call = 1; call <= calls; call++) {
      const disk = diskOf(content);
      disk.failAt(call, 'EIO', undefined, { fromThenOn: true });
      const done = await redistribute(tools(disk), DIR, 3, 'log', () => {});
      disk.heal();
      if (done.ok) continue;
      expect(done.fault).not.toContain('\n');
      await divided(disk, 3);
      expect(await digestsOf(disk)).toBe(before);
      expect(namesIn(disk, DIR)).toEqual(['shard-0', 'shard-1', 'shard-2']);
    }
  });

  it('stays untouched when it cannot be read', async () => {
    const damaged = `${CONTENT}garbage in the middle\r\n${CONTENT}`;
    const truncated = CONTENT.slice(0, -3);
    for (const [content, accepts, says] of [
      [damaged, true, /appendonly\.aof\.1\.incr\.aof: byte \d+: no '\*'.*check-aof says more/],
      [truncated, false, /ends within a record; check-aof --fix cuts it, or set aof-load-truncated/],
      [record('NOSUCH', 'a'), true, /byte 0: unknown command 'NOSUCH'/],
    ] as const) {
      const disk = diskOf(content);
      const before = picture(disk, DIR);
      const done = await redistribute(tools(disk, accepts), DIR, 3, 'log', () => {});
      expect(done.ok ? '' : done.fault).toMatch(says);
      expect(picture(disk, DIR)).toEqual(before);
      expect(namesIn(disk, DIR)).toEqual(['appendonlydir']);
    }
  });

  it('loses a torn end, as a load does, and says so', async () => {
    const done = await divided(diskOf(CONTENT + record('SET', 'half', 'x').slice(0, -4)), 3);
    expect(done?.warnings).toEqual([
      expect.stringMatching(/the last 26 bytes, from byte \d+ on, were no whole record$/),
    ]);
    expect(done?.keys).toBe(70);
  });

  it('is refused when it is not clear what counts', async () => {
    const refusal = async (disk: Disk, shards: number) => {
      const done = await redistribute(tools(disk), DIR, shards, 'log', () => {});
      return done.ok ? '' : done.fault;
    };
    const both = diskOf();
    both.put(`${DIR}/shard-0/dump.rdb`, bytesOfLatin1('REDIS0010'));
    expect(await refusal(both, 1)).toBe(
      '/data holds data of one shard (appendonlydir) and of 1: move away what is not to be loaded',
    );
    const missing = diskOf();
    await divided(missing, 5);
    missing.removeFolder(`${DIR}/shard-2`);
    expect(await refusal(missing, 5)).toBe('/data holds data of 5 shards, but shard-2 is not there');
    missing.makeFolder(`${DIR}/shard-2`);
    missing.removeFolder(`${DIR}/shard-4`);
    expect(await refusal(missing, 3)).toMatch(
      /^\/data\/shard-\d holds key ".*", which belongs to shard \d of 4: is a shard/,
    );
    const stranger = diskOf();
    stranger.put(`${DIR}/appendonlydir/notes.txt`, bytesOfLatin1('mine'));
    expect(await refusal(stranger, 3)).toBe('/data/appendonlydir/notes.txt is none of ours: move it away');
    const own = diskOf();
    own.put(`${DIR}/before/diary.txt`, bytesOfLatin1('mine'));
    expect(await refusal(own, 3)).toBe('/data/before/diary.txt is none of ours: move it away');
    expect(latin1(own.bytesOf(`${DIR}/before/diary.txt`) ?? new Uint8Array(0))).toBe('mine');
  });
});
