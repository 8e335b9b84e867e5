/** Numbers of places in requests and replies: degrees, units, distances and their texts. */
import type { ArgDoc, ArgIndex } from '../../command/args.ts';
import { parseFloatStrictly } from '../../command/float.ts';
import { GEO_UNIT_INVALID, invalidPlace, NOT_A_FLOAT, type Refusal } from '../../resp/refusals.ts';
import type { ReplyWriter } from '../../resp/reply-writer.ts';
import type { Request } from '../../resp/request.ts';
import { isWord } from '../zset/value.ts';
import { LATITUDE_MAX, LONGITUDE_MAX, type Place } from './cell.ts';

export function floatAt(request: Request, at: ArgIndex): number {
  return parseFloatStrictly(request.bytes, request.start(at), request.end(at));
}

/** Meters of a unit, or why there is none. */
export function unitAt(request: Request, at: ArgIndex): number | Refusal {
  if (isWord(request, at, 'M')) return 1;
  if (isWord(request, at, 'KM')) return 1000;
  if (isWord(request, at, 'FT')) return 0.3048;
  return isWord(request, at, 'MI') ? 1609.34 : GEO_UNIT_INVALID;
}

/** Reads longitude and latitude, two arguments, into a place. */
export function readPlace(request: Request, at: ArgIndex, place: Place): Refusal | undefined {
  const longitude = floatAt(request, at);
  if (Number.isNaN(longitude)) return NOT_A_FLOAT;
  const latitude = floatAt(request, at + 1);
  if (Number.isNaN(latitude)) return NOT_A_FLOAT;
  if (Math.abs(longitude) > LONGITUDE_MAX || Math.abs(latitude) > LATITUDE_MAX) {
    return invalidPlace(sixPlaces(longitude), sixPlaces(latitude));
  }
  place.longitude = longitude;
  place.latitude = latitude;
  return undefined;
}

const FIXED_MAX = 1e21;

/** C's `%f`. */
function sixPlaces(value: number): string {
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  if (Object.is(value, -0)) return '-0.000000';
  return Math.abs(value) < FIXED_MAX ? value.toFixed(6) : `${BigInt(value)}.000000`;
}

/** C's `%.4f`: where two texts are equally near, the even digit, which toFixed does not take. */
export function distanceText(value: number): string {
  const parts = value * 32;
  // Odd 32nds are the only numbers that lie in the middle between two ten thousandths.
  if (!Number.isInteger(parts) || parts % 2 === 0 || value >= 2 ** 40) return fixed(value, 4);
  const below = Math.floor(value * 10_000);
  return ((below % 2 === 0 ? below : below + 1) / 10_000).toFixed(4);
}

function fixed(value: number, places: number): string {
  if (!Number.isFinite(value)) return 'inf';
  return value < FIXED_MAX ? value.toFixed(places) : `${BigInt(value)}.${'0'.repeat(places)}`;
}

/** A coordinate: seventeen places at the most, without the zeros behind, as Redis shows a long double. */
function degreesText(value: number): string {
  const text = value.toFixed(17);
  let end = text.length;
  while (text.charCodeAt(end - 1) === 0x30) end--;
  if (text.charCodeAt(end - 1) === 0x2e) end--;
  const short = text.slice(0, end);
  return short === '-0' ? '0' : short;
}

/** Two coordinates. */
export function writePlace(out: ReplyWriter, place: { readonly longitude: number; readonly latitude: number }): void {
  out.array(2);
  out.doubleWritten(degreesText(place.longitude));
  out.doubleWritten(degreesText(place.latitude));
}

export function token(name: string, word: string, optional = true): ArgDoc {
  return { name, type: 'pure-token', token: word, flags: optional ? ['optional'] : [] };
}

/** One of several words. */
export function choice(name: string, words: readonly string[], optional = true): ArgDoc {
  const members = words.map((word) => token(word.toLowerCase(), word, false));
  return { name, type: 'oneof', flags: optional ? ['optional'] : [], arguments: members };
}

export const UNIT_DOC: ArgDoc = choice('unit', ['M', 'KM', 'FT', 'MI'], false);
