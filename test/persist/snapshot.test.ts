/**
 * A snapshot holds what was there when it began, whatever happens while it is written: random commands of the whole table
 * over two tenants and several databases, time that passes, eviction, tenants that go, and disks that fail.
 */
import { describe, expect, it } from 'vitest';
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import type { EvictionPolicy } from '../../src/base/eviction-policies.ts';
import { Prng } from '../../src/base/prng.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { loadFile } from '../../src/persist/load.ts';
import { SnapshotJob, type SnapshotOutcome } from '../../src/persist/snapshot-job.ts';
import { RdbFileReader } from '../../src/rdb/file-reader.ts';
import { DATABASES, Generator } from '../differential/generate.ts';
import { HOMES } from '../differential/homes.ts';
import { FakeDisk, type Operation } from '../support/fake-disk.ts';
import { FakeClock, Harness, type HarnessSession } from '../support/harness.ts';
import { seed } from '../support/seed.ts';
import { differencesOf, stateOf } from '../support/state.ts';
import { shown, type Words } from '../support/words.ts';

const NOW_MS = 1_700_000_000_000;
const IS_LONG = process.env['PORTCULLIS_LONG'] === '1';
const WORLDS = IS_LONG ? 400 : 7;
const SNAPSHOTS_PER_WORLD = 40;
const PATH = '/data/temp-save.rdb';
const TENANTS = ['default', 'one'];
const LETTERS = 'x'.repeat(300);
/** Of no use here. */
const UNFIT = new Set(['DEBUG', 'PFSELFTEST']);
const POLICIES = ['allkeys-random', 'allkeys-lru', 'allkeys-lfu', 'volatile-lru', 'volatile-ttl'] as const;
const FAILING: readonly (readonly Operation[])[] = [['create'], ['write'], ['sync'], ['write', 'sync'], ['close']];

/** One or the other of several. */
function one<Item>(prng: Prng, items: readonly Item[]): Item {
  return items[prng.below(items.length)] as Item;
}

/** Rows of elements that make a collection of several pieces. */
function rows(prng: Prng, count: number, row: (index: number) => readonly string[]): string[] {
  const first = prng.below(500);
  return Array.from({ length: count }, (_, index) => row(first + index)).flat();
}

function growing(prng: Prng): Words {
  const count = 100 + prng.below(200);
  const text = LETTERS.slice(0, 100 + prng.below(200));
  switch (prng.below(6)) {
    case 0:
      return ['HSET', one(prng, HOMES.hash), ...rows(prng, count, (index) => [`f${index}`, text])];
    case 1:
      return ['RPUSH', one(prng, HOMES.list), ...rows(prng, count, () => [text])];
    case 2:
      return ['SADD', one(prng, HOMES.set), ...rows(prng, count, (index) => [`${index}${text}`])];
    case 3:
      return ['ZADD', one(prng, HOMES.zset), ...rows(prng, count, (index) => [`${index}`, `${index}${text}`])];
    case 4:
      return ['XADD', one(prng, HOMES.stream), '*', ...rows(prng, count, (index) => [`f${index}`, text])];
    default:
      return ['SET', one(prng, HOMES.string), text.repeat(count)];
  }
}

class Scene {
  readonly clock: FakeClock;
  readonly harness: Harness;
  readonly session: HarnessSession;
  private readonly prng: Prng;
  private readonly generator: Generator;
  private readonly growsRarely: number;
  /** What has happened since somebody emptied this, for who looks at a failure. */
  readonly since: string[];

  constructor(prng: Prng, number: number) {
    this.prng = prng;
    this.since = [];
    this.clock = new FakeClock(NOW_MS);
    this.harness = new Harness({ clock: this.clock, debug: true, seed: number + 1 });
    const { world } = this.harness.shard;
    const largest = one(prng, [2, 8, 128]);
    world.collections = {
      ...world.collections,
      hashMaxListpackEntries: largest,
      setMaxIntsetEntries: largest,
      setMaxListpackEntries: largest,
      zsetMaxListpackEntries: largest,
      listMaxListpackSize: largest,
    };
    this.session = this.harness.session();
    const declared = shardDeclarations.filter(({ name }) => !UNFIT.has(name));
    this.generator = new Generator(declared, prng, () => this.clock.now);
    this.growsRarely = one(prng, [50, 200, 1000]);
  }

  words(): Words {
    const { prng } = this;
    if (prng.below(this.growsRarely) === 0) return growing(prng);
    if (prng.below(300) === 0) return one(prng, [['FLUSHALL'], ['FLUSHALL', 'ASYNC'], ['FLUSHDB', 'ASYNC']]);
    return this.generator.next();
  }

  /** Something happens: mostly a command, sometimes what the engine does of its own accord. */
  happen(): void {
    const { prng, clock, harness, session } = this;
    const kind = prng.below(100);
    if (kind < 90) {
      if (prng.below(6) === 0) session.tenantNumber = prng.below(TENANTS.length);
      const words = this.words();
      this.since.push(`${session.tenantNumber}/${session.databaseNumber} ${shown(words).slice(0, 200)}`);
      session.run(words);
    } else if (kind < 93) clock.now += 1 + prng.below(one(prng, [50, 2000, 200_000]));
    else if (kind < 96) for (let more = harness.shard.cron(); more; ) more = harness.shard.backgroundSlice();
    else if (kind < 98) this.evict();
    else if (kind < 99 || prng.below(5) > 0) harness.shard.reclaim(1 + prng.below(50));
    else harness.executor.removeRealm(1);
  }

  private evict(): void {
    const { shard } = this.harness;
    const { account } = shard.realm(this.prng.below(TENANTS.length));
    account.limitBytes = Math.max(1, account.usedBytes() - this.prng.below(20_000));
    account.policy = one(this.prng, POLICIES);
    shard.policyChanged();
    shard.cron();
    shard.backgroundSlice();
    account.limitBytes = 0;
    if (this.prng.below(2) === 0) account.policy = 'noeviction';
    shard.policyChanged();
  }

  state(): readonly string[][] {
    return stateOfRealms(this.session);
  }
}

function stateOfRealms(session: HarnessSession): string[][] {
  const { tenantNumber, databaseNumber } = session;
  const states = TENANTS.map((_name, number) => {
    session.tenantNumber = number;
    return stateOf((words) => session.run(words), DATABASES);
  });
  session.tenantNumber = tenantNumber;
  session.databaseNumber = databaseNumber;
  return states;
}

/** A world of that time that has loaded a file. */
async function loadedWorld(disk: FakeDisk, now_ms: number, prepare: (harness: Harness) => void = () => {}) {
  const clock = new FakeClock(now_ms);
  const harness = new Harness({ clock, debug: true, seed: 77 });
  prepare(harness);
  const port = {
    shard: harness.shard,
    tenantNumber: (name: string) => TENANTS.indexOf(name),
    run: () => undefined,
    failures: 0,
    firstFailure: '',
  };
  const result = await loadFile(PATH, { disk, clock, port, acceptsTruncated: false, progress: () => {} });
  if (!result.ok) throw new Error(result.fault);
  return { keys: result.value.keys + result.value.expired, session: harness.session() };
}

/** The state in a file, as a world of that time reads it. */
async function loaded(disk: FakeDisk, now_ms: number): Promise<{ keys: number; states: string[][] }> {
  const { keys, session } = await loadedWorld(disk, now_ms);
  return { keys, states: stateOfRealms(session) };
}

class Run {
  readonly job: SnapshotJob;
  outcome: SnapshotOutcome | undefined;

  constructor({ harness, clock }: Scene, disk: FakeDisk) {
    this.outcome = undefined;
    this.job = new SnapshotJob({
      shard: harness.shard,
      disk,
      clock,
      path: PATH,
      tenantName: (number) => TENANTS[number] ?? `realm ${number}`,
      aux: [],
      functions: [],
      wake: () => {},
      ended: (outcome) => {
        if (this.outcome !== undefined) throw new Error('a snapshot ends once');
        this.outcome = outcome;
      },
    });
  }

  /** One step of it. */
  async step(): Promise<void> {
    if (this.job.isDue) this.job.slice(0);
    else await Promise.resolve();
  }

  get isWalking(): boolean {
    return this.outcome === undefined;
  }
}

function emptyDisk(): FakeDisk {
  const disk = new FakeDisk();
  disk.makeFolder('/data');
  return disk;
}

describe(`a snapshot, seed ${seed}`, () => {
  it('holds what was there when it began, whatever comes in between', { timeout: 3_600_000 }, async () => {
    let [kept, failed, interleaved] = [0, 0, 0];
    for (let number = 0; number < WORLDS; number++) {
      const prng = new Prng(seed + number);
      const scene = new Scene(prng, number);
      for (let round = 0; round < SNAPSHOTS_PER_WORLD; round++) {
        const said = `world ${number} round ${round}`;
        for (let i = prng.below(40); i >= 0; i--) scene.happen();
        const disk = emptyDisk();
        const mayFail = prng.below(8) === 0;
        if (mayFail) disk.failAt(1 + prng.below(3), 'EIO', one(prng, FAILING), { fromThenOn: prng.below(2) === 0 });
        const expected = scene.state();
        const { now } = scene.clock;
        const run = new Run(scene, disk);
        scene.since.length = 0;
        const pace = prng.below(5);
        while (run.isWalking) {
          for (let i = prng.below(pace + 1); i > 0; i--, interleaved++) scene.happen();
          await run.step();
        }
        expect(scene.harness.shard.world.snapshot, said).toBeUndefined();
        expect(run.job.keysVisited, said).toBe(run.job.keysTotal);
        if (round % 10 === 0) scene.harness.shard.arena.check();
        if (run.outcome?.ok !== true) {
          expect(mayFail, said).toBe(true);
          expect(disk.bytesOf(PATH), said).toBeUndefined();
          failed++;
          continue;
        }
        kept++;
        const { keys, states } = await loaded(disk, now);
        for (const [tenant, state] of states.entries()) {
          const differences = differencesOf(state, expected[tenant] ?? []);
          expect(differences, `${said} tenant ${tenant} ${scene.since.join('\n')}`).toEqual([]);
        }
        expect(keys, said).toBe(run.job.keysTotal);
        // Only what the last sync covered counts after a power cut.
        expect(disk.crashAt(disk.events.length, 1).bytesOf(PATH), said).toEqual(disk.bytesOf(PATH));
      }
      scene.harness.shard.arena.check();
    }
    expect(failed).toBeGreaterThan(WORLDS);
    expect(kept).toBeGreaterThan(WORLDS * SNAPSHOTS_PER_WORLD * 0.8);
    expect(interleaved).toBeGreaterThan(kept);
  });

  it('holds a tenant that goes while it is written, and does not bring it back', async () => {
    const scene = new Scene(new Prng(1), 0);
    const { session, harness } = scene;
    session.tenantNumber = 1;
    for (let i = 0; i < 100; i++) session.run(['SET', `key:${i}`, 'v']);
    const expected = scene.state();
    const disk = emptyDisk();
    const run = new Run(scene, disk);
    harness.executor.removeRealm(1);
    while (run.isWalking) await run.step();
    expect(harness.shard.realmIfAny(1)).toBeUndefined();
    expect((await loaded(disk, scene.clock.now)).states).toEqual(expected);
  });

  it('holds a HyperLogLog without the count that a read keeps beside it later', async () => {
    const scene = new Scene(new Prng(1), 0);
    const { session } = scene;
    for (let i = 0; i < 100; i++) session.run(['PFADD', `log:${i}`, `${i}`, `${i}.`]);
    const expected = scene.state();
    const disk = emptyDisk();
    const run = new Run(scene, disk);
    for (let i = 0; i < 100; i++) expect(latin1(session.run(['PFCOUNT', `log:${i}`]))).toBe(':2\r\n');
    while (run.isWalking) await run.step();
    expect(scene.state()).not.toEqual(expected);
    expect((await loaded(disk, scene.clock.now)).states).toEqual(expected);
  });

  it('tells how a key was used to a policy of the same kind, and nothing to one of another', async () => {
    const choose = ({ shard }: Harness, policy: EvictionPolicy) => {
      const { account } = shard.realm(0);
      account.limitBytes = 2 ** 30;
      account.policy = policy;
      shard.policyChanged();
    };
    const ask = (session: HarnessSession, policy: EvictionPolicy) =>
      latin1(session.run(['OBJECT', policy.endsWith('-lfu') ? 'FREQ' : 'IDLETIME', 'k'])).trim();
    for (const [written, read, answer] of [
      ['allkeys-lru', 'volatile-lru', ':500'],
      ['allkeys-lfu', 'volatile-lfu', ':77'],
      ['allkeys-lru', 'allkeys-lfu', ':5'],
      ['allkeys-lfu', 'allkeys-lru', ':0'],
      ['allkeys-lfu', 'noeviction', ':0'],
    ] as const) {
      const scene = new Scene(new Prng(1), 0);
      choose(scene.harness, written);
      scene.session.run(['SET', 'k', 'v']);
      const { world } = scene.harness.shard;
      const ref = scene.harness.shard.realm(0).database(0).peek(bytesOfLatin1('k'), 0, 1);
      world.setAccess(ref, written !== 'allkeys-lru', 500, 77);
      const disk = emptyDisk();
      const run = new Run(scene, disk);
      while (run.isWalking) await run.step();
      const { session } = await loadedWorld(disk, scene.clock.now, (harness) => choose(harness, read));
      expect(ask(session, read), `${written} to ${read}`).toBe(answer);
    }
  });

  it('of the tenant default alone names no tenant, also where a large value is written in pieces', async () => {
    const scene = new Scene(new Prng(1), 0);
    const { session } = scene;
    const elements = Array.from({ length: 2000 }, (_, index) => `${index}${LETTERS}`);
    for (let i = 0; i < 3; i++) session.run(['RPUSH', `large:${i}`, ...elements]);
    for (let i = 0; i < 200; i++) session.run(['SET', `key:${i}`, 'before']);
    const expected = scene.state();
    const disk = emptyDisk();
    const run = new Run(scene, disk);
    for (let i = 0; run.isWalking; i++) {
      if (i < 200) session.run(['SET', `key:${i}`, 'after']);
      await run.step();
    }
    expect((await loaded(disk, scene.clock.now)).states).toEqual(expected);
    const file = disk.open(PATH);
    if (!file.ok) throw new Error(file.fault.message);
    const reader = new RdbFileReader(file.value, { verifyChecksum: true });
    const kinds = new Set<string>();
    for (let item = reader.next(); item.kind !== 'end' && item.kind !== 'fault'; item = reader.next())
      kinds.add(item.kind);
    expect(Array.from(kinds)).toEqual(['database', 'entry']);
  });

  it('changes nothing that clients are told', { timeout: 600_000 }, async () => {
    for (let number = 0; number < (IS_LONG ? 40 : 4); number++) {
      const prng = new Prng(seed + number);
      const [watched, plain] = [new Scene(prng, number), new Scene(new Prng(0), number)];
      const { shard } = plain.harness;
      shard.world.collections = watched.harness.shard.world.collections;
      let run: Run | undefined;
      for (let i = 0; i < 3000; i++) {
        if (run === undefined && prng.below(50) === 0) run = new Run(watched, emptyDisk());
        if (run !== undefined && prng.below(2) === 0) await run.step();
        if (run?.isWalking === false) run = undefined;
        if (prng.below(20) === 0) {
          watched.clock.now += prng.below(2000);
          plain.clock.now = watched.clock.now;
        }
        const words = watched.words();
        const told = latin1(watched.session.run(words));
        // How much memory something takes, and where a scan is, depends on what else is there.
        expect(latin1(plain.session.run(words)), `world ${number} command ${i}: ${words.join(' ')}`).toBe(told);
      }
      expect(watched.state()).toEqual(plain.state());
    }
  });
});
