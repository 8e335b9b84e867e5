/**
 * The TLS side of a listener: which versions, suites and curves, and contexts that can be replaced while running.
 * The intermediate profile of Mozilla's guideline; `modern` is TLS 1.3 alone.
 */
import { constants, createPrivateKey, X509Certificate } from 'node:crypto';
import tls from 'node:tls';
import { failure, type Result, success } from '../base/result.ts';

export interface TlsMaterial {
  /** PEM: the server's certificate, with its chain. */
  readonly certificate: string;
  readonly key: string;
  readonly profile: 'intermediate' | 'modern';
}

const SUITES_12 = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
];
const SUITES_13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

/** Options of `tls.createServer` and of a context made later. */
export function tlsOptions(material: TlsMaterial): tls.SecureContextOptions {
  return {
    cert: material.certificate,
    key: material.key,
    minVersion: material.profile === 'modern' ? 'TLSv1.3' : 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: [...SUITES_13, ...SUITES_12].join(':'),
    ecdhCurve: 'X25519:P-256:P-384',
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
  };
}

/**
 * Tries material out before anything relies on it: a key that does not fit, or is encrypted, is told here. A context takes
 * empty files without a word and then serves nobody, hence the look at both.
 */
export function checkMaterial(material: TlsMaterial): Result<void> {
  try {
    const certificate = new X509Certificate(material.certificate);
    if (!certificate.checkPrivateKey(createPrivateKey(material.key)))
      return failure('the key is of another certificate');
    tls.createSecureContext(tlsOptions(material));
    return success(undefined);
  } catch (error) {
    return failure(error instanceof Error ? error.message : String(error));
  }
}
