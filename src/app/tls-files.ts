/**
 * From the files that policy names to what a TLS listener lives by: all of it read, and all of it tried, or a fault that
 * says which file is to blame. Called at the start and again whenever a file may have changed.
 */
import { REVOCATION_LIST_BYTES_MAX, TLS_FILE_BYTES_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { CertificateFiles } from '../disk/certificate-files.ts';
import { type ClientTrust, checkMaterial, type NamedPair, type TlsMaterial, type TlsPair } from '../gateway/tls.ts';
import { certificatesOf, NO_REVOCATIONS, parseRevocations } from '../identity/revocation.ts';
import type { TlsListenerPolicy } from '../policy/policy.ts';
import type { ClientCertificatePolicy } from '../policy/tls.ts';

const OWN = { certificateFile: 'server.pem', keyFile: 'server.key' };

export class TlsFiles {
  private readonly files: CertificateFiles;

  constructor(files: CertificateFiles) {
    this.files = files;
  }

  /** What is on the disk now; refused when it does not work. */
  read(policy: TlsListenerPolicy, now_ms: number): Result<TlsMaterial> {
    const own = this.pair(OWN);
    if (!own.ok) return own;
    const names: NamedPair[] = [];
    for (const { name, tenantName, ...files } of policy.names) {
      const pair = this.pair(files);
      if (!pair.ok) return failure(`listeners.tls.names ${name}: ${pair.fault}`);
      names.push({ name, tenantName, ...pair.value });
    }
    const clients = this.trust(policy.clientCertificates, now_ms);
    if (!clients.ok) return clients;
    const { profile, unknownName } = policy;
    const material: TlsMaterial = { ...own.value, profile, names, unknownName, clients: clients.value };
    const checked = checkMaterial(material, now_ms);
    return checked.ok ? success(material) : failure(`the certificates do not work: ${checked.fault}`);
  }

  /** Changes whenever a file that `read` would read does. */
  fingerprint({ names, clientCertificates }: TlsListenerPolicy): string {
    const { authoritiesFile, revocationsFile } = clientCertificates;
    const pairs = [OWN, ...names].flatMap(({ certificateFile, keyFile }) => [certificateFile, keyFile]);
    const trust = [authoritiesFile, revocationsFile].filter((name) => name !== undefined);
    return this.files.fingerprint([...pairs, ...trust]);
  }

  private pair({ certificateFile, keyFile }: typeof OWN): Result<TlsPair> {
    const certificate = this.files.read(certificateFile, TLS_FILE_BYTES_MAX);
    if (!certificate.ok) return certificate;
    const key = this.files.read(keyFile, TLS_FILE_BYTES_MAX);
    return key.ok ? success({ certificate: certificate.value, key: key.value }) : key;
  }

  private trust(policy: ClientCertificatePolicy, now_ms: number): Result<ClientTrust | undefined> {
    const { mode, authoritiesFile, revocationsFile } = policy;
    if (mode === 'none' || authoritiesFile === undefined) return success(undefined);
    const authorities = this.files.read(authoritiesFile, TLS_FILE_BYTES_MAX);
    if (!authorities.ok) return authorities;
    const certificates = readCertificates(authorities.value);
    if (!certificates.ok) return failure(`${authoritiesFile}: ${certificates.fault}`);
    if (revocationsFile === undefined) {
      return success({ authorities: authorities.value, revocationLists: undefined, revocations: NO_REVOCATIONS });
    }
    const lists = this.files.read(revocationsFile, REVOCATION_LIST_BYTES_MAX);
    if (!lists.ok) return lists;
    const revocations = parseRevocations(lists.value, certificates.value, now_ms);
    if (!revocations.ok) return failure(`${revocationsFile}: ${revocations.fault}`);
    return success({
      authorities: authorities.value,
      revocationLists: lists.value,
      revocations: revocations.value,
    });
  }
}

function readCertificates(pem: string): Result<ReturnType<typeof certificatesOf>> {
  try {
    const certificates = certificatesOf(pem);
    if (certificates.length === 0) return failure('holds no certificate in PEM form');
    const leaf = certificates.find(({ ca }) => !ca);
    return leaf === undefined ? success(certificates) : failure(`${leaf.subject.replace(/\n/g, ', ')} is no authority`);
  } catch (error) {
    return failure(error instanceof Error ? error.message : String(error));
  }
}

/** Equal when there is nothing to replace. */
export function materialText({ clients, ...pairs }: TlsMaterial): string {
  return JSON.stringify([pairs, clients?.authorities, clients?.revocationLists]);
}
