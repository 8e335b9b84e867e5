/**
 * Opens a port and decides who gets a connection: all clients, those of one address, the allowlist, protected mode. For
 * TLS all of that comes before a handshake is paid for; certificates and names of clients are judged when it is over.
 */
import net from 'node:net';
import tls from 'node:tls';
import { type Allowlist, ownerOf, type ParsedAddress, parseAddress } from '../base/cidr.ts';
import { LIBRARY_HANDSHAKE_MS_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import {
  CERTIFICATE_REFUSED,
  MAX_CLIENTS,
  MAX_CLIENTS_ADDRESS,
  MAX_CLIENTS_TENANT,
  PROTECTED_MODE,
  type Refusal,
  SERVER_NAME_UNKNOWN,
} from '../resp/refusals.ts';
import { bracketed } from './clients.ts';
import type { CloseReason } from './close-reasons.ts';
import { Connection, type Peer } from './connection.ts';
import type { Core } from './core.ts';
import { GivenUp, Handshakes } from './handshakes.ts';
import { addressOf, type ClientAddress, Proxied } from './proxied.ts';
import { certificateOf, NOTHING_SHOWN, type SecurePeer } from './secure-peer.ts';
import { folded } from './server-names.ts';
import { ServerNames, type TlsMaterial, tlsOptions } from './tls.ts';

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
const NAME_REFUSED = 'no server of that name';

/** As handshakes that came to nothing are counted. */
const RESULTS: ReadonlyMap<CloseReason, string> = new Map([
  ['handshake_shed', 'shed'],
  ['too_many_handshakes', 'shed'],
  ['too_many_from_address', 'shed'],
  ['handshake_timeout', 'timeout'],
  ['server_name_unknown', 'name_unknown'],
]);

/** Why the library gave a handshake up. That it took too long is found by `Handshakes` first. */
function reasonOf({ message }: NodeJS.ErrnoException): CloseReason {
  return message.includes(NAME_REFUSED) ? 'server_name_unknown' : 'handshake_failed';
}

interface Refused {
  readonly refusal: Refusal;
  readonly reason: CloseReason;
}

export class Listener {
  private readonly core: Core;
  private readonly options: ListenOptions;
  private readonly server: net.Server;
  private readonly proxied: Proxied | undefined;
  private readonly nextId: () => number;
  private addresses: Allowlist | undefined;
  /** Set on a TLS listener: who does the handshakes, and when. The ports are opened by `server`. */
  private readonly secure: tls.Server | undefined;
  private readonly handshakes: Handshakes;
  private material: TlsMaterial | undefined;
  private names: ServerNames | undefined;

  constructor(core: Core, options: ListenOptions, nextId: () => number) {
    this.core = core;
    this.options = options;
    this.nextId = nextId;
    this.addresses = options.addresses;
    this.handshakes = new Handshakes({
      now_ms: () => core.clock.monotonicMs(),
      timeout_ms: () => core.view.handshakeTimeoutSeconds * 1000,
      begin: (socket) => {
        // Who hangs up now has nothing to be answered: half open, it would hold its place until the time is up.
        socket.allowHalfOpen = false;
        this.secure?.emit('connection', socket);
      },
      refused: (reason, socket) => {
        this.tally(RESULTS.get(reason) ?? 'failed');
        this.count(reason, this.clientOf(socket)?.address.toString());
      },
    });
    this.material = options.tls;
    this.names = options.tls === undefined ? undefined : new ServerNames(options.tls);
    this.secure = options.tls === undefined ? undefined : this.tlsServer(options.tls);
    this.proxied = this.proxiedBy(options.proxies);
    this.server = this.netServer();
    this.server.maxConnections = 1_000_000;
  }

  /** Nothing is read of a client of TLS before it is its turn, but for its PROXY header. */
  private netServer(): net.Server {
    const { proxied } = this;
    const isTls = this.secure !== undefined;
    const pauseOnConnect = isTls && proxied === undefined;
    return net.createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect }, (socket) => {
      if (proxied !== undefined) proxied.take(socket);
      else if (isTls) this.handshakeBegins(socket);
      else this.accept(socket, undefined);
    });
  }

  private proxiedBy(trusted: Allowlist | undefined): Proxied | undefined {
    if (trusted === undefined) return undefined;
    return new Proxied(this.core, trusted, (socket) => {
      // TLS takes what waits in a socket by itself; flowing, it would be gone before.
      if (this.secure !== undefined) return this.handshakeBegins(socket);
      this.accept(socket, undefined);
      socket.resume();
    });
  }

  private tlsServer(material: TlsMaterial): tls.Server {
    const server = tls.createServer({
      ...tlsOptions(material),
      // What policy says now is kept by `handshakes`; this is fixed here for as long as the port is open.
      handshakeTimeout: LIBRARY_HANDSHAKE_MS_MAX,
      noDelay: true,
      allowHalfOpen: true,
      requestCert: material.clients !== undefined,
      // A certificate that does not hold is refused in `accept`, where the reason is known.
      rejectUnauthorized: false,
      SNICallback: (asked, done) => {
        if (this.names?.refuses(asked) === true) done(new Error(NAME_REFUSED));
        else done(null, this.names?.find(asked)?.context);
      },
    });
    server.on('secureConnection', (socket) => {
      socket.allowHalfOpen = true;
      this.tally(`${(socket.getProtocol() ?? 'unknown').toLowerCase().replace('.', '_')}_ok`);
      this.accept(socket, socket);
    });
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      const address = this.clientOf(socket)?.address.toString();
      this.handshakes.finished(socket);
      socket.destroy();
      // Has been counted already.
      if (error instanceof GivenUp) return;
      const reason = reasonOf(error);
      this.tally(RESULTS.get(reason) ?? 'failed');
      this.count(reason, address, error.message);
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
    if (this.core.rates.arrives(parsed) !== undefined) {
      this.count('connection_rate', address);
      socket.destroy();
      return;
    }
    const atOnce = this.core.view.trustLoopback && parsed.isLoopback;
    this.handshakes.offer(socket, { owner: ownerOf(parsed), most: this.capOf(parsed), atOnce });
  }

  /** Connections that an address may have at a time, and handshakes besides; 0: any number. */
  private capOf(address: ParsedAddress): number {
    const { connectionsPerIp, perIpExempt, trustLoopback } = this.core.view;
    const isExempt = perIpExempt?.allows(address) === true || (trustLoopback && address.isLoopback);
    return isExempt ? 0 : connectionsPerIp;
  }

  /** Where a client is: what the socket says, or behind balancers what is known of it, and nothing in its place. */
  private clientOf(socket: net.Socket): ClientAddress | undefined {
    return this.proxied === undefined ? addressOf(socket) : this.proxied.clientOf(socket);
  }

  /** Called by the ticker. */
  checkHandshakes(now_ms: number): void {
    this.proxied?.check(now_ms);
    this.handshakes.check(now_ms);
  }

  private accept(socket: net.Socket, secured: tls.TLSSocket | undefined): void {
    const { core } = this;
    socket.on('error', () => {});
    this.handshakes.finished(socket);
    const client = this.clientOf(socket);
    if (client === undefined) {
      socket.destroy();
      return;
    }
    const { address, port } = client;
    core.counters.strangers.connectionsReceived++;
    const isTls = secured !== undefined;
    const somebody: Peer = {
      address,
      addressText: address.toString(),
      port,
      localText: `${localAddressOf(socket)}:${socket.localPort ?? 0}`,
      isTls,
    };
    const shown = secured === undefined ? undefined : this.shownBy(secured, somebody);
    const peer = shown === undefined || 'reason' in shown ? somebody : { ...somebody, secure: shown };
    if (!isTls && this.addresses?.allows(address) === false) {
      this.count('address_denied', peer.addressText);
      socket.destroy();
      return;
    }
    const refused = shown !== undefined && 'reason' in shown ? shown : this.refusalFor(peer);
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
    core.identity.recordCertificate(connection);
  }

  /** What the handshake has shown, or why it is not enough; told inside TLS, where the client can read it. */
  private shownBy(socket: tls.TLSSocket, peer: Peer): SecurePeer | Refused {
    const { core, material, names } = this;
    const asked = typeof socket.servername === 'string' && socket.servername !== '' ? socket.servername : undefined;
    if (names?.refuses(asked) === true) return { refusal: SERVER_NAME_UNKNOWN, reason: 'server_name_unknown' };
    const serverName = asked === undefined ? undefined : folded(asked);
    const tenantName = asked === undefined ? undefined : names?.find(asked)?.tenantName;
    if (material?.clients === undefined) return { serverName, tenantName, ...NOTHING_SHOWN };
    const { revocations } = material.clients;
    const shown = certificateOf(socket, core.view.certificates, revocations, core.clock.nowMs());
    if (shown.ok) return { serverName, tenantName, ...shown.value };
    this.tally('certificate_refused');
    const { fault, certificate } = shown.fault;
    core.denials.refused(fault, { address: peer.addressText });
    if (certificate !== undefined) core.identity.recordRefused(peer, certificate, fault);
    return { refusal: CERTIFICATE_REFUSED, reason: 'certificate_refused' };
  }

  private refusalFor(peer: Peer): Refused | undefined {
    const { core } = this;
    const { view } = core;
    if (core.clients.count >= view.maxclients) return { refusal: MAX_CLIENTS, reason: 'too_many_clients' };
    const isTrusted = view.trustLoopback && peer.address.isLoopback;
    const cap = this.capOf(peer.address);
    if (cap > 0 && core.clients.fromAddress(peer.address) >= cap) {
      return { refusal: MAX_CLIENTS_ADDRESS, reason: 'too_many_from_address' };
    }
    // With TLS that was asked before the handshake.
    const tooFast = peer.isTls ? undefined : core.rates.arrives(peer.address);
    if (tooFast !== undefined) return { refusal: tooFast, reason: 'connection_rate' };
    const tenant = core.identity.tenantByCertificate(peer);
    if (tenant?.hasRoomForConnection === false && !isTrusted) {
      return { refusal: MAX_CLIENTS_TENANT, reason: 'too_many_of_tenant' };
    }
    const nobodyNeedsPassword =
      core.acl.roster.get('default')?.nopass === true && core.acl.roster.get('default')?.enabled === true;
    if (view.protectedMode && !peer.isTls && nobodyNeedsPassword && !peer.address.isLoopback) {
      return { refusal: PROTECTED_MODE, reason: 'protected_mode' };
    }
    return undefined;
  }

  private tally(label: string): void {
    this.core.counters.tallies.count('handshakes', label);
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
  replaceTls(material: TlsMaterial, names: ServerNames): void {
    if (this.secure === undefined) return;
    this.secure.setSecureContext(tlsOptions(material));
    this.material = material;
    this.names = names;
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
    this.handshakes.close();
  }
}

/** Written as the address of the client is: an IPv4 one that came in over IPv6 as IPv4. */
function localAddressOf({ localAddress = '' }: net.Socket): string {
  return bracketed(parseAddress(localAddress)?.toString() ?? localAddress);
}
