/** Files of the log that a crash has torn are cut where nothing was promised; files that were damaged are refused. */
import { describe, expect, it } from 'vitest';
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import { Prng } from '../../src/base/prng.ts';
import type { SyncPolicy } from '../../src/command/ports/durability.ts';
import { AppendLog } from '../../src/persist/append-log.ts';
import { verifyLog } from '../../src/persist/verify.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { FakeClock } from '../support/harness.ts';
import { seed } from '../support/seed.ts';

const PATH = '/log';
const FLIPS = process.env['PORTCULLIS_LONG'] === '1' ? 20_000 : 2_000;

interface Written {
  readonly disk: FakeDisk;
  /** Where in the file each sync had come to. */
  readonly synced: readonly number[];
}

function logOf(policy: SyncPolicy): AppendLog {
  return new AppendLog(policy, new FakeClock(), {
    writeFailed() {},
    writeRecovered() {},
    syncFailed() {},
    syncDelayed() {},
    settled() {},
  });
}

/** A log of so many turns, each of them synced but for the last ones. */
async function written(turns: number, unsynced: number, valueBytes = 40): Promise<Written> {
  const disk = new FakeDisk();
  const file = disk.create(PATH);
  if (!file.ok) throw new Error(file.fault.message);
  const log = logOf('no');
  log.open(file.value);
  const synced: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    log.buffer.addWords(['SET', `key:${turn}`, 'v'.repeat(valueBytes)]);
    log.commit();
    if (turn >= turns - unsynced) continue;
    const kept = new Promise((resolve) => log.whenKept('synced', resolve));
    log.startSync();
    await kept;
    synced.push(file.value.length);
  }
  return { disk, synced };
}

function bytesAt(disk: FakeDisk): Uint8Array {
  const bytes = disk.bytesOf(PATH);
  if (bytes === undefined) throw new Error('the log is there');
  return bytes;
}

function verdictOf(bytes: Uint8Array) {
  const disk = new FakeDisk();
  disk.put(PATH, bytes);
  const file = disk.open(PATH);
  if (!file.ok) throw new Error(file.fault.message);
  return verifyLog(file.value, 0);
}

describe(`a file of the log, seed ${seed}`, () => {
  it('is good as it was written, and knows what no sum covers', async () => {
    const all = await written(50, 0);
    expect(verdictOf(bytesAt(all.disk))).toEqual({ kind: 'good', uncoveredBytes: 0 });
    const { disk, synced } = await written(50, 3);
    const bytes = bytesAt(disk);
    expect(verdictOf(bytes)).toEqual({ kind: 'good', uncoveredBytes: bytes.length - (synced.at(-1) ?? 0) });
  });

  it('is refused when any bit of what was known to be synced has flipped', async () => {
    const { disk, synced } = await written(60, 5);
    const bytes = bytesAt(disk);
    // What the last line says is one sync behind, as it is written before the sync that it is part of.
    const known = synced.at(-2) ?? 0;
    const prng = new Prng(seed);
    for (let i = 0; i < FLIPS; i++) {
      const at = prng.below(known);
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] as number) ^ (1 << prng.below(8));
      expect(verdictOf(flipped).kind, `byte ${at} of ${known}`).not.toBe('good');
      if (at < (synced.at(-3) ?? 0)) expect(verdictOf(flipped).kind, `byte ${at} of ${known}`).toBe('fault');
    }
  });

  it('is cut behind what was synced when a hole came behind it', async () => {
    const { disk, synced } = await written(30, 20, 1000);
    const bytes = bytesAt(disk);
    const end = synced.at(-1) ?? 0;
    const prng = new Prng(seed);
    for (let i = 0; i < 300; i++) {
      const from = end + prng.below(bytes.length - end - 600);
      const torn = bytes.slice();
      torn.fill(0, from, Math.min(torn.length, from + 512 + prng.below(4096)));
      const verdict = verdictOf(torn);
      expect(verdict.kind, `zeros from ${from}`).toBe('torn');
      if (verdict.kind !== 'torn') continue;
      expect(verdict.at).toBeGreaterThanOrEqual(end);
      // What is kept is what was written, up to the end of a record.
      expect(verdictOf(torn.subarray(0, verdict.at)).kind).toBe('good');
      expect(latin1(torn.subarray(0, verdict.at))).toBe(latin1(bytes.subarray(0, verdict.at)));
    }
  });

  it('is good after the death of the process, whatever zeros its values hold: nobody was promised less', () => {
    const disk = new FakeDisk();
    const file = disk.create(PATH);
    if (!file.ok) throw new Error(file.fault.message);
    const log = logOf('no');
    log.open(file.value);
    const prng = new Prng(seed);
    for (let turn = 0; turn < 300; turn++) {
      for (let more = prng.below(3); more >= 0; more--) {
        const value = `${'v'.repeat(prng.below(700))}${'\0'.repeat(prng.below(1200))}`;
        log.buffer.addWords(['SET', `key:${turn}`, value]);
      }
      log.commit();
      expect(verdictOf(bytesAt(disk)).kind, `turn ${turn}`).toBe('good');
    }
  });

  it('is cut at every length, and never before what was synced', async () => {
    const { disk, synced } = await written(20, 4);
    const bytes = bytesAt(disk);
    for (let length = synced.at(-1) ?? 0; length < bytes.length; length++) {
      const verdict = verdictOf(bytes.subarray(0, length));
      if (verdict.kind === 'torn') expect(verdict.at).toBeGreaterThanOrEqual(synced.at(-1) ?? 0);
      else expect(verdict.kind).toBe('good');
    }
  });

  it('may hold lines that look like sums within values', async () => {
    const line = '\n#CRC64:0123456789abcdef 999999\r\n';
    const value = line.repeat(20);
    const record = `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${value.length}\r\n${value}\r\n`;
    expect(verdictOf(bytesOfLatin1(record)).kind).toBe('good');
    // Behind damage they prove nothing.
    expect(verdictOf(bytesOfLatin1(`+${record}`)).kind).toBe('fault');
    const { disk } = await written(3, 0);
    const good = latin1(bytesAt(disk));
    expect(verdictOf(bytesOfLatin1(`${good}x${record}`))).toMatchObject({ kind: 'torn', at: good.length });
  });

  it('that somebody else wrote has no sums and is as good as its records', () => {
    expect(verdictOf(bytesOfLatin1('#TS:1\r\n*1\r\n$4\r\nPING\r\n'))).toMatchObject({ kind: 'good' });
    expect(verdictOf(bytesOfLatin1('*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPI'))).toMatchObject({ kind: 'torn', at: 14 });
  });
});
