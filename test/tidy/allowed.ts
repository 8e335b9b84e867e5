/** What the tidy rules allow. A longer table is a decision: the reason stands beside the entry. */

/** DESIGN of the layers: a folder of src, and the folders it may import. Its own it always may. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[] | 'everything'>> = {
  base: [],
  resp: ['base'],
  disk: ['base'],
  command: ['base', 'resp', 'engine'],
  engine: ['base'],
  acl: ['base', 'command'],
  tenancy: ['base', 'command'],
  identity: ['base', 'command', 'tenancy'],
  // What a policy says of issuers and hashes is read by those who live by it.
  policy: ['base', 'command', 'acl', 'tenancy', 'identity'],
  observe: ['base', 'disk'],
  commands: ['base', 'resp', 'command', 'engine', 'acl', 'rdb'],
  rdb: ['base', 'disk', 'engine'],
  persist: ['base', 'resp', 'command', 'engine', 'rdb', 'disk', 'observe'],
  // Each shard's thread has its files for itself, and opens them there.
  shards: ['base', 'resp', 'command', 'commands', 'engine', 'tenancy', 'rdb', 'disk', 'persist', 'observe'],
  gateway: ['base', 'resp', 'command', 'acl', 'tenancy', 'identity', 'observe'],
  upstream: ['base', 'resp', 'command', 'observe'],
  replication: ['base', 'resp', 'command', 'rdb', 'persist', 'observe'],
  failover: ['base', 'resp', 'replication', 'observe'],
  app: 'everything',
  main: 'everything',
};

/** Rows of the table that hold for `import type` alone: the words are shared, the code is not. */
export const TYPES_ONLY: readonly (readonly [from: string, to: string])[] = [['command', 'engine']];

interface Permit {
  /** A file of src, or a folder when it ends in a slash. */
  readonly path: string;
  readonly reason: string;
}

/** Who may touch the world outside the process. Importing a type of these modules is free. */
export const WORLD: Readonly<Record<string, readonly Permit[]>> = {
  'node:net': [
    { path: 'src/gateway/listener.ts', reason: 'accepts connections' },
    { path: 'src/observe/syslog.ts', reason: 'sends the audit trail to a collector' },
    { path: 'src/identity/jwks-fetch.ts', reason: 'tells names from addresses' },
  ],
  'node:tls': [
    { path: 'src/gateway/listener.ts', reason: 'accepts connections' },
    { path: 'src/gateway/tls.ts', reason: 'builds the secure contexts' },
    { path: 'src/observe/syslog.ts', reason: 'sends the audit trail to a collector' },
  ],
  'node:fs': [
    { path: 'src/disk/', reason: 'the one way to data and policy files' },
    { path: 'src/app/certificates.ts', reason: 'writes the development certificates and first passwords' },
  ],
  'node:worker_threads': [
    { path: 'src/shards/spawn.ts', reason: 'starts the shard threads' },
    { path: 'src/shards/worker.ts', reason: 'is a shard thread' },
    { path: 'src/app/seal/', reason: 'reads backups back beside whoever serves, and is that thread' },
  ],
  'node:child_process': [],
  'node:http': [],
  'node:https': [{ path: 'src/identity/jwks-fetch.ts', reason: 'asks issuers of tokens for their keys' }],
  'node:dgram': [{ path: 'src/observe/syslog.ts', reason: 'sends the audit trail to a collector' }],
  'node:vm': [],
};

export const LINES_MAX = 500;

/** Files longer than that, with the reason why splitting them would make them harder to read. */
export const LONG_FILES: readonly Permit[] = [];
export const LONG_FILES_COUNT = 0;

/** Packages built for other platforms that no registry mirror we tested against serves, so their hash is unknown here. */
export const UNHASHED = /^node_modules\/(?:@biomejs\/cli|@oxc-parser\/binding)-/;
