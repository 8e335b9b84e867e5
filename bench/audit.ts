/**
 * What a record of a write costs: encoding and sealing, and the write of a batch into a file: ns per command.
 *
 *   bun bench/audit.ts        node bench/audit.ts
 *
 * Each row is the fastest of several rounds, as anything slower was somebody else's time.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableAlone } from '../src/app/table.ts';
import { systemClock } from '../src/base/clock.ts';
import { success } from '../src/base/result.ts';
import { KeyList } from '../src/command/command.ts';
import type { LaterReply } from '../src/command/ports/backend.ts';
import { realDisk } from '../src/disk/real-disk.ts';
import { Audit } from '../src/gateway/audit.ts';
import type { Connection } from '../src/gateway/connection.ts';
import type { Core } from '../src/gateway/core.ts';
import { AuditFile } from '../src/observe/audit-file.ts';
import { AuditJournal } from '../src/observe/audit-journal.ts';
import type { AuditSink } from '../src/observe/audit-sink.ts';
import { NO_CONTINUATION } from '../src/observe/audit-sink.ts';
import { ReplyWriter } from '../src/resp/reply-writer.ts';
import { Request } from '../src/resp/request.ts';
import { fastest } from './lib/fastest.ts';

const RECORDS = 10_000;
const CALLS = 5;
const table = tableAlone();
const command = table.named('set');
if (command === undefined) throw new Error('there is no SET');
const set = command;
const request = Request.of('SET', 'user:1000:name', 'x'.repeat(64));
const keys = new KeyList();
set.parse(request);
set.keys(request, keys);
const core = { table, dispatcher: { keys } } as unknown as Core;
const session = {
  isAuthenticated: true,
  userName: 'app',
  tenantName: 'default',
  namespaceName: 'default',
  databaseNumber: 0,
};
const peer = { port: 51_000, localText: '127.0.0.1:6380', isTls: true };
const about = { id: 7, addressText: '10.1.2.3', peer, session, auditWho: undefined, lastCommand: set.id };
const connection = about as unknown as Connection;
const PLACE: LaterReply = { protocol: 2, settleBytes: () => {}, settle: () => {} };
const out = new ReplyWriter();
out.ok();

const NOWHERE: AuditSink = {
  continuation: NO_CONTINUATION,
  write: () => success(undefined),
  sync: (done) => done(undefined),
  syncNow: () => success(undefined),
  batchWritten: () => {},
  close: () => {},
};

type Run = (audit: Audit) => void;

function here(audit: Audit): void {
  audit.begin(connection, set, request);
  audit.ran(connection, set, out, 0);
}

/** As in a pool: the answer comes later. */
function elsewhere(audit: Audit): void {
  audit.begin(connection, set, request);
  const place = audit.placed(PLACE, connection);
  audit.sent(connection, set);
  place.settleBytes(out.buffer, 0, out.length);
}

function row(
  name: string,
  budget: number,
  sink: AuditSink,
  key: Uint8Array | undefined,
  depth: number,
  run: Run = here,
) {
  const journal = new AuditJournal({
    sink,
    clock: systemClock,
    nodeName: 'node',
    key,
    onFailure: 'drop',
    changed: () => {},
  });
  const audit = new Audit(core, journal, { writes: true, readsOneIn: 0, keys: 'names', arguments: new Set() });
  const ns =
    fastest(() => {
      for (let i = 0; i < RECORDS; i++) {
        run(audit);
        if (i % depth === 0) journal.flush();
      }
      return journal.figures.records;
    }, CALLS) / RECORDS;
  console.log(
    `${name.padEnd(44)} ${ns.toFixed(0).padStart(6)} ns  ${ns <= budget ? 'budget' : 'OVER budget'} ${budget}`,
  );
}

const KEY = Buffer.alloc(32, 7);
row('a record, full batches, to nowhere', 1200, NOWHERE, undefined, RECORDS);
row('the same with a key', 1200, NOWHERE, KEY, RECORDS);
row('the same, answered later', 2000, NOWHERE, KEY, RECORDS, elsewhere);
const folder = mkdtempSync(join(tmpdir(), 'audit-'));
const file = AuditFile.open(realDisk, { path: join(folder, 'audit.log'), rotateBytes: 64 * 1024 * 1024, keep: 1 });
if (!file.ok) throw new Error(file.fault);
row('a record, full batches, into a file', 2000, file.value, KEY, RECORDS);
row('a record, ten in a batch, into a file', 3000, file.value, KEY, 10);
rmSync(folder, { recursive: true });
