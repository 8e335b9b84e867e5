/** Where a connection comes from, and the ways of speaking that are answered to nobody. */
import type { Socket } from 'node:net';
import type { ParsedAddress } from '../base/cidr.ts';
import { CROSS_PROTOCOL, type Decoded, QUERY_BUFFER_FULL, TLS_ON_PLAIN } from '../resp/decoder.ts';
import type { CloseReason } from './close-reasons.ts';
import type { SecurePeer } from './secure-peer.ts';

/** Where a connection comes from and arrives. */
export interface Peer {
  readonly address: ParsedAddress;
  readonly addressText: string;
  readonly port: number;
  readonly localText: string;
  readonly isTls: boolean;
  /** What its handshake has shown; undefined on a plain port. */
  readonly secure?: SecurePeer | undefined;
}

/** What is answered to nobody. */
export const NOT_RESP: ReadonlyMap<Decoded, CloseReason> = new Map([
  [CROSS_PROTOCOL, 'cross_protocol'],
  [TLS_ON_PLAIN, 'tls_on_plain_port'],
  [QUERY_BUFFER_FULL, 'query_buffer_limit'],
]);

/** Which connection a socket is, whatever object stands for it. */
export function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
