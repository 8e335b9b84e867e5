/**
 * Connections that come through a load balancer: each begins with a PROXY header, before TLS and before RESP, and only
 * then is it anybody's. What the header claims is believed of trusted balancers alone; every other peer is turned away
 * unread, so that nobody outside can choose the address they are judged by.
 *
 *   accepted ─▶ trusted? ─▶ header within the time of a handshake ─▶ the rest is put back ─▶ deliver
 *
 * Claims are kept by the peer's address and port: the socket below TLS and the one above it are different objects.
 */
import type { Socket } from 'node:net';
import { type Allowlist, type ParsedAddress, parseAddress } from '../base/cidr.ts';
import { HANDSHAKES_MAX, PROXY_HEADER_BYTES_MAX } from '../base/limits.ts';
import type { CloseReason } from './close-reasons.ts';
import type { Core } from './core.ts';
import { peerOf } from './peer.ts';
import { readProxyHeader } from './proxy-protocol.ts';

/** A header that has begun. */
interface Opening {
  readonly since_ms: number;
  /** What has come of it; nothing at first. */
  bytes: Buffer;
}

/** Where a client is, and behind which port. */
export type ClientAddress = { readonly address: ParsedAddress; readonly port: number };

export class Proxied {
  private readonly core: Core;
  private readonly deliver: (socket: Socket) => void;
  private trusted: Allowlist;
  private readonly openings: Map<Socket, Opening>;
  /** Of every socket that was delivered: where its client is, its own address included. */
  private readonly places: Map<string, ClientAddress>;

  /** @param deliver takes a socket whose header has been read: paused, with what came behind it still to be read */
  constructor(core: Core, trusted: Allowlist, deliver: (socket: Socket) => void) {
    this.core = core;
    this.deliver = deliver;
    this.trusted = trusted;
    this.openings = new Map();
    this.places = new Map();
  }

  /** For connections from now on. */
  replaceTrusted(trusted: Allowlist): void {
    this.trusted = trusted;
  }

  /** A connection just accepted. */
  take(socket: Socket): void {
    socket.on('error', () => {});
    // Who is gone already has no address any more, and there is nobody to turn away.
    if (socket.remoteAddress === undefined) return void socket.destroy();
    const peer = parseAddress(socket.remoteAddress);
    if (peer === undefined || !this.trusted.allows(peer)) {
      this.core.denials.refused('proxy_untrusted', { address: peer?.toString(), port: socket.remotePort });
      this.core.counters.ended('proxy_untrusted');
      socket.destroy();
      return;
    }
    if (this.openings.size >= HANDSHAKES_MAX) return this.refuse(socket, 'too_many_handshakes');
    this.openings.set(socket, { since_ms: this.core.clock.monotonicMs(), bytes: Buffer.alloc(0) });
    const read = (chunk: Buffer) => this.read(socket, chunk, read);
    socket.on('data', read);
    const ended = () => {
      // Balancers that only try whether the port answers say nothing: that is no attack and no news.
      if (this.openings.delete(socket)) socket.destroy();
    };
    socket.once('end', ended);
    socket.once('close', ended);
  }

  private read(socket: Socket, chunk: Buffer, listener: (chunk: Buffer) => void): void {
    const opening = this.openings.get(socket);
    if (opening === undefined) return;
    opening.bytes = opening.bytes.length === 0 ? chunk : Buffer.concat([opening.bytes, chunk]);
    const { bytes } = opening;
    const header = readProxyHeader(bytes);
    if (header.kind === 'wrong') return this.refuse(socket, 'proxy_header_bad', header.why);
    if (header.kind === 'incomplete') {
      // The reader never waits for more than that: the bound is this table's own.
      if (bytes.length >= PROXY_HEADER_BYTES_MAX) this.refuse(socket, 'proxy_header_bad', 'too long');
      return;
    }
    this.openings.delete(socket);
    socket.off('data', listener);
    socket.pause();
    if (bytes.length > header.bytes) socket.unshift(bytes.subarray(header.bytes));
    const own = addressOf(socket);
    // It went while its header was read, and without its own address nobody would find what it claims.
    if (own === undefined) return void socket.destroy();
    this.remember(socket, header.source ?? own);
    this.deliver(socket);
  }

  private remember(socket: Socket, client: ClientAddress): void {
    const key = peerOf(socket);
    // The port may be used again before the end of whoever had it was told.
    this.places.set(key, client);
    socket.once('close', () => {
      if (this.places.get(key) === client) this.places.delete(key);
    });
  }

  /**
   * Whom a delivered socket, or the one that TLS put over it, speaks for: whom its header names, or its own peer where that
   * says so. Undefined: nobody knows, and nobody may take it for the balancer.
   */
  clientOf(socket: Socket): ClientAddress | undefined {
    return this.places.get(peerOf(socket));
  }

  private refuse(socket: Socket, reason: CloseReason, detail?: string): void {
    this.openings.delete(socket);
    const address = parseAddress(socket.remoteAddress ?? '')?.toString();
    this.core.counters.ended(reason);
    this.core.log.event('info', 'connection.refused', reason, { address, detail });
    socket.destroy();
  }

  /** Called by the ticker. */
  check(now_ms: number): void {
    const limit_ms = this.core.view.handshakeTimeoutSeconds * 1000;
    for (const [socket, { since_ms }] of this.openings) {
      if (now_ms - since_ms > limit_ms) this.refuse(socket, 'proxy_header_timeout');
    }
  }

  close(): void {
    for (const socket of this.openings.keys()) socket.destroy();
    this.openings.clear();
  }
}

/** Where the peer of a socket is; undefined when it is gone. */
export function addressOf({ remoteAddress = '', remotePort = 0 }: Socket): ClientAddress | undefined {
  const address = parseAddress(remoteAddress);
  return address === undefined ? undefined : { address, port: remotePort };
}
