/** The timeout of a blocking command: seconds with a fraction, as redis-server 7.0.15 reads them. */
import type { ArgIndex } from '../command/args.ts';
import { type Refusal, TIMEOUT_NEGATIVE, TIMEOUT_NOT_A_FLOAT } from '../resp/refusals.ts';
import type { Request } from '../resp/request.ts';
import { isInfinite, longDoubleText, parseLongDouble } from './string/long-double.ts';

/** Milliseconds of a signed 64-bit integer: beyond that they overflow in Redis, and are negative. */
const MILLISECONDS_END = 2 ** 63;

/** Milliseconds to wait, 0 for ever, or why not. */
export function blockingTimeout(request: Request, at: ArgIndex): number | Refusal {
  const seconds = parseLongDouble(request.bytes, request.start(at), request.end(at));
  if (seconds === undefined) return TIMEOUT_NOT_A_FLOAT;
  if (isInfinite(seconds)) return TIMEOUT_NEGATIVE;
  const wait_ms = Math.ceil(Number(longDoubleText(seconds)) * 1000);
  return wait_ms < 0 || wait_ms >= MILLISECONDS_END ? TIMEOUT_NEGATIVE : Math.abs(wait_ms);
}
