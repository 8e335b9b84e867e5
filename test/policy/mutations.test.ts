/** Files that were damaged: whatever the bytes, the loaders say what is wrong or take it, and never throw. */
import { describe, expect, it } from 'vitest';
import { tableAlone } from '../../src/app/table.ts';
import { Prng } from '../../src/base/prng.ts';
import { readAclFile } from '../../src/policy/acl-file.ts';
import { seed } from '../support/seed.ts';
import { load } from './support.ts';

const INPUTS = process.env['PORTCULLIS_LONG'] === '1' ? 1_000_000 : 1000;
const HASH = 'a'.repeat(64);
const table = tableAlone();

const GATEWAY = [
  'listeners:\n  tls: { bind: 127.0.0.1, port: 6380, addresses: [10.0.0.0/8, "::1"] }\n',
  'limits:\n  maxclients: 100\n  client_output_buffer_limit: { normal: { hard: 1mb, soft: 0, seconds: 0 } }\n',
  'storage: { maxmemory: 1gb, backups: { every: 24h, keep: 3 } }\n',
].join('');
const TENANT = [
  'tenant: t1\n',
  `users:\n  - &u { name: ann, acl: 'on #${HASH} ~a* (%R~b +get)', dry_run_acl: '-get', addresses: [10.0.0.0/8] }\n`,
  '  - name: bob\n    acl: [on, ">a b", "~*"]\n',
  'budget: { memory: 64mb, policy: noeviction, commands_per_second: 5 }\nsuspended: false\n',
].join('');
const ACL = `user default on nopass ~* &* +@all\nuser ann on #${HASH} %RW~a* &c -@all +@read (~b* +set)\n\nuser bob off\n`;

/** Bits, cuts, copies and words that mean something, a few at a time. */
const WORDS = [
  '&a ',
  '*a',
  '<<: ',
  '!!js ',
  '{',
  '}',
  '[',
  ']',
  '|',
  '>',
  ': ',
  '\t',
  '\0',
  '\u2028',
  '__proto__',
  '~',
  '(',
  ')',
  '1e999',
  '-',
];

describe('damaged files', () => {
  const prng = new Prng(seed);
  const below = (limit: number) => prng.uint32() % limit;

  function damaged(text: string): string {
    let made = text;
    for (let times = 1 + below(4); times > 0; times--) {
      const at = below(made.length + 1);
      const length = below(20);
      const way = below(5);
      if (way === 0) made = made.slice(0, at) + made.slice(at + length);
      else if (way === 1)
        made = made.slice(0, at) + String.fromCharCode(below(below(2) === 0 ? 256 : 65_536)) + made.slice(at + 1);
      else if (way === 2) made = made.slice(0, at) + made.slice(at, at + length).repeat(1 + below(5)) + made.slice(at);
      else if (way === 3) made = made.slice(0, at) + (WORDS[below(WORDS.length)] ?? '') + made.slice(at);
      else made = made.slice(0, at);
    }
    return made;
  }

  it(`${INPUTS} policies: a policy, or problems that have a place and are one line each`, () => {
    let taken = 0;
    for (let i = 0; i < INPUTS; i++) {
      const isGateway = below(3) === 0;
      const files = {
        'gateway.yaml': isGateway ? damaged(GATEWAY) : GATEWAY,
        'tenants/t1.yaml': isGateway ? TENANT : damaged(TENANT),
      };
      const loaded = load(files);
      if (loaded.ok) taken++;
      else {
        expect(loaded.fault.length).toBeGreaterThan(0);
        for (const { line, column, message } of loaded.fault) {
          expect(line >= 1 && column >= 1 && !/[\n\r\0\u2028]/.test(message)).toBe(true);
        }
      }
    }
    expect(taken).toBeGreaterThan(INPUTS / 50);
    expect(taken).toBeLessThan(INPUTS);
    expect(({} as Record<string, unknown>)['suspended']).toBeUndefined();
  }, 3_600_000);

  it(`${INPUTS} ACL files: users, or problems with a line`, () => {
    let taken = 0;
    for (let i = 0; i < INPUTS; i++) {
      const read = readAclFile(damaged(ACL), 't1', table);
      if (read.ok) taken++;
      else for (const { line } of read.fault) expect(line).toBeGreaterThan(0);
    }
    expect(taken).toBeGreaterThan(INPUTS / 50);
    expect(taken).toBeLessThan(INPUTS);
  }, 3_600_000);
});
