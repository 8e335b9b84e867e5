/**
 * Reaches the running server as an operator over TLS, for tools that need it: where its policies say that it listens, with
 * the password and the authority in the certificates folder, unless `--url` says otherwise.
 */
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { utf8Text } from '../base/bytes.ts';
import { parseAddress } from '../base/cidr.ts';
import { TOOL_CONNECT_MS_MAX, TOOL_FILE_BYTES_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import { realDisk } from '../disk/real-disk.ts';
import { readSmallFile } from '../persist/small-file.ts';
import { type DataWork, textOf } from './data-tool.ts';

interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
}

/** Asks one thing and is gone. The reply is RESP2: texts, numbers and arrays of them. */
export async function askServer(work: DataWork, words: readonly [string, ...string[]]): Promise<Result<unknown>> {
  const target = targetOf(work);
  if (!target.ok) return target;
  const { host, port, user } = target.value;
  const { certificatesFolder } = work.options;
  const password = target.value.password ?? secretIn(certificatesFolder, `${user}.password`);
  const ca = secretIn(certificatesFolder, 'ca.pem');
  if (password === undefined) return failure(`${join(certificatesFolder, user)}.password cannot be read`);
  const redis = new Redis({
    host,
    port,
    username: user,
    password,
    protocol: 2,
    lazyConnect: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: TOOL_CONNECT_MS_MAX,
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(parseAddress(host) === undefined ? { servername: host } : {}),
    },
  });
  let last: Error | undefined;
  redis.on('error', (error: Error) => {
    last = error;
  });
  try {
    await redis.connect();
    const [name, ...rest] = words;
    return success(await redis.call(name, ...rest));
  } catch (error) {
    const said = last ?? error;
    return failure(`${host}:${port}: ${said instanceof Error ? said.message : String(said)}`);
  } finally {
    redis.disconnect();
  }
}

function targetOf(work: DataWork): Result<Target> {
  const said = textOf(work, 'url');
  const { options, policy } = work;
  if (said === undefined) {
    const bind = options.said.has('bind') ? options.bind : policy.gateway.tls.bind;
    const port = options.said.has('tls-port') ? options.tlsPort : policy.gateway.tls.port;
    if (port === 0) return failure('the server has no port for TLS: say --url');
    const host = bind === '0.0.0.0' ? '127.0.0.1' : bind === '::' ? '::1' : bind;
    return success({ host, port, user: 'admin', password: undefined });
  }
  let url: URL;
  try {
    url = new URL(said);
  } catch {
    return failure('--url must look like rediss://admin@host:port');
  }
  if (url.protocol !== 'rediss:' || url.hostname === '')
    return failure('--url must look like rediss://admin@host:port');
  return success({
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? policy.gateway.tls.port : Number(url.port),
    user: url.username === '' ? 'admin' : decodeURIComponent(url.username),
    password: url.password === '' ? undefined : decodeURIComponent(url.password),
  });
}

function secretIn(folder: string, name: string): string | undefined {
  const bytes = readSmallFile(realDisk, join(folder, name), TOOL_FILE_BYTES_MAX);
  return bytes.ok && bytes.value !== undefined ? utf8Text(bytes.value).trim() : undefined;
}
