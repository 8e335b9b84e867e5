/** The log of the process as the gateway writes to it: what strangers can cause is sampled. */
import type { Clock } from '../base/clock.ts';
import type { GatewayLog } from '../gateway/view.ts';
import type { Log } from '../observe/log.ts';
import { SampledLog } from '../observe/sampled.ts';

/** Lines that somebody outside cannot cause at will. */
const OWN_EVENTS: ReadonlySet<string> = new Set(['listener.error']);

export class GatewayLines implements GatewayLog {
  private readonly log: Log;
  private readonly sampled: SampledLog;

  constructor(log: Log, clock: Clock) {
    this.log = log;
    this.sampled = new SampledLog(log, clock);
  }

  event: GatewayLog['event'] = (level, event, reason, fields) => {
    if (OWN_EVENTS.has(event)) this.log.write(level, event, reason, fields);
    else this.sampled.write(level, event, reason, fields);
  };

  /** Once a second or so. */
  sweep(): void {
    this.sampled.sweep();
  }
}
