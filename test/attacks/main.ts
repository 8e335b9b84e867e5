/**
 * The attack suite: `npm run attacks`. Every case runs against one started process while a second tenant goes on with its
 * work. After each of them the process must be the same, the second tenant must have seen no error, its data must be what
 * they were, and the audit trail must have what the case says and no other denial; at the end memory and descriptors must be
 * back.
 *
 * Options: `--timed` also holds the time limits of the catalogue, which only means something on a quiet machine, and
 * prints what it measured; `--only A24,P9`; `--runtime bun|node`; `--shards N`. `--generated N` runs as many calls of the
 * generated suite and nothing else, `--seed S` others than the usual ones.
 */
import { parseArgs } from 'node:util';
import { Canary, type Seen } from './canary.ts';
import { type AttackCase, becomes, CaseSkipped, holds, same } from './case.ts';
import { accessCases } from './cases/access.ts';
import { addressCases } from './cases/addresses.ts';
import { certificateCases } from './cases/certificates.ts';
import { edgeCases } from './cases/edges.ts';
import { fileCases } from './cases/files.ts';
import { generatedAlone, generatedCases } from './cases/generated.ts';
import { keyCases } from './cases/keys.ts';
import { logCases } from './cases/logs.ts';
import { memoryCases } from './cases/memory.ts';
import { outwardCases } from './cases/outward.ts';
import { payloadCases } from './cases/payloads.ts';
import { policyCases } from './cases/policies.ts';
import { protocolCases } from './cases/protocol.ts';
import { proxyCases } from './cases/proxies.ts';
import { pubsubCases } from './cases/pubsub.ts';
import { resourceCases } from './cases/resources.ts';
import { ruleCases } from './cases/rules.ts';
import { sessionBoundCases } from './cases/session-bounds.ts';
import { sessionCases } from './cases/sessions.ts';
import { startCases } from './cases/starts.ts';
import { tenantCases } from './cases/tenants.ts';
import { tlsCases } from './cases/tls.ts';
import { tokenCases } from './cases/tokens.ts';
import { transportCases } from './cases/transport.ts';
import { digestOfTwo, plantTwo } from './neighbour.ts';
import { Trail } from './trail.ts';
import { World } from './world.ts';

const P99_MS_MAX = 50;
const LONGEST_MS_MAX = 250;
const MEBIBYTE = 1024 * 1024;
/** The tenants of the suite may hold 148 MiB; the rest is what a runtime keeps of what it once needed. */
const SETTLED_GROWTH_BYTES = 320 * MEBIBYTE;
const SETTLE_MS = 10_000;
const FILES_MORE_MAX = 5;

const { values: options } = parseArgs({
  options: {
    timed: { type: 'boolean', default: false },
    only: { type: 'string' },
    generated: { type: 'string' },
    seed: { type: 'string', default: '20061209' },
    runtime: { type: 'string', default: 'bun' },
    shards: { type: 'string', default: '1' },
  },
});

const cases: readonly AttackCase[] = [
  ...protocolCases,
  ...accessCases,
  ...keyCases,
  ...generatedCases,
  ...ruleCases,
  ...tenantCases,
  ...pubsubCases,
  ...sessionCases,
  ...sessionBoundCases,
  ...resourceCases,
  ...memoryCases,
  ...edgeCases,
  ...payloadCases,
  ...fileCases,
  ...logCases,
  ...policyCases,
  ...addressCases,
  ...outwardCases,
  ...transportCases,
  ...tlsCases,
  ...certificateCases,
  ...proxyCases,
  ...startCases,
  ...tokenCases,
];

interface Before {
  readonly pid: number;
  readonly digest: string;
  readonly residentBytes: number;
  readonly files: number;
}

type Verdict = { readonly kind: 'ok' | 'FAIL' | 'skip'; readonly why?: string; readonly seen?: Seen };

/** What must hold after every case, whatever it did. */
async function universal(world: World, seen: Seen, before: Before): Promise<void> {
  same(world.alive, true, 'the process is alive');
  same(world.pid, before.pid, 'the process is the same');
  same(seen.errors, 0, 'errors that the second tenant saw');
  same(await digestOfTwo(world), before.digest, 'the data of the second tenant');
  same(await world.figure('bugs'), 0, 'bugs that were caught');
  if (!options.timed) return;
  holds(seen.p99_ms <= P99_MS_MAX, `the second tenant's p99 was ${seen.p99_ms.toFixed(1)} ms`);
  holds(seen.longest_ms <= LONGEST_MS_MAX, `the process answered nobody for ${seen.longest_ms.toFixed(0)} ms`);
}

async function runCase(
  world: World,
  canary: Canary,
  trail: Trail,
  chosen: AttackCase,
  before: Before,
): Promise<Verdict> {
  await canary.take();
  trail.begin();
  const failures: string[] = [];
  let skipped: string | undefined;
  const note = (error: unknown) => {
    if (error instanceof CaseSkipped) skipped = error.message;
    else failures.push(error instanceof Error ? error.message : String(error));
  };
  await chosen.run(world).catch(note);
  world.closeAll();
  if (!world.alive) return { kind: 'FAIL', why: 'the process ended' };
  const seen = await canary.take();
  await universal(world, seen, before).catch(note);
  if (skipped === undefined) await trail.faultsOf(chosen.leaves).then((faults) => failures.push(...faults), note);
  if (failures.length > 0) return { kind: 'FAIL', why: failures.join('\n      '), seen };
  return skipped === undefined ? { kind: 'ok', seen } : { kind: 'skip', why: skipped, seen };
}

function print(one: AttackCase, { kind, why, seen }: Verdict): void {
  const times =
    options.timed && seen !== undefined
      ? `p99 ${seen.p99_ms.toFixed(1).padStart(6)} ms  longest ${seen.longest_ms.toFixed(0).padStart(4)} ms  `
      : '';
  const reason = why === undefined ? '' : kind === 'skip' ? ` (${why})` : `\n      ${why}`;
  console.log(`${kind.padEnd(5)} ${one.number.padEnd(5)} ${times}${one.title}${reason}`);
}

/** What must be back when nobody attacks any more. */
async function settled(world: World, before: Before): Promise<void> {
  const growth = () => world.residentBytes() - before.residentBytes;
  const isBack = await becomes(() => growth() <= SETTLED_GROWTH_BYTES, SETTLE_MS);
  holds(isBack, `resident memory stayed ${Math.round(growth() / MEBIBYTE)} MiB above where it began`);
  const more = () => world.openFiles() - before.files;
  holds(await becomes(() => more() <= FILES_MORE_MAX, SETTLE_MS), `${more()} more descriptors are open than before`);
  console.log(
    `ok    U     memory ${Math.round(growth() / MEBIBYTE)} MiB and ${more()} descriptors above the beginning`,
  );
}

if (options.generated !== undefined) {
  const world = await World.start({ runtime: options.runtime, shards: Number(options.shards), timed: options.timed });
  console.log(await generatedAlone(world, Number(options.generated), Number(options.seed)));
  process.exit(0);
}

const wanted = options.only?.split(',');
const chosen = cases.filter((candidate) => wanted === undefined || wanted.includes(candidate.number));
const world = await World.start({ runtime: options.runtime, shards: Number(options.shards), timed: options.timed });
const count = { ok: 0, FAIL: 0, skip: 0 };
const started_ms = performance.now();
try {
  await plantTwo(world);
  const canary = await Canary.start({ port: world.port, tls: true, ca: world.ca });
  const before: Before = {
    pid: world.pid,
    digest: await digestOfTwo(world),
    residentBytes: world.residentBytes(),
    files: world.openFiles(),
  };
  const trail = new Trail(world);
  for (const one of chosen) {
    const verdict = await runCase(world, canary, trail, one, before);
    count[verdict.kind]++;
    print(one, verdict);
    if (!world.alive) break;
  }
  if (world.alive) {
    await settled(world, before).catch((error: unknown) => {
      count.FAIL++;
      console.log(`FAIL  U     ${String(error)}`);
    });
  } else {
    console.log(world.logs.slice(-20).join('\n'));
  }
  await canary.stop();
} finally {
  await world.stop();
}
const seconds = ((performance.now() - started_ms) / 1000).toFixed(0);
console.log(
  `${count.ok} passed, ${count.FAIL} failed, ${count.skip} skipped, of ${chosen.length} cases, in ${seconds} s`,
);
process.exitCode = count.FAIL > 0 ? 1 : 0;
