/**
 * Is an audit trail whole? Reads lines in order and says where it is not: the first place that was changed, what is missing,
 * and what cannot be told. Pure: lines come from whoever reads the files.
 *
 * What a whole chain proves: nobody who does not have the key has changed, added, moved or taken out a line up to the last
 * seal. Without a key that holds only against who cannot write the files from there to their end. That the end was cut off
 * shows against a seal that was noted elsewhere, by nothing else.
 */
import { AUDIT_TAIL_BYTES } from '../base/limits.ts';
import { BatchHash, NOTHING_BEFORE, type Seal, sealOf, sequenceOf } from './audit-chain.ts';

export interface VerifyOptions {
  readonly key: Uint8Array | undefined;
  /** A seal that must be there, `NUMBER:HASH` as INFO shows it. */
  readonly expected: string | undefined;
}

export interface AuditProblem {
  readonly file: string;
  readonly line: number;
  readonly what: string;
}

export interface AuditVerdict {
  readonly problems: readonly AuditProblem[];
  /** Worth knowing, wrong not. */
  readonly notes: readonly string[];
  readonly lines: number;
  readonly seals: number;
  readonly firstSequence: number | undefined;
  readonly lastSeal: string | undefined;
}

const PROBLEMS_MAX = 20;

export class AuditVerifier {
  private readonly options: VerifyOptions;
  private readonly problems: AuditProblem[];
  private readonly notes: string[];
  private file: string;
  private lineNumber: number;
  private lines: number;
  private seals: number;
  private firstSequence: number | undefined;
  private sequence: number | undefined;
  private previous: string | undefined;
  /** Lines since the last seal, with their newlines; of more than a batch may be none is kept. */
  private batch: string[];
  private batchLines: number;
  private batchBytes: number;
  private batchFrom: { readonly file: string; readonly line: number } | undefined;
  private isExpectedSeen: boolean;
  private isClosed: boolean;
  private lastSeal: string | undefined;
  private isUnkeyed: boolean;

  constructor(options: VerifyOptions) {
    this.options = options;
    this.problems = [];
    this.notes = [];
    this.file = '';
    this.lineNumber = 0;
    this.lines = 0;
    this.seals = 0;
    this.firstSequence = undefined;
    this.sequence = undefined;
    this.previous = undefined;
    this.batch = [];
    this.batchLines = 0;
    this.batchBytes = 0;
    this.batchFrom = undefined;
    this.isExpectedSeen = false;
    this.isClosed = false;
    this.lastSeal = undefined;
    this.isUnkeyed = false;
  }

  /** The lines from now on are of this file. */
  begin(file: string): void {
    this.file = file;
    this.lineNumber = 0;
  }

  /** @param line without its newline, a character per byte */
  line(line: string): void {
    this.lineNumber++;
    this.lines++;
    this.batchFrom ??= { file: this.file, line: this.lineNumber };
    const sequence = sequenceOf(line);
    if (sequence === undefined) this.complain('is no line of an audit trail');
    else this.number(sequence);
    const seal = sealOf(line);
    if (seal !== undefined) return this.seal(seal, line);
    this.isClosed = line.includes('"event.action":"audit-closed"');
    this.batchLines++;
    this.batchBytes += line.length + 1;
    if (this.batchBytes <= AUDIT_TAIL_BYTES) this.batch.push(`${line}\n`);
    else this.batch.length = 0;
  }

  /** What stands behind the last newline of a file. */
  torn(bytes: number): void {
    this.lineNumber++;
    this.complain(`the last line is not whole (${bytes} bytes): the process was cut down, or the file was`);
  }

  private number(sequence: number): void {
    const before = this.sequence;
    this.firstSequence ??= sequence;
    this.sequence = sequence;
    if (before === undefined || sequence === before + 1) return;
    if (sequence > before + 1) this.complain(`lines ${before + 1} to ${sequence - 1} are missing`);
    else this.complain(`is number ${sequence} behind number ${before}: moved, doubled or from another trail`);
  }

  private seal(seal: Seal, line: string): void {
    const { batch, batchLines, previous, options } = this;
    const from = this.batchFrom;
    this.batch = [];
    this.batchLines = 0;
    this.batchBytes = 0;
    this.batchFrom = undefined;
    this.seals++;
    if (previous === undefined) {
      if (seal.previous !== NOTHING_BEFORE)
        this.notes.push(`what came before number ${this.firstSequence} is not here`);
    } else if (seal.previous !== previous) {
      const isNew = seal.previous === NOTHING_BEFORE;
      this.complain(
        isNew ? 'a new chain begins here' : 'the seal before this one is not the one that it was made with',
      );
    }
    if (seal.lines !== batchLines)
      this.complain(`is the seal of ${seal.lines} lines, but ${batchLines} stand before it`);
    if (this.mayCheck(seal)) {
      const key = seal.algorithm === 'sha256' ? undefined : options.key;
      const hash = new BatchHash(seal.previous, key);
      for (const text of batch) hash.add(Buffer.from(text, 'latin1'));
      if (hash.seal(line) !== seal.hash) {
        const place = from === undefined ? '' : ` (from ${from.file}:${from.line} on)`;
        this.complain(`the lines under this seal are not those that were sealed${place}`);
      }
    }
    this.previous = seal.hash;
    this.lastSeal = `${seal.sequence}:${seal.hash}`;
    if (this.lastSeal === options.expected) this.isExpectedSeen = true;
  }

  private mayCheck({ algorithm }: Seal): boolean {
    const { key } = this.options;
    if (algorithm === 'sha256' && key !== undefined) {
      this.complain('this seal was made without the key');
      return false;
    }
    if (algorithm === 'sha256' || key !== undefined) return true;
    if (!this.isUnkeyed) this.notes.push('seals were made with a key: without it only numbers and order are checked');
    this.isUnkeyed = true;
    return false;
  }

  private complain(what: string): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push({ file: this.file, line: this.lineNumber, what });
  }

  end(): AuditVerdict {
    const { batchLines, options, notes } = this;
    if (batchLines > 0) {
      this.complain(
        `the last ${batchLines} lines have no seal yet: a process runs, was cut down, or the seal was cut off`,
      );
    } else if (!this.isClosed && this.seals > 0) {
      notes.push('the trail goes on: nothing says that the process has ended');
    }
    if (options.expected !== undefined && !this.isExpectedSeen) {
      this.complain(`the seal ${options.expected} is not here: the end was cut off, or replaced`);
    }
    const { problems, lines, seals, firstSequence, lastSeal } = this;
    return { problems, notes, lines, seals, firstSequence, lastSeal };
  }
}
