/** The timeout of a blocking command: seconds with a fraction, as redis-server 7.0.15 reads them. */
import type { ArgIndex } from '../command/args.ts';
import { type Refusal, TIMEOUT_NEGATIVE, TIMEOUT_NOT_A_FLOAT } from '../resp/refusals.ts';
import type { Request } from '../resp/request.ts';
import { isInfinite, longDoubleText, parseLongDouble } from './string/long-double.ts';

/** Milliseconds of a signed 64-bit integer: beyond that they overflow in Redis, and are negative. */
const MILLISECONDS_END = 2 ** 63;

const DIGIT_0 = 0x30;
/** So many digits are whole seconds that no sum of milliseconds overflows. */
const PLAIN_DIGITS_MAX = 9;

/** Whole seconds, as almost everybody writes them; -1 for whatever has to be looked at more closely. */
function plainSeconds(request: Request, at: ArgIndex): number {
  const start = request.start(at);
  const end = request.end(at);
  if (start === end || end - start > PLAIN_DIGITS_MAX) return -1;
  let seconds = 0;
  for (let i = start; i < end; i++) {
    const digit = (request.bytes[i] as number) - DIGIT_0;
    if (digit < 0 || digit > 9) return -1;
    seconds = seconds * 10 + digit;
  }
  return seconds;
}

/** Milliseconds to wait, 0 for ever, or why not. */
export function blockingTimeout(request: Request, at: ArgIndex): number | Refusal {
  const plain_s = plainSeconds(request, at);
  if (plain_s >= 0) return plain_s * 1000;
  const seconds = parseLongDouble(request.bytes, request.start(at), request.end(at));
  if (seconds === undefined) return TIMEOUT_NOT_A_FLOAT;
  if (isInfinite(seconds)) return TIMEOUT_NEGATIVE;
  const wait_ms = Math.ceil(Number(longDoubleText(seconds)) * 1000);
  return wait_ms < 0 || wait_ms >= MILLISECONDS_END ? TIMEOUT_NEGATIVE : Math.abs(wait_ms);
}
