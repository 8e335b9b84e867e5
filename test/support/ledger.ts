/**
 * Writes of which each says its number, so that after any accident it can be told which are there: numbers on lists in
 * several tenants and databases, some on two lists in one transaction. What was told to a client is written down.
 */
import type { Prng } from '../../src/base/prng.ts';
import type { DurableWorld } from './durable-world.ts';

const LISTS = ['list:0', 'list:1', 'list:2'];
const PAIR = ['pair:a', 'pair:b'] as const;
const TENANTS_USED = 2;
const DATABASES_USED = 2;

/** One that was told: its number, and how many calls the disk had seen by then. */
export interface Told {
  readonly number: number;
  readonly event: number;
}

export class Ledger {
  readonly world: DurableWorld;
  /** Numbers that were written and not refused, in order. */
  readonly executed: number[];
  readonly told: Told[];
  /** By the calls that the disk had seen: how many of `executed` were certainly synced then. */
  readonly synced: { readonly event: number; readonly count: number }[];
  refused: number;
  lost: number;
  private readonly prng: Prng;
  private lastNumber: number;
  private covered: number;

  constructor(world: DurableWorld, prng: Prng, firstNumber = 1) {
    this.world = world;
    this.prng = prng;
    this.executed = [];
    this.told = [];
    this.synced = [];
    this.refused = 0;
    this.lost = 0;
    this.lastNumber = firstNumber - 1;
    this.covered = 0;
    const { log } = world.store.shardLog;
    const { onSyncing, onSynced } = log;
    log.onSyncing = () => {
      this.covered = this.executed.length;
      onSyncing?.();
    };
    log.onSynced = () => {
      this.synced.push({ event: world.disk.events.length, count: this.covered });
      onSynced?.();
    };
  }

  /** A chunk of one to three writes. */
  write(): void {
    const { prng, world } = this;
    const written: number[] = [];
    for (let i = prng.below(3); i >= 0; i--) {
      const number = ++this.lastNumber;
      const [tenant, database] = [prng.below(TENANTS_USED), prng.below(DATABASES_USED)];
      // Sometimes past a page, so that a disk may keep a part of it.
      const text = prng.below(12) === 0 ? `${number} ${'x'.repeat(prng.below(9000))}` : `${number}`;
      const answers: string[] = [];
      if (prng.below(4) === 0) {
        world.group(() => {
          for (const key of PAIR) answers.push(world.run(tenant, database, ['RPUSH', key, text]));
        });
      } else answers.push(world.run(tenant, database, ['RPUSH', LISTS[prng.below(LISTS.length)] as string, text]));
      if (answers.every((answer) => answer.startsWith(':'))) {
        written.push(number);
        this.executed.push(number);
      } else this.refused++;
    }
    world.endChunk((isKept) => {
      if (!isKept) this.lost += written.length;
      else for (const number of written) this.told.push({ number, event: world.disk.events.length });
    });
  }

  /** Whether a read of what nobody writes is answered by the end of its turn. */
  reads(): boolean {
    let isTold = false;
    this.world.run(0, 0, ['GET', 'quiet']);
    this.world.endChunk((isKept) => {
      isTold = isKept;
    });
    return isTold;
  }
}

/** The numbers that a world holds, ascending. What a disk made up is left out. Throws on half a transaction. */
export function numbersIn(world: DurableWorld, isTornAllowed = false): number[] {
  const found: number[] = [];
  for (let tenant = 0; tenant < TENANTS_USED; tenant++) {
    for (let database = 0; database < DATABASES_USED; database++) {
      const lists = [...LISTS, ...PAIR].map((key) => listOf(world.run(tenant, database, ['LRANGE', key, '0', '-1'])));
      const [a, b] = [lists.at(-2) ?? [], lists.at(-1) ?? []];
      if (!isTornAllowed && a.join() !== b.join()) throw new Error(`half a transaction: ${a.join()} and ${b.join()}`);
      for (const list of lists.slice(0, -1)) found.push(...list);
    }
  }
  return found.sort((one, other) => one - other);
}

function listOf(answer: string): number[] {
  const items = answer.split('\r\n').filter((line) => /^\d+(?: x*)?$/.test(line));
  return items.map((line) => Number.parseInt(line, 10));
}
