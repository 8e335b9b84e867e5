/** What a case leaves in the audit trail, and whether that is what it says it leaves: all of it, and no denial more. */
import { AUDIT_BURST_ALL_LINES_PER_SECOND, AUDIT_BURST_LINES_PER_SECOND } from '../../src/base/limits.ts';
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

/** From where nobody else comes: who has not come before within its second is told in full. */
const MARKER_NETWORK = '127.0.120';
const MARKERS = 250;
/** So many that some of them are only counted, even if a second ends in the middle of them. */
const COUNTED_CONNECTIONS = 2 * AUDIT_BURST_LINES_PER_SECOND + 2;

/**
 * The trail of one process, case by case. Of what comes often some is only counted, and told at the end of its second. To
 * wait for that is a second for every case, and is done only where something may have been counted.
 */
export class Trail {
  private readonly world: World;
  private from: number;
  /** Nothing before it has yet to be told. */
  private told: number;
  private marker: number;

  constructor(world: World) {
    this.world = world;
    this.from = world.auditEnd;
    this.told = this.from;
    this.marker = 0;
  }

  /** A case begins. */
  begin(): void {
    this.from = this.world.auditEnd;
    this.world.ended.length = 0;
  }

  /** What is wrong with what it left. */
  async faultsOf(declared: Declared): Promise<string[]> {
    const { world } = this;
    await this.untilWritten();
    const before = this.mayHaveCounted() ? undefined : this.faults(declared);
    if (before?.length === 0) return before;
    const place = world.auditEnd;
    await this.untilAllIsTold();
    this.told = place;
    return this.faults(declared);
  }

  private faults(declared: Declared): string[] {
    const { world } = this;
    return faultsOf([...world.auditSince(this.from), ...world.ended], declared, world.options);
  }

  /** Whether there may be a denial without a line: of its kind, or of all, there were as many as are told in full. */
  private mayHaveCounted(): boolean {
    const seen = this.world.auditSince(this.told).map(seenIn);
    if (seen.length >= AUDIT_BURST_ALL_LINES_PER_SECOND) return true;
    const counts = new Map<string, number>();
    for (const { mark, isDenial } of seen) if (isDenial) counts.set(mark, (counts.get(mark) ?? 0) + 1);
    return Math.max(0, ...counts.values()) >= AUDIT_BURST_LINES_PER_SECOND;
  }

  private async untilWritten(): Promise<void> {
    const from = this.nextMarker();
    const place = this.world.auditEnd;
    (await this.world.plain(from)).close();
    await this.untilTold(place, (line) => line.includes(`"${from}"`));
  }

  /** Once the count of these connections is told, all counts before it are. */
  private async untilAllIsTold(): Promise<void> {
    const from = this.nextMarker();
    const place = this.world.auditEnd;
    for (let i = 0; i < COUNTED_CONNECTIONS; i++) (await this.world.plain(from)).close();
    await this.untilTold(place, (line) => line.includes('"portcullis.count"') && line.includes(`"${from}"`));
  }

  private nextMarker(): string {
    this.marker = (this.marker % MARKERS) + 1;
    return `${MARKER_NETWORK}.${this.marker}`;
  }

  private async untilTold(place: number, isIt: (line: string) => boolean): Promise<void> {
    holds(
      await becomes(() => this.world.auditSince(place).some(isIt)),
      'the audit trail does not tell what has happened',
    );
  }
}
