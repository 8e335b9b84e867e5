/** What a connection that does nothing costs: resident memory of the server with many of them over TLS, logged in. */
import { z } from 'zod';
import type { Section } from './goals.ts';
import { startHelper } from './helper.ts';
import { PASSWORD, USER } from './policy.ts';
import { openFilesMax, residentBytes, SETTLE_MS, settle } from './processes.ts';
import { certificateAuthority, type Server } from './servers.ts';
import { figure } from './table.ts';

/** A server needs files besides the sockets, and so does a helper. */
const FILES_SPARE = 200;
const CONNECTIONS_OF_A_HELPER_MAX = 5_000;

const answerSchema = z.object({ lost: z.number() });

export async function measureIdle(
  starts: readonly (() => Promise<Server | undefined>)[],
  wanted: number,
): Promise<Section> {
  const connections = Math.min(wanted, openFilesMax() - FILES_SPARE);
  const rows: string[][] = [];
  for (const start of starts) {
    const server = await start();
    if (server === undefined) continue;
    process.stderr.write(`idle: ${server.name}\n`);
    rows.push([server.name, ...(await hold(server, connections))]);
    await server.stop();
  }
  const fewer = connections < wanted ? ` ${wanted} were wanted, which the limit of open files does not allow.` : '';
  const note =
    `Resident memory with ${connections} idle TLS connections that are logged in, less without, over connections; read ` +
    `after ${SETTLE_MS / 1000} seconds of quiet.${fewer}`;
  const head = ['server', 'kB/connection', 'MB in total', 'connections lost'];
  return { tables: [{ title: 'Idle TLS connections', note, head, rows }], goals: [] };
}

async function hold(server: Server, connections: number): Promise<string[]> {
  await settle();
  const before = residentBytes(server.pids);
  const helpers = [];
  for (let opened = 0; opened < connections; opened += CONNECTIONS_OF_A_HELPER_MAX) {
    const count = Math.min(CONNECTIONS_OF_A_HELPER_MAX, connections - opened);
    const task = { port: server.tlsPort, count, ca: certificateAuthority(), user: USER, password: PASSWORD };
    helpers.push(await startHelper(new URL('./hold.ts', import.meta.url), task));
  }
  await settle();
  const after = residentBytes(server.pids);
  let lost = 0;
  for (const helper of helpers) lost += answerSchema.parse(JSON.parse(await helper.finish())).lost;
  return [figure((after - before) / connections / 1000, 2), figure(after / 1e6, 0), String(lost)];
}
