/**
 * Runs the same commands on two systems, in batches, and compares every reply; at intervals also the whole state. When
 * they differ it looks for the shortest run from empty that still does.
 */
import { latin1 } from '../../src/base/bytes.ts';
import type { Prng } from '../../src/base/prng.ts';
import { parseReply } from '../../src/resp/reply-reader.ts';
import { rendered } from '../support/render.ts';
import { shown, type Words } from '../support/words.ts';
import { compared, nameOf } from './compare.ts';
import { DATABASES, type Generator, JUNK, KEYS } from './generate.ts';
import type { System } from './systems.ts';

const BATCH = 200;
/** Batches between two comparisons of the whole state. */
const STATE_EVERY = 10;
/** Commands that a search for the shortest failure runs at the most. */
const SHRINK_COMMANDS_MAX = 400_000;
/** Batches after which both sides start from empty, so that a failure has a short history. */
const RESET_EVERY = 50;
const SCAN_STEPS_MAX = 10_000;

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

  constructor(reference: System, ours: System, generator: Generator, prng: Prng) {
    this.reference = reference;
    this.ours = ours;
    this.generator = generator;
    this.prng = prng;
    this.perCommand = new Map();
    this.explained = new Map();
    this.history = [];
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
    const [theirs, ours] = await Promise.all([
      this.reference.run(protocol, commands),
      this.ours.run(protocol, commands),
    ]);
    for (const [i, words] of commands.entries()) {
      const verdict = compared(words, theirs[i] as Uint8Array, ours[i] as Uint8Array);
      if (verdict.kind === 'explained') {
        this.explained.set(verdict.reason, (this.explained.get(verdict.reason) ?? 0) + 1);
      }
      if (verdict.kind !== 'different') continue;
      const upTo = this.history.slice(0, this.history.length - steps.length + i + 1);
      return this.told(await this.shortened(upTo), words, theirs[i] as Uint8Array, ours[i] as Uint8Array);
    }
    return undefined;
  }

  private told(steps: readonly Step[], words: Words, theirs: Uint8Array, ours: Uint8Array): string {
    const lines = steps.map(({ protocol, words: each }) => `  RESP${protocol}> ${shown(each)}`);
    return [
      ...lines,
      `where ${shown(words)} first answered`,
      `  redis-server: ${rendered(theirs)}`,
      `  portcullis:   ${rendered(ours)}`,
    ].join('\n');
  }

  /** Type, encoding, value and time to live of every key, and whole walks by SCAN. */
  private async stateDiffers(): Promise<string | undefined> {
    for (let number = 0; number < DATABASES; number++) {
      const look: Words[] = [['SELECT', `${number}`], LOOK, ['DBSIZE'], ['KEYS', '*']];
      for (const key of KEYS) look.push(['TYPE', key], ['OBJECT', 'ENCODING', key], ['GET', key], ['PTTL', key]);
      const failure = await this.differing(look.map((words) => ({ protocol: 2, words })));
      if (failure !== undefined) return failure;
      const walk = ['COUNT', `${1 + this.prng.below(30)}`, ...(this.prng.below(2) ? ['MATCH', '*e*'] : [])];
      const [theirs, ours] = await Promise.all([walked(this.reference, walk), walked(this.ours, walk)]);
      if (theirs !== ours) return `SCAN 0 ${walk.join(' ')} of database ${number}: ${theirs} or ${ours}`;
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
    const last = steps.at(-1);
    if (last === undefined) return false;
    await this.reference.reset();
    await this.ours.reset();
    const [theirs, ours] = [await played(this.reference, steps), await played(this.ours, steps)];
    return compared(last.words, theirs, ours).kind === 'different';
  }
}

/** Runs all; the last reply. Neighbours of one protocol go together. */
async function played(system: System, steps: readonly Step[]): Promise<Uint8Array> {
  let last: Uint8Array = new Uint8Array(0);
  for (let from = 0; from < steps.length; ) {
    const protocol = (steps[from] as Step).protocol;
    let to = from;
    while (to < steps.length && (steps[to] as Step).protocol === protocol) to++;
    const replies = await system.run(
      protocol,
      steps.slice(from, to).map(({ words }) => words),
    );
    last = replies.at(-1) ?? last;
    from = to;
  }
  return last;
}

/** All keys that a walk by SCAN meets, sorted. */
async function walked(system: System, options: readonly string[]): Promise<string> {
  const met = new Set<string>();
  let cursor = '0';
  for (let step = 0; step < SCAN_STEPS_MAX; step++) {
    const [reply] = await system.run(2, [['SCAN', cursor, ...options]]);
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
