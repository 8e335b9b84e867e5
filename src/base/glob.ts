/**
 * Redis' glob patterns over bytes: `*`, `?`, `[a-z]`, `[^a]`, `\x`. Semantics of stringmatchlen in redis-server 7.0.15,
 * but never exponential: on a mismatch only the last `*` is retried. A pattern is compiled once and then costs one step per
 * element and byte, however long its classes are.
 *
 * Bound: a match that takes more than GLOB_STEPS_MAX steps, and GLOB_STEPS_PER_BYTE for each byte of the text, is given up as
 * none. No pattern that means something comes near: it takes thousands of bytes made to match almost, everywhere.
 *
 * Hot path: key patterns of users. Budget 100 ns for a name of 16 bytes; guarded by `bench/acl.ts`.
 */
import { lower } from './ascii.ts';
import { GLOB_STEPS_MAX, GLOB_STEPS_PER_BYTE } from './limits.ts';

const STAR = 0x2a;
const QUESTION = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const CARET = 0x5e;
const DASH = 0x2d;
const BACKSLASH = 0x5c;

/** Compiled elements: a byte stands for itself, these for what their names say, what follows for classes. */
const ANY_BYTE = 256;
const ANY_BYTES = 257;
const FIRST_CLASS = 258;
const BYTES = 256;
/** Words of a class: a bit for each byte that belongs. */
const CLASS_WORDS = 8;

function signed(byte: number): number {
  return (byte << 24) >> 24;
}

export class Glob {
  private readonly fold: boolean;
  private readonly elements: Int32Array;
  private readonly count: number;
  /** The classes, CLASS_WORDS words each. */
  private readonly members: Int32Array;
  /** Steps that are left to `matchesOfMany`. */
  private left: number;
  /** Steps of the last match. */
  steps: number;

  /** `fold` ignores the case of ASCII letters. */
  constructor(pattern: Uint8Array, fold = false) {
    this.fold = fold;
    this.elements = new Int32Array(pattern.length);
    this.left = GLOB_STEPS_MAX;
    this.steps = 0;
    let classes = 0;
    // A class ends with a bracket, or with the pattern.
    for (let i = 0; i < pattern.length; i++) if (pattern[i] === CLOSE) classes++;
    this.members = new Int32Array(pattern.includes(OPEN) ? (classes + 1) * CLASS_WORDS : 0);
    this.count = this.compile(pattern);
  }

  private compile(pattern: Uint8Array): number {
    const { elements, fold } = this;
    const end = pattern.length;
    let count = 0;
    let classes = 0;
    for (let p = 0; p < end; ) {
      const byte = pattern[p] as number;
      if (byte === STAR) {
        if (count === 0 || elements[count - 1] !== ANY_BYTES) elements[count++] = ANY_BYTES;
        p++;
      } else if (byte === OPEN) {
        p = this.compileClass(pattern, p + 1, classes * CLASS_WORDS);
        elements[count++] = FIRST_CLASS + classes++;
      } else if (byte === QUESTION) {
        elements[count++] = ANY_BYTE;
        p++;
      } else {
        const escaped = byte === BACKSLASH && p + 1 < end;
        const literal = escaped ? (pattern[p + 1] as number) : byte;
        elements[count++] = fold ? (lower[literal] as number) : literal;
        p += escaped ? 2 : 1;
      }
    }
    return count;
  }

  /** @returns the position behind the class whose first byte is at `at`. */
  private compileClass(pattern: Uint8Array, at: number, members: number): number {
    const { fold } = this;
    const set = this.members.subarray(members, members + CLASS_WORDS);
    const end = pattern.length;
    let i = at;
    const negated = i < end && pattern[i] === CARET;
    if (negated) i++;
    while (i < end && pattern[i] !== CLOSE) {
      const byte = pattern[i] as number;
      if (byte === BACKSLASH && i + 1 < end) {
        add(set, pattern[i + 1] as number);
        i += 2;
      } else if (i + 2 < end && pattern[i + 1] === DASH) {
        addRange(set, byte, pattern[i + 2] as number, fold);
        i += 3;
      } else {
        add(set, byte);
        if (fold) for (let other = 0; other < BYTES; other++) if (lower[other] === lower[byte]) add(set, other);
        i++;
      }
    }
    if (negated) for (let word = 0; word < CLASS_WORDS; word++) set[word] = ~(set[word] as number);
    return i < end ? i + 1 : end;
  }

  /**
   * Whether the whole text range matches the whole pattern.
   *
   * As in redis an empty text matches the empty pattern only, not even `*`: where Redis lists an empty key for `*`, it has
   * looked at {@link matchesEverything} first, and so must the caller.
   */
  matches(text: Uint8Array, start = 0, end: number = text.length): boolean {
    this.left = GLOB_STEPS_MAX;
    return this.matchesOfMany(text, start, end);
  }

  /** The same for a walk over many texts, all of which share one bound. */
  matchesOfMany(text: Uint8Array, start: number, end: number): boolean {
    const stepsMax = this.left + (end - start) * GLOB_STEPS_PER_BYTE;
    const matched = this.matchesWithin(text, start, end, stepsMax);
    this.left = Math.max(0, Math.min(stepsMax - this.steps, GLOB_STEPS_MAX));
    return matched;
  }

  /** The same within a bound that the caller keeps: `steps` are what it took. */
  matchesWithin(text: Uint8Array, start: number, end: number, stepsMax: number): boolean {
    const { elements, count } = this;
    this.steps = 0;
    if (start === end) return count === 0;
    let steps = stepsMax;
    let p = 0;
    let t = start;
    let starAfter = -1;
    let starText = 0;
    let matched = false;
    while (steps-- > 0) {
      if (p < count && elements[p] === ANY_BYTES) {
        p++;
        if (p === count) {
          matched = true;
          break;
        }
        starAfter = p;
        starText = t;
      } else if (t === end) {
        matched = p === count;
        break;
      } else if (p < count && this.elementMatches(elements[p] as number, text[t] as number)) {
        p++;
        t++;
      } else {
        if (starAfter < 0) break;
        p = starAfter;
        t = ++starText;
      }
    }
    this.steps = stepsMax - Math.max(0, steps);
    return matched;
  }

  private elementMatches(element: number, byte: number): boolean {
    if (element < ANY_BYTE) return element === (this.fold ? lower[byte] : byte);
    if (element === ANY_BYTE) return true;
    const word = this.members[(element - FIRST_CLASS) * CLASS_WORDS + (byte >>> 5)] as number;
    return (word & (1 << (byte & 31))) !== 0;
  }
}

function add(set: Int32Array, byte: number): void {
  set[byte >>> 5] = (set[byte >>> 5] as number) | (1 << (byte & 31));
}

/** Redis compares chars, which are signed: [a-\xff] means \xff to a. */
function addRange(set: Int32Array, first: number, last: number, fold: boolean): void {
  let low = signed(first);
  let high = signed(last);
  if (low > high) [low, high] = [high, low];
  if (fold) {
    low = signed(lower[low & 0xff] as number);
    high = signed(lower[high & 0xff] as number);
  }
  for (let byte = 0; byte < BYTES; byte++) {
    const probe = signed(fold ? (lower[byte] as number) : byte);
    if (probe >= low && probe <= high) add(set, byte);
  }
}

/** Whether a pattern is a bare `*`, the one that everything may skip matching for. */
export function matchesEverything(pattern: Uint8Array): boolean {
  return pattern.length === 1 && pattern[0] === STAR;
}
