/**
 * The token that `explain` is asked about, or the claims of one. It comes from a file or from stdin and never from the words
 * of the command line, which every user of the machine can list; and nothing that is printed repeats it.
 */
import { resolve } from 'node:path';
import { TOKEN_BYTES_MAX } from '../../base/limits.ts';
import { failure, type Result, success } from '../../base/result.ts';
import { readText } from '../../disk/bounded-file.ts';
import { looksLikeToken, type Members, membersIn } from '../../identity/jwt.ts';
import { readSecret, type SecretInput } from '../secret-input.ts';

export type Credential =
  | { readonly kind: 'token'; readonly bytes: Uint8Array }
  /** What a token would say, signed by nobody. */
  | { readonly kind: 'claims'; readonly claims: Members };

export interface CredentialEdge {
  readonly cwd: string;
  readonly input: SecretInput;
  /** Is told where a person is to see a question. */
  readonly ask: (text: string) => void;
}

const STDIN = '-';
const HIDDEN = '(token)';

/** @param where a file, or `-` */
export async function readCredential(
  kind: Credential['kind'],
  where: string,
  edge: CredentialEdge,
): Promise<Result<Credential>> {
  if (looksLikeToken(Buffer.from(where))) {
    return failure(
      `--${kind} takes a file, or - for stdin: whatever is a word here can be seen by everybody on the machine`,
    );
  }
  const bytes = await bytesFrom(kind, where, edge);
  if (!bytes.ok) return bytes;
  if (kind === 'token') return success({ kind, bytes: bytes.value });
  const claims = membersIn(bytes.value);
  return claims === undefined ? failure('the claims are no JSON object') : success({ kind, claims });
}

async function bytesFrom(
  what: string,
  where: string,
  { cwd, input, ask }: CredentialEdge,
): Promise<Result<Uint8Array>> {
  // Room for the newlines that editors leave at the end.
  const bytesMax = TOKEN_BYTES_MAX + 16;
  if (where === STDIN) return readSecret(input, { what, bytesMax, ask });
  const text = readText(resolve(cwd, where), bytesMax);
  return text.ok ? success(Buffer.from(text.value.trimEnd())) : failure(`the file of the ${what} ${text.fault}`);
}

/** The text without the token, wherever it may have come to stand in it, and without what else looks like one. */
export function withoutTokens(text: string, credential: Credential | undefined): string {
  const bare = text.replace(/\beyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){2,4}/g, HIDDEN);
  if (credential?.kind !== 'token' || credential.bytes.length === 0) return bare;
  return bare.replaceAll(Buffer.from(credential.bytes).toString('latin1'), HIDDEN);
}
