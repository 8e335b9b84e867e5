/** An audit trail on a disk in memory, and what reads it back. */
import { AuditFile, type AuditFileOptions, olderFiles } from '../../src/observe/audit-file.ts';
import { AuditJournal, type AuditJournalParts } from '../../src/observe/audit-journal.ts';
import { type AuditVerdict, AuditVerifier } from '../../src/observe/audit-verify.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { FakeClock } from '../support/harness.ts';

export const PATH = '/data/audit/audit.log';
export const KEY = Buffer.from('a key of at least thirty-two bytes, it is');

export interface Trail {
  readonly disk: FakeDisk;
  readonly journal: AuditJournal;
  readonly clock: FakeClock;
  readonly faults: (string | undefined)[];
}

export function trailOn(
  disk = new FakeDisk(),
  options: Partial<AuditFileOptions & AuditJournalParts> = {},
  clock = new FakeClock(),
): Trail {
  const { rotateBytes = 1_000_000, keep = 0, key, onFailure = 'deny' } = options;
  const file = AuditFile.open(disk, { path: PATH, rotateBytes, keep });
  if (!file.ok) throw new Error(file.fault);
  const faults: (string | undefined)[] = [];
  const changed = (fault: string | undefined) => faults.push(fault);
  const journal = new AuditJournal({ sink: file.value, clock, nodeName: 'node', key, onFailure, changed });
  return { disk, journal, clock, faults };
}

/** A record that says so. */
export function say({ journal }: Pick<Trail, 'journal'>, action: string): void {
  journal.record({ kind: 'event', category: 'database', type: 'info', action, outcome: 'success' });
}

export function filesOf(disk: FakeDisk): readonly string[] {
  const current = disk.bytesOf(PATH) === undefined ? [] : [PATH];
  return [...olderFiles(disk, PATH), ...current];
}

export function textOf(disk: FakeDisk): string {
  return filesOf(disk)
    .map((path) => Buffer.from(disk.bytesOf(path) ?? []).toString('latin1'))
    .join('');
}

export function actionsOf(disk: FakeDisk): string[] {
  const lines = textOf(disk)
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => String(JSON.parse(line)['event.action'])).filter((action) => action !== 'audit-seal');
}

export function verify(text: string, key?: Uint8Array, expected?: string): AuditVerdict {
  const verifier = new AuditVerifier({ key, expected });
  verifier.begin('audit.log');
  const lines = text.split('\n');
  const rest = lines.pop() ?? '';
  for (const line of lines) verifier.line(line);
  if (rest !== '') verifier.torn(rest.length);
  return verifier.end();
}

export function problemsOf(text: string, key?: Uint8Array, expected?: string): string[] {
  return verify(text, key, expected).problems.map(({ line, what }) => `${line}: ${what}`);
}
