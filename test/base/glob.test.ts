import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOfLatin1 } from '../../src/base/bytes.ts';
import { Glob, matchesEverything } from '../../src/base/glob.ts';
import { GLOB_STEPS_MAX } from '../../src/base/limits.ts';

const fold = (code: number) => (code >= 65 && code <= 90 ? code + 32 : code);
const signed = (code: number) => (code << 24) >> 24;

/** stringmatchlen of redis-server 7.0.15, recursion and all, over latin1 texts. */
function model(pattern: string, text: string, nocase: boolean): boolean {
  let p = 0;
  let t = 0;
  const equal = (a: number, b: number) => (nocase ? fold(a) === fold(b) : a === b);
  while (p < pattern.length && t < text.length) {
    const mark = pattern.charAt(p);
    const code = text.charCodeAt(t);
    if (mark === '*') {
      while (pattern.charAt(p + 1) === '*') p++;
      if (p + 1 === pattern.length) return true;
      for (; t < text.length; t++) if (model(pattern.slice(p + 1), text.slice(t), nocase)) return true;
      return false;
    }
    if (mark === '[') {
      p++;
      const negated = pattern.charAt(p) === '^';
      if (negated) p++;
      let found = false;
      for (; ; p++) {
        if (pattern.charAt(p) === '\\' && p + 1 < pattern.length) {
          p++;
          if (pattern.charCodeAt(p) === code) found = true;
        } else if (pattern.charAt(p) === ']') {
          break;
        } else if (p >= pattern.length) {
          p--;
          break;
        } else if (p + 2 < pattern.length && pattern.charAt(p + 1) === '-') {
          let from = signed(pattern.charCodeAt(p));
          let to = signed(pattern.charCodeAt(p + 2));
          if (from > to) [from, to] = [to, from];
          const wanted = nocase ? fold(signed(code)) : signed(code);
          if (wanted >= (nocase ? fold(from) : from) && wanted <= (nocase ? fold(to) : to)) found = true;
          p += 2;
        } else if (equal(pattern.charCodeAt(p), code)) {
          found = true;
        }
      }
      if (found === negated) return false;
    } else if (mark !== '?') {
      if (mark === '\\' && p + 1 < pattern.length) p++;
      if (!equal(pattern.charCodeAt(p), code)) return false;
    }
    t++;
    p++;
    if (t === text.length) {
      while (pattern.charAt(p) === '*') p++;
      break;
    }
  }
  return p >= pattern.length && t === text.length;
}

const patterns = fc.string({ unit: fc.constantFrom(...'**??[[]]^-\\abAB\xe9\x80'), maxLength: 10 });
const texts = fc.string({ unit: fc.constantFrom(...'abABc-]^[\\\xe9\x80*'), maxLength: 8 });

function ours(pattern: string, text: string, nocase: boolean): boolean {
  const framed = bytesOfLatin1(`<${text}>`);
  return new Glob(bytesOfLatin1(pattern), nocase).matches(framed, 1, framed.length - 1);
}

describe('glob', () => {
  it('equals the recursive matcher of redis', () => {
    fc.assert(
      fc.property(patterns, texts, fc.boolean(), (pattern, text, nocase) => {
        expect(ours(pattern, text, nocase), `${pattern} / ${text}`).toBe(model(pattern, text, nocase));
      }),
      { numRuns: 20_000 },
    );
  });

  it('says no, and soon, to patterns built to be slow (R144)', () => {
    expect(ours(`${'*a'.repeat(1000)}b`, 'a'.repeat(4000), false)).toBe(false);
    expect(ours('['.repeat(65_535), 'a'.repeat(100), false)).toBe(false);
    expect(ours(`${'*'.repeat(65_535)}b`, 'a'.repeat(100), false)).toBe(false);
    expect(ours(`*${'['.repeat(65_535)}`, 'a'.repeat(100), false)).toBe(false);
    expect(ours(`*${'a'.repeat(500_000)}b`, 'a'.repeat(1_000_000), false)).toBe(false);
  });

  it('gives up a match that costs more than its bound, and not one that costs less', () => {
    // Each start in the text costs as many steps as there are letters in the pattern.
    const letters = 1000;
    const pattern = `*${'a'.repeat(letters)}b*`;
    const affordable = Math.floor(GLOB_STEPS_MAX / letters / 2);
    expect(ours(pattern, `${'a'.repeat(affordable)}b`, false)).toBe(true);
    expect(ours(pattern, `${'a'.repeat(affordable * 4)}b`, false)).toBe(false);
  });

  it('shares the bound among all texts that one walk looks at', () => {
    const glob = new Glob(bytesOfLatin1(`*${'a'.repeat(1000)}b`));
    const slow = bytesOfLatin1('a'.repeat(3000));
    const quick = bytesOfLatin1(`${'a'.repeat(1000)}b`);
    expect(glob.matchesOfMany(quick, 0, quick.length)).toBe(true);
    for (let i = 0; i < 10; i++) expect(glob.matchesOfMany(slow, 0, slow.length)).toBe(false);
    expect(glob.matches(quick)).toBe(true);
  });

  it('knows the one pattern that needs no matching', () => {
    expect(matchesEverything(bytesOfLatin1('*'))).toBe(true);
    expect(matchesEverything(bytesOfLatin1('**'))).toBe(false);
    expect(matchesEverything(bytesOfLatin1(''))).toBe(false);
  });
});
