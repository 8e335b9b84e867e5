/** Revocation lists: what is in them holds, and a list that is not understood whole says nothing. */
import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseRevocations } from '../../src/identity/revocation.ts';
import { Authority, type MoreOfList, x509 } from '../support/certificates.ts';

const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35';
const CRL_NUMBER = '2.5.29.20';
const DELTA_CRL_INDICATOR = '2.5.29.27';
const ISSUING_DISTRIBUTION_POINT = '2.5.29.28';
const OF_NOBODY = '1.3.6.1.4.1.99999.1';
const NUMBER = Uint8Array.of(2, 1, 7);
/** indirectCRL [4] TRUE. */
const INDIRECT = Uint8Array.of(0x30, 3, 0x84, 1, 0xff);

let authority: Authority;
let authorities: readonly X509Certificate[];

beforeAll(async () => {
  authority = await Authority.make();
  authorities = [new X509Certificate(authority.certificate)];
});

function read(pem: string): string {
  const parsed = parseRevocations(pem, authorities, Date.now());
  return parsed.ok ? 'ok' : parsed.fault;
}

async function withMore(more: MoreOfList): Promise<string> {
  return read(await authority.revoke(['0123'], 24, -1, more));
}

const extension = (id: string, critical: boolean, value: Uint8Array) => ({
  extensions: [new x509.Extension(id, critical, value)],
});

describe('a revocation list', () => {
  it('names the certificates of its issuer that count no more', async () => {
    const issuer = Buffer.from(new x509.Name('CN=test authority').toArrayBuffer()).toString('hex');
    const parsed = parseRevocations(await authority.revoke(['0123']), authorities, Date.now());
    if (!parsed.ok) throw new Error(parsed.fault);
    expect(parsed.value.has({ issuer, serial: '0123' })).toBe(true);
    expect(parsed.value.has({ issuer, serial: '0124' })).toBe(false);
  });

  it('may say its number, whose key has signed it, and what need not be understood', async () => {
    expect(await withMore(extension(CRL_NUMBER, false, NUMBER))).toBe('ok');
    expect(await withMore(extension(AUTHORITY_KEY_IDENTIFIER, false, Uint8Array.of(0x30, 0)))).toBe('ok');
    expect(await withMore(extension(OF_NOBODY, false, NUMBER))).toBe('ok');
  });

  it('is refused where it is a part of another, or not about all certificates of its issuer alone', async () => {
    for (const isCritical of [true, false]) {
      expect(await withMore(extension(DELTA_CRL_INDICATOR, isCritical, NUMBER))).toContain('changes to another');
      expect(await withMore(extension(ISSUING_DISTRIBUTION_POINT, isCritical, INDIRECT))).toContain('not about all');
    }
    expect(await withMore({ entryIssuer: 'CN=another authority' })).toContain('another issuer');
  });

  it('is refused with an extension that has to be understood and is not, or one that stands twice', async () => {
    expect(await withMore(extension(OF_NOBODY, true, NUMBER))).toContain(OF_NOBODY);
    const twice = [1, 2].map(() => new x509.Extension(CRL_NUMBER, false, NUMBER));
    expect(await withMore({ extensions: twice })).toContain('twice');
  });

  it('is refused when it is signed in another way than what is signed says', async () => {
    const pem = await authority.revoke(['0123']);
    const der = Buffer.from(pem.replace(/-----[^-]*-----/g, ''), 'base64');
    const ECDSA_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex');
    der[der.lastIndexOf(ECDSA_SHA256) + ECDSA_SHA256.length - 1] = 3;
    const changed = `-----BEGIN X509 CRL-----\n${der.toString('base64')}\n-----END X509 CRL-----\n`;
    expect(read(pem)).toBe('ok');
    expect(read(changed)).toContain('in another way');
  });
});
