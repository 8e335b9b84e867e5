/** `audit:` and `alerts:` of gateway.yaml: what is recorded, where to, and what counts as a sign of attack. */
import { z } from 'zod';
import { AUDIT_FILES_KEPT_MAX } from '../base/limits.ts';
import { fileName } from './file-name.ts';

export interface AuditSettings {
  readonly sink: 'none' | 'file' | 'stdout' | 'syslog';
  /** As written; undefined: `audit/audit.log` in the data folder. */
  readonly file: string | undefined;
  readonly rotateBytes: number;
  /** Older files that stay; 0: all of them. */
  readonly keep: number;
  readonly syslog: SyslogSettings;
  readonly onFailure: 'deny' | 'drop';
  readonly writes: boolean;
  readonly readsOneIn: number;
  readonly keys: 'none' | 'names' | 'hashed';
  /** Full lower-case names, `config|set` for a subcommand. */
  readonly arguments: readonly string[];
  /** A file of the certificates folder; undefined: seals are plain hashes. */
  readonly keyFile: string | undefined;
}

export interface SyslogSettings {
  readonly transport: 'udp' | 'tcp' | 'tls';
  readonly host: string;
  readonly port: number;
  /** With TLS. The name its certificate must have; undefined: `host`. */
  readonly serverName?: string | undefined;
  /** Files of the certificates folder: the only authorities its certificate may come from (undefined: the runtime's), … */
  readonly ca?: string | undefined;
  /** … and what we show for ours; undefined: nothing. */
  readonly own?: { readonly certificate: string; readonly key: string } | undefined;
}

export interface AlertSettings {
  readonly windowSeconds: number;
  /** Events of one source within the window; 0: no alert. */
  readonly guessing: number;
  readonly scanning: number;
  readonly denied: number;
  readonly oversized: number;
  readonly handshakes: number;
  readonly flooding: number;
}

function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.preprocess((value) => value ?? {}, z.strictObject(shape)).prefault({});
}

const ROTATE_BYTES_MIN = 64 * 1024;
const COMMAND = /^[A-Za-z][A-Za-z0-9._-]{0,40}(?:[| ][A-Za-z][A-Za-z0-9_-]{0,40})?$/;
const count = z.int().min(0).max(1_000_000_000);

const TLS_KEYS = ['server_name', 'ca', 'certificate', 'key'] as const;
const SYSLOG_PORT = 514;
/** RFC 5425. */
const SYSLOG_TLS_PORT = 6514;

const syslog = section({
  transport: z.enum(['udp', 'tcp', 'tls']).default('udp'),
  host: z.string().min(1).max(255).default('127.0.0.1'),
  port: z.int().min(1).max(65_535).optional(),
  server_name: z
    .string()
    .regex(/^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, 'must be a name as in a certificate')
    .optional(),
  ca: fileName.optional(),
  certificate: fileName.optional(),
  key: fileName.optional(),
}).transform((written, context): SyslogSettings => {
  const { transport, host, certificate, key } = written;
  const complain = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
  if (transport !== 'tls') {
    for (const name of TLS_KEYS) if (written[name] !== undefined) complain(name, 'is for "transport: tls" alone');
    return { transport, host, port: written.port ?? SYSLOG_PORT };
  }
  if (certificate === undefined && key !== undefined) complain('key', 'needs its certificate');
  if (certificate !== undefined && key === undefined) complain('certificate', 'needs its key');
  return {
    transport,
    host,
    port: written.port ?? SYSLOG_TLS_PORT,
    serverName: written.server_name,
    ca: written.ca,
    own: certificate === undefined || key === undefined ? undefined : { certificate, key },
  };
});

/** @param size how a number of bytes is written */
export function auditSection(size: z.ZodType<number, unknown>) {
  return section({
    sink: z.enum(['none', 'file', 'stdout', 'syslog']).default('none'),
    file: z.string().min(1).max(1024).optional(),
    rotate: section({
      size: size.prefault('64mb').refine((bytes) => bytes >= ROTATE_BYTES_MIN, 'must be at least 64kb'),
      keep: z.int().min(0).max(AUDIT_FILES_KEPT_MAX).default(16),
    }),
    syslog,
    on_failure: z.enum(['deny', 'drop']).default('deny'),
    writes: z.boolean().default(false),
    reads_one_in: count.default(0),
    keys: z.enum(['none', 'names', 'hashed']).default('none'),
    arguments: z
      .array(z.string().regex(COMMAND, 'must be the name of a command, such as get or config set'))
      .max(1000)
      .prefault([]),
    key_file: fileName.optional(),
  }).transform(
    (written): AuditSettings => ({
      sink: written.sink,
      file: written.file,
      rotateBytes: written.rotate.size,
      keep: written.rotate.keep,
      syslog: written.syslog,
      onFailure: written.on_failure,
      writes: written.writes,
      readsOneIn: written.reads_one_in,
      keys: written.keys,
      arguments: written.arguments.map((name) => name.toLowerCase().replace(' ', '|')),
      keyFile: written.key_file,
    }),
  );
}

export const alertsSection = section({
  window: z.int().min(1).max(3600).default(60),
  guessing: count.default(20),
  scanning: count.default(30),
  denied: count.default(100),
  oversized: count.default(10),
  handshakes: count.default(50),
  flooding: count.default(1000),
}).transform(
  ({ window, ...thresholds }): AlertSettings => ({
    windowSeconds: window,
    ...thresholds,
  }),
);

/** What of it holds at once, and what at the next start: texts that differ when the settings do. */
export function auditText({ sink, file, rotateBytes, keep, syslog, onFailure, keyFile }: AuditSettings): string {
  return JSON.stringify([sink, file, rotateBytes, keep, syslog, onFailure, keyFile]);
}

export function auditTermsText({ writes, readsOneIn, keys, arguments: shown }: AuditSettings): string {
  return JSON.stringify([writes, readsOneIn, keys, shown]);
}
