/**
 * `portcullis hash-password`: reads a password from stdin, without echo where that is a terminal, and prints the hash that
 * stands in a policy file as `password_hash`.
 */
import type { ReadStream } from 'node:tty';
import { HASHED_PASSWORD_BYTES_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import { makeSlowHash } from '../identity/password.ts';

const ENTER = 0x0d;
const NEWLINE = 0x0a;
const INTERRUPT = 0x03;
const END = 0x04;
const BACKSPACES = [0x08, 0x7f];

/** What is read from, as far as it is needed here. */
export type PasswordInput = AsyncIterable<Uint8Array | string> & Partial<Pick<ReadStream, 'isTTY' | 'setRawMode'>>;

/** The hash, or why there is none in one line. `ask` is told where a person is to see a question. */
export async function hashPassword(input: PasswordInput, ask: (text: string) => void): Promise<Result<string>> {
  const isTerminal = input.isTTY === true;
  if (isTerminal) {
    ask('Password: ');
    input.setRawMode?.(true);
  }
  try {
    const password = isTerminal ? await typed(input) : await piped(input);
    if (!password.ok) return password;
    if (password.value.length === 0) return failure('an empty password opens the door to everybody');
    return success(await makeSlowHash(password.value));
  } finally {
    if (isTerminal) {
      input.setRawMode?.(false);
      ask('\n');
    }
  }
}

/** All of it, without the newline at its end. */
async function piped(input: PasswordInput): Promise<Result<Uint8Array>> {
  const bytes: number[] = [];
  for await (const piece of input) {
    for (const byte of bytesOf(piece)) bytes.push(byte);
    if (bytes.length > HASHED_PASSWORD_BYTES_MAX) return failure(TOO_LONG);
  }
  if (bytes.at(-1) === NEWLINE) bytes.pop();
  if (bytes.at(-1) === ENTER) bytes.pop();
  return success(Uint8Array.from(bytes));
}

/** A terminal in raw mode gives every key. */
async function typed(input: PasswordInput): Promise<Result<Uint8Array>> {
  const bytes: number[] = [];
  for await (const piece of input) {
    for (const byte of bytesOf(piece)) {
      if (byte === ENTER || byte === NEWLINE || byte === END) return success(Uint8Array.from(bytes));
      if (byte === INTERRUPT) return failure('interrupted');
      if (BACKSPACES.includes(byte)) bytes.pop();
      else bytes.push(byte);
    }
    if (bytes.length > HASHED_PASSWORD_BYTES_MAX) return failure(TOO_LONG);
  }
  return success(Uint8Array.from(bytes));
}

const TOO_LONG = `a password has ${HASHED_PASSWORD_BYTES_MAX} bytes at the most`;

function bytesOf(piece: Uint8Array | string): Uint8Array {
  return typeof piece === 'string' ? Buffer.from(piece) : piece;
}
