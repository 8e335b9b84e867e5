/** Certificates as an attacker writes them: what is read, whom they name, and what makes them useless. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Certificate, certificateFault, parseCertificate, userOf } from '../../src/identity/certificate.ts';
import { Authority, type LeafOptions, SERVER, selfSigned, x509 } from '../support/certificates.ts';

const T1 = 'spiffe://example.org/ns/prod/sa/app';
const USERS = new Map([
  [T1, 't1'],
  ['t2', 't2'],
  ['t1.example', 't1'],
  ['t2.example', 't2'],
]);

let authority: Authority;

beforeAll(async () => {
  authority = await Authority.make();
});

async function made(options: LeafOptions): Promise<Certificate> {
  const parsed = parseCertificate((await authority.sign(options)).der);
  if (!parsed.ok) throw new Error(parsed.fault);
  return parsed.value;
}

function element(tag: number, content: Uint8Array): Uint8Array {
  return Uint8Array.of(tag, content.length, ...content);
}

/** Alternative names as raw entries: texts that no generator writes. */
async function withEntries(...entries: readonly (readonly [tag: number, text: string])[]): Promise<Certificate> {
  const content = entries.flatMap(([tag, text]) => Array.from(element(tag, Buffer.from(text, 'latin1'))));
  const extension = new x509.Extension('2.5.29.17', false, element(0x30, Uint8Array.from(content)));
  return made({ extensions: [extension] });
}

const URI = 0x86;
const DNS = 0x82;

describe('whom a certificate names', () => {
  it('is who its one URI names, whatever the common name says', async () => {
    const certificate = await made({ subject: 'CN=t2', names: [{ type: 'url', value: T1 }] });
    expect(userOf(certificate, 'san_uri', USERS)).toEqual({ ok: true, value: 't1' });
    expect(userOf(certificate, 'cn', USERS)).toEqual({ ok: true, value: 't2' });
    expect(userOf(certificate, 'san_dns', USERS)).toMatchObject({ fault: 'certificate_unmapped' });
  });

  it('is nobody by a URI that is written into another entry', async () => {
    for (const text of [`x, URI:${T1}`, `x"URI:${T1}`, `x\nURI:${T1}`, `URI:${T1}`, T1]) {
      const certificate = await withEntries([DNS, text]);
      expect(userOf(certificate, 'san_uri', USERS).ok, text).toBe(false);
    }
  });

  it('is nobody by an entry with a NUL, a blank, or another case', async () => {
    for (const text of [
      `${T1}\0`,
      `\0${T1}`,
      `${T1}\0.evil.example`,
      `${T1} `,
      T1.toUpperCase(),
      `${T1}/`,
      '',
      `${T1}\xe9`,
    ]) {
      const certificate = await withEntries([URI, text]);
      expect(userOf(certificate, 'san_uri', USERS).ok, JSON.stringify(text)).toBe(false);
    }
  });

  it('is nobody by two URIs, and nobody by DNS names of two users', async () => {
    const twice = await withEntries([URI, T1], [URI, 'spiffe://example.org/other']);
    expect(userOf(twice, 'san_uri', USERS)).toMatchObject({ fault: 'certificate_ambiguous' });
    const both = await withEntries([DNS, 't1.example'], [DNS, 't2.example']);
    expect(userOf(both, 'san_dns', USERS)).toMatchObject({ fault: 'certificate_ambiguous' });
    const one = await withEntries([DNS, 'other.example'], [DNS, 't1.example']);
    expect(userOf(one, 'san_dns', USERS)).toEqual({ ok: true, value: 't1' });
  });

  it('is nobody by two common names, nor by one that only begins like a name', async () => {
    expect(userOf(await made({ subject: 'CN=t2, CN=other' }), 'cn', USERS).ok).toBe(false);
    expect(userOf(await made({ subject: 'CN=t2 ' + 'x' }), 'cn', USERS).ok).toBe(false);
    expect(userOf(await made({ subject: 'O=t2, CN=other' }), 'cn', USERS).ok).toBe(false);
    expect(userOf(await made({ subject: 'CN=t2, O=other' }), 'cn', USERS)).toEqual({ ok: true, value: 't2' });
  });

  it('keeps names of a language for people out of the way of others', async () => {
    const certificate = await made({ subject: 'CN=Jürgen', names: [{ type: 'url', value: T1 }] });
    expect(userOf(certificate, 'san_uri', USERS)).toEqual({ ok: true, value: 't1' });
    expect(userOf(certificate, 'cn', USERS)).toMatchObject({ fault: 'certificate_malformed' });
  });
});

describe('what makes a certificate useless', () => {
  const cases: readonly (readonly [string, string | undefined, LeafOptions])[] = [
    ['a good one', undefined, {}],
    ['one for any purpose', undefined, { purpose: undefined }],
    ['expired', 'certificate_expired', { from: -5, until: -1 }],
    ['not yet valid', 'certificate_not_yet_valid', { from: 1 }],
    ['for servers', 'certificate_purpose', { purpose: SERVER }],
    ['an authority', 'certificate_is_authority', { isAuthority: true }],
    [
      'of a key that may not sign',
      'certificate_purpose',
      { extensions: [new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyEncipherment, true)] },
    ],
  ];
  it.each(cases)('%s', async (_what, fault, options) => {
    expect(certificateFault(await made(options), Date.now())).toBe(fault);
  });

  it('a signature with SHA-1, and one by itself', async () => {
    const weak = await Authority.make('weak', 'SHA-1');
    const parsed = parseCertificate((await weak.sign({})).der);
    expect(parsed.ok && certificateFault(parsed.value, Date.now())).toBe('certificate_weak_signature');
    const own = parseCertificate((await selfSigned('CN=me', [{ type: 'url', value: T1 }])).der);
    expect(own.ok && certificateFault(own.value, Date.now())).toBe('certificate_self_signed');
  });
});

describe('bytes that are no certificate', () => {
  it('are refused, cut at any place', async () => {
    const { der } = await authority.sign({ names: [{ type: 'url', value: T1 }] });
    for (let length = 0; length < der.length; length++) {
      expect(parseCertificate(der.subarray(0, length)).ok, `${length} bytes`).toBe(false);
    }
    expect(parseCertificate(Uint8Array.of(...der, 0)).ok).toBe(false);
  });

  it('never do more than be refused, whatever byte is changed', async () => {
    const { der } = await authority.sign({ subject: 'CN=t2', names: [{ type: 'url', value: T1 }] });
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.nat(255), fc.nat(der.length - 1), (at, byte, from) => {
        const changed = Uint8Array.from(der);
        changed[at] = byte;
        changed.copyWithin(at, from, from + 7);
        const parsed = parseCertificate(changed);
        if (parsed.ok) userOf(parsed.value, 'san_uri', USERS);
      }),
      { numRuns: 5000 },
    );
  });

  it('are refused when an extension stands twice', async () => {
    const { der } = await authority.sign({ extensions: [new x509.BasicConstraintsExtension(false)] });
    expect(parseCertificate(der)).toMatchObject({ ok: false, fault: 'extension 2.5.29.19 twice' });
  });
});

describe('beside openssl', () => {
  it('reads serial numbers and dates alike', async () => {
    const { certificate, der } = await authority.sign({});
    let told: string;
    try {
      told = execFileSync('openssl', ['x509', '-noout', '-serial', '-enddate'], {
        input: certificate,
        encoding: 'utf8',
      });
    } catch {
      return;
    }
    const parsed = parseCertificate(der);
    if (!parsed.ok) throw new Error(parsed.fault);
    const [, serial = '', end = ''] = /serial=(\w+)\nnotAfter=(.*)/.exec(told) ?? [];
    expect(BigInt(`0x${parsed.value.serial}`)).toBe(BigInt(`0x${serial}`));
    expect(parsed.value.notAfter_ms).toBe(Date.parse(end));
  });
});
