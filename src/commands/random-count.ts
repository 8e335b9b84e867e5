/**
 * The count of SRANDMEMBER, HRANDFIELD and ZRANDMEMBER: so many different elements, or, when it is negative, so many that may
 * be the same.
 *
 * Invariant: what a small collection repeats is bounded by RANDOM_REPEATS_MAX, as one short request must not hold up
 * everybody else.
 */
import { INT64_MIN, parseBigInteger, parseInteger } from '../base/integer.ts';
import { RANDOM_REPEATS_MAX } from '../base/limits.ts';
import type { ArgIndex } from '../command/args.ts';
import { COUNT_OUT_OF_RANGE, NOT_AN_INTEGER, REPLY_TOO_LARGE, type Refusal } from '../resp/refusals.ts';
import type { Request } from '../resp/request.ts';

/** The count in an argument; past 2^53 the nearest double. */
export function randomCount(request: Request, at: ArgIndex): number | Refusal {
  const start = request.start(at);
  const end = request.end(at);
  const count = parseInteger(request.bytes, start, end);
  if (Number.isNaN(count)) return NOT_AN_INTEGER;
  if (count === Number(INT64_MIN) && parseBigInteger(request.bytes, start, end) === INT64_MIN)
    return COUNT_OUT_OF_RANGE;
  return count;
}

/** Why so many repeated elements are refused; undefined when they are not. Asked once there is something to repeat. */
export function repeatsRefusal(count: number): Refusal | undefined {
  return count < -RANDOM_REPEATS_MAX ? REPLY_TOO_LARGE : undefined;
}
