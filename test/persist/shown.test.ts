/** With `always` nobody is shown what a power cut may take back: whose reply waits for the disk, and whose does not. */
import { describe, expect, it } from 'vitest';
import type { SyncPolicy } from '../../src/command/ports/durability.ts';
import { DurableWorld } from '../support/durable-world.ts';
import { FakeDisk } from '../support/fake-disk.ts';

async function slowWorld(appendfsync: SyncPolicy): Promise<DurableWorld> {
  const world = await DurableWorld.open({ disk: new FakeDisk(), settings: { appendfsync } });
  world.run(0, 0, ['SET', 'old', 'v'.repeat(500)]);
  world.run(0, 0, ['SET', 'other', 'v', 'PX', '1000']);
  world.store.shardLog.takeDebt();
  world.endTurn();
  await world.breathe();
  world.disk.manualSyncs = true;
  return world;
}

function debtOf(world: DurableWorld, key: string): string | undefined {
  world.run(0, 0, ['GET', key]);
  return world.store.shardLog.takeDebt();
}

describe('who reads with always', () => {
  it('waits for a key that has gone to make room, as for one that somebody has deleted', async () => {
    const world = await slowWorld('always');
    const { shard } = world.harness;
    const { account } = shard.realm(0);
    account.policy = 'allkeys-lru';
    account.limitBytes = 1;
    shard.policyChanged();
    for (let more = shard.cron(); more; ) more = shard.backgroundSlice();
    world.endTurn();
    account.limitBytes = 0;
    shard.policyChanged();
    expect(world.run(0, 0, ['EXISTS', 'old'])).toBe(':0\r\n');
    expect(world.store.shardLog.takeDebt()).toBe('synced');
    world.disk.completeSyncs();
    expect(debtOf(world, 'old')).toBeUndefined();
  });

  it('waits for nothing when the time of a key is over: so it is after a power cut', async () => {
    const world = await slowWorld('always');
    world.clock.now += 5000;
    world.harness.shard.cron();
    world.endTurn();
    expect(debtOf(world, 'other')).toBeUndefined();
  });

  it('waits for what was written before it was always, and is not on the disk yet', async () => {
    const world = await slowWorld('everysec');
    world.run(0, 0, ['SET', 'new', 'v']);
    world.endTurn();
    world.store.shardLog.takeDebt();
    expect(debtOf(world, 'new')).toBeUndefined();
    world.configure({ appendfsync: 'always' });
    expect(debtOf(world, 'new')).toBe('synced');
    let isTold = false;
    world.run(0, 0, ['GET', 'new']);
    world.endChunk((isKept) => {
      isTold = isKept;
    });
    expect(isTold).toBe(false);
    world.disk.completeSyncs();
    expect(isTold).toBe(true);
    expect(debtOf(world, 'new')).toBeUndefined();
  });
});

describe('writers', () => {
  /** Writes, and says whether that was on the disk at the end of the turn. */
  function isSyncedAtOnce(world: DurableWorld): boolean {
    world.run(0, 0, ['INCR', 'count']);
    world.store.shardLog.takeDebt();
    world.endTurn();
    const isAtOnce = world.disk.syncsPending === 0 && !world.store.shardLog.log.hasUnsynced;
    world.disk.completeSyncs();
    return isAtOnce;
  }

  async function trusting(appendfsync: SyncPolicy): Promise<DurableWorld> {
    const world = await slowWorld(appendfsync);
    const { shardLog } = world.store;
    shardLog.log.doAllWait = () => shardLog.hasOnlyWriters(world.clock.monotonicMs());
    return world;
  }

  it('with always wait in the thread that serves, unless within the last second somebody did not have to wait', async () => {
    const world = await trusting('always');
    expect([isSyncedAtOnce(world), isSyncedAtOnce(world)]).toEqual([true, true]);
    expect(debtOf(world, 'other')).toBeUndefined();
    expect([isSyncedAtOnce(world), isSyncedAtOnce(world)]).toEqual([false, false]);
    world.clock.now += 1001;
    expect(isSyncedAtOnce(world)).toBe(true);
  });

  it('with everysec never do, as the disk they wait for is one that is slow', async () => {
    const world = await trusting('everysec');
    world.run(0, 0, ['SET', 'late', 'v']);
    world.endTurn();
    world.clock.now += 3000;
    world.store.shardLog.log.tick();
    expect(world.store.shardLog.log.promised).toBe('synced');
    expect(isSyncedAtOnce(world)).toBe(false);
  });
});
