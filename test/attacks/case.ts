/** What a case is, and the few words cases are written with. */
import type { Declared } from './trail.ts';
import type { World } from './world.ts';

export interface AttackCase {
  /** Its number in the catalogue, letter first: `P9`. */
  readonly number: string;
  readonly title: string;
  /** Held against the audit trail once it has run. */
  readonly leaves: Declared;
  readonly run: (world: World) => Promise<void>;
}

export class CaseFailed extends Error {
  override readonly name = 'CaseFailed';
}

/** Thrown by a case that cannot be tried here; the reason is printed, and counted apart from what passed. */
export class CaseSkipped extends Error {
  override readonly name = 'CaseSkipped';
}

export function attack(
  number: string,
  title: string,
  leaves: Declared,
  run: (world: World) => Promise<void>,
): AttackCase {
  return { number, title, leaves, run };
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

export function same(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new CaseFailed(`${what}: expected ${shown(expected)}, got ${shown(actual)}`);
}

export function matches(actual: string, expected: RegExp, what: string): void {
  if (!expected.test(actual)) throw new CaseFailed(`${what}: expected ${expected}, got ${shown(actual)}`);
}

export function holds(condition: boolean, what: string): void {
  if (!condition) throw new CaseFailed(what);
}

export function pause(time_ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time_ms));
}

/** Waits for something to come true; false when it did not in time. */
export async function becomes(condition: () => boolean | Promise<boolean>, wait_ms = 10_000): Promise<boolean> {
  const deadline_ms = performance.now() + wait_ms;
  while (!(await condition())) {
    if (performance.now() > deadline_ms) return false;
    await pause(20);
  }
  return true;
}

/** Refused for want of permission, with the same words whatever exists. */
export function noPermission(reply: string, what: string): void {
  matches(reply, /^-NOPERM /, what);
}
