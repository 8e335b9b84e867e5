/**
 * The life of large collections of every type: whatever ends one gives back every byte of it, at once or in slices, and
 * what moves or copies one keeps all of it.
 */
import { describe, expect, test } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import type { EvictionPolicy } from '../../src/base/eviction-policies.ts';
import { Prng } from '../../src/base/prng.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { FakeClock, Harness, type HarnessSession } from '../support/harness.ts';
import { rendered } from '../support/render.ts';
import { seed } from '../support/seed.ts';
import { stateOf } from '../support/state.ts';
import { runsFor } from './support.ts';

const TYPES: Readonly<Record<string, (key: string, i: number) => string[]>> = {
  set: (key, i) => ['SADD', key, `element:${i}`],
  hash: (key, i) => ['HSET', key, `field:${i}`, `value ${i}`],
  zset: (key, i) => ['ZADD', key, `${i}.5`, `element:${i}`],
  list: (key, i) => ['RPUSH', key, `an element that takes some place:${i}`],
  stream: (key, i) => ['XADD', key, `${i + 1}-1`, 'field', `value:${i}`],
};
const known = new Set(shardDeclarations.map(({ name }) => name));
const types = Object.entries(TYPES).filter(([, element]) => known.has(element('k', 0)[0] ?? ''));
/** Such a collection is freed at once, and such a one in slices. */
const SIZES = [200, 3000];

class TestWorld {
  readonly clock = new FakeClock();
  readonly harness: Harness;
  readonly session: HarnessSession;

  constructor(limitBytes?: number) {
    this.harness = new Harness({ clock: this.clock, debug: true, ...(limitBytes === undefined ? {} : { limitBytes }) });
    this.session = this.harness.session();
  }

  run(...words: string[]): string {
    return rendered(this.session.run(words));
  }

  /** Adds elements `from` to `count - 1`; IDs of streams only rise. */
  make(type: string, key: string, count: number, from = 0): void {
    const element = TYPES[type];
    if (element === undefined) throw new Error(`no such type: ${type}`);
    for (let i = from; i < count; i++) {
      const reply = latin1(this.session.run(element(key, i)));
      if (reply.startsWith('-')) throw new Error(reply);
    }
  }

  used(): number {
    return this.harness.shard.realm(0).account.usedBytes();
  }

  /** Works off everything that waits to be freed. */
  settle(): void {
    while (this.harness.shard.cron() || this.harness.shard.backgroundSlice());
  }

  settledBytes(): number {
    this.settle();
    this.harness.shard.arena.check();
    return this.used();
  }

  state(): string[] {
    const lines = stateOf((words) => this.session.run(words), 16);
    this.session.run(['SELECT', '0']);
    return lines;
  }

  /** What a key holds, without its name and database. */
  held(key: string, database = 0): string | undefined {
    const prefix = `${database} ${JSON.stringify(key)} `;
    return this.state()
      .find((line) => line.startsWith(prefix))
      ?.slice(prefix.length);
  }

  isEmpty(): void {
    expect(this.settledBytes()).toBe(0);
    expect(this.harness.shard.arena.allocatedBytes).toBe(0);
  }
}

const ENDS: readonly (readonly [how: string, end: (world: TestWorld) => void])[] = [
  ['DEL', (world) => world.run('DEL', 'k')],
  ['UNLINK', (world) => world.run('UNLINK', 'k')],
  ['a SET over it', (world) => world.run('SET', 'k', 'v') + world.run('DEL', 'k')],
  ['a GETDEL of what was set over it', (world) => world.run('SET', 'k', 'v', 'KEEPTTL') + world.run('GETDEL', 'k')],
  [
    'another key renamed onto it',
    (world) => world.run('SET', 'o', 'v') + world.run('RENAME', 'o', 'k') + world.run('DEL', 'k'),
  ],
  [
    'a copy over it',
    (world) => world.run('SET', 'o', 'v') + world.run('COPY', 'o', 'k', 'REPLACE') + world.run('DEL', 'k', 'o'),
  ],
  ['a rename and DEL', (world) => world.run('RENAME', 'k', 'n') + world.run('DEL', 'n')],
  ['a move and FLUSHDB', (world) => world.run('MOVE', 'k', '3') + world.run('SELECT', '3') + world.run('FLUSHDB')],
  [
    'a copy of it and DEL of both',
    (world) => world.run('COPY', 'k', 'c') + world.run('DEL', 'k') + world.run('DEL', 'c'),
  ],
  [
    'a copy into another database and FLUSHALL',
    (world) => world.run('COPY', 'k', 'k', 'DB', '2') + world.run('FLUSHALL'),
  ],
  ['a time that is over', (world) => world.run('EXPIRE', 'k', '0')],
  [
    'its time, seen by a look-up',
    (world) => {
      world.run('PEXPIRE', 'k', '10');
      world.clock.now += 11;
      expect(world.run('EXISTS', 'k')).toBe('(integer) 0');
    },
  ],
  [
    'its time, seen by the expiry cycle',
    (world) => {
      world.run('PEXPIRE', 'k', '10');
      world.run('PERSIST', 'k');
      world.run('PEXPIRE', 'k', '20');
      world.clock.now += 21;
      world.settle();
      expect(world.run('KEYS', 'k')).toBe('array of 0');
    },
  ],
  ['FLUSHDB', (world) => world.run('FLUSHDB', 'SYNC')],
  ['FLUSHALL ASYNC', (world) => world.run('FLUSHALL', 'ASYNC')],
  [
    'SWAPDB and FLUSHDB',
    (world) => world.run('SWAPDB', '0', '5') + world.run('SELECT', '5') + world.run('FLUSHDB', 'ASYNC'),
  ],
  ['the end of its tenant', (world) => world.harness.shard.realm(0).flushAll(true)],
];

for (const [type] of types) {
  describe(`a large ${type}`, () => {
    for (const [how, end] of ENDS) {
      test(`is ended by ${how}, and all of its memory comes back`, () => {
        for (const size of SIZES) {
          const world = new TestWorld();
          world.make(type, 'k', size);
          const { account } = world.harness.shard.realm(0);
          expect(account.usedBytes()).toBeGreaterThan(size * 8);
          end(world);
          world.isEmpty();
        }
      });

      test(`is ended by ${how} among others, which keep theirs`, () => {
        if (/FLUSH|tenant|SWAPDB/.test(how)) return;
        const world = new TestWorld();
        for (const [other] of types) world.make(other, `stays:${other}`, 300);
        const before = world.state();
        const used = world.settledBytes();
        world.make(type, 'k', 3000);
        end(world);
        world.run('SELECT', '0');
        expect(world.settledBytes()).toBe(used);
        expect(world.state()).toEqual(before);
      });
    }

    test('keeps everything when it is renamed, moved, or its time to live changes', () => {
      const world = new TestWorld();
      world.make(type, 'k', 700);
      const held = world.held('k');
      const used = world.settledBytes();
      world.run('RENAME', 'k', 'n');
      expect(world.held('n')).toBe(held);
      world.run('MOVE', 'n', '4');
      expect(world.held('n', 4)).toBe(held);
      world.run('SWAPDB', '4', '0');
      expect(world.held('n')).toBe(held);
      world.run('PEXPIRE', 'n', '100000');
      world.run('PERSIST', 'n');
      world.run('RENAME', 'n', 'k');
      expect(world.held('k')).toBe(held);
      expect(world.settledBytes()).toBe(used);
      expect(world.run('OBJECT', 'REFCOUNT', 'k')).toBe('(integer) 1');
      expect(world.run('OBJECT', 'IDLETIME', 'k')).toBe('(integer) 0');
      expect(world.run('TYPE', 'k')).toBe(type);
    });

    test('and its copy live apart', () => {
      const world = new TestWorld();
      world.make(type, 'k', 700);
      const held = world.held('k');
      expect(world.run('COPY', 'k', 'c')).toBe('(integer) 1');
      expect(world.held('c')).toBe(held);
      world.make(type, 'k', 900, 700);
      expect(world.held('c')).toBe(held);
      world.run('DEL', 'k');
      world.settle();
      expect(world.held('c')).toBe(held);
      world.make(type, 'c', 900, 700);
      world.run('DEL', 'c');
      world.isEmpty();
    });

    test('is refused a copy that the budget has no room for', () => {
      const world = new TestWorld();
      world.make(type, 'k', 3000);
      const { account } = world.harness.shard.realm(0);
      account.limitBytes = Math.round(account.usedBytes() * 1.5);
      const used = account.usedBytes();
      expect(world.run('COPY', 'k', 'c')).toMatch(/OOM/);
      expect(account.usedBytes()).toBe(used);
      account.limitBytes = used * 3;
      expect(world.run('COPY', 'k', 'c')).toBe('(integer) 1');
    });

    test('is not copied when the arena is full, and nothing is left of the attempt', () => {
      const world = new TestWorld();
      world.make(type, 'k', 700);
      const held = world.held('k');
      const used = world.settledBytes();
      const { arena } = world.harness.shard;
      const allocate = arena.allocate.bind(arena);
      for (const blocks of [0, 1, 2, 3, 5, 8, 13, 40, 200]) {
        let left = blocks;
        arena.allocate = (bytes) => (left-- > 0 ? allocate(bytes) : 0);
        const reply = world.run('COPY', 'k', 'c');
        arena.allocate = allocate;
        if (reply === '(integer) 1') world.run('DEL', 'c');
        else expect(reply).toMatch(/OOM/);
        expect(world.settledBytes()).toBe(used);
        expect(world.held('k')).toBe(held);
      }
    });

    test('has its memory counted by MEMORY USAGE, to the byte of what it gives back', () => {
      const world = new TestWorld();
      world.run('SET', 'other', 'v');
      const before = world.settledBytes();
      world.make(type, 'k', 3000);
      const usage = Number(world.run('MEMORY', 'USAGE', 'k').replace('(integer) ', ''));
      const gained = world.settledBytes() - before;
      // The share of the index is an average over all keys.
      expect(Math.abs(usage - gained)).toBeLessThan(128);
      expect(world.run('MEMORY', 'USAGE', 'k', 'SAMPLES', '0')).toBe(`(integer) ${usage}`);
      world.run('DEL', 'k');
      expect(world.settledBytes()).toBe(before);
    });

    for (const policy of ['allkeys-random', 'allkeys-lru', 'volatile-ttl'] satisfies EvictionPolicy[]) {
      test(`is evicted by ${policy}, and the budget holds`, () => {
        const limit = 500_000;
        const world = new TestWorld(limit);
        const { account, statistics } = world.harness.shard.realm(0);
        account.policy = policy;
        world.harness.shard.policyChanged();
        for (let i = 0; i < 40; i++) {
          const key = `k:${i}`;
          world.make(type, key, 1000);
          world.run('EXPIRE', key, `${1000 + i}`);
          expect(account.usedBytes()).toBeLessThan(limit * 1.02);
        }
        expect(statistics.evicted).toBeGreaterThan(0);
        world.run('FLUSHALL');
        world.isEmpty();
      });
    }
  });
}

describe('large collections of all types together', () => {
  const STEPS = 400;

  test(`are what they were through any life, seed ${seed}`, () => {
    for (let run = 0; run < runsFor(STEPS * 4); run++) {
      const prng = new Prng(seed + run);
      const world = new TestWorld();
      const keys = ['a', 'b', 'c', 'd', 'e'];
      const one = () => keys[prng.below(keys.length)] as string;
      const database = () => `${prng.below(3)}`;
      const steps: readonly (() => unknown)[] = [
        () => growAny(world, one(), prng),
        () => growAny(world, one(), prng),
        () => growAny(world, one(), prng),
        () => world.run('RENAME', one(), one()),
        () => world.run('COPY', one(), one(), 'DB', database(), 'REPLACE'),
        () => world.run('MOVE', one(), database()),
        () => world.run('SWAPDB', database(), database()),
        () => world.run('PEXPIRE', one(), `${prng.below(3000)}`),
        () => world.run('PERSIST', one()),
        () => world.run('SET', one(), 'v'),
        () => world.run('DEL', one()),
        () => world.harness.shard.backgroundSlice(),
        () => world.run('SELECT', database()),
        () => {
          world.clock.now += prng.below(500);
        },
      ];
      for (let step = 0; step < STEPS; step++) (steps[prng.below(steps.length)] as () => unknown)();
      world.clock.now += 5000;
      const before = world.state();
      const used = world.settledBytes();
      expect(world.state()).toEqual(before);
      // What is charged beyond the arena's own blocks are heads and directories on the heap.
      expect(used).toBeGreaterThanOrEqual(world.harness.shard.arena.allocatedBytes);
      world.run('FLUSHALL', run % 2 === 0 ? 'SYNC' : 'ASYNC');
      world.isEmpty();
    }
  });

  function growAny(world: TestWorld, key: string, prng: Prng): void {
    const held = world.run('TYPE', key);
    const [type, element] = (types.find(([name]) => name === held) ?? types[prng.below(types.length)]) as [
      string,
      (key: string, i: number) => string[],
    ];
    if (held !== 'none' && held !== type) return;
    const from = type === 'stream' ? 1_000_000 * prng.below(1000) : prng.below(2000);
    const count = prng.below(4) === 0 ? 400 : 10;
    for (let i = 0; i < count; i++) world.session.run(element(key, from + i));
  }
});

describe('a set of a million elements', () => {
  test('is freed in slices of a bounded number of blocks', () => {
    const world = new TestWorld();
    const count = 100_000;
    for (let from = 0; from < count; from += 1000) {
      world.run('SADD', 'k', ...Array.from({ length: 1000 }, (_, i) => `element:${from + i}`));
    }
    const used = world.used();
    world.run('DEL', 'k');
    // Little went at once: DEL itself must not take long.
    expect(world.used()).toBeGreaterThan(used * 0.95);
    let slices = 0;
    while (world.harness.shard.backgroundSlice()) slices++;
    expect(slices).toBeGreaterThan(5);
    world.isEmpty();
  });
});
