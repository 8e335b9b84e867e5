/** docs/attacks.md: of every number in the catalogue which test runs it, or why none can; read out of the tests themselves. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CATALOGUE, type Entry, GROUPS } from './attack-catalogue.ts';

const TESTS = fileURLToPath(new URL('..', import.meta.url));
const CASES = join(TESTS, 'attacks', 'cases');

function filesIn(folder: string): readonly string[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** By number: the files in which it stands. */
function namedIn(files: readonly string[], pattern: RegExp): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string>>();
  for (const file of files) {
    for (const [, number = ''] of readFileSync(file, 'utf8').matchAll(pattern)) {
      found.set(number, (found.get(number) ?? new Set()).add(relative(join(TESTS, '..'), file)));
    }
  }
  return new Map(Array.from(found, ([number, names]) => [number, Array.from(names).toSorted()]));
}

const cases = namedIn(filesIn(CASES), /attack\(\s*'([A-Z]\d{1,3})'/g);
/** Titles such as `it('A37: …`, and scripts that say what they run. */
const elsewhere = namedIn(
  filesIn(TESTS).filter(
    (file) => /\.(?:test\.ts|sh|mjs)$/.test(file) && !file.includes('/docs/') && !file.startsWith(CASES),
  ),
  /\b([A-Z]\d{1,3}): /g,
);

const runBy = (number: string) => [...(cases.get(number) ?? []), ...(elsewhere.get(number) ?? [])];

function row([number, attack, notYet]: Entry): string {
  const files = runBy(number).map((file) => `\`${file}\``);
  const state = files.length > 0 ? files.join(' ') : `not yet: ${notYet ?? ''}`;
  return `| ${number} | ${attack.replaceAll('|', '\\|')} | ${state} |\n`;
}

function page(): string {
  const run = CATALOGUE.filter(([number]) => runBy(number).length > 0).length;
  const head =
    '# Attacks\n\n' +
    'Made by `npm test -- -u` out of the catalogue in `test/docs/attack-catalogue.ts` and of the tests that name its numbers; do\n' +
    'not edit. Numbers are names: gaps are none that are missing. `npm run attacks` runs those under `test/attacks` (one of them:\n' +
    '`-- --only A24`), each with what must hold after every case: the same process, memory and descriptors back, a second tenant\n' +
    'that has seen nothing, and an audit trail that has the records which the case says it leaves and no other denial.\n' +
    `${run} of ${CATALOGUE.length} run.\n`;
  const groups = GROUPS.map(([letter, title]) => {
    const rows = CATALOGUE.filter(([number]) => number.startsWith(letter)).map(row);
    return `\n## ${letter}: ${title}\n\n| case | attack, and what must come of it | run by |\n|---|---|---|\n${rows.join('')}`;
  });
  return head + groups.join('');
}

describe('docs/attacks.md', () => {
  it('says of every attack which test runs it or why none does (npm test -- -u writes it)', async () => {
    await expect(page()).toMatchFileSnapshot('../../docs/attacks.md');
  });

  it('has a reason for every attack that nothing runs', () => {
    const silent = CATALOGUE.filter(([number, , notYet]) => runBy(number).length === 0 && notYet === undefined);
    expect(silent.map(([number]) => number)).toEqual([]);
  });

  it('knows the number of every case', () => {
    const known = new Set(CATALOGUE.map(([number]) => number));
    expect(new Set(CATALOGUE.map(([number]) => number)).size).toBe(CATALOGUE.length);
    expect(Array.from(cases.keys()).filter((number) => !known.has(number))).toEqual([]);
  });
});
