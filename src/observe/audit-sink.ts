/** Where lines of the audit trail go: a file, a collector, or standard output. */
import type { Result } from '../base/result.ts';
import { NOTHING_BEFORE } from './audit-chain.ts';

/** What was there when a sink was opened, for the chain to go on from. */
export interface Continuation {
  /** Of the last whole line; 0 when there is none. */
  readonly sequence: number;
  /** Hash of the last seal. */
  readonly previous: string;
  /** Whole lines behind the last seal: they are under the next one. */
  readonly unsealed: Uint8Array;
  readonly unsealedLines: number;
  /** Bytes of a line that was not whole; they have been cut off. */
  readonly cutBytes: number;
  /** The end that was there is none of a chain: a new one begins, in a new file. */
  readonly isBroken: boolean;
}

/** Where nothing was. */
export const NO_CONTINUATION: Continuation = {
  sequence: 0,
  previous: NOTHING_BEFORE,
  unsealed: new Uint8Array(0),
  unsealedLines: 0,
  cutBytes: 0,
  isBroken: false,
};

export interface AuditSink {
  readonly continuation: Continuation;
  /** Takes the lines of a batch with their seal, all or none of them; the range is not kept. The fault is one line. */
  write(bytes: Uint8Array, start: number, end: number): Result<void>;
  /** `done` is told when what was written so far is as safe as it can be here; at once where nothing is to be waited for. */
  sync(done: (fault: string | undefined) => void): void;
  /** The same, waiting for it. */
  syncNow(): Result<void>;
  /** A batch has been written: the number of its first line and of the next to come. A file may end here, and another begin. */
  batchWritten(nextSequence: number): void;
  close(): void;
}
