import { describe, expect, it } from 'vitest';
import { Prng } from '../../src/base/prng.ts';
import type { Declaration } from '../../src/command/spec.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { Request } from '../../src/resp/request.ts';
import { DATABASES, Generator } from '../differential/generate.ts';
import { FakeClock, Harness } from '../support/harness.ts';
import { rendered } from '../support/render.ts';
import { seed } from '../support/seed.ts';
import { stateOf } from '../support/state.ts';
import { shown, type Words } from '../support/words.ts';

const OOM = "(error) OOM command not allowed when used memory > 'maxmemory'.";
const LIMIT = 1024 * 1024;

function full() {
  const harness = new Harness({ debug: true, limitBytes: LIMIT });
  const session = harness.session();
  const run = (...words: string[]) => rendered(session.run(words));
  const used = () => harness.shard.realm(0).account.usedBytes();
  return { harness, run, used };
}

describe('a tenant at its memory limit', () => {
  it('is refused within one per cent of it, and never before', () => {
    const { run, used } = full();
    let written = 0;
    while (run('SET', `key:${written}`, 'v'.repeat(500)) === 'OK') written++;
    expect(written).toBeGreaterThan(1000);
    expect(used()).toBeLessThanOrEqual(LIMIT);
    expect(used()).toBeGreaterThan(LIMIT * 0.99);
    expect(run('SET', 'another', 'v'.repeat(500))).toBe(OOM);
    expect(run('EXISTS', 'another')).toBe('(integer) 0');
  });

  it('reads and deletes, and may write again after that', () => {
    const { run } = full();
    let written = 0;
    while (run('SET', `key:${written}`, 'v'.repeat(500)) === 'OK') written++;
    expect(run('GET', 'key:0')).toContain('vvv');
    expect(run('EXPIRE', 'key:0', '100')).toBe('(integer) 1');
    expect(run('RENAME', 'key:0', 'renamed')).toBe('OK');
    expect(run('DEL', 'key:1', 'key:2')).toBe('(integer) 2');
    expect(run('SET', 'key:1', 'v'.repeat(500))).toBe('OK');
  });

  it('R137: is refused a huge SETRANGE before anything is allocated for it', () => {
    const { harness, run } = full();
    const before = harness.shard.arena.allocatedBytes;
    expect(run('SETRANGE', 'k', '536870911', 'x')).toBe(OOM);
    expect(run('SET', 'k', 'v')).toBe('OK');
    expect(run('SETRANGE', 'k', '536870911', 'x')).toBe(OOM);
    expect(run('GET', 'k')).toBe('"v"');
    expect(harness.shard.arena.peakAllocatedBytes).toBeLessThan(before + 64 * 1024);
  });

  it('is refused by every command that makes values longer, and none of them leaves half a change', () => {
    const { run } = full();
    run('SET', 'half', 'v'.repeat(LIMIT * 0.55));
    const huge = 'w'.repeat(LIMIT * 0.6);
    expect(run('APPEND', 'half', huge)).toBe(OOM);
    expect(run('STRLEN', 'half')).toBe(`(integer) ${Math.floor(LIMIT * 0.55)}`);
    expect(run('COPY', 'half', 'copy')).toBe(OOM);
    expect(run('EXISTS', 'copy')).toBe('(integer) 0');
    expect(run('MSET', 'small', '1', 'large', huge)).toBe(OOM);
    expect(run('EXISTS', 'small', 'large')).toBe('(integer) 0');
    expect(run('MSETNX', 'small', '1', 'large', huge)).toBe(OOM);
    for (const words of [
      ['SET', 'large', huge],
      ['SET', 'large', huge, 'GET'],
      ['SET', 'large', huge, 'NX', 'EX', '10'],
      ['SETNX', 'large', huge],
      ['SETEX', 'large', '10', huge],
      ['PSETEX', 'large', '10', huge],
      ['GETSET', 'large', huge],
      ['APPEND', 'large', huge],
    ]) {
      expect(run(...words)).toBe(OOM);
      expect(run('DBSIZE')).toBe('(integer) 1');
    }
  });

  it('grows a string to the last byte, without slack that it cannot pay', () => {
    const { run, used } = full();
    run('SET', 'k', 'v'.repeat(LIMIT * 0.8));
    // Blocks come in sizes: the last one may be longer than asked for.
    while (run('APPEND', 'k', 'v'.repeat(1000)) !== OOM) expect(used()).toBeLessThanOrEqual(LIMIT * 1.01);
    expect(used()).toBeGreaterThan(LIMIT * 0.98);
  });

  it('loses keys instead where its policy evicts', () => {
    const { harness, run, used } = full();
    harness.shard.realm(0).account.policy = 'allkeys-random';
    harness.shard.policyChanged();
    for (let i = 0; i < 5000; i++) expect(run('SET', `key:${i}`, 'v'.repeat(500))).toBe('OK');
    for (let i = 0; i < 2000; i++) expect(run('APPEND', `key:${i % 50}`, 'v'.repeat(100))).toMatch(/integer/);
    expect(used()).toBeLessThanOrEqual(LIMIT * 1.01);
    expect(harness.shard.realm(0).statistics.evicted).toBeGreaterThan(1000);
    harness.shard.arena.check();
  });
});

const NOW_MS = 1_700_000_000_000;
/** Random commands that fill the world before its limit is drawn. */
const FILLING = 4000;
const LONG = process.env['PORTCULLIS_LONG'] === '1';
/** Requests of each command that takes memory. */
const TRIES = LONG ? 300 : 15;
/** Bytes that are left when a request comes: of none, of one block, of a few. */
const ROOMS = [0, 8, 16, 40, 64, 100, 200, 500, 1000, 4000];
/** A block may be longer than was asked for. */
const ROUNDING_BYTES_MAX = 128;
/** A collection past every threshold, some larger than a slab, so that each form of each type is met. */
const LARGE: readonly (readonly [key: string, ...words: string[]])[] = [
  ['b', 'SADD', ...Array.from({ length: 1000 }, (_, i) => `member ${i}`)],
  ['c', 'HSET', ...Array.from({ length: 2000 }, (_, i) => `field ${i}`)],
  ['d', 'ZADD', ...Array.from({ length: 1000 }, (_, i) => [`${i}`, `member ${i}`]).flat()],
  ['e', 'RPUSH', ...Array.from({ length: 3000 }, (_, i) => `element ${i}`)],
];

/** A world of keys of every type and form, and those of its commands that are flagged for taking memory. */
class Full {
  readonly harness: Harness;
  readonly prng: Prng;
  private readonly session;
  private readonly reader;

  constructor() {
    this.harness = new Harness({ clock: new FakeClock(NOW_MS), debug: true, seed });
    this.prng = new Prng(seed);
    this.session = this.harness.session();
    this.reader = this.harness.session();
    const declared = shardDeclarations.filter(({ name }) => !/^(DEBUG|PFSELFTEST|FLUSHALL|FLUSHDB)$/.test(name));
    const generator = this.generator(declared);
    for (let i = 0; i < FILLING; i++) this.run(generator.next());
    for (const [key, name = '', ...words] of LARGE) {
      this.run(['DEL', key]);
      this.run([name, key, ...words]);
    }
  }

  generator(declarations: readonly Declaration[]): Generator {
    return new Generator(declarations, this.prng, () => NOW_MS);
  }

  run(words: Words): string {
    return rendered(this.session.run(words));
  }

  /** Everything there is, and what it takes, nothing being on its way out any more. */
  state(): string[] {
    return stateOf((words) => this.reader.run(words), DATABASES);
  }

  used(): number {
    while (this.harness.shard.reclaim(100_000));
    return this.harness.shard.realm(0).account.usedBytes();
  }

  limit(bytes: number): void {
    this.harness.shard.realm(0).account.limitBytes = bytes;
    this.harness.shard.policyChanged();
  }

  /** Whether a request is one of a command flagged `denyoom`, and nothing but room is missing. */
  takesMemory(words: Words): boolean {
    const request = Request.of(...words);
    const command = this.harness.table.resolve(request);
    if (command === undefined || !command.isDenyOom || !command.arityHolds(request.argc)) return false;
    return command.parse(request) === undefined;
  }
}

function flagged(declaration: Declaration): boolean {
  if (declaration.kind === 'container') return declaration.subcommands.some(flagged);
  return declaration.flags.includes('denyoom');
}

/** By name, as one line each in a report. */
const TAKING = shardDeclarations
  .filter((declaration) => flagged(declaration))
  .map((each) => [each.name, each] as const);

describe(`every command flagged denyoom, seed ${seed}`, () => {
  const world = new Full();
  let refused = 0;

  it('is there', () => {
    expect(TAKING.length).toBeGreaterThan(50);
    expect(world.used()).toBeGreaterThan(100_000);
  });

  it.each(TAKING)('%s is refused over the limit, and nothing changes', (_name, declaration) => {
    world.limit(0);
    const generator = world.generator([declaration]);
    const used = world.used();
    const before = world.state();
    world.limit(used - 1);
    let tried = 0;
    for (let i = 0; tried < TRIES && i < TRIES * 50; i++) {
      const words = generator.next();
      if (!world.takesMemory(words)) continue;
      tried++;
      expect(world.run(words), shown(words)).toBe(OOM);
      expect(world.used(), shown(words)).toBe(used);
    }
    expect(tried).toBe(TRIES);
    expect(world.state()).toEqual(before);
  });

  it.each(TAKING)('%s at the limit does all or nothing', (_name, declaration) => {
    const generator = world.generator([declaration]);
    let before: string[] | undefined;
    for (let i = 0; i < TRIES; i++) {
      world.limit(0);
      before ??= world.state();
      const words = generator.next();
      const room = ROOMS[world.prng.below(ROOMS.length)] as number;
      const what = `${shown(words)} with ${room} bytes of room`;
      const used = world.used();
      world.limit(used + room);
      const reply = world.run(words);
      const grown = world.used() - used;
      world.limit(0);
      if (reply === OOM) {
        refused++;
        expect(grown, what).toBe(0);
        expect(world.state(), what).toEqual(before);
      } else {
        expect(grown, what).toBeLessThanOrEqual(room + ROUNDING_BYTES_MAX);
        before = undefined;
      }
    }
    world.harness.shard.arena.check();
  });

  it('was refused often enough for that to mean something', () => {
    expect(refused).toBeGreaterThan(TAKING.length * 3);
  });
});
