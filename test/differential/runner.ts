/**
 * Runs the same commands on two systems, in batches, and compares every reply; at intervals also the whole state. When
 * they differ it looks for the shortest run from empty that still does.
 */
import { latin1 } from '../../src/base/bytes.ts';
import type { Prng } from '../../src/base/prng.ts';
import { parseReply } from '../../src/resp/reply-reader.ts';
import { rendered } from '../support/render.ts';
import { shown, type Words } from '../support/words.ts';
import { compared, nameOf, type Verdict } from './compare.ts';
import { DATABASES, type Generator, JUNK, KEYS } from './generate.ts';
import { type Retold, retold } from './resync.ts';
import type { System, Thresholds } from './systems.ts';

const BATCH = 200;
/** Batches between two comparisons of the whole state. */
const STATE_EVERY = 10;
/** Commands that a search for the shortest failure runs at the most. */
const SHRINK_COMMANDS_MAX = 400_000;
/** Batches after which both sides start from empty, so that a failure has a short history. */
const RESET_EVERY = 50;
const SCAN_STEPS_MAX = 10_000;

/** redis-server's own, and such as a handful of elements passes. */
const THRESHOLDS: readonly Thresholds[] = [
  {
    'hash-max-listpack-entries': 512,
    'hash-max-listpack-value': 64,
    'set-max-intset-entries': 512,
    'set-max-listpack-entries': 128,
    'set-max-listpack-value': 64,
    'zset-max-listpack-entries': 128,
    'zset-max-listpack-value': 64,
    'list-max-listpack-size': -2,
    'stream-node-max-bytes': 4096,
    'stream-node-max-entries': 100,
    'hll-sparse-max-bytes': 3000,
  },
  {
    'hash-max-listpack-entries': 8,
    'hash-max-listpack-value': 8,
    'set-max-intset-entries': 16,
    'set-max-listpack-entries': 8,
    'set-max-listpack-value': 8,
    'zset-max-listpack-entries': 8,
    'zset-max-listpack-value': 8,
    'list-max-listpack-size': 4,
    'stream-node-max-bytes': 200,
    'stream-node-max-entries': 5,
    'hll-sparse-max-bytes': 200,
  },
];

/** What shows the value of a key, most of them an error for all types but one. */
const READINGS: readonly (readonly [name: string, ...rest: string[]])[] = [
  ['GET'],
  // What we dump redis-server restores, and is compared then (`resync.ts`).
  ['DUMP'],
  ['SMEMBERS'],
  ['HGETALL'],
  ['ZRANGE', '0', '-1', 'WITHSCORES'],
  ['LRANGE', '0', '-1'],
  ['XRANGE', '-', '+'],
  ['XINFO', 'FULL'],
];
const WALKS = ['SSCAN', 'HSCAN', 'ZSCAN'];

interface Step {
  readonly protocol: 2 | 3;
  readonly words: Words;
}

export interface Report {
  readonly commands: number;
  readonly perCommand: ReadonlyMap<string, number>;
  readonly explained: ReadonlyMap<string, number>;
  /** What to print when the two differ. */
  readonly failure: string | undefined;
}

/** Every key that expired without anybody looking is gone behind this, on either side. */
const LOOK: Words = ['EXISTS', ...JUNK];

export class Runner {
  private readonly reference: System;
  private readonly ours: System;
  private readonly generator: Generator;
  private readonly prng: Prng;
  private readonly perCommand: Map<string, number>;
  private readonly explained: Map<string, number>;
  private history: Step[];
  private thresholds: Thresholds;
  private resets: number;

  constructor(reference: System, ours: System, generator: Generator, prng: Prng) {
    this.reference = reference;
    this.ours = ours;
    this.generator = generator;
    this.prng = prng;
    this.perCommand = new Map();
    this.explained = new Map();
    this.history = [];
    this.thresholds = {};
    this.resets = 0;
  }

  async run(count: number): Promise<Report> {
    let commands = 0;
    let failure: string | undefined;
    for (let batch = 0; commands < count && failure === undefined; batch++) {
      if (batch % RESET_EVERY === 0) await this.reset();
      const steps = this.batch(batch % 2 === 0 ? 2 : 3);
      commands += steps.length;
      failure = await this.differing(steps);
      if (failure === undefined && batch % STATE_EVERY === STATE_EVERY - 1) failure = await this.stateDiffers();
    }
    return { commands, perCommand: this.perCommand, explained: this.explained, failure };
  }

  private async reset(): Promise<void> {
    await Promise.all([this.reference.reset(), this.ours.reset()]);
    this.thresholds = THRESHOLDS[this.resets++ % THRESHOLDS.length] as Thresholds;
    await Promise.all([this.reference.configure(this.thresholds), this.ours.configure(this.thresholds)]);
    this.history = [];
  }

  private batch(protocol: 2 | 3): Step[] {
    const steps: Step[] = [];
    for (let i = 0; i < BATCH; i++) {
      const words = this.generator.next();
      const name = nameOf(words);
      this.perCommand.set(name, (this.perCommand.get(name) ?? 0) + 1);
      if (name === 'DBSIZE' || name === 'RANDOMKEY') steps.push({ protocol, words: LOOK });
      steps.push({ protocol, words });
    }
    return steps;
  }

  private async differing(steps: readonly Step[]): Promise<string | undefined> {
    this.history.push(...steps);
    const protocol = steps[0]?.protocol ?? 2;
    const commands = steps.map(({ words }) => words);
    const answers = await this.answered(protocol, commands);
    for (const [i, words] of commands.entries()) {
      const { theirs, ours, verdict } = answers[i] as Answer;
      if (verdict.kind === 'explained') {
        this.explained.set(verdict.reason, (this.explained.get(verdict.reason) ?? 0) + 1);
      }
      if (verdict.kind !== 'different') continue;
      const upTo = this.history.slice(0, this.history.length - steps.length + i + 1);
      return this.told(await this.shortened(upTo), words, theirs, ours);
    }
    return undefined;
  }

  private told(steps: readonly Step[], words: Words, theirs: Uint8Array, ours: Uint8Array): string {
    const lines = steps.map(({ protocol, words: each }) => `  RESP${protocol}> ${shown(each)}`);
    return [
      `with hash-max-listpack-entries ${this.thresholds['hash-max-listpack-entries']} and its like`,
      ...lines,
      `where ${shown(words)} first answered`,
      `  redis-server: ${rendered(theirs)}`,
      `  portcullis:   ${rendered(ours)}`,
    ].join('\n');
  }

  /**
   * Our answers, and those of redis-server to the same commands, or to what does the same where chance decides. We go first, so
   * that it can be told what we did.
   */
  private async answered(protocol: 2 | 3, commands: readonly Words[]): Promise<Answer[]> {
    const ours = await this.ours.run(protocol, commands);
    const told = commands.map((words, i) => retold(words, protocol, ours[i] as Uint8Array));
    const sent = commands.flatMap((words, i) => told[i]?.commands ?? [words]);
    const replies = await this.reference.run(protocol, sent);
    let at = 0;
    return commands.map((words, i) => {
      const theirs = replies.slice(at, at + (told[i]?.commands.length ?? 1));
      at += theirs.length;
      return {
        theirs: theirs.at(-1) as Uint8Array,
        ours: ours[i] as Uint8Array,
        verdict: judged(words, theirs, ours[i] as Uint8Array, told[i]),
      };
    });
  }

  /** Type, encoding, value and time to live of every key, and whole walks by SCAN and its kin. */
  private async stateDiffers(): Promise<string | undefined> {
    const readings = READINGS.filter(([name]) => this.generator.names.has(name));
    for (let number = 0; number < DATABASES; number++) {
      const look: Words[] = [['SELECT', `${number}`], LOOK, ['DBSIZE'], ['KEYS', '*']];
      for (const key of KEYS) {
        look.push(['TYPE', key], ['OBJECT', 'ENCODING', key], ['PTTL', key]);
        for (const [name, ...rest] of readings)
          look.push(name === 'XINFO' ? [name, 'STREAM', key, ...rest] : [name, key, ...rest]);
      }
      const failure = await this.differing(look.map((words) => ({ protocol: 2, words })));
      if (failure !== undefined) return failure;
      const options = ['COUNT', `${1 + this.prng.below(30)}`, ...(this.prng.below(2) ? ['MATCH', '*e*'] : [])];
      const walks: Words[] = [['SCAN']];
      const type = ['string', 'list', 'set', 'zset', 'hash', 'stream'][this.prng.below(6)] as string;
      for (const name of WALKS.filter((each) => this.generator.names.has(each))) {
        for (const key of KEYS) walks.push([name, key]);
      }
      for (const walk of walks) {
        const all = walk.length === 1 && this.prng.below(2) ? [...options, 'TYPE', type] : options;
        const [theirs, ours] = await Promise.all([walked(this.reference, walk, all), walked(this.ours, walk, all)]);
        if (theirs !== ours) return `${shown(walk)} ${shown(all)} of database ${number}: ${theirs} or ${ours}`;
      }
    }
    return undefined;
  }

  /** The shortest end of a history that still ends in a difference, then without whatever it does not need. */
  private async shortened(steps: readonly Step[]): Promise<readonly Step[]> {
    let budget = SHRINK_COMMANDS_MAX;
    const fails = (candidate: readonly Step[]) => {
      budget -= candidate.length;
      return this.endsDifferently(candidate);
    };
    let kept = steps;
    for (let length = 1; length < steps.length; length *= 2) {
      const tail = steps.slice(-length);
      if (!(await fails(tail))) continue;
      kept = tail;
      break;
    }
    for (let chunk = kept.length >> 1; chunk >= 1; chunk >>= 1) {
      for (let at = 0; at + chunk < kept.length && budget > 0; ) {
        const candidate = [...kept.slice(0, at), ...kept.slice(at + chunk)];
        if (await fails(candidate)) kept = candidate;
        else at += chunk;
      }
    }
    return kept;
  }

  private async endsDifferently(steps: readonly Step[]): Promise<boolean> {
    await this.reference.reset();
    await this.ours.reset();
    let different = false;
    // Neighbours of one protocol go together.
    for (let from = 0; from < steps.length; ) {
      const { protocol } = steps[from] as Step;
      let to = from;
      while (to < steps.length && (steps[to] as Step).protocol === protocol) to++;
      const commands = steps.slice(from, to).map(({ words }) => words);
      const answers = await this.answered(protocol, commands);
      different = answers.at(-1)?.verdict.kind === 'different';
      from = to;
    }
    return different;
  }
}

interface Answer {
  readonly theirs: Uint8Array;
  readonly ours: Uint8Array;
  readonly verdict: Verdict;
}

function judged(words: Words, theirs: readonly Uint8Array[], ours: Uint8Array, told: Retold | undefined): Verdict {
  if (told === undefined) return compared(words, theirs[0] as Uint8Array, ours);
  return { kind: told.agrees(theirs) ? 'same' : 'different' };
}

/** All that a walk by SCAN or one of its kin meets, sorted. */
async function walked(system: System, walk: Words, options: readonly string[]): Promise<string> {
  const met = new Set<string>();
  let cursor = '0';
  for (let step = 0; step < SCAN_STEPS_MAX; step++) {
    const [reply] = await system.run(2, [[...walk, cursor, ...options]]);
    const parsed = reply === undefined ? undefined : parseReply(reply)?.value;
    if (parsed?.kind !== 'array') return `no array: ${reply === undefined ? '' : latin1(reply)}`;
    const [next, found] = parsed.items;
    if (found?.kind === 'array') {
      for (const item of found.items) if (item.kind === 'bulk') met.add(JSON.stringify(latin1(item.bytes)));
    }
    cursor = next?.kind === 'bulk' ? latin1(next.bytes) : '0';
    if (cursor === '0') return [...met].sort().join(' ');
  }
  return 'a walk without end';
}
