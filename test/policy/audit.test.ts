/** `audit:` of a policy: where records go. */
import { describe, expect, it } from 'vitest';
import { policyOf, problemsOf } from './support.ts';

describe('a collector of the audit trail', () => {
  const syslogOf = (text: string) => policyOf({ 'gateway.yaml': `audit: { syslog: ${text} }\n` }).gateway.audit.syslog;

  it('has the port of its transport, and with TLS whom to believe and what to show', () => {
    expect(syslogOf('{ transport: tcp }')).toMatchObject({ transport: 'tcp', port: 514 });
    expect(syslogOf('{ transport: tls, host: logs.example }')).toEqual({
      transport: 'tls',
      host: 'logs.example',
      port: 6514,
      serverName: undefined,
      ca: undefined,
      own: undefined,
    });
    expect(
      syslogOf('{ transport: tls, port: 1, server_name: a.example, ca: ca.pem, certificate: c.pem, key: c.key }'),
    ).toMatchObject({ port: 1, serverName: 'a.example', ca: 'ca.pem', own: { certificate: 'c.pem', key: 'c.key' } });
  });

  it.each([
    ['{ ca: ca.pem }', /:1:\d+: is for "transport: tls" alone/],
    ['{ transport: tcp, server_name: a.example }', /is for "transport: tls" alone/],
    ['{ transport: tls, key: c.key }', /needs its certificate/],
    ['{ transport: tls, certificate: c.pem }', /needs its key/],
    ['{ transport: tls, ca: ../ca.pem }', /gateway\.yaml:1:\d+: /],
    ['{ transport: tls, server_name: "a b" }', /must be a name as in a certificate/],
    ['{ transport: tls, verify: false }', /unknown key "verify"/],
  ])('%s is refused', (text, problem) => {
    expect(problemsOf({ 'gateway.yaml': `audit: { syslog: ${text} }\n` }).join('\n')).toMatch(problem);
  });
});
