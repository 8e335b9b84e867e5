/**
 * Times to live as commands are given them: seconds or milliseconds, relative or absolute, as 64-bit integers. Everything
 * here answers milliseconds since the epoch.
 *
 * Invariant: what fits 2^53 is exact; later times are the nearest double, 285,000 years from now.
 */
import { INT64_MAX, INT64_MIN, parseBigInteger, parseInteger } from '../base/integer.ts';
import type { ArgIndex } from '../command/args.ts';
import { invalidExpireTime, NOT_AN_INTEGER, type Refusal } from '../resp/refusals.ts';
import type { ReplyWriter } from '../resp/reply-writer.ts';
import type { Request } from '../resp/request.ts';

export interface TimeUnit {
  readonly milliseconds: number;
  readonly relative: boolean;
}

export const SECONDS: TimeUnit = { milliseconds: 1000, relative: true };
export const MILLISECONDS: TimeUnit = { milliseconds: 1, relative: true };
export const UNIX_SECONDS: TimeUnit = { milliseconds: 1000, relative: false };
export const UNIX_MILLISECONDS: TimeUnit = { milliseconds: 1, relative: false };

/** Below this a number of seconds, in milliseconds and after now, is a safe integer. */
const PLAIN_MAX = 4_000_000_000_000;

/** The time that an option such as `EX 10` means; it must be positive and must not overflow. `command` is its full name. */
export function optionTime(
  request: Request,
  at: ArgIndex,
  unit: TimeUnit,
  now_ms: number,
  command: string,
): number | Refusal {
  const given = parseInteger(request.bytes, request.start(at), request.end(at));
  if (Number.isNaN(given)) return NOT_AN_INTEGER;
  if (given <= 0) return invalidExpireTime(command);
  if (given <= PLAIN_MAX) return given * unit.milliseconds + (unit.relative ? now_ms : 0);
  return exactTime(request, at, unit, now_ms) ?? invalidExpireTime(command);
}

/** The time that EXPIRE and its kin mean: negative ones are allowed, overflows are not. */
export function expireTime(
  request: Request,
  at: ArgIndex,
  unit: TimeUnit,
  now_ms: number,
  command: string,
): number | Refusal {
  const given = parseInteger(request.bytes, request.start(at), request.end(at));
  if (Number.isNaN(given)) return NOT_AN_INTEGER;
  if (given <= PLAIN_MAX && given >= -PLAIN_MAX) return given * unit.milliseconds + (unit.relative ? now_ms : 0);
  return exactTime(request, at, unit, now_ms) ?? invalidExpireTime(command);
}

/** Undefined where 64 bits would not hold it. */
function exactTime(request: Request, at: ArgIndex, unit: TimeUnit, now_ms: number): number | undefined {
  const given = parseBigInteger(request.bytes, request.start(at), request.end(at));
  if (given === undefined) return undefined;
  const scaled = given * BigInt(unit.milliseconds);
  if (scaled > INT64_MAX || scaled < INT64_MIN) return undefined;
  const absolute = unit.relative ? scaled + BigInt(now_ms) : scaled;
  return absolute > INT64_MAX ? undefined : Number(absolute);
}

/** A count of milliseconds or seconds as an integer reply; what a double cannot hold exactly is written as near as it is. */
export function writeTime(out: ReplyWriter, value: number): void {
  if (Number.isSafeInteger(value)) {
    out.integer(value);
    return;
  }
  const exact = BigInt(value);
  out.integer(exact > INT64_MAX ? INT64_MAX : exact);
}

/** A time as an argument of a command: what lies past the last 64-bit integer, as the double nearest to it does, is that. */
export function timeText(at_ms: number): string {
  if (Number.isSafeInteger(at_ms)) return String(at_ms);
  const exact = BigInt(at_ms);
  return String(exact > INT64_MAX ? INT64_MAX : exact);
}
