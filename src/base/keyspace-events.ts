/**
 * `notify-keyspace-events`: which classes of events are told and in which of the two ways, as a set of bits, and how
 * people write it. The letters, their order and what `A` stands for are Redis'.
 */

/** `K`: told on __keyspace@N__:key. `E`: told on __keyevent@N__:event. */
export const KEYSPACE = 1 << 0;
export const KEYEVENT = 1 << 1;

const LETTERS: readonly (readonly [letter: string, bit: number])[] = [
  ['g', 1 << 2],
  ['$', 1 << 3],
  ['l', 1 << 4],
  ['s', 1 << 5],
  ['h', 1 << 6],
  ['z', 1 << 7],
  ['x', 1 << 8],
  ['e', 1 << 9],
  ['t', 1 << 10],
  ['d', 1 << 11],
];
/** Every class above: what `A` stands for. New keys and misses are not among them. */
const ALL = LETTERS.reduce((bits, [, bit]) => bits | bit, 0);
const NEW_KEY = 1 << 12;
const KEY_MISS = 1 << 13;

/** The bit of each class. `module` events do not exist here; the letter is taken all the same. */
export const EVENT_CLASS = {
  generic: 1 << 2,
  string: 1 << 3,
  list: 1 << 4,
  set: 1 << 5,
  hash: 1 << 6,
  sortedSet: 1 << 7,
  expired: 1 << 8,
  evicted: 1 << 9,
  stream: 1 << 10,
  module: 1 << 11,
  newKey: NEW_KEY,
  keyMiss: KEY_MISS,
} as const;

const BITS: ReadonlyMap<string, number> = new Map([
  ...LETTERS,
  ['A', ALL],
  ['K', KEYSPACE],
  ['E', KEYEVENT],
  ['m', KEY_MISS],
  ['n', NEW_KEY],
]);

/** Undefined when there is a letter that is none. */
export function parseKeyspaceEvents(text: string): number | undefined {
  let events = 0;
  for (const letter of text) {
    const bit = BITS.get(letter);
    if (bit === undefined) return undefined;
    events |= bit;
  }
  return events;
}

/** As CONFIG GET shows it. Beside `A` redis-server leaves `n` out. */
export function keyspaceEventsText(events: number): string {
  let text = '';
  if ((events & ALL) === ALL) text = 'A';
  else {
    for (const [letter, bit] of LETTERS) if ((events & bit) !== 0) text += letter;
    if ((events & NEW_KEY) !== 0) text += 'n';
  }
  if ((events & KEYSPACE) !== 0) text += 'K';
  if ((events & KEYEVENT) !== 0) text += 'E';
  if ((events & KEY_MISS) !== 0) text += 'm';
  return text;
}
