/** What SORT is given, and how far its answers can be compared. */
import type { Prng } from '../../src/base/prng.ts';
import type { Words } from '../support/words.ts';
import { HOMES } from './homes.ts';

/** What can be sorted. */
export const SORTABLE: readonly string[] = [...HOMES.list, ...HOMES.set, ...HOMES.zset];

/** From the integers that elements often are to keys that are there. */
const PATTERNS = [
  ...['nosort', 'nosort', '#', '*', 'key:*', 'key:*', '{t}*', '{t}*', 'key:*->1', '{t}*->m1', 'key:*->', '->*', ''],
  ...['key:*->m2', '*->1', 'c', 'key:', 'key:*1', '{t}*\0'],
];

export function isSort(name: string): boolean {
  return name === 'SORT' || name === 'SORT_RO';
}

export function sortPattern(prng: Prng): string {
  return PATTERNS[prng.below(PATTERNS.length)] as string;
}

function has(words: Words, word: RegExp): boolean {
  return words.some((each) => word.test(each));
}

/** Whether equals may meet whose order is chance in Redis: texts that patterns lead to, and sets that stay as they are. */
export function isAmbiguous(words: Words): boolean {
  return has(words, /^by$/i);
}

export function isLimited(words: Words): boolean {
  return has(words, /^limit$/i);
}

/** The same without storing what may differ, be it what is ambiguous or an error (`explained.ts`): all that follows would, too. */
export function unambiguous(words: string[]): string[] {
  const mayDiffer = HOMES.zset.includes(words[1] ?? '') || (isAmbiguous(words) && has(words, /^alpha$/i));
  if (!mayDiffer) return words;
  const kept: string[] = [];
  for (let i = 0; i < words.length; i++) {
    if (i > 1 && /^store$/i.test(words[i] as string)) i++;
    else kept.push(words[i] as string);
  }
  return kept;
}
