/** Certificates and names in the policy files: what is taken, and where a mistake is told. */
import { describe, expect, it } from 'vitest';
import { load, policyOf } from './support.ts';

function faultsOf(gateway: string, tenant = 'tenant: t1\n'): readonly string[] {
  const loaded = load({ 'gateway.yaml': gateway, 'tenants/t1.yaml': tenant });
  return loaded.ok ? [] : loaded.fault.map(({ file, line, message }) => `${file}:${line}: ${message}`);
}

describe('certificates in the policy', () => {
  it('are read with their defaults, and names in lower case', () => {
    const { gateway } = policyOf({
      'gateway.yaml': `listeners:
  tls:
    client_certificates: { mode: required, ca: ca.pem }
    names: [{ name: Redis.T1.Example, certificate: t1.pem, key: t1.key, tenant: default }]
`,
    });
    expect(gateway.tls.clientCertificates).toEqual({
      mode: 'required',
      authoritiesFile: 'ca.pem',
      revocationsFile: undefined,
      identifyBy: 'san_uri',
      passwordAllowed: false,
    });
    expect(gateway.tls.names).toEqual([
      { name: 'redis.t1.example', certificateFile: 't1.pem', keyFile: 't1.key', tenantName: 'default' },
    ]);
  });

  it('need an authority, files of the folder, names that are names, and tenants that are there', () => {
    const names = (text: string) => faultsOf(`listeners: { tls: { names: [${text}] } }\n`);
    expect(faultsOf('listeners: { tls: { client_certificates: { mode: optional } } }\n')[0]).toMatch(/needs `ca`/);
    expect(faultsOf('listeners: { tls: { client_certificates: { ca: ../ca.pem } } }\n')[0]).toMatch(
      /certificates folder/,
    );
    for (const name of ['a..b', '*', 'a.*.b', 'bücher.example', 'a b', '-a', '']) {
      expect(names(`{ name: "${name}", certificate: a, key: b }`)[0], name).toMatch(/must be/);
    }
    expect(names('{ name: a.example, certificate: a, key: b, tenant: nobody }')[0]).toMatch(/no tenant "nobody"/);
    const twice = '{ name: a.example, certificate: a, key: b }, { name: A.example, certificate: a, key: b }';
    expect(names(twice)[0]).toMatch(/"a\.example" stands twice/);
  });

  it('belong to one user each, and are plain ASCII', () => {
    const users = (first: string, second: string) =>
      faultsOf(
        '',
        `tenant: t1\nusers:\n  - { name: a, certificate: ${first} }\n  - { name: b, certificate: ${second} }\n`,
      );
    expect(users('spiffe://x/a', 'spiffe://x/b')).toEqual([]);
    expect(users('spiffe://x/a', 'spiffe://x/a')[0]).toMatch(/^tenants\/t1\.yaml:4: .* also that of user "a"/);
    expect(users('"a\\0"', 'b')[0]).toMatch(/printable ASCII/);
    expect(users('""', 'b')[0]).toMatch(/printable ASCII/);
  });
});
