/** Words for sorted sets and places on Earth, where those that fit any command would seldom get far. */
import type { Prng } from '../../src/base/prng.ts';

/** Few different ones, so that scores meet. */
const SCORES = [
  '0',
  '1',
  '2',
  '3',
  '-1',
  '-0',
  '1.5',
  '0.1',
  '3.3',
  '1e300',
  'inf',
  '-inf',
  '9007199254740993',
  '1e-320',
];
const BOUNDS = [
  ...['0', '1', '2', '3', '-1', '1.5', '(1', '(2', '(1.5', '-inf', '+inf', '(inf', 'inf', '(-inf', '3.3'],
  ...['', '(', ' 1', 'nan', 'x', '1 ', '(x', '((1', '0x2', '1e400', '-1e400', '1\0', '['],
];
const NAMES = [
  '-',
  '+',
  '-',
  '+',
  '[a',
  '(a',
  '[m',
  '[x',
  '(2',
  '[1',
  '[',
  '(',
  '[\xff',
  '(100',
  'a',
  '',
  '++',
  '-\0x',
];
const RANKS = ['0', '1', '2', '-1', '-2', '5', '-5', '100', '-100', '9223372036854775807', '-9223372036854775808', 'x'];
const LIMITS = ['0', '1', '2', '3', '-1', '-5', '100', '9223372036854775807', 'x'];
/** The reference really waits where there is nothing to pop. */
const TIMEOUTS = ['0.001', '0.01', '1e-3', '0x1p-9', '-1', '-inf', 'inf', 'x', '', '1e400'];
const UNITS = ['m', 'km', 'ft', 'mi', 'KM', 'M', 'x', ''];
const RADII = ['0', '1', '100', '1000', '5000', '20000', '0.5', '-1', 'x', '1e10', '100000000'];
const EDGES = ['0', '180', '-180', '85.05112878', '-85.05112878', '86', '181', '-0', 'x', 'inf', '1e-10'];

function one(prng: Prng, words: readonly string[]): string {
  return words[prng.below(words.length)] as string;
}

function score(prng: Prng): string {
  const kind = prng.below(10);
  if (kind < 5) return `${prng.below(6) - 1}`;
  return kind < 8 ? one(prng, SCORES) : `${(prng.unit() - 0.5) * 100}`;
}

/** Ends of ranges of ranks, scores or names, as the command takes them. */
function bound(prng: Prng, command: string): string {
  const kind = /LEX/.test(command)
    ? 2
    : /SCORE|COUNT/.test(command)
      ? 1
      : /RANK|REVRANGE/.test(command)
        ? 0
        : prng.below(3);
  const likely = prng.below(10) > 0 ? kind : prng.below(3);
  return one(prng, likely === 0 ? RANKS : likely === 1 ? BOUNDS : NAMES);
}

/** Places lie close together, so that searches find them. */
function degrees(prng: Prng): string {
  if (prng.below(8) === 0) return one(prng, EDGES);
  return prng.below(3) === 0 ? `${(prng.unit() - 0.5) * 160}` : `${13 + prng.below(40) / 10}`;
}

/** Undefined where any word will do. */
export function sortedWord(prng: Prng, command: string, name: string): string | undefined {
  if (name === 'timeout') return one(prng, TIMEOUTS);
  if (/^GEO/.test(command)) return placeWord(prng, name);
  if (!/^B?Z/.test(command)) return undefined;
  if (/^(score|increment)$/.test(name)) return prng.below(25) > 0 ? score(prng) : undefined;
  if (/^(min|max|start|stop)$/.test(name)) return bound(prng, command);
  return /^limit/.test(name) ? one(prng, LIMITS) : undefined;
}

function placeWord(prng: Prng, name: string): string | undefined {
  if (/^(longitude|latitude)$/.test(name)) return degrees(prng);
  if (/^(radius|width|height)$/.test(name)) return one(prng, RADII);
  return name === 'unit' ? one(prng, UNITS) : undefined;
}

/** Nobody else writes here, so that its scores are equal. */
const FLAT = '{t}flat';

/**
 * Ranges of names are defined among equal scores alone; in a skip list of others what Redis answers is chance. So the set is
 * copied first, all its scores made 0. Undefined for any other command.
 */
export function flattened(words: readonly string[]): readonly [first: string[], second: string[]] | undefined {
  const name = (words[0] ?? '').toUpperCase();
  const at = name === 'ZRANGESTORE' ? 2 : 1;
  const source = words[at];
  const byName = /^Z.*LEX/.test(name) || (/^ZRANGE/.test(name) && words.some((word) => /^bylex$/i.test(word)));
  if (!byName || source === undefined || words.length <= at + 2) return undefined;
  return [
    ['ZUNIONSTORE', FLAT, '1', source, 'WEIGHTS', '0'],
    [...words.slice(0, at), FLAT, ...words.slice(at + 1)],
  ];
}
