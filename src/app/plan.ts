/** What this process is to be: the policy with the command line on top, which wins wherever it said something. */
import { resolve } from 'node:path';
import { parseAddress } from '../base/cidr.ts';
import { DATABASE_COUNT } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { GatewayPolicy } from '../policy/policy.ts';
import { type Facts, GATEWAY_DEFAULTS, REDIS_DEFAULTS, type Settings } from './config/settings.ts';
import type { Options } from './options.ts';

export interface Endpoint {
  readonly bind: string;
  readonly port: number;
}

export interface Plan {
  /** Undefined: no such listener. */
  readonly tls: Endpoint | undefined;
  readonly plain: Endpoint | undefined;
  /** Absolute. */
  readonly dataFolder: string;
  readonly shards: number;
  readonly settings: Settings;
  /** The settings that the command line has said. */
  readonly said: Partial<Settings>;
  readonly facts: Facts;
  readonly trustLoopback: boolean;
}

/** What holds for the whole life of the process; limits inside `settings` may change with a reload. */
export function planOf(options: Options, policy: GatewayPolicy, cwd: string): Result<Plan> {
  const { said, trustLoopback } = options;
  const endpoint = (name: 'tls-port' | 'plain-port', port: number, wanted: Endpoint): Endpoint | undefined => {
    const chosen = said.has(name) ? port : wanted.port;
    return chosen === 0 ? undefined : { bind: said.has('bind') ? options.bind : wanted.bind, port: chosen };
  };
  const tls = endpoint('tls-port', options.tlsPort, policy.tls);
  const plain = endpoint('plain-port', options.plainPort, policy.plain);
  const endpoints = [tls, plain].filter((one) => one !== undefined);
  if (endpoints.length === 0) return failure('there is no port to listen on: say --tls-port or --plain-port');
  for (const { bind } of endpoints) if (!isAddress(bind)) return failure(`'${bind}' is no address to listen on`);
  if (trustLoopback && endpoints.some(({ bind }) => !isLoopback(bind))) {
    return failure('--trust-loopback listens on loopback addresses only');
  }
  if (trustLoopback && (policy.tls.proxies !== undefined || policy.plain.proxies !== undefined)) {
    return failure('--trust-loopback believes no PROXY header: a client could be said to be on loopback');
  }
  if (tls !== undefined && plain !== undefined && tls.port === plain.port) {
    return failure(`--tls-port and --plain-port are both ${tls.port}`);
  }
  if (plain !== undefined && !isLoopback(plain.bind) && !policy.plain.allowRemote) {
    return failure(`the plain port would carry passwords in clear over ${plain.bind}: policy has to allow_remote that`);
  }
  const dataFolder = said.has('data') ? options.dataFolder : resolve(cwd, policy.storage.dataFolder);
  const facts: Facts = {
    bind: endpoints[0]?.bind ?? '',
    tlsPort: tls?.port ?? 0,
    plainPort: plain?.port ?? 0,
    dataFolder,
    databases: DATABASE_COUNT,
    protectedMode: !policy.plain.allowRemote,
    debugAllowed: trustLoopback,
  };
  const shards = said.has('shards') ? options.shards : policy.storage.shards;
  const durability = saidOfDurability(options);
  const settings = { ...settingsOf(policy, trustLoopback), ...durability };
  return success({ tls, plain, dataFolder, shards, settings, said: durability, facts, trustLoopback });
}

/** What the command line says of it holds as long as the process, whatever the files say. */
function saidOfDurability({ said, appendonly, appendfsync }: Options): Partial<Settings> {
  return { ...(said.has('appendonly') ? { appendonly } : {}), ...(said.has('appendfsync') ? { appendfsync } : {}) };
}

/** The trusted loopback lives by the defaults of a bare redis-server, whatever policy says of limits. */
export function settingsOf({ limits, storage }: GatewayPolicy, trustLoopback: boolean): Settings {
  const { maxmemoryBytes, maxmemoryPolicy, maxmemorySamples } = storage;
  const memory = { maxmemoryBytes, maxmemoryPolicy, maxmemorySamples };
  if (trustLoopback) return { ...REDIS_DEFAULTS, ...memory };
  const { maxclients, timeoutSeconds, tcpKeepaliveSeconds } = limits;
  const { protoMaxBulkBytes, clientQueryBufferBytes, outputLimits } = limits;
  return {
    ...GATEWAY_DEFAULTS,
    ...memory,
    maxclients,
    timeoutSeconds,
    tcpKeepaliveSeconds,
    protoMaxBulkBytes,
    clientQueryBufferBytes,
    outputLimits,
  };
}

function isLoopback(bind: string): boolean {
  return bind === 'localhost' || parseAddress(bind)?.isLoopback === true;
}

function isAddress(bind: string): boolean {
  return bind === 'localhost' || parseAddress(bind) !== undefined;
}
