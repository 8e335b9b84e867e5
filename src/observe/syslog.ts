/**
 * The audit trail to a collector that speaks syslog (RFC 5424): a datagram per line over UDP, or octet-counted frames over
 * one TCP connection (RFC 6587). Neither runtime has datagrams on Unix sockets, so /dev/log is out of reach: a syslog on
 * this machine is reached at 127.0.0.1.
 *
 * What it can promise: over TCP, that lines were given to the system, in order, while a connection is up; over UDP, that
 * they were sent. Nothing is confirmed by the other end, so nothing can be synced.
 */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { SYSLOG_RETRY_MS, SYSLOG_WAITING_BYTES_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import { type AuditSink, type Continuation, NO_CONTINUATION } from './audit-sink.ts';

export interface SyslogOptions {
  readonly transport: 'udp' | 'tcp';
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
    if (options.transport === 'tcp') this.reconnect();
    else this.openDatagrams();
  }

  private openDatagrams(): void {
    this.datagrams = createSocket(this.options.host.includes(':') ? 'udp6' : 'udp4');
    this.datagrams.on('error', (error) => {
      this.fault = error.message;
    });
    this.datagrams.unref();
  }

  private reconnect(): void {
    const { host, port, clock } = this.options;
    this.triedAt_ms = clock.monotonicMs();
    const socket = connect({ host, port });
    this.socket = socket;
    socket.unref();
    socket.on('connect', () => {
      this.isConnected = true;
      this.fault = undefined;
    });
    socket.on('error', (error) => {
      this.fault = error.message;
    });
    socket.on('close', () => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      this.isConnected = false;
      this.fault ??= 'the collector closed the connection';
    });
    // What a collector says is of no interest, but its end has to be seen.
    socket.resume();
  }

  write(bytes: Uint8Array, start: number, end: number): Result<void> {
    return this.options.transport === 'tcp' ? this.writeFrames(bytes, start, end) : this.sendLines(bytes, start, end);
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
