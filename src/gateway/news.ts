/** What storage says besides replies, brought to those whom it concerns: subscribers of keyspace events, and caches. */
import { bytesOfLatin1 } from '../base/bytes.ts';
import { KEYEVENT, KEYSPACE } from '../base/keyspace-events.ts';
import type { BackendNews, Invalidation } from '../command/ports/backend.ts';
import type { Core } from './core.ts';

export class News implements BackendNews {
  private readonly core: Core;

  constructor(core: Core) {
    this.core = core;
  }

  /** `__keyspace@N__:key` says what happened, `__keyevent@N__:event` to whom. */
  keyspaceEvent(tenantNumber: number, databaseNumber: number, name: string, key: Uint8Array): void {
    const { pubsub, view } = this.core;
    if (pubsub.space(tenantNumber) === undefined) return;
    const event = bytesOfLatin1(name);
    if ((view.keyspaceEvents & KEYSPACE) !== 0) {
      pubsub.publish(tenantNumber, joined(`__keyspace@${databaseNumber}__:`, key), event);
    }
    if ((view.keyspaceEvents & KEYEVENT) !== 0) {
      pubsub.publish(tenantNumber, joined(`__keyevent@${databaseNumber}__:`, event), key);
    }
  }

  invalidated(tenantNumber: number, key: string, change: Invalidation): void {
    this.core.tracking.invalidated(tenantNumber, key, change);
  }

  flushed(tenantNumber: number): void {
    this.core.tracking.flushed(tenantNumber);
  }

  bug(message: string, stack: string): void {
    this.core.counters.bugs++;
    this.core.log.event('error', 'gateway.bug', message, { stack });
  }
}

function joined(prefix: string, rest: Uint8Array): Uint8Array {
  const whole = new Uint8Array(prefix.length + rest.length);
  whole.set(bytesOfLatin1(prefix));
  whole.set(rest, prefix.length);
  return whole;
}
