/** A user: name, tenant, passwords and permissions. Immutable; a change makes a new one. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Permissions } from './permissions.ts';

export interface User {
  /** One character per byte. */
  readonly name: string;
  readonly tenant: string;
  readonly enabled: boolean;
  readonly nopass: boolean;
  /** `sanitize-payload` is what Redis prints unless told otherwise. */
  readonly skipsSanitizing: boolean;
  /** SHA-256 in lower-case hexadecimal, in the order they were added. */
  readonly passwordHashes: readonly string[];
  readonly root: Permissions;
  readonly selectors: readonly Permissions[];
  /** What it would be with the rules on trial, which are only reported on; undefined: none are. */
  readonly dryRun: User | undefined;
  /** Who said so: a policy file may replace and remove its own users only. */
  readonly origin: 'policy' | 'runtime' | 'builtin';
}

export function hashOfPassword(password: Uint8Array): string {
  return createHash('sha256').update(password).digest('hex');
}

/** Compares against every hash, whether or not one matched before, in constant time each. */
export function passwordMatches(user: User, password: Uint8Array): boolean {
  const given = createHash('sha256').update(password).digest();
  let found = false;
  for (const hash of user.passwordHashes) {
    const wanted = Buffer.from(hash, 'hex');
    if (wanted.length === given.length && timingSafeEqual(wanted, given)) found = true;
  }
  return found;
}

/** The line of ACL LIST. */
export function describeUser(user: User): string {
  const words = [`user ${user.name}`, user.enabled ? 'on' : 'off'];
  if (user.nopass) words.push('nopass');
  if (user.skipsSanitizing) words.push('skip-sanitize-payload');
  for (const hash of user.passwordHashes) words.push(`#${hash}`);
  words.push(user.root.describe());
  for (const selector of user.selectors) words.push(`(${selector.describe()})`);
  return words.join(' ');
}
