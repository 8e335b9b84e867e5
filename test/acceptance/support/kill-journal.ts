/**
 * What clients of a server that is going to be killed have sent, and what was acknowledged of it. Each client has keys of
 * its own, so that of every key it is known in which order it was written: what is there afterwards is at least what was
 * acknowledged, and at most what was sent.
 */
import type { Prng } from '../../../src/base/prng.ts';
import type { Wire } from './wire.ts';

const BATCH = 20;
const KEYS = 200;

/** How often something was done to a key: told of, and sent. */
class Count {
  told = 0;
  sent = 0;

  /** @returns what is wrong with what is there, which is the truth from now on. */
  found(what: string, there: number): string | undefined {
    const fault =
      there >= this.told && there <= this.sent
        ? undefined
        : `${what}: ${there} is there, ${this.told} were told and ${this.sent} sent`;
    this.told = there;
    this.sent = there;
    return fault;
  }
}

export class JournalOfOne {
  acknowledged: number;
  /** Answers that are errors and should not be. */
  readonly surprises: string[];
  private readonly name: string;
  private readonly prng: Prng;
  private readonly counter: Count;
  private readonly log: Count;
  private readonly pair: Count;
  /** By key: the numbers that were set, the last one that was told, and all since then. */
  private readonly values: Map<string, { told: number; since: number[] }>;
  private lastNumber: number;

  constructor(name: string, prng: Prng) {
    this.acknowledged = 0;
    this.surprises = [];
    this.name = name;
    this.prng = prng;
    this.counter = new Count();
    this.log = new Count();
    this.pair = new Count();
    this.values = new Map();
    this.lastNumber = 0;
  }

  private key(what: string): string {
    // Of one slot, so that a transaction may have several of them in a pool, too.
    return `${what}:{${this.name}}`;
  }

  /** Writes until the connection ends. */
  async write(wire: Wire): Promise<void> {
    while (!wire.isClosed) {
      const batch = Array.from({ length: BATCH }, () => this.one(wire));
      await Promise.all(batch);
    }
  }

  private one(wire: Wire): Promise<void> {
    const kind = this.prng.below(4);
    if (kind === 0) return this.counted(wire, this.counter, ['INCR', this.key('counter')]);
    if (kind === 1) return this.counted(wire, this.log, ['RPUSH', this.key('log'), String(this.log.sent + 1)]);
    if (kind === 2) return this.pairs(wire);
    return this.set(wire);
  }

  private async counted(wire: Wire, count: Count, words: readonly string[]): Promise<void> {
    count.sent++;
    const answer = await asked(wire, words);
    if (answer === undefined) return;
    if (/^\d+$/.test(answer)) this.told(count, Number(answer));
    else this.surprises.push(answer);
  }

  private told(count: Count, number: number): void {
    this.acknowledged++;
    count.told = Math.max(count.told, number);
  }

  private async pairs(wire: Wire): Promise<void> {
    this.pair.sent++;
    const commands = [['MULTI'], ['INCR', this.key('a')], ['INCR', this.key('b')], ['EXEC']];
    const answer = (await Promise.all(commands.map((words) => asked(wire, words)))).at(-1);
    if (answer === undefined) return;
    const both = /^\[(\d+),(\d+)\]$/.exec(answer);
    if (both !== null && both[1] === both[2]) this.told(this.pair, Number(both[1]));
    else this.surprises.push(answer);
  }

  private async set(wire: Wire): Promise<void> {
    const key = this.key(`key:${this.prng.below(KEYS)}`);
    const number = ++this.lastNumber;
    const value = this.values.get(key) ?? { told: 0, since: [] };
    this.values.set(key, value);
    value.since.push(number);
    const answer = await asked(wire, ['SET', key, String(number)]);
    if (answer === undefined) return;
    if (answer !== 'OK') {
      this.surprises.push(answer);
      return;
    }
    this.acknowledged++;
    if (number < value.told) return;
    value.told = number;
    value.since = value.since.filter((each) => each > number);
  }

  /** @returns what is not as it should be. */
  async faults(wire: Wire): Promise<string[]> {
    const { name } = this;
    const read = (what: string) => numberAt(wire, this.key(what));
    const [counter, a, b] = await Promise.all([read('counter'), read('a'), read('b')]);
    const log: string[] = JSON.parse(await wire.ask('LRANGE', this.key('log'), '0', '-1'));
    const faults = [
      this.counter.found(`${name} counter`, counter),
      this.pair.found(`${name} pair`, a),
      a === b ? undefined : `${name}: half a transaction, ${a} and ${b}`,
      this.log.found(`${name} log`, log.length),
      log.every((number, index) => number === String(index + 1)) ? undefined : `${name}: the log is not in order`,
    ];
    for (const [key, value] of this.values) {
      const there = await numberAt(wire, key);
      if (there !== value.told && !value.since.includes(there)) {
        faults.push(`${key}: ${there} is there, ${value.told} was told, then sent ${value.since.join(' ')}`);
      }
      value.told = there;
      value.since = [];
    }
    return faults.filter((fault) => fault !== undefined);
  }
}

/** Undefined when the connection ended before the answer. */
function asked(wire: Wire, words: readonly string[]): Promise<string | undefined> {
  return wire.ask(...words).catch(() => undefined);
}

/** 0 where there is none. */
async function numberAt(wire: Wire, key: string): Promise<number> {
  const answer = await wire.ask('GET', key);
  return answer === 'null' ? 0 : Number(answer);
}
