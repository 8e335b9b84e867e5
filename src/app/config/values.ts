/** How values of options are read and written, with redis-server's own words for what is wrong with them. */

import { asciiLower } from '../../base/ascii.ts';
import { bytesOfLatin1 } from '../../base/bytes.ts';
import { parseBigInteger } from '../../base/integer.ts';
import type { Result } from '../../base/result.ts';
import { failure, success } from '../../base/result.ts';
import type { OutputLimit, OutputLimits } from './settings.ts';

export interface Bounds {
  readonly min: bigint;
  readonly max: bigint;
}

export const INT_MIN = -2147483648n;
export const INT_MAX = 2147483647n;
export const UINT_MAX = 4294967295n;
export const LONG_MAX = 9223372036854775807n;

const UNITS: ReadonlyMap<string, bigint> = new Map([
  ['', 1n],
  ['b', 1n],
  ['k', 1000n],
  ['kb', 1024n],
  ['m', 1000_000n],
  ['mb', 1024n ** 2n],
  ['g', 1000_000_000n],
  ['gb', 1024n ** 3n],
]);
/** No 64-bit number has more digits. */
const DIGITS_MAX = 20;

function within(value: bigint, { min, max }: Bounds): Result<number> {
  if (value < min || value > max) return failure(`argument must be between ${min} and ${max} inclusive`);
  return success(Number(value));
}

/** `100`, `64mb`, `1k`: units of 1000 with one letter, of 1024 with two. */
export function parseMemory(text: string, bounds: Bounds): Result<number> {
  let digits = 0;
  while (digits < text.length && text.charCodeAt(digits) >= 0x30 && text.charCodeAt(digits) <= 0x39) digits++;
  const unit = UNITS.get(asciiLower(text.slice(digits)));
  if (digits === 0 || digits > DIGITS_MAX || unit === undefined) return failure('argument must be a memory value');
  return within(BigInt(text.slice(0, digits)) * unit, bounds);
}

export function parseNumber(text: string, bounds: Bounds): Result<number> {
  const value = parseBigInteger(bytesOfLatin1(text), 0, text.length);
  if (value === undefined) return failure("argument couldn't be parsed into an integer");
  return within(value, bounds);
}

export function parseChoice<const Choice extends string>(text: string, choices: readonly Choice[]): Result<Choice> {
  const wanted = asciiLower(text);
  const found = choices.find((choice) => choice === wanted);
  if (found === undefined) return failure(`argument(s) must be one of the following: ${choices.join(', ')}`);
  return success(found);
}

export function parseYesNo(text: string): Result<boolean> {
  const folded = asciiLower(text);
  if (folded === 'yes') return success(true);
  return folded === 'no' ? success(false) : failure("argument must be 'yes' or 'no'");
}

const PERCENTILES = 'latency-tracking-info-percentiles';
/** Percentiles that INFO writes for every command: MAX_LATENCY_PERCENTILES would be more than anybody reads. */
const PERCENTILES_MAX = 32;

/** `50 99 99.9`; empty is none. */
export function parsePercentiles(text: string): Result<readonly number[]> {
  const words = text.split(' ').filter((word) => word !== '');
  const values = words.map((word) => (/^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(word) ? Number(word) : Number.NaN));
  if (values.length > PERCENTILES_MAX || values.some(Number.isNaN)) return failure(`Invalid ${PERCENTILES} parameters`);
  if (values.some((value) => value < 0 || value > 100)) {
    return failure(`${PERCENTILES} parameters should sit between [0.0,100.0]`);
  }
  return success(values);
}

// -- client-output-buffer-limit ----------------------------------------------------------------------------------------

/** CONFIG GET's own name for a class is the old one. */
const CLASSES: readonly (readonly [shown: string, field: keyof OutputLimits, names: readonly string[]])[] = [
  ['normal', 'normal', ['normal']],
  ['slave', 'replica', ['slave', 'replica']],
  ['pubsub', 'pubsub', ['pubsub']],
];
const WORDS_PER_CLASS = 4;

export function outputLimitsText(limits: OutputLimits): string {
  return CLASSES.map(([shown, field]) => {
    const { hardBytes, softBytes, softSeconds } = limits[field];
    return `${shown} ${hardBytes} ${softBytes} ${softSeconds}`;
  }).join(' ');
}

/** Classes that are not named stay as they are. */
export function parseOutputLimits(text: string, current: OutputLimits): Result<OutputLimits> {
  const words = text.split(' ').filter((word) => word !== '');
  if (words.length === 0 || words.length % WORDS_PER_CLASS !== 0) {
    return failure('Wrong number of arguments in buffer limit configuration.');
  }
  let limits = current;
  for (let i = 0; i < words.length; i += WORDS_PER_CLASS) {
    const [name = '', hard = '', soft = '', seconds = ''] = words.slice(i, i + WORDS_PER_CLASS);
    const found = CLASSES.find(([, , names]) => names.includes(asciiLower(name)));
    if (found === undefined) return failure('Invalid client class specified in buffer limit configuration.');
    const limit = parseOutputLimit(hard, soft, seconds);
    if (!limit.ok) return limit;
    limits = { ...limits, [found[1]]: limit.value };
  }
  return success(limits);
}

function parseOutputLimit(hard: string, soft: string, seconds: string): Result<OutputLimit> {
  const bytes = { min: 0n, max: LONG_MAX };
  const hardBytes = parseMemory(hard, bytes);
  const softBytes = parseMemory(soft, bytes);
  const softSeconds = parseNumber(seconds, { min: 0n, max: INT_MAX });
  if (!hardBytes.ok || !softBytes.ok || !softSeconds.ok) {
    return failure('Error in hard, soft or soft_seconds setting in buffer limit configuration.');
  }
  return success({ hardBytes: hardBytes.value, softBytes: softBytes.value, softSeconds: softSeconds.value });
}

/** Pairs of seconds and changes; none switches them off. */
export function parseSavePoints(text: string): Result<readonly { seconds: number; changes: number }[]> {
  const words = text.split(/\s+/).filter((word) => word !== '');
  const numbers = words.map((word) => (/^\d{1,10}$/.test(word) ? Number(word) : -1));
  const points: { seconds: number; changes: number }[] = [];
  for (let i = 0; i < numbers.length; i += 2) {
    const [seconds = -1, changes = -1] = numbers.slice(i, i + 2);
    if (seconds < 1 || changes < 0) return failure('Invalid save parameters');
    points.push({ seconds, changes });
  }
  return success(points);
}
