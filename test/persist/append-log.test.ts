/** The file that grows, and who waits for it: policies that change meanwhile, files that follow each other, syncs that end late. */
import { describe, expect, it } from 'vitest';
import type { Kept, SyncPolicy } from '../../src/command/ports/durability.ts';
import type { DiskWriter } from '../../src/disk/disk.ts';
import { AppendLog } from '../../src/persist/append-log.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { FakeClock } from '../support/harness.ts';

class Scene {
  readonly disk: FakeDisk;
  readonly clock: FakeClock;
  readonly log: AppendLog;
  readonly said: string[];

  constructor(policy: SyncPolicy) {
    this.disk = new FakeDisk();
    this.disk.manualSyncs = true;
    this.clock = new FakeClock();
    this.said = [];
    this.log = new AppendLog(policy, this.clock, {
      writeFailed: ({ code }) => this.said.push(`write failed: ${code}`),
      writeRecovered: () => this.said.push('recovered'),
      syncFailed: ({ code }) => this.said.push(`sync failed: ${code}`),
      syncDelayed: () => this.said.push('delayed'),
      settled() {},
    });
    this.log.open(this.file('/1'));
  }

  file(path: string): DiskWriter {
    const made = this.disk.create(path);
    if (!made.ok) throw new Error(made.fault.message);
    this.disk.syncFolder('/');
    return made.value;
  }

  append(text: string): void {
    this.log.buffer.addWords(['SET', 'k', text]);
  }

  /** What becomes of whoever waits for what was appended so far. */
  wait(kept: Kept): { is: 'waiting' | 'kept' | 'lost' } {
    const waiter: { is: 'waiting' | 'kept' | 'lost' } = { is: 'waiting' };
    this.log.whenKept(kept, (isKept) => {
      waiter.is = isKept ? 'kept' : 'lost';
    });
    return waiter;
  }

  closed(): string[] {
    return this.disk.events.filter(({ operation }) => operation === 'close').map(({ path }) => path);
  }

  synced(path: string): Uint8Array | undefined {
    return this.disk.crashAt(this.disk.events.length, 0).bytesOf(path);
  }
}

describe('who waits for a sync', () => {
  it.each(['no', 'everysec'] as const)('is told although the policy becomes %s before the write', (policy) => {
    const scene = new Scene('always');
    scene.append('a');
    const waiter = scene.wait('synced');
    scene.log.policy = policy;
    scene.log.commit();
    scene.disk.completeSyncs();
    expect(waiter.is).toBe('kept');
  });

  it('is told although the policy becomes another while an earlier sync is under way', () => {
    const scene = new Scene('always');
    scene.append('a');
    scene.log.commit();
    scene.append('b');
    const waiter = scene.wait('synced');
    scene.log.policy = 'no';
    scene.log.commit();
    expect(waiter.is).toBe('waiting');
    scene.disk.completeSyncs();
    scene.disk.completeSyncs();
    expect(waiter.is).toBe('kept');
  });

  it('is told when the log is closed, and all files are on the disk then, also those before the last', () => {
    const scene = new Scene('everysec');
    scene.append('a');
    scene.log.commit();
    scene.log.startSync();
    scene.log.open(scene.file('/2'));
    scene.append('b');
    const waiter = scene.wait('synced');
    expect(scene.log.close().ok).toBe(true);
    expect(waiter.is).toBe('kept');
    for (const path of ['/1', '/2']) expect(scene.synced(path)).toEqual(scene.disk.bytesOf(path));
    // What was on its way comes too late to mean anything.
    scene.disk.completeSyncs();
    expect(scene.said).toEqual([]);
  });

  it('hears that it is lost when that sync fails, and a file that follows changes nothing', () => {
    const scene = new Scene('always');
    scene.append('a');
    scene.log.commit();
    const waiter = scene.wait('synced');
    scene.disk.failAt(1, 'EIO', 'synced');
    scene.disk.completeSyncs();
    expect(waiter.is).toBe('lost');
    scene.append('b');
    scene.log.commit();
    scene.disk.completeSyncs();
    expect(scene.wait('synced').is).toBe('lost');
    expect(scene.wait('written').is).toBe('kept');
    expect(scene.said).toEqual(['sync failed: EIO']);
  });

  it('is told by a sync that covers what was appended before it: that is written first', () => {
    const scene = new Scene('always');
    const covered: number[] = [];
    let appended = 0;
    scene.log.onSyncing = () => covered.push(appended);
    const append = (text: string) => {
      scene.append(text);
      appended++;
    };
    append('a');
    scene.log.commit();
    append('b');
    scene.log.commit();
    // Appended, and a sync ends and the next begins before the end of its turn.
    append('c');
    const waiter = scene.wait('synced');
    scene.disk.completeSyncs(1);
    expect(covered).toEqual([1, 3]);
    expect(scene.log.isDirty).toBe(false);
    expect(waiter.is).toBe('waiting');
    scene.disk.completeSyncs(1);
    expect(waiter.is).toBe('kept');
  });

  it('waits for another sync when what was appended cannot be written before this one', () => {
    const scene = new Scene('always');
    scene.append('a');
    scene.log.commit();
    scene.append('b');
    const waiter = scene.wait('synced');
    scene.disk.failAt(1, 'ENOSPC', 'write');
    scene.disk.completeSyncs(1);
    scene.disk.completeSyncs();
    expect(waiter.is).toBe('waiting');
    scene.log.commit();
    scene.disk.completeSyncs();
    expect(waiter.is).toBe('kept');
  });
});

describe('a file that another follows', () => {
  it.each(['always', 'everysec', 'no'] as const)('is synced and closed in the background, with %s', (policy) => {
    const scene = new Scene(policy);
    for (const path of ['/2', '/3', '/4', '/5']) {
      scene.append(path);
      scene.log.commit();
      scene.log.open(scene.file(path));
      scene.disk.completeSyncs(1);
    }
    for (let i = 0; i < 10; i++) scene.disk.completeSyncs();
    expect(scene.closed()).toEqual(['/1', '/2', '/3', '/4']);
    for (const path of scene.closed()) expect(scene.synced(path)).toEqual(scene.disk.bytesOf(path));
    expect(scene.said).toEqual([]);
  });

  it('is closed at once when it is synced already', () => {
    const scene = new Scene('no');
    scene.append('a');
    scene.log.commit();
    expect(scene.log.syncNow().ok).toBe(true);
    scene.log.open(scene.file('/2'));
    expect(scene.closed()).toEqual(['/1']);
  });

  it('may be synced at once while another sync is under way', () => {
    const scene = new Scene('always');
    scene.append('a');
    scene.log.commit();
    scene.append('b');
    const waiter = scene.wait('synced');
    scene.log.commit();
    expect(scene.log.syncNow().ok).toBe(true);
    expect(waiter.is).toBe('kept');
    scene.log.open(scene.file('/2'));
    scene.append('c');
    const next = scene.wait('synced');
    scene.log.commit();
    // The first of these is the old one.
    scene.disk.completeSyncs();
    scene.disk.completeSyncs();
    expect(next.is).toBe('kept');
    expect(scene.said).toEqual([]);
  });
});

describe('a sync that others have overtaken', () => {
  it('ends acknowledgements when it fails: the system tells of a fault once, and maybe only there', () => {
    const scene = new Scene('always');
    scene.append('a');
    scene.log.commit();
    expect(scene.log.syncNow().ok).toBe(true);
    scene.disk.failAt(1, 'EIO', 'synced');
    scene.disk.completeSyncs();
    expect(scene.said).toEqual(['sync failed: EIO']);
    scene.append('b');
    scene.log.commit();
    expect(scene.wait('synced').is).toBe('lost');
  });

  it('is nothing to a log that has been closed since, and opened anew', () => {
    const scene = new Scene('always');
    scene.append('a');
    scene.log.commit();
    expect(scene.log.close().ok).toBe(true);
    scene.log.open(scene.file('/2'));
    scene.disk.failAt(1, 'EIO', 'synced');
    scene.disk.completeSyncs();
    expect(scene.said).toEqual([]);
  });
});

describe('a log that cannot be closed as it should', () => {
  it.each(['syncNow', 'write'] as const)('leaves nobody waiting for ever behind a %s that fails', (operation) => {
    const scene = new Scene('always');
    scene.append('a');
    scene.log.commit();
    scene.append('b');
    const before = scene.wait('synced');
    scene.disk.failAt(1, 'EIO', operation, { fromThenOn: true });
    expect(scene.log.close().ok).toBe(false);
    // One whose debt is taken only now.
    const after = scene.wait('synced');
    scene.disk.heal();
    scene.disk.completeSyncs();
    expect([before.is, after.is]).toEqual(['lost', 'lost']);
    scene.log.open(scene.file('/2'));
    expect(scene.log.hasUnsynced).toBe(false);
    scene.append('c');
    const next = scene.wait('synced');
    scene.log.commit();
    scene.disk.completeSyncs();
    expect(next.is).toBe('kept');
  });
});
