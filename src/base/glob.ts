/**
 * Redis' glob patterns over bytes: `*`, `?`, `[a-z]`, `[^a]`, `\x`. Semantics of stringmatchlen in redis-server 7.0.15,
 * but never exponential: on a mismatch only the last `*` is retried, so the cost is at most pattern x text steps.
 */
import { lower } from './ascii.ts';

const STAR = 0x2a;
const QUESTION = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const CARET = 0x5e;
const DASH = 0x2d;
const BACKSLASH = 0x5c;

/** End of the pattern element that starts at `at` (never a star). */
function elementEnd(pattern: Uint8Array, at: number, end: number): number {
  const byte = pattern[at] as number;
  if (byte === BACKSLASH && at + 1 < end) return at + 2;
  if (byte !== OPEN) return at + 1;
  let i = at + 1;
  if (i < end && pattern[i] === CARET) i++;
  for (;;) {
    // An unterminated class ends with the pattern.
    if (i >= end) return end;
    if (pattern[i] === BACKSLASH && i + 1 < end) {
      i += 2;
      continue;
    }
    if (pattern[i] === CLOSE) return i + 1;
    i += i + 2 < end && pattern[i + 1] === DASH ? 3 : 1;
  }
}

function signed(byte: number): number {
  return (byte << 24) >> 24;
}

function classMatches(pattern: Uint8Array, at: number, end: number, wanted: number, fold: boolean): boolean {
  let i = at + 1;
  let negated = false;
  if (i < end && pattern[i] === CARET) {
    negated = true;
    i++;
  }
  let found = false;
  while (i < end && pattern[i] !== CLOSE) {
    const byte = pattern[i] as number;
    if (byte === BACKSLASH && i + 1 < end) {
      if (pattern[i + 1] === wanted) found = true;
      i += 2;
    } else if (i + 2 < end && pattern[i + 1] === DASH) {
      // Redis compares chars, which are signed: [a-\xff] means \xff to a.
      let low = signed(byte);
      let high = signed(pattern[i + 2] as number);
      if (low > high) [low, high] = [high, low];
      const probe = signed(fold ? (lower[wanted] as number) : wanted);
      if (fold) {
        low = signed(lower[low & 0xff] as number);
        high = signed(lower[high & 0xff] as number);
      }
      if (probe >= low && probe <= high) found = true;
      i += 3;
    } else {
      if (byte === wanted || (fold && lower[byte] === lower[wanted])) found = true;
      i++;
    }
  }
  return found !== negated;
}

function elementMatches(pattern: Uint8Array, at: number, end: number, byte: number, fold: boolean): boolean {
  const first = pattern[at] as number;
  if (first === QUESTION) return true;
  if (first === OPEN) return classMatches(pattern, at, end, byte, fold);
  const literal = first === BACKSLASH && at + 1 < end ? (pattern[at + 1] as number) : first;
  return literal === byte || (fold && lower[literal] === lower[byte]);
}

/**
 * Whether the whole text range matches the whole pattern. `fold` ignores the case of ASCII letters.
 *
 * As in redis an empty text matches the empty pattern only, not even `*`: where Redis lists an empty key for `*`, it has
 * looked at {@link matchesEverything} first, and so must the caller.
 */
export function globMatches(
  pattern: Uint8Array,
  text: Uint8Array,
  textStart = 0,
  textEnd = text.length,
  fold = false,
): boolean {
  const end = pattern.length;
  if (textStart === textEnd) return end === 0;
  let p = 0;
  let t = textStart;
  let starAfter = -1;
  let starText = 0;
  for (;;) {
    if (p < end && pattern[p] === STAR) {
      while (p < end && pattern[p] === STAR) p++;
      if (p === end) return true;
      starAfter = p;
      starText = t;
      continue;
    }
    if (t === textEnd) return p === end;
    if (p < end && elementMatches(pattern, p, end, text[t] as number, fold)) {
      p = elementEnd(pattern, p, end);
      t++;
      continue;
    }
    if (starAfter < 0) return false;
    p = starAfter;
    t = ++starText;
  }
}

/** Whether a pattern is a bare `*`, the one that everything may skip matching for. */
export function matchesEverything(pattern: Uint8Array): boolean {
  return pattern.length === 1 && pattern[0] === STAR;
}
