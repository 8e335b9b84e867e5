/**
 * Opens a port and decides who gets a connection: all clients, those of one address, the allowlist, protected mode. For
 * TLS all of that comes before a handshake is paid for, and the handshake itself has a bound that is enforced here, as
 * neither runtime closes the socket of a handshake that timed out.
 */
import net from 'node:net';
import tls from 'node:tls';
import { type Allowlist, parseAddress } from '../base/cidr.ts';
import { HANDSHAKES_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import { MAX_CLIENTS, MAX_CLIENTS_ADDRESS, PROTECTED_MODE, type Refusal } from '../resp/refusals.ts';
import { bracketed } from './clients.ts';
import type { CloseReason } from './close-reasons.ts';
import { Connection, type Peer } from './connection.ts';
import type { Core } from './core.ts';
import { type ClientAddress, Proxied, peerOf } from './proxied.ts';
import { type TlsMaterial, tlsOptions } from './tls.ts';

export interface ListenOptions {
  readonly bind: string;
  readonly port: number;
  readonly addresses: Allowlist | undefined;
  /** Undefined: plain. */
  readonly tls: TlsMaterial | undefined;
  /** Balancers whose word counts for where a client is. Undefined: the listener speaks no PROXY protocol. */
  readonly proxies?: Allowlist | undefined;
}

const BACKLOG = 511;

export class Listener {
  private readonly core: Core;
  private readonly options: ListenOptions;
  private readonly server: net.Server;
  /** The part that speaks TLS: the server itself, or what gets the connections behind their PROXY headers. */
  private readonly secured: tls.Server | undefined;
  private readonly proxied: Proxied | undefined;
  private readonly nextId: () => number;
  private addresses: Allowlist | undefined;
  /**
   * Handshakes under way, by the peer's address and port: the socket below TLS and the one above it are different objects,
   * and which one a runtime hands out differs.
   */
  private readonly handshakes: Map<string, { readonly socket: net.Socket; readonly since_ms: number }>;

  constructor(core: Core, options: ListenOptions, nextId: () => number) {
    this.core = core;
    this.options = options;
    this.nextId = nextId;
    this.addresses = options.addresses;
    this.handshakes = new Map();
    this.secured = options.tls === undefined ? undefined : this.tlsServer(options.tls);
    this.proxied = this.proxiedBy(options.proxies);
    this.server = this.proxied !== undefined ? proxiedServer(this.proxied) : (this.secured ?? this.plainServer());
    this.server.maxConnections = 1_000_000;
  }

  private plainServer(): net.Server {
    return net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.accept(socket, false));
  }

  private proxiedBy(trusted: Allowlist | undefined): Proxied | undefined {
    if (trusted === undefined) return undefined;
    const { secured } = this;
    return new Proxied(this.core, trusted, (socket) => {
      // TLS takes what waits in a socket by itself; flowing, it would be gone before.
      if (secured !== undefined) return void secured.emit('connection', socket);
      this.accept(socket, false);
      socket.resume();
    });
  }

  private tlsServer(material: TlsMaterial): tls.Server {
    const handshakeTimeout = this.core.view.handshakeTimeoutSeconds * 1000;
    const server = tls.createServer({ ...tlsOptions(material), handshakeTimeout, noDelay: true, allowHalfOpen: true });
    server.on('connection', (socket: net.Socket) => this.handshakeBegins(socket));
    server.on('secureConnection', (socket) => this.accept(socket, true));
    server.on('tlsClientError', (error, socket) => {
      this.count('handshake_failed', this.clientOf(socket)?.address.toString(), error.message);
      socket.destroy();
    });
    return server;
  }

  /** Refuses before any cryptography is done. */
  private handshakeBegins(socket: net.Socket): void {
    const parsed = this.clientOf(socket)?.address;
    const address = parsed?.toString() ?? socket.remoteAddress;
    if (parsed === undefined || this.addresses?.allows(parsed) === false) {
      this.count('address_denied', address);
      socket.destroy();
      return;
    }
    socket.on('error', () => {});
    if (this.handshakes.size >= HANDSHAKES_MAX) {
      this.count('too_many_handshakes', address);
      socket.destroy();
      return;
    }
    const key = peerOf(socket);
    this.handshakes.set(key, { socket, since_ms: this.core.clock.monotonicMs() });
    socket.once('close', () => {
      if (this.handshakes.get(key)?.socket === socket) this.handshakes.delete(key);
    });
  }

  /** Where a client is: what its balancer says, else what the socket does. */
  private clientOf(socket: net.Socket): ClientAddress | undefined {
    const claimed = this.proxied?.claimOf(socket);
    if (claimed !== undefined) return claimed;
    const address = parseAddress(socket.remoteAddress ?? '');
    return address === undefined ? undefined : { address, port: socket.remotePort ?? 0 };
  }

  /** Called by the ticker. */
  checkHandshakes(now_ms: number): void {
    this.proxied?.check(now_ms);
    const limit_ms = this.core.view.handshakeTimeoutSeconds * 1000;
    for (const [key, { socket, since_ms }] of this.handshakes) {
      if (now_ms - since_ms <= limit_ms) continue;
      this.handshakes.delete(key);
      this.count('handshake_timeout', this.clientOf(socket)?.address.toString());
      socket.destroy();
    }
  }

  private accept(socket: net.Socket, isTls: boolean): void {
    const { core } = this;
    socket.on('error', () => {});
    this.handshakes.delete(peerOf(socket));
    const client = this.clientOf(socket);
    if (client === undefined) {
      socket.destroy();
      return;
    }
    const { address, port } = client;
    core.counters.strangers.connectionsReceived++;
    const peer: Peer = {
      address,
      addressText: address.toString(),
      port,
      localText: `${localAddressOf(socket)}:${socket.localPort ?? 0}`,
      isTls,
    };
    if (!isTls && this.addresses?.allows(address) === false) {
      this.count('address_denied', peer.addressText);
      socket.destroy();
      return;
    }
    const refused = this.refusalFor(peer);
    if (refused !== undefined) {
      core.counters.connectionsRejected++;
      this.count(refused.reason, peer.addressText);
      socket.end(refused.refusal.bytes);
      setTimeout(() => socket.destroy(), 1000).unref();
      return;
    }
    socket.setKeepAlive(core.view.tcpKeepaliveSeconds > 0, core.view.tcpKeepaliveSeconds * 1000);
    const connection = new Connection(core, socket, this.nextId(), peer);
    core.clients.add(connection);
    core.identity.byDefault(connection);
  }

  private refusalFor(peer: Peer): { refusal: Refusal; reason: CloseReason } | undefined {
    const { core } = this;
    const { view } = core;
    if (core.clients.count >= view.maxclients) return { refusal: MAX_CLIENTS, reason: 'too_many_clients' };
    const exempt = view.perIpExempt?.allows(peer.address) === true;
    const isTrusted = view.trustLoopback && peer.address.isLoopback;
    const cap = view.connectionsPerIp;
    if (cap > 0 && !exempt && !isTrusted && core.clients.fromAddress(peer.addressText) >= cap) {
      return { refusal: MAX_CLIENTS_ADDRESS, reason: 'too_many_from_address' };
    }
    const nobodyNeedsPassword =
      core.acl.roster.get('default')?.nopass === true && core.acl.roster.get('default')?.enabled === true;
    if (view.protectedMode && !peer.isTls && nobodyNeedsPassword && !peer.address.isLoopback) {
      return { refusal: PROTECTED_MODE, reason: 'protected_mode' };
    }
    return undefined;
  }

  private count(reason: CloseReason, address: string | undefined, detail?: string): void {
    const { counters, log } = this.core;
    counters.ended(reason);
    log.event('info', 'connection.refused', reason, { address, detail });
  }

  listen(): Promise<Result<void>> {
    const { bind, port } = this.options;
    return new Promise((resolve) => {
      const failed = (error: NodeJS.ErrnoException) => {
        const why = error.code === 'EADDRINUSE' ? 'the port is in use' : (error.code ?? error.message);
        resolve(failure(`cannot listen on ${bind}:${port}: ${why}`));
      };
      this.server.once('error', failed);
      this.server.listen({ host: bind, port, backlog: BACKLOG }, () => {
        this.server.off('error', failed);
        this.server.on('error', (error) => this.core.log.event('error', 'listener.error', error.message, { port }));
        resolve(success(undefined));
      });
    });
  }

  /** New certificates for handshakes from now on; connections there are stay as they are. */
  replaceTls(material: TlsMaterial): void {
    this.secured?.setSecureContext(tlsOptions(material));
  }

  replaceAddresses(addresses: Allowlist | undefined): void {
    this.addresses = addresses;
  }

  /** Whether a listener speaks the protocol at all is settled when it opens. */
  replaceProxies(proxies: Allowlist | undefined): void {
    if (proxies !== undefined) this.proxied?.replaceTrusted(proxies);
  }

  get isTls(): boolean {
    return this.options.tls !== undefined;
  }

  get port(): number {
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : this.options.port;
  }

  /** No new connections. */
  close(): void {
    this.server.close();
    this.proxied?.close();
    for (const { socket } of this.handshakes.values()) socket.destroy();
  }
}

function proxiedServer(proxied: Proxied): net.Server {
  return net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => proxied.take(socket));
}

/** Written as the address of the client is: an IPv4 one that came in over IPv6 as IPv4. */
function localAddressOf({ localAddress = '' }: net.Socket): string {
  return bracketed(parseAddress(localAddress)?.toString() ?? localAddress);
}
