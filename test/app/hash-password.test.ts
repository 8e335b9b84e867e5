import { describe, expect, it } from 'vitest';
import { hashPassword } from '../../src/app/hash-password.ts';
import type { SecretInput } from '../../src/app/secret-input.ts';
import { SlowPasswords } from '../../src/identity/password.ts';

class Input implements SecretInput {
  readonly isTTY: boolean;
  raw: boolean[] = [];
  private readonly pieces: readonly string[];

  constructor(pieces: readonly string[], isTTY: boolean) {
    this.pieces = pieces;
    this.isTTY = isTTY;
  }

  setRawMode = (mode: boolean): never => {
    this.raw.push(mode);
    return this as never;
  };

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    yield* this.pieces;
  }
}

async function opens(pieces: readonly string[], isTTY: boolean, password: string): Promise<boolean> {
  const made = await hashPassword(new Input(pieces, isTTY), () => {});
  if (!made.ok) return false;
  return (await new SlowPasswords().judge('ann', '::1', [made.value], Buffer.from(password))) === made.value;
}

describe('hash-password', () => {
  it('hashes what is piped, without the newline at its end', async () => {
    expect(await opens(['se', 'cret \n'], false, 'secret ')).toBe(true);
  });

  it('hashes what is typed, with what was taken back taken back', async () => {
    expect(await opens(['s', 'ex', '\u007f', 'cret\r', 'more'], true, 'secret')).toBe(true);
  });

  it('shows nothing of it, and leaves the terminal as it was', async () => {
    const input = new Input(['secret\r'], true);
    let shown = '';
    await hashPassword(input, (text) => {
      shown += text;
    });
    expect(shown).toBe('Password: \n');
    expect(input.raw).toEqual([true, false]);
  });

  it.each([[['']], [['\n']], [['\u0003']], [['a'.repeat(2000)]]])('refuses %j', async (pieces) => {
    expect((await hashPassword(new Input(pieces, false), () => {})).ok).toBe(pieces[0] === '\u0003');
    expect((await hashPassword(new Input(pieces, true), () => {})).ok).toBe(false);
  });
});
