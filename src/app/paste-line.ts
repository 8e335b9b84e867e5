/** The one line on stdout: what a person pastes into a shell, from any folder, to talk to this server. It holds no secret. */

export interface PasteLine {
  readonly host: string;
  readonly port: number;
  /** Absolute path of the CA; undefined without TLS. */
  readonly caPath: string | undefined;
  /** A user and the absolute path of the file with its password; undefined where none is needed. */
  readonly login: { readonly user: string; readonly passwordPath: string } | undefined;
}

/** A wildcard address is where the server listens, not where a client connects. */
const WILDCARDS: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
  ['*', '127.0.0.1'],
]);

export function pasteLine({ host, port, caPath, login }: PasteLine): string {
  const words = ['redis-cli', '-h', WILDCARDS.get(host) ?? host, '-p', String(port)];
  if (caPath !== undefined) words.push('--tls', '--cacert', shellWord(caPath));
  if (login !== undefined)
    words.push('--user', shellWord(login.user), '--pass', `"$(cat ${shellWord(login.passwordPath)})"`);
  return words.join(' ');
}

/** Plain where a shell takes it as it is, else in single quotes. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
