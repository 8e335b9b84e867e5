/** What SLOWLOG, MONITOR and the like must not show, asked of redis-server 7.0.15. */
import { describe, expect, it } from 'vitest';
import { REDACTED, secretsOf } from '../../src/command/secrets.ts';
import { Request } from '../../src/resp/request.ts';

function shown(fullName: string, ...words: readonly string[]): string {
  const hides = secretsOf(fullName, Request.of(...words));
  return words.map((word, i) => (hides(i) ? REDACTED : word)).join(' ');
}

describe('secrets', () => {
  it.each([
    ['auth', 'AUTH p', 'AUTH (redacted)'],
    ['auth', 'AUTH u p', 'AUTH (redacted) (redacted)'],
    ['hello', 'HELLO 3', 'HELLO 3'],
    ['hello', 'HELLO 3 AUTH u p SETNAME n', 'HELLO 3 AUTH (redacted) (redacted) SETNAME n'],
    ['hello', 'HELLO 3 setname n auth u p', 'HELLO 3 setname n auth (redacted) (redacted)'],
    ['hello', 'HELLO 3 AUTH u', 'HELLO 3 AUTH (redacted)'],
    ['acl|setuser', 'ACL SETUSER ann on >p', 'ACL SETUSER (redacted) (redacted) (redacted)'],
    ['acl|getuser', 'ACL GETUSER ann', 'ACL GETUSER ann'],
    ['config|set', 'CONFIG SET requirepass p maxmemory 1', 'CONFIG SET requirepass (redacted) maxmemory 1'],
    ['config|set', 'CONFIG SET maxmemory 1 MASTERAUTH p', 'CONFIG SET maxmemory 1 MASTERAUTH (redacted)'],
    ['config|set', 'CONFIG SET tls-key-file-pass p', 'CONFIG SET tls-key-file-pass (redacted)'],
    // A value that is the name of such an option hides nothing.
    [
      'config|set',
      'CONFIG SET maxmemory-policy requirepass timeout 0',
      'CONFIG SET maxmemory-policy requirepass timeout 0',
    ],
    ['migrate', 'MIGRATE h 1  0 10 AUTH p KEYS a', 'MIGRATE h 1  0 10 AUTH (redacted) KEYS a'],
    ['migrate', 'MIGRATE h 1  0 10 auth2 u p KEYS a', 'MIGRATE h 1  0 10 auth2 (redacted) (redacted) KEYS a'],
    ['set', 'SET auth p', 'SET auth p'],
  ])('of %s: %s', (fullName, request, expected) => {
    expect(shown(fullName, ...request.split(' '))).toBe(expected);
  });
});
