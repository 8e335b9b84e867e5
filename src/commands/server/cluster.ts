/** CLUSTER and what belongs to it. There is no cluster: all of it answers what redis-server does with cluster support off. */
import { type Args, bytes, many, rows } from '../../command/args.ts';
import { type CommandFlag, container, type ErasedSession, sessionCommand } from '../../command/spec.ts';
import { NO_CLUSTER } from '../../resp/refusals.ts';

interface Row {
  readonly name: string;
  readonly summary: string;
  readonly since?: string;
  readonly complexity?: string;
  readonly flags?: readonly CommandFlag[];
  readonly answers?: 'differently';
  readonly deprecated?: { readonly since: string; readonly replacedBy: string };
  readonly history?: readonly (readonly [version: string, change: string])[];
  readonly args?: Args;
}

const STALE: readonly CommandFlag[] = ['stale'];
const ADMIN: readonly CommandFlag[] = ['admin', 'stale'];
const CHANGE: readonly CommandFlag[] = ['admin', 'stale', 'no_async_loading'];
const node = { nodeId: bytes };
const slots = { slot: many(bytes) };
const ranges = { startSlotEndSlot: rows({ startSlot: bytes, endSlot: bytes }) };

const ROWS: readonly Row[] = [
  { name: 'ADDSLOTS', summary: 'Takes hash slots.', flags: CHANGE, args: slots, complexity: 'O(N) in slots' },
  { name: 'ADDSLOTSRANGE', summary: 'Takes ranges of hash slots.', since: '7.0.0', flags: CHANGE, args: ranges },
  { name: 'BUMPEPOCH', summary: 'Raises the configuration epoch.', flags: CHANGE, answers: 'differently' },
  {
    name: 'COUNT-FAILURE-REPORTS',
    summary: 'Counts the failure reports on a node.',
    flags: ADMIN,
    answers: 'differently',
    args: node,
  },
  { name: 'COUNTKEYSINSLOT', summary: 'Counts the keys of a hash slot.', args: { slot: bytes } },
  { name: 'DELSLOTS', summary: 'Gives up hash slots.', flags: CHANGE, args: slots },
  { name: 'DELSLOTSRANGE', summary: 'Gives up ranges of hash slots.', since: '7.0.0', flags: CHANGE, args: ranges },
  { name: 'FAILOVER', summary: 'Makes a replica the master.', flags: CHANGE, args: { options: many(bytes, 0) } },
  { name: 'FLUSHSLOTS', summary: 'Gives up all hash slots.', flags: CHANGE },
  { name: 'FORGET', summary: 'Removes a node from the table of nodes.', flags: CHANGE, args: node },
  {
    name: 'GETKEYSINSLOT',
    summary: 'Names keys of a hash slot.',
    answers: 'differently',
    args: { slot: bytes, count: bytes },
  },
  { name: 'HELP', summary: 'Shows what the subcommands do.', since: '5.0.0', flags: ['loading', 'stale'] },
  { name: 'INFO', summary: 'Tells the state of the cluster.', answers: 'differently' },
  { name: 'KEYSLOT', summary: 'Tells the hash slot of a key.', args: { key: bytes } },
  { name: 'LINKS', summary: 'Lists the links to other nodes.', since: '7.0.0', answers: 'differently' },
  {
    name: 'MEET',
    summary: 'Introduces another node.',
    flags: CHANGE,
    history: [['4.0.0', 'The port of the bus may be named.']],
    args: { ip: bytes, port: bytes, clusterBusPort: many(bytes, 0) },
  },
  { name: 'MYID', summary: 'Tells the id of this node.' },
  { name: 'MYSHARDID', summary: 'Tells the id of the shard of this node.', since: '7.2.0', answers: 'differently' },
  { name: 'NODES', summary: 'Lists the nodes.', answers: 'differently' },
  {
    name: 'REPLICAS',
    summary: 'Lists the replicas of a node.',
    since: '5.0.0',
    flags: ADMIN,
    answers: 'differently',
    args: node,
  },
  { name: 'REPLICATE', summary: 'Makes this node a replica.', flags: CHANGE, args: node },
  {
    name: 'RESET',
    summary: 'Leaves the cluster.',
    flags: ['admin', 'noscript', 'stale'],
    args: { hardSoft: many(bytes, 0) },
  },
  { name: 'SAVECONFIG', summary: 'Writes the state of the cluster down.', flags: CHANGE },
  { name: 'SET-CONFIG-EPOCH', summary: 'Sets the configuration epoch.', flags: CHANGE, args: { configEpoch: bytes } },
  {
    name: 'SETSLOT',
    summary: 'Binds a hash slot to a node.',
    flags: CHANGE,
    args: { slot: bytes, subcommand: many(bytes) },
  },
  { name: 'SHARDS', summary: 'Lists the shards.', since: '7.0.0', answers: 'differently' },
  {
    name: 'SLAVES',
    summary: 'Lists the replicas of a node.',
    flags: ADMIN,
    answers: 'differently',
    deprecated: { since: '5.0.0', replacedBy: '`CLUSTER REPLICAS`' },
    args: node,
  },
  {
    name: 'SLOTS',
    summary: 'Tells which node has which slots.',
    deprecated: { since: '7.0.0', replacedBy: '`CLUSTER SHARDS`' },
    answers: 'differently',
    history: [
      ['4.0.0', 'The ids of nodes.'],
      ['7.0.0', 'More about the network of a node.'],
    ],
  },
];

function subcommand({
  name,
  summary,
  since,
  complexity,
  flags,
  answers,
  history,
  deprecated,
  args,
}: Row): ErasedSession {
  return sessionCommand({
    ...(deprecated === undefined ? {} : { deprecated }),
    name,
    summary,
    since: since ?? '3.0.0',
    complexity: complexity ?? 'O(1)',
    group: 'cluster',
    flags: flags ?? STALE,
    tips: answers === 'differently' ? ['nondeterministic_output'] : [],
    history: history ?? [],
    args: args ?? {},
    run: (_args, _call, out) => out.error(NO_CLUSTER),
  });
}

export const cluster = container({
  name: 'CLUSTER',
  summary: 'Leads to what can be asked of a cluster, if there were one.',
  since: '3.0.0',
  complexity: 'Depends on subcommand.',
  group: 'cluster',
  subcommands: ROWS.map(subcommand),
});

function ofConnections(name: string, summary: string, flags: readonly CommandFlag[]): ErasedSession {
  return sessionCommand({
    name,
    summary,
    since: '3.0.0',
    complexity: 'O(1)',
    group: 'cluster',
    flags,
    categories: ['connection'],
    args: {},
    run: (_args, _call, out) => out.error(NO_CLUSTER),
  });
}

const QUICK: readonly CommandFlag[] = ['loading', 'stale', 'fast'];

export const readonly: ErasedSession = ofConnections('READONLY', 'Lets a connection read from a replica.', QUICK);
export const readwrite: ErasedSession = ofConnections('READWRITE', 'Ends READONLY.', QUICK);
export const asking: ErasedSession = ofConnections('ASKING', 'Says that an ASK was followed.', ['fast']);
