/**
 * What a handshake has shown of a client: the name it asked for and the certificate it gave. Read anew from the socket on
 * every connection; what the TLS library concluded is only one of several conditions.
 *
 * Invariant: a `certificate` here has been shown by the peer itself, its chain ends at an authority, and nothing that is
 * known speaks against it.
 */
import type { TLSSocket } from 'node:tls';
import { CERTIFICATE_CHAIN_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import {
  type Certificate,
  type CertificateFault,
  type ChainCertificate,
  certificateFault,
  faultOfVerdict,
  parseCertificate,
  parseChainCertificate,
  userOf,
} from '../identity/certificate.ts';
import type { Revocations } from '../identity/revocation.ts';
import type { CertificateView } from './view.ts';

export interface SecurePeer {
  /** Folded to lower case; undefined: it named none. */
  readonly serverName: string | undefined;
  /** Only users of this tenant may log in. */
  readonly tenantName: string | undefined;
  readonly certificate: Certificate | undefined;
  /** From the client's own to the one below the authority. */
  readonly chain: readonly ChainCertificate[];
  /** By the clock of the wall: when the first certificate of the chain ends. Infinity: it has shown none. */
  readonly endsAt_ms: number;
}

/** The certificates as the peer sent them, its own first; empty: none. */
function sentBy(socket: TLSSocket): Buffer[] {
  const sent: Buffer[] = [];
  let one = socket.getPeerCertificate(true);
  // The last of a chain is its own issuer.
  while (one?.raw !== undefined && sent.length < CERTIFICATE_CHAIN_MAX) {
    sent.push(one.raw);
    if (one.issuerCertificate === undefined || one.issuerCertificate === one) break;
    one = one.issuerCertificate;
  }
  return sent;
}

export type Shown = Pick<SecurePeer, 'certificate' | 'chain' | 'endsAt_ms'>;

export interface NotShown {
  readonly fault: CertificateFault;
  /** Where its authority vouches for it, and all that is wrong is whom it names. */
  readonly certificate?: Certificate;
}

/** Of who was not asked for a certificate, or has none. */
export const NOTHING_SHOWN: Shown = { certificate: undefined, chain: [], endsAt_ms: Number.POSITIVE_INFINITY };

/** What a client showed on a listener that asks for certificates, or why that is not enough. */
export function certificateOf(
  socket: TLSSocket,
  view: CertificateView | undefined,
  revocations: Revocations,
  now_ms: number,
): Result<Shown, NotShown> {
  const [own, ...issuers] = sentBy(socket);
  if (own === undefined)
    return view?.isRequired === false ? success(NOTHING_SHOWN) : failure({ fault: 'certificate_missing' });
  const parsed = parseCertificate(own);
  if (!parsed.ok) return failure({ fault: 'certificate_malformed' });
  const certificate = parsed.value;
  const fault = certificateFault(certificate, now_ms);
  if (fault !== undefined) return failure({ fault });
  if (!socket.authorized) return failure({ fault: faultOfVerdict(String(socket.authorizationError)) });
  const chain = chainOf(certificate, issuers);
  if (!chain.ok) return failure({ fault: chain.fault });
  if (chain.value.some((one) => revocations.has(one))) return failure({ fault: 'certificate_revoked' });
  const named =
    view === undefined ? failure('certificate_unmapped' as const) : userOf(certificate, view.identifyBy, view.users);
  // Whom it does not name may still say who they are, where policy has that.
  const isStranger = !named.ok && named.fault === 'certificate_unmapped' && (!view?.isRequired || view.passwordAllowed);
  if (named.ok || isStranger) {
    const endsAt_ms = Math.min(...chain.value.map(({ notAfter_ms }) => notAfter_ms));
    return success({ certificate, chain: chain.value, endsAt_ms });
  }
  return failure({ fault: named.fault, certificate });
}

function chainOf(own: Certificate, issuers: readonly Buffer[]): Result<readonly ChainCertificate[], CertificateFault> {
  const chain: ChainCertificate[] = [own];
  for (const der of issuers) {
    const parsed = parseChainCertificate(der);
    if (!parsed.ok) return failure('certificate_malformed');
    // An authority is trusted because it is in the file, not because it has signed itself.
    if (parsed.value.subject === parsed.value.issuer) break;
    if (!parsed.value.hasStrongSignature) return failure('certificate_weak_signature');
    chain.push(parsed.value);
  }
  return success(chain);
}
