/** What `check` warns of: choices that are allowed, and insecure. */
import { describe, expect, it } from 'vitest';
import { risksOf } from '../../src/policy/risks.ts';
import { type Files, policyOf, problemsOf } from './support.ts';

const codes = (files: Files) => risksOf(policyOf(files)).map(({ code }) => code);
const gateway = (text: string) => ({ 'gateway.yaml': text });
const tenant = (acl: string, budget = '{ memory: 1mb }') => ({
  'tenants/t1.yaml': `tenant: t1\nusers: [{ name: ann, acl: '${acl}' }]\nbudget: ${budget}\n`,
});

describe('risks', () => {
  it('are none in the defaults', () => {
    expect(codes({})).toEqual([]);
    expect(codes(tenant('on >pw ~* +@all -@dangerous'))).toEqual([]);
  });

  it.each<[Files, string]>([
    [gateway('listeners: { plain: { port: 6379, bind: 0.0.0.0, allow_remote: true } }\n'), 'plain_remote'],
    [gateway('listeners: { tls: { addresses: [0.0.0.0/0] } }\n'), 'open_addresses'],
    [gateway('listeners: { plain: { addresses: ["::/0"] } }\n'), 'open_addresses'],
    [gateway('listeners: { tls: { bind: 0.0.0.0 } }\n'), 'admin_anywhere'],
    [gateway('listeners: { tls: { bind: "::" } }\nadmin: { addresses: [0.0.0.0/0] }\n'), 'admin_anywhere'],
    [gateway('limits: { timeout: 0 }\n'), 'no_idle_timeout'],
    [gateway('limits: { connections_per_ip: 0 }\n'), 'no_cap_per_address'],
    [gateway('limits: { client_output_buffer_limit: { normal: { hard: 0, soft: 0 } } }\n'), 'no_output_limit'],
    [gateway('audit: { sink: syslog, syslog: { transport: tcp, host: logs.example } }\n'), 'syslog_in_clear'],
    [tenant('on >pw ~* +@all'), 'dangerous_commands'],
    [tenant('on >pw ~* allcommands'), 'dangerous_commands'],
    [tenant('on >pw ~a +get', '{ connections: 5 }'), 'no_memory_budget'],
  ])('%j: %s', (files, code) => {
    expect(codes(files)).toEqual([code]);
  });

  it('are none in a trail that stays on the machine or goes over TLS', () => {
    for (const syslog of ['{}', '{ transport: tls, host: logs.example }']) {
      expect(codes(gateway(`audit: { sink: syslog, syslog: ${syslog} }\n`))).toEqual([]);
    }
  });

  it('are ID tokens that may pass as access tokens, until it is said what those lack', () => {
    const issuer = (more: string) =>
      gateway(
        `tokens: { issuers: [{ name: i, issuer: x, audience: y, jwks: 'https://i.example/k', tenant: t${more} }] }\n`,
      );
    expect(codes(issuer(''))).toEqual([]);
    expect(codes(issuer(', types: [application/AT+JWT]'))).toEqual([]);
    expect(codes(issuer(', types: [JWT]'))).toEqual(['id_tokens']);
    expect(codes(issuer(', types: [at+jwt, JWT]'))).toEqual(['id_tokens']);
    expect(codes(issuer(', types: [JWT], must_have: [scope]'))).toEqual([]);
    expect(problemsOf(issuer(', must_have: ["=x"]')).join()).toMatch(/gateway\.yaml:1:\d+: .*name of a claim/);
  });

  it('stand where a person finds them', () => {
    const risks = risksOf(policyOf({ ...gateway('limits: { timeout: 0 }\n'), ...tenant('on >pw +@all') }));
    expect(risks.map(({ at }) => at)).toEqual([
      ['limits', 'timeout'],
      { file: 'tenants/t1.yaml', line: 2, column: 17 },
    ]);
  });
});
