/**
 * The audit trail to a collector that speaks syslog (RFC 5424): a datagram per line over UDP, or octet-counted frames over
 * one connection, TCP (RFC 6587) or TLS (RFC 5425). With TLS nothing is sent to a collector whose certificate does not come
 * from an authority and name the collector; there is no way to say otherwise. Neither runtime has datagrams on Unix sockets, so /dev/log is out of reach: a syslog on
 * this machine is reached at 127.0.0.1.
 *
 * What it can promise: over TCP and TLS, that lines were given to the system, in order, while a connection is up; over UDP, that
 * they were sent. Nothing is confirmed by the other end, so nothing can be synced.
 */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { connect, isIP, type Socket } from 'node:net';
import tls from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { SYSLOG_CONNECT_MS_MAX, SYSLOG_RETRY_MS, SYSLOG_WAITING_BYTES_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import { type AuditSink, type Continuation, NO_CONTINUATION } from './audit-sink.ts';

/** In PEM form, read anew for each connection, so that what was renewed is shown. */
export interface SyslogTls {
  /** Undefined: the authorities of the runtime. */
  readonly ca: string | undefined;
  readonly own: { readonly certificate: string; readonly key: string } | undefined;
}

export interface SyslogOptions {
  readonly transport: 'udp' | 'tcp' | 'tls';
  /** Asked for with `tls`; the fault is one line. */
  readonly tls?: (() => Result<SyslogTls>) | undefined;
  /** The name that the certificate must have; undefined: `host`. */
  readonly serverName?: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly nodeName: string;
  readonly processId: number;
  readonly clock: Clock;
}

/** Facility log audit (13), severity informational. */
const PRIORITY = 13 * 8 + 6;
const NEWLINE = 0x0a;

export class Syslog implements AuditSink {
  readonly continuation: Continuation;
  private readonly options: SyslogOptions;
  private readonly tail: string;
  private datagrams: DatagramSocket | undefined;
  private socket: Socket | undefined;
  private isConnected: boolean;
  private fault: string | undefined;
  private triedAt_ms: number;
  private sending: number;

  constructor(options: SyslogOptions) {
    this.continuation = NO_CONTINUATION;
    this.options = options;
    const host = options.nodeName.replace(/[^\x21-\x7e]/g, '-').slice(0, 255) || '-';
    this.tail = `${host} portcullis ${options.processId} audit - `;
    this.datagrams = undefined;
    this.socket = undefined;
    this.isConnected = false;
    this.fault = undefined;
    this.triedAt_ms = Number.NEGATIVE_INFINITY;
    this.sending = 0;
    if (options.transport === 'udp') this.openDatagrams();
    else this.reconnect();
  }

  private openDatagrams(): void {
    this.datagrams = createSocket(this.options.host.includes(':') ? 'udp6' : 'udp4');
    this.datagrams.on('error', (error) => {
      this.fault = error.message;
    });
    this.datagrams.unref();
  }

  private reconnect(): void {
    const { host, port, clock, transport } = this.options;
    this.triedAt_ms = clock.monotonicMs();
    const opened = transport === 'tls' ? this.openTls() : success(connect({ host, port }));
    if (!opened.ok) {
      this.fault = opened.fault;
      return;
    }
    const socket = opened.value;
    this.socket = socket;
    socket.unref();
    const fail = (why: string) => {
      this.fault = why;
      socket.destroy();
    };
    // A collector that takes the connection and says nothing would be waited for without an end.
    const timer = setTimeout(() => fail('the collector does not answer'), SYSLOG_CONNECT_MS_MAX).unref();
    const connected = () => {
      clearTimeout(timer);
      // What the library refuses never comes here; that it did not look is no reason to go on.
      if (socket instanceof tls.TLSSocket && !socket.authorized) return fail('the certificate is not accepted');
      this.isConnected = true;
      this.fault = undefined;
    };
    socket.on(transport === 'tls' ? 'secureConnect' : 'connect', connected);
    socket.on('error', (error) => {
      this.fault = error.message;
    });
    socket.on('close', () => {
      clearTimeout(timer);
      if (this.socket !== socket) return;
      this.socket = undefined;
      this.isConnected = false;
      this.fault ??= 'the collector closed the connection';
    });
    // What a collector says is of no interest, but its end has to be seen.
    socket.resume();
  }

  private openTls(): Result<Socket> {
    const { host, port, serverName } = this.options;
    const material = this.options.tls?.() ?? failure('nothing is known of the collector');
    if (!material.ok) return material;
    const { ca, own } = material.value;
    const name = serverName ?? host;
    try {
      return success(
        tls.connect({
          host,
          port,
          rejectUnauthorized: true,
          minVersion: 'TLSv1.2',
          checkServerIdentity: (_asked, certificate) => tls.checkServerIdentity(name, certificate),
          ...(isIP(name) === 0 ? { servername: name } : {}),
          ...(ca === undefined ? {} : { ca }),
          ...(own === undefined ? {} : { cert: own.certificate, key: own.key }),
        }),
      );
    } catch (error) {
      // A file that holds no certificate, or a key that does not fit.
      return failure(error instanceof Error ? error.message : String(error));
    }
  }

  write(bytes: Uint8Array, start: number, end: number): Result<void> {
    return this.options.transport === 'udp' ? this.sendLines(bytes, start, end) : this.writeFrames(bytes, start, end);
  }

  private writeFrames(bytes: Uint8Array, start: number, end: number): Result<void> {
    const { clock } = this.options;
    if (this.socket === undefined && clock.monotonicMs() - this.triedAt_ms >= SYSLOG_RETRY_MS) this.reconnect();
    const { socket } = this;
    if (socket === undefined || !this.isConnected) return failure(this.fault ?? 'the collector is not connected yet');
    if (socket.writableLength > SYSLOG_WAITING_BYTES_MAX) return failure('the collector does not keep up');
    const frames: Uint8Array[] = [];
    for (const message of this.messages(bytes, start, end)) {
      frames.push(Buffer.from(`${message.length} `, 'latin1'), message);
    }
    socket.write(Buffer.concat(frames));
    return success(undefined);
  }

  /** A fault of one datagram is known later: it is told with the next batch. */
  private sendLines(bytes: Uint8Array, start: number, end: number): Result<void> {
    const { host, port } = this.options;
    const { datagrams, fault } = this;
    if (datagrams === undefined) return failure('closed');
    this.fault = undefined;
    if (fault !== undefined) return failure(fault);
    if (this.sending > SYSLOG_WAITING_BYTES_MAX) return failure('the collector does not keep up');
    for (const message of this.messages(bytes, start, end)) {
      this.sending += message.length;
      datagrams.send(message, port, host, (error) => {
        this.sending -= message.length;
        if (error !== null && error !== undefined) this.fault = error.message;
      });
    }
    return success(undefined);
  }

  private *messages(bytes: Uint8Array, start: number, end: number): Generator<Buffer> {
    const head = Buffer.from(
      `<${PRIORITY}>1 ${new Date(this.options.clock.nowMs()).toISOString()} ${this.tail}`,
      'latin1',
    );
    let at = start;
    while (at < end) {
      const newline = bytes.indexOf(NEWLINE, at);
      yield Buffer.concat([head, bytes.subarray(at, newline)]);
      at = newline + 1;
    }
  }

  sync(done: (fault: string | undefined) => void): void {
    done(undefined);
  }

  syncNow(): Result<void> {
    return success(undefined);
  }

  batchWritten(): void {}

  close(): void {
    this.socket?.end();
    const { datagrams } = this;
    this.datagrams = undefined;
    // Names may still be looked up for what was sent.
    if (datagrams !== undefined) setTimeout(() => datagrams.close(), this.sending > 0 ? 100 : 0).unref();
  }
}
