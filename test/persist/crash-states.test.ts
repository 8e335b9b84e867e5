/**
 * Power cuts: of every moment of a life with rewrites and saves the disk is built that a cut then would leave, losing and
 * reordering whatever was not synced. The next process starts, or refuses with one line; what was promised is there.
 */
import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import type { SyncPolicy } from '../../src/command/ports/durability.ts';
import { DurableWorld, orphansIn } from '../support/durable-world.ts';
import { type Crash, FakeDisk } from '../support/fake-disk.ts';
import { FakeClock } from '../support/harness.ts';
import { Ledger, numbersIn } from '../support/ledger.ts';
import { seed } from '../support/seed.ts';

const IS_LONG = process.env['PORTCULLIS_LONG'] === '1';
const LIVES = IS_LONG ? 40 : 2;
const CRASHES_PER_LIFE = IS_LONG ? 75 : 50;
const TURN_MS = 150;

/** A life on a disk whose syncs take their time. */
async function lived(appendfsync: SyncPolicy, prng: Prng): Promise<Ledger> {
  const disk = new FakeDisk();
  const opening = new DurableWorld({ disk, clock: new FakeClock(), settings: { appendfsync } });
  const loaded = await opening.load();
  if (!loaded.ok) throw new Error(loaded.fault);
  const ledger = new Ledger(opening, prng);
  disk.manualSyncs = true;
  for (let turn = 0; turn < 60; turn++) {
    opening.clock.now += TURN_MS;
    if (prng.below(15) === 0) opening.store.rewrite(() => {});
    if (prng.below(20) === 0) opening.store.save(() => {});
    for (let i = prng.below(3); i >= 0; i--) {
      ledger.write();
      // A sync may end while there is something that is not written yet.
      if (prng.below(6) === 0) disk.completeSyncs(1);
    }
    opening.endTurn();
    opening.store.tick();
    if (prng.below(2) === 0) opening.store.slice(0);
    if (prng.below(3) > 0) disk.completeSyncs(1 + prng.below(3));
    await opening.breathe();
  }
  return ledger;
}

type Start = { readonly world: DurableWorld } | { readonly refusal: string };

async function started({ disk }: Crash, clock: FakeClock, appendfsync: SyncPolicy): Promise<Start> {
  const world = new DurableWorld({ disk, clock, settings: { appendfsync }, seed: 5 });
  const loaded = await world.load();
  world.durable.stop();
  return loaded.ok ? { world } : { refusal: loaded.fault };
}

describe(`a power cut, seed ${seed}`, () => {
  for (const appendfsync of ['always', 'everysec', 'no'] as const) {
    it(`with ${appendfsync} takes nothing that was promised, and leaves what starts or says why not`, {
      timeout: 3_600_000,
    }, async () => {
      let [starts, refusals] = [0, 0];
      for (let life = 0; life < LIVES; life++) {
        const prng = new Prng(seed + life);
        const ledger = await lived(appendfsync, prng);
        for (const crash of ledger.world.disk.crashStates(prng, CRASHES_PER_LIFE)) {
          const said = `life ${life} event ${crash.event} choice ${crash.choice}`;
          const start = await started(crash, new FakeClock(ledger.world.clock.now), appendfsync);
          if ('refusal' in start) {
            refusals++;
            expect(start.refusal, said).toMatch(/^[^\n]+$/);
            // Only noise within records is refused; what could be told from noise was cut off.
            expect(start.refusal, said).toMatch(/check-aof|byte/);
            continue;
          }
          starts++;
          const { world } = start;
          // A hole within a text keeps the form of a record: such texts are no numbers any more.
          const numbers = numbersIn(world, true);
          const there = new Set(numbers);
          const synced = ledger.synced.filter(({ event }) => event <= crash.event).at(-1)?.count ?? 0;
          expect(
            ledger.executed.slice(0, synced).filter((number) => !there.has(number)),
            `${said}: synced`,
          ).toEqual([]);
          if (appendfsync === 'always') {
            const told = ledger.told.filter(({ event }) => event <= crash.event);
            expect(
              told.filter(({ number }) => !there.has(number)),
              `${said}: told`,
            ).toEqual([]);
          }
          expect(orphansIn(world), said).toEqual([]);
          const again = new Ledger(world, prng, 1_000_000);
          again.write();
          world.endTurn();
          await world.breathe();
          expect(numbersIn(await world.killed(), true), said).toEqual([...numbers, ...again.executed]);
        }
      }
      expect(starts + refusals).toBe(LIVES * CRASHES_PER_LIFE);
      expect(refusals).toBeLessThan(starts / 4);
    });
  }

  it('does not take records from before a rewrite and leave those behind it', async () => {
    const world = await DurableWorld.open({ disk: new FakeDisk(), settings: { appendfsync: 'everysec' } });
    const { disk } = world;
    disk.manualSyncs = true;
    const ledger = new Ledger(world, new Prng(seed));
    for (let turn = 0; turn < 5; turn++) {
      ledger.write();
      world.endTurn();
    }
    const before = [...ledger.executed];
    world.store.rewrite(() => {});
    for (let choice = 0; choice < 100; choice++) {
      ledger.write();
      world.endTurn();
      const crash = { disk: disk.crashAt(disk.events.length, choice), event: disk.events.length, choice };
      const start = await started(crash, new FakeClock(world.clock.now), 'everysec');
      // Noise behind the rewrite may be refused, and tells of the file behind it.
      if ('refusal' in start) expect(start.refusal, `choice ${choice}`).toContain('appendonly.aof.2.incr.aof');
      else expect(numbersIn(start.world, true).slice(0, before.length), `choice ${choice}`).toEqual(before);
    }
  });
});
