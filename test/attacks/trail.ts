/** What a case leaves in the audit trail, and whether that is what it says it leaves: all of it, and no denial more. */
import { becomes, holds } from './case.ts';
import type { World, WorldOptions } from './world.ts';

/**
 * Why, and what: `key: get set` are two records, of which each has this reason, or this outcome where there is none. `*` is
 * at least one of any; with a question mark behind why, as in `key?: get`, they may be missing.
 */
type Mark = `${string}: ${string}`;
/** What a case leaves, or why none of what it does is refused. */
type Leaves = readonly [Mark, ...Mark[]] | { readonly none: string };
/** Some cases only know in their world. */
export type Declared = Leaves | ((options: WorldOptions) => Leaves);

/**
 * Ends that a client can bring about by going away. A handshake that it breaks off is told like one that fails, or ten
 * seconds later like one that takes too long; cases about handshakes declare which they want.
 */
const BY_CLIENTS: ReadonlySet<string> = new Set([
  'client_closed: connection-closed',
  'client_quit: connection-closed',
  'socket_error: connection-closed',
  'handshake_failed: connection-refused',
  'handshake_timeout: connection-refused',
]);
/** How a process ends that was started for a case. */
const OVER = 'shutdown: connection-closed';

interface Seen {
  readonly mark: string;
  /** Somebody was refused something, or sent away. */
  readonly isDenial: boolean;
}

function seenIn(line: string): Seen {
  const record: Readonly<Record<string, unknown>> = JSON.parse(line);
  const { 'event.action': action, 'event.reason': reason, 'event.outcome': outcome } = record;
  const mark = `${reason ?? outcome}: ${action}`;
  const mayDeny = outcome === 'failure' || action === 'connection-closed';
  return { mark, isDenial: mayDeny && !BY_CLIENTS.has(mark) && mark !== OVER };
}

interface Expected {
  readonly mark: string;
  readonly isOptional: boolean;
  readonly is: (mark: string) => boolean;
}

function expectedBy(declared: Mark): Expected[] {
  const [why = '', actions = ''] = declared.split(': ');
  const isOptional = why.endsWith('?');
  const reason = isOptional ? why.slice(0, -1) : why;
  return actions.split(' ').map((action) => {
    const mark = `${reason}: ${action}`;
    return { mark, isOptional, is: (seen) => (action === '*' ? seen.startsWith(`${reason}: `) : seen === mark) };
  });
}

/** What is wrong with the lines that a case has left, by what it says it leaves. */
export function faultsOf(lines: readonly string[], declared: Declared, options: WorldOptions): string[] {
  const leaves = typeof declared === 'function' ? declared(options) : declared;
  const expected = 'none' in leaves ? [] : leaves.flatMap(expectedBy);
  const seen = lines.map(seenIn);
  const marks = new Set(seen.map(({ mark }) => mark));
  const denials = new Set(seen.filter(({ isDenial }) => isDenial).map(({ mark }) => mark));
  const missing = expected.filter(({ isOptional, is }) => !isOptional && !Array.from(marks).some(is));
  const more = Array.from(denials).filter((mark) => !expected.some(({ is }) => is(mark)));
  return [
    ...missing.map(({ mark }) => `no audit record of '${mark}'`),
    ...more.map((mark) => `an audit record of '${mark}', of which the case says nothing`),
  ];
}

/** From where nobody else comes. */
const MARKER = '127.0.0.120';
/** So many that some of them are only counted, even if a second ends in the middle of them. */
const MARKER_CONNECTIONS = 12;

/** What was only counted is told at the end of its second. Once the count of these connections is, all before it is. */
export async function untilAllIsTold(world: World): Promise<void> {
  const place = world.auditEnd;
  for (let i = 0; i < MARKER_CONNECTIONS; i++) (await world.plain(MARKER)).close();
  const isCount = (line: string) => line.includes('"portcullis.count"') && line.includes(`"${MARKER}"`);
  holds(
    await becomes(() => world.auditSince(place).some(isCount)),
    'the audit trail does not tell what it has counted',
  );
}
