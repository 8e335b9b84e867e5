/**
 * Slows down whoever guesses passwords. From the tenth failure within ten seconds an address has to wait before it may try
 * that user again, twice as long each time; from the hundredth before it may try anybody. So one program with an old
 * password does not lock out its neighbours on the same machine, and the user logs in from elsewhere as ever.
 *
 * An address of IPv6 is its /64: whoever has one address of it has them all.
 *
 * A success wipes nothing: else whoever has one account could guess at all others between two logins.
 */

import { makeRoom } from '../base/bounded.ts';
import {
  AUTH_BACKOFF_MS,
  AUTH_BACKOFF_MS_MAX,
  AUTH_FAILURES_FREE,
  AUTH_FAILURES_FREE_ADDRESS,
  AUTH_FAILURES_WINDOW_MS,
  BACKOFF_RECORDS_MAX,
} from '../base/limits.ts';

const USER_NAME_LENGTH_KEPT = 64;

interface Record {
  failures: number;
  since_ms: number;
  until_ms: number;
  pause_ms: number;
}

export class Backoff {
  private readonly records: Map<string, Record>;

  constructor() {
    this.records = new Map();
  }

  /** Whether the address has to wait before it may try this user again. */
  holds(address: string, userName: string, now_ms: number): boolean {
    return this.isHeld(address, now_ms) || this.isHeld(pairOf(address, userName), now_ms);
  }

  failed(address: string, userName: string, now_ms: number): void {
    this.count(address, AUTH_FAILURES_FREE_ADDRESS, now_ms);
    this.count(pairOf(address, userName), AUTH_FAILURES_FREE, now_ms);
  }

  private isHeld(key: string, now_ms: number): boolean {
    const record = this.records.get(key);
    return record !== undefined && now_ms < record.until_ms;
  }

  private count(key: string, free: number, now_ms: number): void {
    let record = this.records.get(key);
    if (record === undefined || now_ms - Math.max(record.since_ms, record.until_ms) > AUTH_FAILURES_WINDOW_MS) {
      record = { failures: 0, since_ms: now_ms, until_ms: 0, pause_ms: AUTH_BACKOFF_MS };
      this.records.delete(key);
      makeRoom(this.records, BACKOFF_RECORDS_MAX);
      this.records.set(key, record);
    }
    record.failures++;
    if (record.failures < free) return;
    record.until_ms = now_ms + record.pause_ms;
    record.pause_ms = Math.min(2 * record.pause_ms, AUTH_BACKOFF_MS_MAX);
  }
}

/** An address holds no blank. Of a long name its beginning is enough. */
function pairOf(address: string, userName: string): string {
  return `${address} ${userName.slice(0, USER_NAME_LENGTH_KEPT)}`;
}
