/** The audit trail on standard output: for who collects what processes print. There is nothing to go on from, nor to sync. */
import { AUDIT_QUEUE_BYTES_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import { type AuditSink, type Continuation, NO_CONTINUATION } from './audit-sink.ts';

export interface OutputStream {
  /** Bytes it holds that nobody has read. */
  readonly writableLength: number;
  write(bytes: Uint8Array): unknown;
}

export class AuditStream implements AuditSink {
  readonly continuation: Continuation;
  private readonly stream: OutputStream;

  constructor(stream: OutputStream) {
    this.continuation = NO_CONTINUATION;
    this.stream = stream;
  }

  write(bytes: Uint8Array, start: number, end: number): Result<void> {
    if (this.stream.writableLength > AUDIT_QUEUE_BYTES_MAX) return failure('nobody reads standard output');
    this.stream.write(Uint8Array.from(bytes.subarray(start, end)));
    return success(undefined);
  }

  sync(done: (fault: string | undefined) => void): void {
    done(undefined);
  }

  syncNow(): Result<void> {
    return success(undefined);
  }

  batchWritten(): void {}

  close(): void {}
}
