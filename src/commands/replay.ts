/**
 * Effects whose replay differs from the request: relative times become absolute, conditional deletions become DEL. The
 * rows are built only when somebody reads `replay`, so that a write which nobody logs allocates nothing.
 *
 * Invariant: an effect is read before the next command runs; the object is the command's own and is used again.
 *
 * Hot path: one per EXPIRE or SET EX. Guarded by `bench/command.ts`.
 */
import type { Changed, KeyEvent } from '../command/effect.ts';
import { Request } from '../resp/request.ts';
import { timeText } from './times.ts';

export type Replay = readonly (readonly (Uint8Array | string)[])[];

/** An argument's bytes where they lie: for effects, which are read while the request is still there. */
export function viewOf(request: Request, at: number): Uint8Array {
  return request.bytes.subarray(request.start(at), request.end(at));
}

/** One change that replays as what `build` makes of the request and an absolute time in milliseconds. */
export class RewrittenEffect implements Changed {
  readonly kind: 'changed';
  readonly changes: number;
  readonly events: readonly KeyEvent[];
  private readonly build: (request: Request, at_ms: number) => Replay;
  private request: Request;
  private at_ms: number;

  constructor(events: readonly KeyEvent[], build: (request: Request, at_ms: number) => Replay) {
    this.kind = 'changed';
    this.changes = 1;
    this.events = events;
    this.build = build;
    this.request = new Request();
    this.at_ms = 0;
  }

  of(request: Request, at_ms: number): this {
    this.request = request;
    this.at_ms = at_ms;
    return this;
  }

  get replay(): Replay {
    return this.build(this.request, this.at_ms);
  }
}

/** `DEL key`: what a command that gave a key a time already past did. */
export function deletion(event = 'del'): RewrittenEffect {
  return new RewrittenEffect([{ eventClass: 'generic', name: event, key: 1 }], (request) => [
    ['DEL', viewOf(request, 1)],
  ]);
}

/** `PEXPIREAT key at`. */
export function newExpiry(): RewrittenEffect {
  return new RewrittenEffect([{ eventClass: 'generic', name: 'expire', key: 1 }], (request, at_ms) => [
    ['PEXPIREAT', viewOf(request, 1), timeText(at_ms)],
  ]);
}
