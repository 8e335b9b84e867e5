/**
 * Places as scores: longitude and latitude cut into 2^step parts each, their numbers interleaved bit by bit, latitude in the
 * lowest. With the most steps that is 52 bits, which a double holds exactly; one more at the very edge of the map.
 *
 * Hot path: decoding each candidate of a search. Budget 60 ns; guarded by `bench/zset.ts`.
 */

export const STEPS_MAX = 26;
export const LONGITUDE_MAX = 180;
/** Of Mercator's projection, which ends where the map is a square. */
export const LATITUDE_MAX = 85.05112878;
const TWO_32 = 2 ** 32;
const TWO_63 = 2 ** 63;

/** Spreads 16 bits over the even bits of 32. */
function spread(bits: number): number {
  let x = bits & 0xffff;
  x = (x | (x << 8)) & 0x00ff00ff;
  x = (x | (x << 4)) & 0x0f0f0f0f;
  x = (x | (x << 2)) & 0x33333333;
  return (x | (x << 1)) & 0x55555555;
}

/** Gathers the even bits of 32. */
function gathered(bits: number): number {
  let x = bits & 0x55555555;
  x = (x | (x >>> 1)) & 0x33333333;
  x = (x | (x >>> 2)) & 0x0f0f0f0f;
  x = (x | (x >>> 4)) & 0x00ff00ff;
  return (x | (x >>> 8)) & 0xffff;
}

/** Two numbers of up to 32 bits as one; the nearest double beyond 53 bits. */
export function interleaved(latitude: number, longitude: number): number {
  const low = (spread(latitude) | (spread(longitude) << 1)) >>> 0;
  const high = (spread(latitude >>> 16) | (spread(longitude >>> 16) << 1)) >>> 0;
  return high * TWO_32 + low;
}

/** Which of 2^step parts of a range a value lies in; 2^step at its very end. */
export function partOf(value: number, max: number, step: number): number {
  return Math.trunc(((value - -max) / (max - -max)) * 2 ** step);
}

/** The score of a place. */
export function scoreOfPlace(longitude: number, latitude: number): number {
  return interleaved(partOf(latitude, LATITUDE_MAX, STEPS_MAX), partOf(longitude, LONGITUDE_MAX, STEPS_MAX));
}

/** A place, to be reused. */
export class Place {
  longitude: number;
  latitude: number;

  constructor() {
    this.longitude = 0;
    this.latitude = 0;
  }

  /** The middle of the smallest cell of a score, read as C reads a double as an unsigned integer. */
  decode(score: number): void {
    let flip = 0;
    let value = Math.trunc(score);
    if (value >= TWO_63) {
      value -= TWO_63;
      flip = 0x80000000;
    }
    if (!(value >= -TWO_63 && value < TWO_63)) value = -TWO_63;
    const high = Math.floor(value / TWO_32);
    const low = value - high * TWO_32;
    const top = (high ^ flip) | 0;
    const bottom = low | 0;
    const latitude = ((gathered(top) << 16) | gathered(bottom)) >>> 0;
    const longitude = ((gathered(top >>> 1) << 16) | gathered(bottom >>> 1)) >>> 0;
    this.longitude = middleOf(longitude, LONGITUDE_MAX);
    this.latitude = middleOf(latitude, LATITUDE_MAX);
  }
}

function middleOf(part: number, max: number): number {
  const middle = (edgeOf(part, max, STEPS_MAX) + edgeOf(part + 1, max, STEPS_MAX)) / 2;
  return Math.max(-max, Math.min(max, middle));
}

/** Where a part of 2^step begins. */
export function edgeOf(part: number, max: number, step: number): number {
  return -max + (part / 2 ** step) * (max - -max);
}

const ALPHABET = '0123456789bcdefghjkmnpqrstuvwxyz';
const TEXT_LENGTH = 11;
const BITS_PER_LETTER = 5;

/** The usual text of a place, whose latitudes go to the poles. The eleventh letter would need bits that there are not. */
export function geohashText(place: Place): string {
  const bits = interleaved(partOf(place.latitude, 90, STEPS_MAX), partOf(place.longitude, LONGITUDE_MAX, STEPS_MAX));
  let text = '';
  for (let i = 1; i < TEXT_LENGTH; i++) {
    text += ALPHABET.charAt(Math.floor(bits / 2 ** (2 * STEPS_MAX - i * BITS_PER_LETTER)) % 32);
  }
  return text + ALPHABET.charAt(0);
}
