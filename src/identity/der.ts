/**
 * Reads DER, strictly: lengths in their one shortest form, nothing that reaches beyond what holds it, no tag of more than
 * a byte. Certificates and revocation lists come from strangers; whatever is not exactly as the standard has it is
 * refused rather than guessed at. Invariant: a reader never leaves the bytes of its element.
 */
import { DER_LENGTH_BYTES_MAX } from '../base/limits.ts';

export const BOOLEAN = 0x01;
export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const OBJECT_IDENTIFIER = 0x06;
export const UTF8_STRING = 0x0c;
export const PRINTABLE_STRING = 0x13;
export const IA5_STRING = 0x16;
export const UTC_TIME = 0x17;
export const GENERALIZED_TIME = 0x18;
export const SEQUENCE = 0x30;
export const SET = 0x31;

/** `[number]` of a CHOICE or an optional field, whose content is an element (constructed) or plain bytes. */
export function contextTag(number: number, constructed: boolean): number {
  return (constructed ? 0xa0 : 0x80) + number;
}

/** Thrown within `identity/`, where whoever parses a whole document makes a value of it. */
export class DerFault extends Error {}

export interface Element {
  readonly tag: number;
  /** Without tag and length. */
  readonly content: Uint8Array;
  /** With tag and length. */
  readonly whole: Uint8Array;
}

export class DerReader {
  private readonly bytes: Uint8Array;
  private at: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.at = 0;
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length;
  }

  /** The tag of what comes next; undefined at the end. */
  peek(): number | undefined {
    return this.bytes[this.at];
  }

  next(): Element {
    const from = this.at;
    const tag = this.byte();
    if ((tag & 0x1f) === 0x1f) throw new DerFault('a tag of several bytes');
    const length = this.length();
    const begin = this.at;
    if (length > this.bytes.length - begin) throw new DerFault('reaches beyond its end');
    this.at = begin + length;
    return { tag, content: this.bytes.subarray(begin, this.at), whole: this.bytes.subarray(from, this.at) };
  }

  /** The next element, which has to be of this kind. */
  take(tag: number): Element {
    const element = this.next();
    if (element.tag !== tag) throw new DerFault(`tag ${element.tag} where ${tag} belongs`);
    return element;
  }

  /** The next element if it is of this kind. */
  takeIf(tag: number): Element | undefined {
    return this.peek() === tag ? this.next() : undefined;
  }

  /** What is inside the next element. */
  enter(tag: number): DerReader {
    return new DerReader(this.take(tag).content);
  }

  end(): void {
    if (!this.isAtEnd) throw new DerFault('more than belongs there');
  }

  private byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw new DerFault('ends too early');
    this.at++;
    return byte;
  }

  private length(): number {
    const first = this.byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > DER_LENGTH_BYTES_MAX) throw new DerFault('a length that DER does not have');
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.byte();
    if (length < 0x80 || length < 256 ** (count - 1)) throw new DerFault('a length that is not the shortest');
    return length;
  }
}

/** One element and nothing behind it. */
export function onlyElement(bytes: Uint8Array, tag: number): Element {
  const reader = new DerReader(bytes);
  const element = reader.take(tag);
  reader.end();
  return element;
}

/** `2.5.29.17`. */
export function objectIdentifier(content: Uint8Array): string {
  const numbers: number[] = [];
  let number = 0;
  let isOpen = false;
  for (const byte of content) {
    if (!isOpen && byte === 0x80) throw new DerFault('an identifier with leading zeros');
    number = number * 128 + (byte & 0x7f);
    if (number > Number.MAX_SAFE_INTEGER / 128) throw new DerFault('an identifier beyond all numbers');
    isOpen = byte >= 0x80;
    if (isOpen) continue;
    if (numbers.length === 0) {
      const top = Math.min(2, Math.floor(number / 40));
      numbers.push(top, number - 40 * top);
    } else numbers.push(number);
    number = 0;
  }
  if (isOpen || numbers.length === 0) throw new DerFault('an identifier cut short');
  return numbers.join('.');
}

export function boolean(content: Uint8Array): boolean {
  const [value] = content;
  if (content.length !== 1 || (value !== 0 && value !== 0xff)) throw new DerFault('neither true nor false');
  return value === 0xff;
}

const UTC = /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;
const GENERALIZED = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;

/** Milliseconds since 1970. As RFC 5280 has times: to the second, in UTC, two digits of a year are 1950 to 2049. */
export function time_ms({ tag, content }: Element): number {
  const text = String.fromCharCode(...content.subarray(0, 16));
  const pattern = tag === UTC_TIME ? UTC : tag === GENERALIZED_TIME ? GENERALIZED : undefined;
  const found = content.length > 15 ? null : pattern?.exec(text);
  if (found === null || found === undefined) throw new DerFault('no time');
  const [written = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1).map(Number);
  const year = tag === GENERALIZED_TIME ? written : written < 50 ? 2000 + written : 1900 + written;
  const parsed_ms = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(parsed_ms);
  // The 31st of April is no day, and would pass for one of May.
  const isDay = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!isDay || hour > 23 || minute > 59 || second > 59) throw new DerFault('a time that is none');
  return parsed_ms;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
