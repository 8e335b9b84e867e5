/** A worker's side of durability: its shard kept in a folder of its own, and the messages to the pool about it. */

import { systemClock } from '../base/clock.ts';
import type { Result } from '../base/result.ts';
import type { DurabilitySettings, DurabilityStatus } from '../command/ports/durability.ts';
import type { CommandTable } from '../command/table.ts';
import { realDisk } from '../disk/real-disk.ts';
import type { Shard } from '../engine/shard.ts';
import { DurableShard } from './durable.ts';
import type { Executor } from './executor.ts';
import { DEBT_SYNCED, DEBT_WRITTEN, type Debt, debtOf } from './mailbox.ts';
import type { FromWorker, Owed, PersistOrder, WorkerBirth } from './protocol.ts';

interface KeeperEvents {
  readonly post: (message: FromWorker) => void;
  readonly worked: () => void;
  /** The data is there. */
  readonly loaded: () => void;
}

export class WorkerKeeper {
  private readonly durable: DurableShard;
  private readonly events: KeeperEvents;
  /** Names whose numbers have been asked for. */
  private readonly asked: Map<string, (number: number) => void>;
  private lastTicket: number;
  private told: DurabilityStatus | undefined;

  constructor(
    { folder, settings }: NonNullable<WorkerBirth['durable']>,
    shard: Shard,
    executor: Executor,
    table: CommandTable,
    events: KeeperEvents,
  ) {
    this.events = events;
    this.asked = new Map();
    this.lastTicket = 0;
    this.told = undefined;
    this.durable = new DurableShard({
      shard,
      executor,
      table,
      disk: realDisk,
      folder,
      settings,
      report: {
        event: (level, event, message, fields) => events.post({ kind: 'line', level, event, message, fields }),
      },
      tenantNumber: (name) => this.ask(name),
      worked: events.worked,
      settled() {},
    });
    const { shardLog } = this.durable.store;
    shardLog.log.doAllWait = () => shardLog.hasOnlyWriters(systemClock.monotonicMs());
  }

  private ask(name: string): Promise<number> {
    return new Promise((resolve) => {
      this.asked.set(name, resolve);
      this.events.post({ kind: 'tenant', name });
    });
  }

  tenantFound(name: string, number: number): void {
    this.asked.get(name)?.(number);
    this.asked.delete(name);
  }

  nameTenant(number: number, name: string): void {
    this.durable.nameTenant(number, name);
  }

  load(): void {
    void this.durable.load().then((result) => {
      this.events.loaded();
      this.events.post({ kind: 'loaded', result });
    });
  }

  configure(settings: DurabilitySettings): void {
    this.durable.store.configure(settings);
  }

  persist(what: PersistOrder, id: number): void {
    const { store } = this.durable;
    const ended = (result: Result<void>) => {
      // The figures first: whoever hears that it is done may look at them.
      this.tellStatus();
      this.events.post({ kind: 'persisted', id, result });
    };
    if (typeof what === 'string') store[what](ended);
    else store.backup(what.path, what.tenant, ended);
  }

  get debt(): Debt {
    return debtOf(this.durable.store.shardLog.debt);
  }

  takeDebt(): Debt {
    return debtOf(this.durable.store.shardLog.takeDebt());
  }

  /** Writes what has changed. @returns what replies with this debt have still to wait for */
  owed(debt: Debt): Owed | undefined {
    const { log } = this.durable.store.shardLog;
    log.commit();
    const from = log.isDirty ? DEBT_WRITTEN : DEBT_SYNCED;
    if (debt < from) return undefined;
    const ticket = ++this.lastTicket;
    log.whenKept(debt === DEBT_SYNCED ? 'synced' : 'written', (isKept) => {
      // Never before the message that has the ticket.
      queueMicrotask(() => this.events.post({ kind: 'settled', ticket, isKept }));
    });
    return { from, ticket };
  }

  commit(): void {
    this.durable.store.shardLog.log.commit();
  }

  tick(): void {
    this.durable.tick();
    this.tellStatus();
  }

  private tellStatus(): void {
    const status = this.durable.store.status();
    if (this.told !== undefined && isSame(this.told, status)) return;
    this.told = status;
    this.events.post({ kind: 'durability', status });
  }

  close(): void {
    this.durable.stop();
    this.durable.store.close();
  }
}

function isSame(a: DurabilityStatus, b: DurabilityStatus): boolean {
  const names = Object.keys(a) as (keyof DurabilityStatus)[];
  return names.every((name) => a[name] === b[name]);
}
