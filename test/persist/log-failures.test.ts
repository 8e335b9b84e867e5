/**
 * Disks that fail, one call or all of them from some moment on, and disks that are full and free again: what was told is
 * there after the death of the process, the next start works, and whoever only reads is answered throughout.
 */
import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import type { SyncPolicy } from '../../src/command/ports/durability.ts';
import { DurableWorld, orphansIn } from '../support/durable-world.ts';
import { FakeDisk, type Operation } from '../support/fake-disk.ts';
import { FakeClock } from '../support/harness.ts';
import { Ledger, numbersIn } from '../support/ledger.ts';
import { seed } from '../support/seed.ts';

const IS_LONG = process.env['PORTCULLIS_LONG'] === '1';
const POLICIES: readonly SyncPolicy[] = ['always', 'everysec', 'no'];
const TURN_MS = 250;
/** Longer where failures come late. */
const TURNS = IS_LONG ? 330 : 60;
const FAILING: readonly (readonly [Operation, number])[] = [
  ['write', TURNS],
  ['sync', TURNS],
  ['synced', TURNS],
  ['syncNow', 20],
  ['rename', 20],
  ['create', 20],
  ['syncFolder', 30],
  ['truncate', 3],
  ['remove', 20],
  ['status', 20],
  ['close', 20],
];

interface Plan {
  readonly appendfsync: SyncPolicy;
  readonly turns: number;
  /** Before which turn the disk is well again. */
  readonly healsAt: number;
  readonly prepare: (disk: FakeDisk) => void;
  readonly heal: (disk: FakeDisk) => void;
}

interface Lived {
  readonly world: DurableWorld;
  readonly ledger: Ledger;
  /** Turns in which a read was not answered though the log had not failed in that very turn. */
  readonly unread: readonly number[];
}

async function lived(plan: Plan, prng: Prng): Promise<Lived> {
  const disk = new FakeDisk();
  const world = await DurableWorld.open({ disk, clock: new FakeClock(), settings: { appendfsync: plan.appendfsync } });
  const ledger = new Ledger(world, prng);
  const unread: number[] = [];
  const { log } = world.store.shardLog;
  plan.prepare(disk);
  for (let turn = 0; turn < plan.turns; turn++) {
    if (turn === plan.healsAt) plan.heal(disk);
    world.clock.now += TURN_MS;
    if (turn % 17 === 9) world.store.rewrite(() => {});
    if (turn % 23 === 14) world.store.save(() => {});
    const hadFault = log.writeFault !== undefined || log.syncFault !== undefined;
    if (hadFault && !ledger.reads()) unread.push(turn);
    for (let i = prng.below(3); i >= 0; i--) ledger.write();
    world.endTurn();
    if (turn % 3 === 0) world.store.tick();
    if (turn % 2 === 0) world.store.slice(0);
    await world.breathe();
  }
  return { world, ledger, unread };
}

/** The next process has all that was told, in order and nothing in between left out. */
async function expectKept({ world, ledger, unread }: Lived, said: string): Promise<void> {
  expect(unread, `${said}: reads that were not answered`).toEqual([]);
  const next = await world.killed().catch((error: Error) => {
    throw new Error(`${said}: ${error.message}`);
  });
  const numbers = numbersIn(next);
  expect(numbers, said).toEqual(ledger.executed.slice(0, numbers.length));
  const missing = ledger.told.filter(({ number }) => !numbers.includes(number));
  expect(missing, said).toEqual([]);
  expect(orphansIn(next), said).toEqual([]);
  // And it goes on from there.
  const again = new Ledger(next, new Prng(1), 1_000_000);
  again.write();
  next.endTurn();
  await next.breathe();
  expect(again.told.length, said).toBe(again.executed.length);
  expect(numbersIn(await next.killed()), said).toEqual([...numbers, ...again.executed]);
}

describe(`a failing disk, seed ${seed}`, () => {
  for (const appendfsync of POLICIES) {
    it(`with ${appendfsync} costs nothing that was told, whichever call fails, once or for ever`, {
      timeout: 3_600_000,
    }, async () => {
      let failed = 0;
      for (const [operation, last] of FAILING) {
        const step = IS_LONG ? 1 : Math.max(1, Math.floor(last / 4));
        for (let nth = 1; nth <= last; nth += step) {
          for (const fromThenOn of [false, true]) {
            const prng = new Prng(seed + nth);
            const code = prng.below(2) === 0 ? 'EIO' : 'ENOSPC';
            const said = `${appendfsync} ${operation} ${nth} ${code}${fromThenOn ? ' for ever' : ''}`;
            const partialBytes = operation === 'write' && prng.below(2) === 0 ? 1 + prng.below(40) : 0;
            const life = await lived(
              {
                appendfsync,
                turns: TURNS,
                healsAt: TURNS,
                prepare: (disk) => disk.failAt(nth, code, operation, { fromThenOn, partialBytes }),
                heal: () => {},
              },
              prng,
            );
            if (life.world.disk.events.some(({ fault }) => fault === code)) failed++;
            await expectKept(life, said);
          }
        }
      }
      expect(failed).toBeGreaterThan(30);
    });

    it(`with ${appendfsync} may be full and free again: what was refused was told so, and the rest is there`, {
      timeout: 600_000,
    }, async () => {
      for (let round = 0; round < (IS_LONG ? 200 : 12); round++) {
        const prng = new Prng(seed + round);
        const life = await lived(
          {
            appendfsync,
            turns: 60,
            healsAt: 40,
            prepare: (disk) => {
              disk.capacityBytes = disk.usedBytes + prng.below(30_000);
            },
            heal: (disk) => {
              disk.capacityBytes = Number.POSITIVE_INFINITY;
            },
          },
          prng,
        );
        const said = `${appendfsync} round ${round}`;
        const { world, ledger } = life;
        expect(world.store.fault, said).toBeUndefined();
        await world.finish();
        world.endTurn();
        await world.breathe();
        expect(ledger.lost, said).toBe(0);
        expect(ledger.told.length, said).toBe(ledger.executed.length);
        expect(numbersIn(world), said).toEqual(ledger.executed);
        await expectKept(life, said);
      }
    });
  }

  it('that does not sync any more stops all writes with an error, for good, and no read', async () => {
    for (const appendfsync of ['always', 'everysec'] as const) {
      const disk = new FakeDisk();
      const world = await DurableWorld.open({ disk, clock: new FakeClock(), settings: { appendfsync } });
      const ledger = new Ledger(world, new Prng(1));
      disk.failAt(1, 'EIO', ['synced']);
      for (let turn = 0; turn < 12; turn++) {
        world.clock.now += TURN_MS;
        ledger.write();
        world.endTurn();
        world.store.tick();
        await world.breathe();
      }
      const { refused } = ledger;
      expect(refused, appendfsync).toBeGreaterThan(0);
      disk.heal();
      for (let turn = 0; turn < 12; turn++) {
        world.clock.now += TURN_MS;
        ledger.write();
        expect(world.run(0, 0, ['SET', 'k', 'v']), appendfsync).toMatch(/^-MISCONF .*Input\/output error/);
        // Also of what was written, and never synced: it is what is there.
        for (const key of ['list:0', 'list:1', 'quiet']) {
          let isTold = false;
          expect(world.run(0, 0, ['TYPE', key]), appendfsync).toMatch(/^\+/);
          world.endChunk((isKept) => {
            isTold = isKept;
          });
          expect(isTold, `${appendfsync} ${key}`).toBe(true);
        }
        world.endTurn();
        world.store.tick();
        await world.breathe();
      }
      if (appendfsync === 'always') expect(ledger.told, 'nothing was synced').toEqual([]);
      await expectKept({ world, ledger, unread: [] }, appendfsync);
    }
  });

  it('answers who reads though a key goes of its own accord and cannot be written down', async () => {
    const disk = new FakeDisk();
    const world = await DurableWorld.open({ disk, clock: new FakeClock() });
    world.run(0, 0, ['SET', 'short', 'v', 'PX', '10']);
    world.endChunk(() => {});
    world.endTurn();
    disk.capacityBytes = disk.usedBytes;
    world.run(0, 0, ['SET', 'k', 'v']);
    world.endChunk(() => {});
    world.endTurn();
    world.clock.now += 20;
    expect(world.run(0, 0, ['GET', 'short'])).toBe('$-1\r\n');
    let isTold = false;
    world.endChunk((isKept) => {
      isTold = isKept;
    });
    expect(isTold).toBe(true);
    expect(world.run(0, 0, ['SET', 'k', 'w'])).toMatch(/^-MISCONF .*No space left/);
  });

  it('is not what keeps a dump from being replaced by half of it: nothing is saved before all is loaded', async () => {
    const first = await DurableWorld.open({ disk: new FakeDisk(), settings: { appendonly: false } });
    first.run(0, 0, ['SET', 'k', 'v']);
    first.store.save(() => {});
    await first.finish();
    const next = new DurableWorld({ disk: first.disk.kill(), settings: { appendonly: false } });
    const said: string[] = [];
    next.store.save((result) => said.push(result.ok ? 'saved' : result.fault));
    expect(said).toEqual(['the data is not there to be saved']);
    expect(await next.load()).toMatchObject({ ok: true });
    expect(next.run(0, 0, ['GET', 'k'])).toBe('$1\r\nv\r\n');
  });
});

describe('a log that could not be switched on', () => {
  /** One that was switched off, and then on with a disk that fails: what the old log holds is older than the data. */
  async function failing(prepare: (disk: FakeDisk) => void): Promise<DurableWorld> {
    const disk = new FakeDisk();
    const world = await DurableWorld.open({ disk });
    world.run(0, 0, ['SET', 'old', '1']);
    world.endTurn();
    world.configure({ appendonly: false });
    world.run(0, 0, ['SET', 'new', '2']);
    await world.breathe();
    prepare(disk);
    world.configure({ appendonly: true });
    await world.finish();
    disk.heal();
    expect(world.store.fault).toBeDefined();
    return world;
  }

  it.each([1, 2, 3])('does not keep a dump from counting that is written then, failure %i', async (nth) => {
    const world = await failing((disk) => disk.failAt(nth, 'ENOSPC', ['create', 'rename']));
    let isSaved = false;
    world.store.save((result) => {
      isSaved = result.ok;
    });
    await world.finish();
    expect(isSaved).toBe(true);
    expect((await world.killed()).states()).toEqual(world.states());
  });

  it('may be switched on again, and a process that dies meanwhile leaves a log that is whole', async () => {
    // The last thing that a set-up does: nobody knows which manifest a power cut would leave.
    for (let nth = 1; nth <= 6; nth++) {
      const world = await failing((disk) => disk.failAt(nth, 'EIO', 'syncFolder')).catch(() => undefined);
      if (world === undefined) continue;
      const { disk } = world;
      const from = disk.events.length;
      world.configure({ appendonly: false });
      world.configure({ appendonly: true });
      await world.finish();
      expect(world.store.fault).toBeUndefined();
      for (let event = from; event <= disk.events.length; event++) {
        const next = await DurableWorld.open({ disk: disk.kill(event) }).catch((error: Error) => error.message);
        expect(typeof next === 'string' ? next : 'started', `syncFolder ${nth}, event ${event}`).toBe('started');
      }
      expect((await world.killed()).states()).toEqual(world.states());
    }
  });
});

describe('a log that cannot be brought to the disk at the end', () => {
  it('says so: what was acknowledged last may not survive a power cut', async () => {
    const world = await DurableWorld.open({ disk: new FakeDisk() });
    world.run(0, 0, ['SET', 'k', 'v']);
    world.disk.failAt(1, 'EIO', 'syncNow');
    expect(world.store.close().ok).toBe(false);
    expect(world.lines.some((line) => line.startsWith('error log.close_failed') && line.includes('EIO'))).toBe(true);
  });
});
