/** The audit trail of a serving process: its sink as policy wants it, and what is recorded beside what clients do. */
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { AUDIT_KEY_BYTES_MIN } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { Disk } from '../disk/disk.ts';
import type { AuditTerms } from '../gateway/audit.ts';
import type { Security } from '../gateway/security.ts';
import type { AlertTerms } from '../observe/alerts.ts';
import type { AuditValue } from '../observe/audit-event.ts';
import { AuditFile } from '../observe/audit-file.ts';
import { AuditJournal } from '../observe/audit-journal.ts';
import type { AuditSink } from '../observe/audit-sink.ts';
import { AuditStream } from '../observe/audit-stream.ts';
import type { Log } from '../observe/log.ts';
import { Syslog, type SyslogTls } from '../observe/syslog.ts';
import type { AlertSettings, AuditSettings, SyslogSettings } from '../policy/audit.ts';

export interface AuditParts {
  readonly settings: AuditSettings;
  readonly dataFolder: string;
  readonly cwd: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  /** Reads a secret of the certificates folder. */
  readonly readSecret: (name: string) => Result<string>;
  /** Reads a certificate or a key of it. */
  readonly readBeside: (name: string) => Result<string>;
}

/** Where the trail is, unless policy names a file. */
export function auditPathOf(settings: AuditSettings, dataFolder: string, cwd: string): string {
  return settings.file === undefined ? join(dataFolder, 'audit', 'audit.log') : resolve(cwd, settings.file);
}

/** The secret that seals are made with; undefined when policy wants none. */
export function auditKeyOf(
  name: string | undefined,
  readSecret: (name: string) => Result<string>,
): Result<Uint8Array | undefined> {
  if (name === undefined) return success(undefined);
  const secret = readSecret(name);
  if (!secret.ok) return secret;
  const key = Buffer.from(secret.value, 'utf8');
  if (key.length < AUDIT_KEY_BYTES_MIN) return failure(`${name}: a key has at least ${AUDIT_KEY_BYTES_MIN} characters`);
  return success(key);
}

/** Undefined: policy wants none. The fault is one line. */
export function openAudit(parts: AuditParts): Result<AuditJournal | undefined> {
  const { settings, clock, log, readSecret } = parts;
  if (settings.sink === 'none') return success(undefined);
  const key = auditKeyOf(settings.keyFile, readSecret);
  if (!key.ok) return key;
  const sink = sinkOf(parts);
  if (!sink.ok) return failure(`the audit trail cannot be opened: ${sink.fault}`);
  const { cutBytes, unsealedLines, isBroken } = sink.value.continuation;
  if (isBroken) log.write('warn', 'audit.restarted', 'the trail ended without a chain: a new one begins', {});
  else if (cutBytes > 0 || unsealedLines > 0) {
    log.write('warn', 'audit.recovered', 'the last batch of the trail was not whole', { cutBytes, unsealedLines });
  }
  const { onFailure } = settings;
  const journal = new AuditJournal({
    sink: sink.value,
    clock,
    nodeName: hostname(),
    key: key.value,
    onFailure,
    changed(fault) {
      if (fault === undefined) log.write('warn', 'audit.written', 'the audit trail is written again', {});
      else log.write('error', 'audit.failing', 'the audit trail cannot be written', { fault, onFailure });
    },
  });
  // A trail that cannot be written from the start is better known at once.
  journal.flush();
  return success(journal);
}

function sinkOf({ settings, dataFolder, cwd, disk, clock, readBeside }: AuditParts): Result<AuditSink> {
  const { rotateBytes, keep, syslog } = settings;
  if (settings.sink === 'stdout') return success(new AuditStream(process.stdout));
  if (settings.sink === 'syslog') {
    const { transport, host, port, serverName } = syslog;
    const isTls = transport === 'tls';
    const material = () => tlsOf(syslog, readBeside);
    // A file that cannot be read is known at the start; later it is a collector that cannot be reached.
    const first = isTls ? material() : undefined;
    if (first?.ok === false) return first;
    const tls = isTls ? material : undefined;
    const own = { nodeName: hostname(), processId: process.pid, clock };
    return success(new Syslog({ transport, host, port, serverName, tls, ...own }));
  }
  return AuditFile.open(disk, { path: auditPathOf(settings, dataFolder, cwd), rotateBytes, keep });
}

function tlsOf({ ca, own }: SyslogSettings, read: (name: string) => Result<string>): Result<SyslogTls> {
  const authorities = ca === undefined ? undefined : read(ca);
  if (authorities?.ok === false) return authorities;
  if (own === undefined) return success({ ca: authorities?.value, own: undefined });
  const certificate = read(own.certificate);
  if (!certificate.ok) return certificate;
  const key = read(own.key);
  if (!key.ok) return key;
  return success({ ca: authorities?.value, own: { certificate: certificate.value, key: key.value } });
}

export function auditTermsOf({ writes, readsOneIn, keys, arguments: shown }: AuditSettings): AuditTerms {
  return { writes, readsOneIn, keys, arguments: new Set(shown) };
}

export function alertTermsOf({ windowSeconds, ...thresholds }: AlertSettings): AlertTerms {
  return { windowSeconds, thresholds };
}

/** Events of the process's own log that are acts of administration, whoever has brought them about. */
const RECORDED: ReadonlyMap<string, 'success' | 'failure'> = new Map([
  ['policy.reloaded', 'success'],
  ['policy.refused', 'failure'],
  ['tls.replaced', 'success'],
  ['tls.refused', 'failure'],
  ['backup.taken', 'success'],
  ['backup.failed', 'failure'],
] as const);

/** The log, with those of its events recorded that belong into the trail. */
export function recordedLog(log: Log, security: () => Security | undefined): Log {
  return {
    write(level, event, message, fields) {
      log.write(level, event, message, fields);
      const outcome = RECORDED.get(event);
      if (outcome === undefined) return;
      const more: [string, AuditValue][] = [];
      for (const [name, value] of Object.entries(fields ?? {})) {
        if (value !== undefined) more.push([`portcullis.${name}`, typeof value === 'boolean' ? String(value) : value]);
      }
      const action = event.replace('.', '-');
      security()?.note({ kind: 'event', category: 'configuration', type: 'change', action, outcome, more });
    },
    flush: () => log.flush(),
    setLevel: (level) => log.setLevel(level),
  };
}
