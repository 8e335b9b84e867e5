/** What a client has shown in its handshake, without one. */
import type { SecurePeer } from '../../src/gateway/secure-peer.ts';
import type { Certificate } from '../../src/identity/certificate.ts';

export const ENTRY = 'spiffe://example.org/job';
export const THUMBPRINT = 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2';

const CERTIFICATE: Certificate = {
  thumbprint: THUMBPRINT,
  serial: '01',
  issuer: 'aa',
  subject: 'bb',
  notBefore_ms: 0,
  notAfter_ms: 1,
  hasStrongSignature: true,
  isAuthority: false,
  purposes: undefined,
  maySign: undefined,
  uris: [ENTRY],
  dnsNames: [],
  commonNames: [],
};

/** A certificate that its authority vouches for. */
export function shown(more: Partial<Certificate> = {}): SecurePeer {
  const certificate = { ...CERTIFICATE, ...more };
  return {
    serverName: undefined,
    tenantName: undefined,
    certificate,
    chain: [certificate],
    endsAt_ms: Number.POSITIVE_INFINITY,
  };
}
