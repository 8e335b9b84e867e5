/**
 * What the process says of itself: one JSON object a line, on stderr. A line has `level`, `time`, `event` (a stable name
 * that alerts may rely on), `msg` (for people) and fields of the event.
 *
 * Invariants: no field holds a secret (callers pass names and reasons, never arguments of commands); a text from outside
 * is cut to a bound and JSON-escaped, so one event is one line; writing never waits for whoever reads.
 */
import { type DestinationStream, destination, pino, stdTimeFunctions } from 'pino';
import { LOG_BUFFER_BYTES_MAX, LOG_TEXT_LENGTH_MAX } from '../base/limits.ts';
import { oneLine } from '../base/one-line.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  write(level: Level, event: string, message: string, fields?: LogFields): void;
  /** Everything written so far has left; for the last lines before the process ends. */
  flush(): void;
  /** From now on lines of this level and above are written. */
  setLevel(level: Threshold): void;
}

/** A threshold may also be one of the levels at which nothing here is written. */
export type Threshold = Level | 'trace' | 'fatal';

export interface LogOptions {
  readonly level: Threshold;
  /** For tests; stderr when left out. */
  readonly to?: DestinationStream;
}

const STDERR = 2;
/** Names of fields that would only ever hold a secret: a second line of defence. */
const SECRET_FIELDS = ['password', 'pass', 'secret', 'token', 'key', 'hash'];

export function createLog({ level, to }: LogOptions): Log {
  const stderr =
    to === undefined ? destination({ dest: STDERR, sync: false, maxLength: LOG_BUFFER_BYTES_MAX }) : undefined;
  // A reader of stderr that went away must not end the server.
  stderr?.on('error', () => {});
  const logger = pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS, censor: '[redacted]' },
    },
    to ?? (stderr as DestinationStream),
  );
  return {
    write: (at, event, message, fields) => logger[at]({ event, ...safe(fields) }, bounded(message)),
    flush() {
      try {
        stderr?.flushSync();
      } catch {
        // Nothing was written yet, or nobody reads: either way there is nobody to tell.
      }
    },
    setLevel(wanted) {
      logger.level = wanted;
    },
  };
}

function safe(fields: LogFields | undefined): LogFields {
  if (fields === undefined) return {};
  const entries = Object.entries(fields).map(([name, value]) =>
    typeof value === 'string' ? ([name, bounded(value)] as const) : ([name, value] as const),
  );
  return Object.fromEntries(entries);
}

/** JSON escapes control characters itself; a line is also one for viewers that break at others, and it is bounded. */
function bounded(text: string): string {
  return oneLine(text.length > LOG_TEXT_LENGTH_MAX ? `${text.slice(0, LOG_TEXT_LENGTH_MAX)}…` : text);
}
