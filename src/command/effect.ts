/**
 * What a handler reports of its work. The log, replicas, keyspace events and invalidations are derived from effects;
 * a handler never spreads the news itself.
 */
import type { Request } from '../resp/request.ts';
import type { ArgIndex } from './args.ts';

/** The classes of `notify-keyspace-events`. */
export type EventClass = 'generic' | 'string' | 'list' | 'set' | 'hash' | 'zset' | 'stream' | 'module' | 'new';

export interface KeyEvent {
  readonly eventClass: EventClass;
  readonly name: string;
  /** Which argument is the key it happened to. */
  readonly key: ArgIndex;
  /** The database it happened in, where that is not the one the command ran in: COPY … DB, MOVE. */
  readonly databaseNumber?: number;
  /** Only what belongs to the key has changed, such as a group of a stream: who watches the key itself is not told. */
  readonly besides?: true;
}

export interface Unchanged {
  readonly kind: 'unchanged';
}

export interface Changed {
  readonly kind: 'changed';
  /** Counted by INFO as changes since the last save. */
  readonly changes: number;
  readonly events: readonly KeyEvent[];
  /**
   * Commands that do the same on a copy of the data at any later time; undefined when the request itself does. Relative
   * times become absolute here and random choices become the choice made.
   */
  readonly replay: readonly (readonly (Uint8Array | string)[])[] | undefined;
}

/**
 * Nothing is there yet, and the client is willing to wait: the handler has written no answer, and is run again with
 * `onlyKey` when one of the keys has changed.
 */
export interface Waits {
  readonly kind: 'waits';
  readonly valueType: 'list' | 'zset' | 'stream';
  readonly first: ArgIndex;
  readonly keys: number;
  /** 0: for ever. */
  readonly timeout_ms: number;
  /** Whether it is told, with an error, when a key is no such value any more. */
  readonly endsWithKey: boolean;
  /** What to run then, where that is not the request itself: XREAD's `$` means the last entry of now. */
  readonly instead: Request | undefined;
}

export type Effect = Unchanged | Changed | Waits;

export const UNCHANGED: Effect = { kind: 'unchanged' };

/** One change with one event on the key at `key`. Made once per module, so that the hot path allocates nothing. */
export function changed(eventClass: EventClass, name: string, key: ArgIndex = 1): Effect {
  return { kind: 'changed', changes: 1, events: [{ eventClass, name, key }], replay: undefined };
}

/** The same of what only belongs to the key. */
export function changedBesides(eventClass: EventClass, name: string, key: ArgIndex = 1): Effect {
  return { kind: 'changed', changes: 1, events: [{ eventClass, name, key, besides: true }], replay: undefined };
}

/** Any number of changes and events, with the commands that replay them where the request itself would not do. */
export function changes(
  count: number,
  events: readonly KeyEvent[],
  replay?: readonly (readonly (Uint8Array | string)[])[],
): Effect {
  return count === 0 ? UNCHANGED : { kind: 'changed', changes: count, events, replay };
}
