/**
 * Gathers what a worker has to say besides replies, so that it leaves in one message with the replies before it: whoever
 * has seen a reply can count on what follows from its command. Bytes are copied: a view would be sent with the whole of what
 * it is a view of.
 */
import { copyOf } from '../base/bytes.ts';
import type { Invalidation } from '../command/ports/backend.ts';
import type { ShardNews } from './aftermath.ts';
import { DEBT_NONE, type Debt } from './mailbox.ts';
import type { NewsItem } from './protocol.ts';

export class NewsDesk implements ShardNews {
  private items: NewsItem[];
  /** What the change owes that is being told of. */
  private readonly debt: () => Debt;

  constructor(debt: () => Debt = () => DEBT_NONE) {
    this.items = [];
    this.debt = debt;
  }

  served(client: number, bytes: Uint8Array, start: number, end: number): void {
    this.items.push({ kind: 'served', client, bytes: copyOf(bytes, start, end), debt: this.debt() });
  }

  event(
    tenantNumber: number,
    databaseNumber: number,
    name: string,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
  ): void {
    this.items.push({ kind: 'event', tenantNumber, databaseNumber, name, key: copyOf(key, keyStart, keyEnd) });
  }

  invalidated(tenantNumber: number, key: string, change: Invalidation): void {
    this.items.push({ kind: 'invalidated', tenantNumber, key, change });
  }

  flushed(tenantNumber: number, writer: number): void {
    this.items.push({ kind: 'flushed', tenantNumber, writer });
  }

  bug(thrown: unknown): void {
    const { message, stack = '' } = thrown instanceof Error ? thrown : new Error(String(thrown));
    this.items.push({ kind: 'bug', message, stack });
  }

  /** Everything so far; undefined when there is nothing. */
  take(): readonly NewsItem[] | undefined {
    if (this.items.length === 0) return undefined;
    const { items } = this;
    this.items = [];
    return items;
  }
}
