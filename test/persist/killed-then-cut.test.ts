/** A process that is killed and, after the next one has started, a power cut: what the second one shows is on the disk. */
import { describe, expect, it } from 'vitest';
import type { SyncPolicy } from '../../src/command/ports/durability.ts';
import { DurableWorld, FOLDER } from '../support/durable-world.ts';
import { FakeDisk } from '../support/fake-disk.ts';

const MANIFEST = `${FOLDER}/appendonlydir/appendonly.aof.manifest`;

/** A world that was killed with a write that had reached the system and not the disk. */
async function killedWith(appendfsync: SyncPolicy): Promise<DurableWorld> {
  const disk = new FakeDisk();
  const world = await DurableWorld.open({ disk, settings: { appendfsync } });
  world.run(0, 0, ['SET', 'before', '1']);
  world.endTurn();
  await world.breathe();
  disk.manualSyncs = true;
  world.run(0, 0, ['SET', 'k', 'shown']);
  world.endTurn();
  return world;
}

/** What a power cut leaves that happens now, at its worst. */
async function afterPowerCut({ disk, settings }: DurableWorld): Promise<DurableWorld> {
  return DurableWorld.open({ disk: disk.crashAt(disk.events.length, 0), settings });
}

describe('a log that the process before has left to the system alone', () => {
  it.each(['always', 'everysec'] as const)(
    'is on the disk before anybody is shown what it holds, with %s',
    async (policy) => {
      const next = await (await killedWith(policy)).killed();
      expect(next.run(0, 0, ['GET', 'k'])).toBe('$5\r\nshown\r\n');
      next.endChunk((isKept, kept) => expect([isKept, kept]).toEqual([true, undefined]));
      expect((await afterPowerCut(next)).run(0, 0, ['GET', 'k'])).toBe('$5\r\nshown\r\n');
    },
  );

  it('is not said to be on the disk by the next line of a sum when it is not', async () => {
    const next = await (await killedWith('no')).killed();
    next.disk.manualSyncs = true;
    next.run(0, 0, ['SET', 'more', 'x'.repeat(5000)]);
    next.endTurn();
    // Nothing of the older write, all of the line that follows it: torn, and nothing worse.
    for (let choice = 0; choice < 12; choice++) {
      const cut = next.disk.crashAt(next.disk.events.length, choice);
      await DurableWorld.open({ disk: cut, settings: next.settings });
    }
  });

  it('starts nothing when it cannot be brought to the disk', async () => {
    const world = await killedWith('always');
    const disk = world.disk.kill();
    disk.failAt(1, 'EIO', 'syncNow');
    const loaded = await new DurableWorld({ disk, settings: world.settings }).load();
    expect(loaded.ok ? 'loaded' : loaded.fault).toContain('EIO');
  });

  it('has a manifest that stays before what an older one named goes', async () => {
    const world = await DurableWorld.open({ disk: new FakeDisk() });
    world.run(0, 0, ['SET', 'k', 'v']);
    world.endTurn();
    world.store.rewrite(() => {});
    await world.finish();
    const { events } = world.disk;
    // Killed right behind the last rename of a manifest that adds a file or drops one: only the system has it.
    const renames = Array.from(events.keys()).filter((index) => {
      const { operation, path } = events[index] as (typeof events)[number];
      return operation === 'rename' && path === MANIFEST;
    });
    expect(renames.length).toBeGreaterThan(2);
    for (const index of renames.slice(-2)) {
      const next = await DurableWorld.open({ disk: world.disk.kill(index + 1) });
      for (let event = 0; event <= next.disk.events.length; event++) {
        await DurableWorld.open({ disk: next.disk.crashAt(event, event % 5) });
      }
    }
  });
});
