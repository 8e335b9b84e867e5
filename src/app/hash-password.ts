/**
 * `portcullis hash-password`: reads a password from stdin, without echo where that is a terminal, and prints the hash that
 * stands in a policy file as `password_hash`.
 */
import { HASHED_PASSWORD_BYTES_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import { makeSlowHash } from '../identity/password.ts';
import { readSecret, type SecretInput } from './secret-input.ts';

/** The hash, or why there is none in one line. `ask` is told where a person is to see a question. */
export async function hashPassword(input: SecretInput, ask: (text: string) => void): Promise<Result<string>> {
  const password = await readSecret(input, { what: 'password', bytesMax: HASHED_PASSWORD_BYTES_MAX, ask });
  if (!password.ok) return password;
  if (password.value.length === 0) return failure('an empty password opens the door to everybody');
  return success(await makeSlowHash(password.value));
}
