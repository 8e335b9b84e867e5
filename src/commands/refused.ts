import { type Effect, UNCHANGED } from '../command/effect.ts';
import type { Refusal } from '../resp/refusals.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';

/** Answers a refusal; the handler returns what this returns, as nothing has changed. */
export function refused(out: ReplyWriter, refusal: Refusal): Effect {
  out.error(refusal);
  return UNCHANGED;
}
