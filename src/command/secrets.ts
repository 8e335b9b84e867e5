/**
 * Which words of a request are nobody's business: passwords, and what stands where one would. SLOWLOG, MONITOR and
 * whatever else shows requests to people ask here; the words are those that redis-server hides.
 *
 * Invariant: the answer errs towards hiding. A request that made no sense may hide more than a good one.
 */
import { asciiLower } from '../base/ascii.ts';
import type { Request } from '../resp/request.ts';

/** Options whose values CONFIG GET would not show either: SENSITIVE_CONFIG of Redis. */
const SECRET_OPTIONS: ReadonlySet<string> = new Set([
  'requirepass',
  'masterauth',
  'masteruser',
  'tls-key-file-pass',
  'tls-client-key-file-pass',
]);

type Hides = (position: number) => boolean;

const hidesNothing: Hides = () => false;

/** The words that follow these ones, so many of each. */
function behind(request: Request, counts: ReadonlyMap<string, number>, from: number): Hides {
  const hidden = new Set<number>();
  for (let i = from; i < request.argc; i++) {
    const count = counts.get(asciiLower(request.text(i))) ?? 0;
    for (let next = 1; next <= count; next++) hidden.add(i + next);
    i += count;
  }
  return (position) => hidden.has(position);
}

const HELLO_SECRETS: ReadonlyMap<string, number> = new Map([['auth', 2]]);
const MIGRATE_SECRETS: ReadonlyMap<string, number> = new Map([
  ['auth', 1],
  ['auth2', 2],
]);

/** @param fullName lower case, `config|set` for a subcommand */
export function secretsOf(fullName: string, request: Request): Hides {
  switch (fullName) {
    case 'auth':
      return (position) => position >= 1;
    case 'acl|setuser':
      return (position) => position >= 2;
    case 'config|set':
      return (position) =>
        position >= 3 && position % 2 === 1 && SECRET_OPTIONS.has(asciiLower(request.text(position - 1)));
    case 'hello':
      return behind(request, HELLO_SECRETS, 2);
    case 'migrate':
      return behind(request, MIGRATE_SECRETS, 6);
    default:
      return hidesNothing;
  }
}

/** What is shown in their place. */
export const REDACTED = '(redacted)';
