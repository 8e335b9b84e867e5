/**
 * What is left to write of a large value: a generator that pauses between two elements once so much was written that
 * `writer.dueAt` is reached, so that a collection of any size can be written in slices.
 *
 * Invariant: it keeps no state outside of itself, as other values may be written, to other writers, while it pauses. The
 * collection must not change meanwhile.
 */
import type { Members } from '../engine/members.ts';
import type { RdbWriter } from './writer.ts';

/** Undefined when the value was small, and is written. */
export type Rest = Generator<void> | undefined;

/** Members taken out of their index at a time. */
const SLICE = 64;

/** Writes every member in the order of hashes, until the writer has overflowed. */
export function* walk(members: Members, writer: RdbWriter, write: (ref: number) => void): Generator<void> {
  const refs: number[] = [];
  const collect = (ref: number): void => {
    refs.push(ref);
  };
  let cursor = 0;
  do {
    refs.length = 0;
    cursor = members.scan(cursor, SLICE, collect);
    for (const ref of refs) {
      write(ref);
      if (writer.length >= writer.dueAt) yield;
    }
  } while (cursor !== 0 && !writer.overflowed);
}

/** Writes all of it at once. */
export function finish(rest: Rest): void {
  if (rest === undefined) return;
  while (rest.next().done !== true);
}
