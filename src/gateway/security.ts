/**
 * What concerns security and is no command that runs: who comes and goes, who is turned away and why. Each such event is an
 * audit record, and counts towards the signs of attack; what strangers can cause at will is recorded by the number once it
 * becomes much.
 *
 * One event, one call: by `Denials` for whoever was refused something, by the session for whoever was let in, and through
 * the log for everything else that has a name there.
 */
import { ownerOf, parseAddress } from '../base/cidr.ts';
import { ALERT_TERMS, type Alert, Alerts, type AlertTerms } from '../observe/alerts.ts';
import type { AuditCategory, AuditEvent, AuditType, AuditValue } from '../observe/audit-event.ts';
import type { AuditJournal } from '../observe/audit-journal.ts';
import { Bursts } from '../observe/bursts.ts';
import { Audit, type AuditTerms } from './audit.ts';
import type { CloseReason } from './close-reasons.ts';
import type { Connection } from './connection.ts';
import type { Core } from './core.ts';
import type { GatewayLog } from './view.ts';

type Fields = Readonly<Record<string, string | number | boolean | undefined>>;
/** What is the same of all events that are counted together. */
type Kind = Omit<AuditEvent, 'who' | 'more'>;

/** Ends that are a sign of something when they come often. */
const SIGNS: ReadonlyMap<string, 'scanning' | 'oversized' | 'handshakes'> = new Map([
  ['cross_protocol', 'scanning'],
  ['tls_on_plain_port', 'scanning'],
  ['protocol_error', 'scanning'],
  ['query_buffer_limit', 'oversized'],
  ['output_buffer_limit', 'oversized'],
  ['handshake_failed', 'handshakes'],
  ['handshake_timeout', 'handshakes'],
  ['too_many_handshakes', 'handshakes'],
] as const);

/** Told here by who knows more than the log does, or nothing for an audit. */
const TOLD_ELSEWHERE: ReadonlySet<string> = new Set([
  'access.denied',
  'connection.closed',
  'gateway.bug',
  'listener.error',
  'security.alert',
]);

/** Fields of the log under the names that the audit has for them. */
const FIELD_NAMES: ReadonlyMap<string, string> = new Map([
  ['address', 'source.ip'],
  ['port', 'source.port'],
  ['user', 'user.name'],
  ['tenant', 'organization.id'],
  ['id', 'portcullis.connection'],
  ['detail', 'error.message'],
]);
/** ECS leaves the scale to the source; these are those of the detection rules that read it. */
const SEVERITIES: Readonly<Record<Alert['severity'], number>> = { high: 73, medium: 47 };

const OPENED: Kind = {
  kind: 'event',
  category: 'network',
  type: 'start',
  action: 'connection-opened',
  outcome: 'success',
};
const CLOSED: Kind = {
  kind: 'event',
  category: 'network',
  type: 'end',
  action: 'connection-closed',
  outcome: 'success',
};
const LOGGED_IN: Kind = {
  kind: 'event',
  category: 'authentication',
  type: 'start',
  action: 'login',
  outcome: 'success',
};
const LOGIN_FAILED: Kind = {
  kind: 'event',
  category: 'authentication',
  type: 'denied',
  action: 'login',
  outcome: 'failure',
};

export class Security {
  /** Undefined: nothing is recorded. */
  audit: Audit | undefined;
  /** Who else hears of alerts. */
  onAlert: ((alert: Alert) => void) | undefined;
  private readonly core: Core;
  private readonly alerts: Alerts;
  private readonly bursts: Bursts<Kind>;

  constructor(core: Core) {
    this.core = core;
    this.audit = undefined;
    this.onAlert = undefined;
    this.alerts = new Alerts(ALERT_TERMS, core.clock, (alert) => this.raise(alert));
    this.bursts = new Bursts();
  }

  /** From now on events are recorded. */
  record(journal: AuditJournal, terms: AuditTerms): void {
    this.audit = new Audit(this.core, journal, terms);
  }

  adopt(terms: AuditTerms, alerts: AlertTerms): void {
    this.audit?.adopt(terms);
    this.alerts.adopt(alerts);
  }

  /** The log of the gateway, listened to. */
  listenedTo(log: GatewayLog): GatewayLog {
    return {
      event: (level, event, reason, fields) => {
        log.event(level, event, reason, fields);
        if (!TOLD_ELSEWHERE.has(event) && level !== 'debug') this.heard(event, reason, fields);
      },
    };
  }

  // -- Who comes and goes ----------------------------------------------------------------------------------------------

  opened(connection: Connection): void {
    this.burst(OPENED, connection);
  }

  closed(connection: Connection, reason: CloseReason): void {
    this.burst({ ...CLOSED, reason }, connection); // cold: once per connection
    const sign = SIGNS.get(reason);
    if (sign !== undefined) this.alerts.count(sign, 'address', ownerTextOf(connection));
  }

  loggedIn(connection: Connection): void {
    connection.auditWho = undefined;
    const { audit } = this;
    // Of an operator no login goes uncounted among others.
    if (connection.session.isOperator)
      audit?.journal.record({ ...LOGGED_IN, who: audit.who(connection) }); // cold: once per login
    else this.burst(LOGGED_IN, connection);
  }

  /** The connection is nobody's again, or acts on other data: what was known of it is so no more. */
  changed(connection: Connection): void {
    connection.auditWho = undefined;
  }

  loginFailed(connection: Connection, userName: string, reason: string): void {
    this.recordFailedLogin(connection, userName, reason);
    this.alerts.count('guessing', 'address', ownerTextOf(connection));
    this.alerts.count('guessing', 'user', userName);
  }

  /** Too many are being looked at. What was not looked at is no guess. */
  loginPutOff(connection: Connection, userName: string): void {
    this.recordFailedLogin(connection, userName, 'logins_busy');
  }

  private recordFailedLogin(connection: Connection, userName: string, reason: string): void {
    // Who is somebody already has that name in the record.
    const field = connection.session.isAuthenticated ? 'user.target.name' : 'user.name';
    this.burst({ ...LOGIN_FAILED, reason }, connection, [[field, userName]]); // cold: costs a hash already
  }

  // -- Who is turned away ----------------------------------------------------------------------------------------------

  /** By the rules of ACL, or the ceiling. */
  denied(
    connection: Connection,
    reason: 'command' | 'key' | 'channel' | 'ceiling',
    action: string,
    object?: string,
  ): void {
    const { audit } = this;
    if (audit !== undefined) {
      const shown = object === undefined ? undefined : audit.shownKey(object);
      const name = reason === 'channel' ? 'portcullis.channels' : 'portcullis.keys';
      this.burst(denialOf('database', action, reason), connection, shown === undefined ? [] : [[name, [shown]]]);
    }
    const { session } = connection;
    this.alerts.count('denied', 'user', session.userName, `${reason} ${object ?? action}`);
  }

  /** A word that names no command. */
  unknownCommand(connection: Connection): void {
    this.burst(denialOf('database', 'unknown-command', 'unknown_command'), connection);
    this.alerts.count('scanning', 'address', ownerTextOf(connection));
  }

  /** Nobody knows who it is, and it asks for something. */
  stranger(connection: Connection, action: string): void {
    this.burst(denialOf('authentication', action, 'not_authenticated'), connection);
    this.alerts.count('scanning', 'address', ownerTextOf(connection), action);
  }

  overRate(connection: Connection, action: string): void {
    this.burst(denialOf('database', action, 'rate_limited'), connection);
    this.alerts.count('flooding', 'user', connection.session.userName);
  }

  /** For any other reason. */
  refused(reason: string, fields: Fields): void {
    const { address } = fields;
    const source = typeof address === 'string' ? address : '';
    this.burstOf(denialOf('network', 'access-denied', reason), source, undefined, fieldsOf(fields));
  }

  private heard(event: string, reason: string, fields: Fields): void {
    const isRefusal = event === 'connection.refused';
    const action = event.replaceAll('.', '-');
    const what = isRefusal
      ? denialOf('network', action, reason)
      : ({ kind: 'event', category: 'network', type: 'info', action, outcome: 'unknown', reason } as const);
    const { address } = fields;
    const source = typeof address === 'string' ? address : '';
    this.burstOf(what, source, undefined, fieldsOf(fields));
    const sign = SIGNS.get(reason);
    if (sign === undefined || source === '') return;
    const parsed = parseAddress(source);
    this.alerts.count(sign, 'address', parsed === undefined ? source : ownerOf(parsed));
  }

  // -- To the journal --------------------------------------------------------------------------------------------------

  private burst(kind: Kind, connection: Connection, more?: AuditEvent['more']): void {
    const { audit } = this;
    if (audit !== undefined) this.burstOf(kind, connection.addressText, audit.who(connection), more);
  }

  private burstOf(kind: Kind, source: string, who: Uint8Array | undefined, more: AuditEvent['more']): void {
    const { audit } = this;
    if (audit === undefined) return;
    if (!this.bursts.take(`${kind.action} ${kind.reason ?? ''} ${kind.outcome}`, source, kind)) return;
    // cold: what is much is only counted
    audit.journal.record({ ...kind, ...(who === undefined ? {} : { who }), ...(more === undefined ? {} : { more }) });
  }

  /** Something the process itself has done or was told, from outside of any connection. */
  note(event: AuditEvent): void {
    this.audit?.journal.record(event);
  }

  private raise(alert: Alert): void {
    const { cause, severity, sourceKind, source, count, windowSeconds } = alert;
    const { core, audit } = this;
    core.counters.tallies.count('alerts', cause);
    core.log.event('warn', 'security.alert', cause, { severity, [sourceKind]: source, count, windowSeconds });
    const where: [string, AuditValue][] = [];
    if (sourceKind !== 'many') where.push([sourceKind === 'address' ? 'source.ip' : 'user.name', source]);
    audit?.journal.record({
      kind: 'alert',
      category: 'intrusion_detection',
      type: 'info',
      action: 'alert',
      outcome: 'unknown',
      reason: cause,
      // cold: at most one a minute of a source
      more: [
        ...where,
        ['event.severity', SEVERITIES[severity]],
        ['rule.name', cause],
        ['portcullis.count', count],
        ['portcullis.window_seconds', windowSeconds],
      ],
    });
    this.onAlert?.(alert);
  }

  /** Ten times a second. */
  tick(now_ms: number): void {
    const { audit } = this;
    if (audit === undefined) return;
    this.bursts.sweep(now_ms, (kind, source, count) => this.tellCounted(kind, source, count));
    audit.journal.tick();
  }

  private tellCounted(kind: Kind, source: string | undefined, count: number): void {
    const more: [string, AuditValue][] = [['portcullis.count', count]];
    if (source !== undefined && source !== '') more.push(['source.ip', source]);
    this.audit?.journal.record({ ...kind, more }); // cold: once a second and kind
  }

  /** The process ends. */
  close(reason: string): void {
    this.bursts.flush((kind, source, count) => this.tellCounted(kind, source, count));
    this.audit?.journal.close(reason);
  }

  /** For INFO. */
  get figures(): readonly (readonly [name: string, value: number | string])[] {
    if (this.audit === undefined) return [];
    const { records, dropped, isFailing, lastSeal } = this.audit.journal.figures;
    return [
      ['audit_records_total', records],
      ['audit_dropped_total', dropped],
      ['audit_last_write_status', isFailing ? 'err' : 'ok'],
      ['audit_last_seal', lastSeal],
    ];
  }
}

/** Whom signs of attack are counted against: whoever has one address of a /64 comes from any of them. */
function ownerTextOf({ address, addressText }: Connection): string {
  return address.isV4 ? addressText : ownerOf(address);
}

function denialOf(category: AuditCategory, action: string, reason: string): Kind {
  const type: AuditType = 'denied';
  return { kind: 'event', category, type, action, outcome: 'failure', reason };
}

/** Names of fields are words of the program. */
function fieldsOf(fields: Fields): readonly (readonly [string, AuditValue])[] {
  const more: [string, AuditValue][] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    more.push([FIELD_NAMES.get(name) ?? `portcullis.${name}`, typeof value === 'boolean' ? String(value) : value]);
  }
  return more;
}
