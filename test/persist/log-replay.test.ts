/**
 * What was acknowledged is there after the death of the process: random commands of the whole table over several tenants
 * and databases, transactions, time, eviction, rewrites, saves, and the log switched off and on; killed again and again.
 */
import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import type { SyncPolicy } from '../../src/command/ports/durability.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { Generator } from '../differential/generate.ts';
import { DurableWorld, orphansIn, TENANTS } from '../support/durable-world.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { FakeClock } from '../support/harness.ts';
import { seed } from '../support/seed.ts';
import { differencesOf } from '../support/state.ts';
import { shown } from '../support/words.ts';

const NOW_MS = 1_700_000_000_000;
const IS_LONG = process.env['PORTCULLIS_LONG'] === '1';
const WORLDS = IS_LONG ? 120 : 2;
const TURNS = IS_LONG ? 600 : 300;
const UNFIT = new Set(['DEBUG', 'PFSELFTEST']);
const POLICIES: readonly SyncPolicy[] = ['always', 'everysec', 'no'];
const EVICTIONS = ['allkeys-random', 'allkeys-lru', 'volatile-ttl'] as const;

class Life {
  readonly prng: Prng;
  world: DurableWorld;
  readonly since: string[];
  /** Whether transactions may ask for saves and rewrites, too. */
  persists: boolean;
  private readonly generator: Generator;
  private databaseNumber: number;

  constructor(prng: Prng, world: DurableWorld) {
    this.prng = prng;
    this.world = world;
    this.since = [];
    this.persists = true;
    this.databaseNumber = 0;
    const declared = shardDeclarations.filter(({ name }) => !UNFIT.has(name));
    this.generator = new Generator(declared, prng, () => this.world.clock.now);
  }

  private command(): void {
    const { prng, world } = this;
    const words = this.generator.next();
    if (words[0] === 'SELECT') this.databaseNumber = Number(words[1]);
    else {
      const tenant = prng.below(4) === 0 ? prng.below(TENANTS.length) : 0;
      const answer = world.run(tenant, this.databaseNumber, words);
      this.since.push(
        `${tenant}/${this.databaseNumber} ${shown(words).slice(0, 200)} -> ${answer.slice(0, 60).trim()}`,
      );
    }
  }

  private evict(): void {
    const { shard } = this.world.harness;
    const { account } = shard.realm(0);
    account.limitBytes = Math.max(1, account.usedBytes() - this.prng.below(3000));
    account.policy = EVICTIONS[this.prng.below(EVICTIONS.length)] ?? 'noeviction';
    shard.policyChanged();
    this.command();
    shard.cron();
    account.limitBytes = 0;
    account.policy = 'noeviction';
    shard.policyChanged();
    this.since.push('evict');
  }

  private chunk(): void {
    const { prng, world } = this;
    const kind = prng.below(100);
    if (kind < 70) for (let i = prng.below(4); i >= 0; i--) this.command();
    else if (kind < 85) {
      this.since.push('MULTI');
      world.group(() => {
        for (let i = prng.below(5); i >= 0; i--) this.command();
        if (this.persists && prng.below(10) === 0) world.store.rewrite(() => {});
        if (this.persists && prng.below(10) === 0) world.store.save(() => {});
        for (let i = prng.below(3); i > 0; i--) this.command();
      });
      this.since.push('EXEC');
    } else if (kind < 92) world.clock.now += 1 + prng.below(prng.below(5) === 0 ? 100_000 : 2000);
    else if (kind < 96)
      for (let more = world.harness.shard.cron(); more; ) more = world.harness.shard.backgroundSlice();
    else if (kind < 98) this.evict();
    else world.store.tick();
  }

  /** @returns how many chunks were told and how many were not. */
  async turn(): Promise<{ told: number; open: number }> {
    const { prng, world } = this;
    let [told, open] = [0, 0];
    for (let i = prng.below(3); i >= 0; i--) {
      this.chunk();
      open++;
      world.endChunk((isKept) => {
        if (!isKept) throw new Error('nothing fails here');
        open--;
        told++;
      });
    }
    world.endTurn();
    if (prng.below(3) === 0) world.store.slice(0);
    await world.breathe();
    return { told, open };
  }
}

function expectSame(next: DurableWorld, expected: readonly string[][], said: string): void {
  for (const [tenant, state] of next.states().entries()) {
    expect(differencesOf(state, expected[tenant] ?? []), `${said} tenant ${tenant}`).toEqual([]);
  }
}

describe(`a log, seed ${seed}`, () => {
  for (const appendfsync of POLICIES) {
    it(`with ${appendfsync} holds all that was acknowledged, whenever the process dies`, {
      timeout: 3_600_000,
    }, async () => {
      let kills = 0;
      for (let number = 0; number < WORLDS; number++) {
        const prng = new Prng(seed + number);
        const clock = new FakeClock(NOW_MS);
        const life = new Life(
          prng,
          await DurableWorld.open({ disk: new FakeDisk(), clock, settings: { appendfsync }, seed: number }),
        );
        for (let turn = 0; turn < TURNS; turn++) {
          const { open } = await life.turn();
          expect(open, 'everything is told in its turn, on a disk without delay').toBe(0);
          if (prng.below(40) === 0) life.world.store.rewrite(() => {});
          if (prng.below(40) === 0) life.world.store.save(() => {});
          if (prng.below(15) > 0) continue;
          const next = await life.world.killed();
          kills++;
          const said = `world ${number} turn ${turn}\n${life.since.join('\n')}`;
          expect(
            next.lines.filter((line) => !line.startsWith('info')),
            said,
          ).toEqual([]);
          expectSame(next, life.world.states(), said);
          expect(orphansIn(next), said).toEqual([]);
          life.since.length = 0;
          if (prng.below(3) > 0) continue;
          life.world = await life.world.killed();
        }
      }
      expect(kills).toBeGreaterThan(WORLDS * 8);
    });
  }

  it('may be switched off and on: what counts is the log up to then, or the dump after it, or the new log', {
    timeout: 3_600_000,
  }, async () => {
    for (let number = 0; number < WORLDS * 2; number++) {
      const prng = new Prng(seed + number);
      const clock = new FakeClock(NOW_MS);
      const life = new Life(prng, await DurableWorld.open({ disk: new FakeDisk(), clock, seed: number }));
      life.persists = false;
      for (let round = 0; round < 12; round++) {
        const said = `world ${number} round ${round}`;
        for (let i = prng.below(10); i >= 0; i--) await life.turn();
        // Something may be under way, of which the end must be waited for.
        const { store } = life.world;
        const before = prng.below(4);
        if (before === 0) store.rewrite(() => {});
        if (before === 1) store.save(() => {});
        for (let i = prng.below(3); i > 0; i--) await life.turn();
        life.world.configure({ appendonly: false });
        await life.world.finish(() => (store.status().isLogging ? life.world.endTurn() : undefined));
        expect(store.status().isLogging).toBe(false);
        const atEnd = life.world.states();
        for (let i = prng.below(5); i >= 0; i--) await life.turn();
        expectSame(await life.world.killed(), atEnd, `${said}: the log before it was switched off`);
        if (prng.below(2) === 0) {
          const atSave = life.world.states();
          let isSaved = false;
          store.save((result) => {
            isSaved = result.ok;
          });
          while (life.world.isBusy) await life.turn();
          expect(isSaved, said).toBe(true);
          expectSame(await life.world.killed(), atSave, `${said}: the dump`);
        }
        if (prng.below(4) === 0) {
          store.rewrite(() => {});
          if (prng.below(2) === 0) await life.turn();
        }
        life.world.configure({ appendonly: true });
        while (life.world.isBusy) await life.turn();
        expect(store.status().isLogging).toBe(true);
        await life.turn();
        const next = await life.world.killed();
        expectSame(next, life.world.states(), `${said}: the new log`);
        expect(orphansIn(next), said).toEqual([]);
      }
    }
  });

  it('that begins with a dump knows of keys that go while the dump becomes its base', async () => {
    const disk = new FakeDisk();
    const clock = new FakeClock(NOW_MS);
    const before = await DurableWorld.open({ disk, clock, settings: { appendonly: false } });
    before.run(0, 0, ['SET', 'counter', '41', 'PX', '1000']);
    for (let i = 0; i < 300; i++) before.run(0, 0, ['SET', `key:${i}`, 'v']);
    before.store.save(() => {});
    await before.finish();
    const world = new DurableWorld({ disk: disk.kill(), clock });
    let isLoaded = false;
    const loading = world.load().then(() => {
      isLoaded = true;
    });
    while (!world.store.status().isRewriting) await Promise.resolve();
    world.durable.stop();
    // Its time is over, and the engine takes it away of its own accord.
    clock.now += 5000;
    for (let more = world.harness.shard.cron(); more; ) more = world.harness.shard.backgroundSlice();
    expect(isLoaded).toBe(false);
    while (!isLoaded) {
      world.store.slice(0);
      await world.breathe();
    }
    await loading;
    expect(world.run(0, 0, ['INCR', 'counter'])).toBe(':1\r\n');
    world.endTurn();
    expectSame(await world.killed(), world.states(), 'after the first log');
  });

  it('starts whatever two calls to the disk the process dies between', { timeout: 600_000 }, async () => {
    for (let number = 0; number < (IS_LONG ? 30 : 1); number++) {
      const prng = new Prng(seed + number);
      const disk = new FakeDisk();
      const world = await DurableWorld.open({ disk, clock: new FakeClock(NOW_MS) });
      const work = async (turns: number) => {
        for (let turn = 0; turn < turns || world.isBusy; turn++) {
          world.run(prng.below(2), 0, ['RPUSH', 'list', `${turn}`]);
          world.endChunk(() => {});
          world.endTurn();
          world.store.slice(0);
          await world.breathe();
        }
      };
      await work(3);
      for (let round = 0; round < 3; round++) {
        if (prng.below(2) === 0) world.store.rewrite(() => {});
        await work(2);
        world.configure({ appendonly: false });
        await work(2);
        if (prng.below(3) > 0) world.store.save(() => {});
        if (prng.below(3) === 0) world.store.rewrite(() => {});
        await work(2);
        world.configure({ appendonly: true });
        await work(2);
      }
      for (let event = 0; event <= disk.events.length; event++) {
        for (const appendonly of IS_LONG ? [true, false] : [event % 2 === 0]) {
          const next = new DurableWorld({
            disk: disk.kill(event),
            clock: new FakeClock(NOW_MS),
            settings: { appendonly },
          });
          const said = `world ${number} event ${event} ${disk.events[event]?.operation} ${disk.events[event]?.path}`;
          const loaded = await next.load();
          expect(loaded.ok ? 'started' : loaded.fault, said).toBe('started');
          expect(orphansIn(next), said).toEqual([]);
        }
      }
    }
  });

  it('is not cut where a rewrite, a save or a switch is asked for within a transaction', async () => {
    for (const asked of ['rewrite', 'save', 'off', 'off and on'] as const) {
      const world = await DurableWorld.open({ disk: new FakeDisk(), clock: new FakeClock(NOW_MS) });
      // Not written yet when the transaction begins.
      world.run(0, 0, ['SET', 'before', 'v'.repeat(300)]);
      world.group(() => {
        world.run(0, 0, ['SET', 'a', '1']);
        if (asked === 'rewrite' || asked === 'save') world.store[asked](() => {});
        else world.configure({ appendonly: false });
        if (asked === 'off and on') world.configure({ appendonly: true });
        world.run(1, 2, ['SET', 'b', '1']);
        world.run(0, 0, ['SET', 'c', '1']);
      });
      world.endTurn();
      const expected = world.states();
      expectSame(await world.killed(), expected, asked);
      await world.finish();
      expectSame(await world.killed(), expected, asked);
    }
  });
});
