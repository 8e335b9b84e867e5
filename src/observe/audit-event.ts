/** What may be recorded, in the words of the Elastic Common Schema, dotted keys throughout. */
import { AUDIT_LIST_MAX, AUDIT_TEXT_BYTES_MAX } from '../base/limits.ts';
import type { LineWriter } from './audit-line.ts';

export type AuditCategory =
  | 'authentication'
  | 'session'
  | 'network'
  | 'database'
  | 'iam'
  | 'configuration'
  | 'intrusion_detection'
  | 'process';
export type AuditType =
  | 'start'
  | 'end'
  | 'allowed'
  | 'denied'
  | 'access'
  | 'change'
  | 'creation'
  | 'deletion'
  | 'error'
  | 'info'
  | 'connection'
  | 'protocol';
export type AuditOutcome = 'success' | 'failure' | 'unknown';
export type AuditValue = string | number | readonly string[];

export interface AuditEvent {
  readonly kind: 'event' | 'alert';
  readonly category: AuditCategory;
  readonly type: AuditType;
  /** Words joined by dashes. */
  readonly action: string;
  readonly outcome: AuditOutcome;
  /** A word of the program. */
  readonly reason?: string;
  /** Who and from where, as `who` writes it. */
  readonly who?: Uint8Array;
  /** Further fields under their full names. Texts may come from outside. */
  readonly more?: readonly (readonly [name: string, value: AuditValue])[];
}

/** As far as it is known. Texts have one character per byte. */
export interface AuditWho {
  readonly userName?: string | undefined;
  readonly tenantName?: string | undefined;
  /** The tenant whose data is acted on, where it is another. */
  readonly namespace?: string | undefined;
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  /** `tls` or `plain`, and where it was reached. */
  readonly listener?: string | undefined;
  readonly serverAddress?: string | undefined;
  readonly serverPort?: number | undefined;
  readonly connection?: number | undefined;
}

function field(line: LineWriter, name: string, value: AuditValue | undefined): void {
  if (value === undefined) return;
  line.word(`,"${name}":`);
  if (typeof value === 'number') line.integer(value);
  else if (typeof value === 'string') line.text(value, AUDIT_TEXT_BYTES_MAX);
  else {
    line.word('[');
    for (const [index, text] of value.slice(0, AUDIT_LIST_MAX).entries()) {
      if (index > 0) line.comma();
      line.text(text, AUDIT_TEXT_BYTES_MAX);
    }
    line.word(']');
  }
}

export function writeWho(line: LineWriter, who: AuditWho): void {
  field(line, 'source.ip', who.address);
  field(line, 'source.port', who.port);
  field(line, 'user.name', who.userName);
  field(line, 'organization.id', who.tenantName);
  field(line, 'portcullis.namespace', who.namespace);
  field(line, 'portcullis.listener', who.listener);
  field(line, 'server.ip', who.serverAddress);
  field(line, 'server.port', who.serverPort);
  field(line, 'portcullis.connection', who.connection);
}

export type WhatParts = Pick<AuditEvent, 'kind' | 'category' | 'type' | 'action'>;

/** What of an event the program alone decides: made once where it is written often. */
export function writeWhat(line: LineWriter, { kind, category, type, action }: WhatParts): void {
  line.word(`,"event.kind":"${kind}","event.category":["${category}"],"event.type":["${type}"]`);
  field(line, 'event.action', action);
}

export function writeEvent(line: LineWriter, event: AuditEvent): void {
  writeWhat(line, event);
  writeOutcome(line, event.outcome, event.reason);
  if (event.who !== undefined) line.raw(event.who);
  writeMore(line, event.more ?? []);
}

export function writeOutcome(line: LineWriter, outcome: AuditOutcome, reason: string | undefined): void {
  line.word(`,"event.outcome":"${outcome}"`);
  field(line, 'event.reason', reason);
}

export function writeMore(line: LineWriter, more: readonly (readonly [name: string, value: AuditValue])[]): void {
  for (const [name, value] of more) field(line, name, value);
}
