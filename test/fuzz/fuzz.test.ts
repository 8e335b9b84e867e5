/** A slice of `npm run fuzz`, and every input that ever failed. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { seed } from '../support/seed.ts';
import { failureOf, fuzz } from './target.ts';
import { TARGETS } from './targets.ts';

const KEPT = new URL('kept/', import.meta.url);
const kept = existsSync(KEPT) ? readdirSync(KEPT) : [];
/** Times are looked at in the script: here others work on the same cores. */
const ANY_MS = Number.POSITIVE_INFINITY;
const PER_SHARE = 300;

describe.each(TARGETS.map((target) => [target.name, target] as const))('%s', (name, target) => {
  it('takes whatever comes', () => {
    const found = fuzz(target, seed, { from: 0, count: target.share * PER_SHARE, slowest_ms: ANY_MS });
    expect(found).toBeUndefined();
  });

  it.each(kept.filter((file) => file.startsWith(`${name.replaceAll(' ', '-')}.`)))('takes %s', (file) => {
    const input = readFileSync(new URL(file, KEPT));
    for (let draw = 0; draw < 20; draw++) expect(failureOf(target, input, draw, ANY_MS)).toBeUndefined();
  });
});
