/** A secret that a person types or pipes in: without echo on a terminal, never from the words of a command line. */
import type { ReadStream } from 'node:tty';
import { failure, type Result, success } from '../base/result.ts';

const ENTER = 0x0d;
const NEWLINE = 0x0a;
const INTERRUPT = 0x03;
const END = 0x04;
const BACKSPACES = [0x08, 0x7f];

/** What is read from, as far as it is needed here. */
export type SecretInput = AsyncIterable<Uint8Array | string> & Partial<Pick<ReadStream, 'isTTY' | 'setRawMode'>>;

export interface SecretWanted {
  /** `password`. */
  readonly what: string;
  readonly bytesMax: number;
  /** Is told where a person is to see a question. */
  readonly ask: (text: string) => void;
}

/** All of it, without the newline at its end. */
export async function readSecret(input: SecretInput, wanted: SecretWanted): Promise<Result<Uint8Array>> {
  if (input.isTTY !== true) return piped(input, wanted);
  wanted.ask(`${wanted.what.charAt(0).toUpperCase()}${wanted.what.slice(1)}: `);
  input.setRawMode?.(true);
  try {
    return await typed(input, wanted);
  } finally {
    input.setRawMode?.(false);
    wanted.ask('\n');
  }
}

async function piped(input: SecretInput, wanted: SecretWanted): Promise<Result<Uint8Array>> {
  const bytes: number[] = [];
  for await (const piece of input) {
    for (const byte of bytesOf(piece)) bytes.push(byte);
    if (bytes.length > wanted.bytesMax) return tooLong(wanted);
  }
  if (bytes.at(-1) === NEWLINE) bytes.pop();
  if (bytes.at(-1) === ENTER) bytes.pop();
  return success(Uint8Array.from(bytes));
}

/** A terminal in raw mode gives every key. */
async function typed(input: SecretInput, wanted: SecretWanted): Promise<Result<Uint8Array>> {
  const bytes: number[] = [];
  for await (const piece of input) {
    for (const byte of bytesOf(piece)) {
      if (byte === ENTER || byte === NEWLINE || byte === END) return success(Uint8Array.from(bytes));
      if (byte === INTERRUPT) return failure('interrupted');
      if (BACKSPACES.includes(byte)) bytes.pop();
      else bytes.push(byte);
    }
    if (bytes.length > wanted.bytesMax) return tooLong(wanted);
  }
  return success(Uint8Array.from(bytes));
}

function tooLong({ what, bytesMax }: SecretWanted): Result<Uint8Array> {
  return failure(`a ${what} has ${bytesMax} bytes at the most`);
}

function bytesOf(piece: Uint8Array | string): Uint8Array {
  return typeof piece === 'string' ? Buffer.from(piece) : piece;
}
