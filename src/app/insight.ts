/** SLOWLOG, LATENCY and MEMORY for one viewer: operators see the process, users of a tenant what is theirs. */
import type { HistogramView, InsightPort, LatencyView, MemoryFact, SlowEntryView } from '../command/ports/insight.ts';
import type { SessionPort } from '../command/ports/session.ts';
import { callsIn, cumulative } from '../observe/histogram.ts';
import type { LatencyMonitor } from '../observe/latency.ts';
import type { SlowLog } from '../observe/slowlog.ts';
import type { Picture } from './info/picture.ts';
import { humanBytes } from './info/sections.ts';

interface InsightParts {
  readonly slowlog: SlowLog;
  readonly latency: LatencyMonitor;
  readonly tenantNumber: (name: string) => number | undefined;
  readonly picture: (session: SessionPort) => Picture;
}

/** Whose is nothing. */
const NOBODY = -3;

export class Insight implements InsightPort {
  private readonly parts: InsightParts;

  constructor(parts: InsightParts) {
    this.parts = parts;
  }

  /** Undefined is everybody. */
  private ownerOf(session: SessionPort): number | undefined {
    return session.isOperator ? undefined : (this.parts.tenantNumber(session.tenantName) ?? NOBODY);
  }

  // -- Slow log --------------------------------------------------------------------------------------------------------

  slowlog(count: number, session: SessionPort): readonly SlowEntryView[] {
    const owner = this.ownerOf(session);
    return this.parts.slowlog
      .newest(owner, count)
      .map((entry) => ({ ...entry, id: owner === undefined ? entry.id : entry.ownId }));
  }

  slowlogLength(session: SessionPort): number {
    return this.parts.slowlog.length(this.ownerOf(session));
  }

  slowlogReset(session: SessionPort): void {
    this.parts.slowlog.reset(this.ownerOf(session));
  }

  // -- Latency ---------------------------------------------------------------------------------------------------------

  get latencyThreshold_ms(): number {
    return this.parts.latency.threshold_ms;
  }

  latency(session: SessionPort): readonly LatencyView[] {
    return this.parts.latency.seen(this.ownerOf(session));
  }

  latencyReset(events: readonly string[], session: SessionPort): number {
    return this.parts.latency.reset(this.ownerOf(session), events);
  }

  histograms(session: SessionPort): readonly HistogramView[] {
    return this.parts
      .picture(session)
      .latencies()
      .map(([name, histogram]) => ({
        name,
        calls: callsIn(histogram),
        rows: cumulative(histogram),
      }));
  }

  // -- Memory ----------------------------------------------------------------------------------------------------------

  memory(session: SessionPort): readonly MemoryFact[] {
    const picture = this.parts.picture(session);
    const { usedBytes, overheadBytes, peakBytes, process } = picture.memory;
    const keys = picture.keyCount;
    const allocated = process?.allocatedBytes ?? usedBytes;
    const held = process?.heldBytes ?? usedBytes;
    const resident = process?.residentBytes ?? usedBytes;
    const datasetBytes = usedBytes - overheadBytes;
    return [
      ['peak.allocated', peakBytes, 'integer'],
      ['total.allocated', usedBytes, 'integer'],
      ['startup.allocated', 0, 'integer'],
      ['replication.backlog', 0, 'integer'],
      ['clients.slaves', 0, 'integer'],
      ['clients.normal', picture.clients.bufferedBytes, 'integer'],
      ['cluster.links', 0, 'integer'],
      ['aof.buffer', 0, 'integer'],
      ['lua.caches', 0, 'integer'],
      ['functions.caches', 0, 'integer'],
      ['overhead.total', overheadBytes, 'integer'],
      ['keys.count', keys, 'integer'],
      ['keys.bytes-per-key', keys === 0 ? 0 : Math.floor(usedBytes / keys), 'integer'],
      ['dataset.bytes', datasetBytes, 'integer'],
      ['dataset.percentage', share(datasetBytes, usedBytes), 'double'],
      ['peak.percentage', share(usedBytes, peakBytes), 'double'],
      ['allocator.allocated', allocated, 'integer'],
      ['allocator.active', held, 'integer'],
      ['allocator.resident', held, 'integer'],
      ['allocator-fragmentation.ratio', ratio(held, allocated), 'double'],
      ['allocator-fragmentation.bytes', Math.max(0, held - allocated), 'integer'],
      ['allocator-rss.ratio', 1, 'double'],
      ['allocator-rss.bytes', 0, 'integer'],
      ['rss-overhead.ratio', ratio(resident, held), 'double'],
      ['rss-overhead.bytes', resident - held, 'integer'],
      ['fragmentation', ratio(resident, usedBytes), 'double'],
      ['fragmentation.bytes', resident - usedBytes, 'integer'],
    ];
  }

  memoryAdvice(session: SessionPort): string {
    const { memory, clients } = this.parts.picture(session);
    const advice: string[] = [];
    if (memory.limitBytes > 0 && memory.usedBytes > NEARLY_FULL * memory.limitBytes) {
      advice.push(
        `${share(memory.usedBytes, memory.limitBytes).toFixed(0)} % of maxmemory are in use, and the policy is ${memory.policy}: soon writes are refused, or keys give way.`,
      );
    }
    if (memory.usedBytes < SMALL_BYTES) {
      if (advice.length > 0) return list(advice);
      return `Only ${humanBytes(memory.usedBytes)} are in use: too little for an opinion.\n`;
    }
    if (memory.peakBytes > MUCH_HIGHER * memory.usedBytes) {
      advice.push(
        `At its peak it was ${humanBytes(memory.peakBytes)}, now it is ${humanBytes(memory.usedBytes)}: segments that are partly used are kept, so the process stays larger than its data.`,
      );
    }
    const { process } = memory;
    if (process !== undefined && process.heldBytes > MUCH_HIGHER * process.allocatedBytes) {
      advice.push(
        `The engine holds ${humanBytes(process.heldBytes)} for ${humanBytes(process.allocatedBytes)} of blocks: values of very different sizes came and went.`,
      );
    }
    if (clients.bufferedBytes > memory.usedBytes / 4) {
      advice.push(
        `Connections hold ${humanBytes(clients.bufferedBytes)} that was not yet served or not yet read: CLIENT LIST shows whose (qbuf, omem).`,
      );
    }
    return advice.length === 0 ? 'Nothing about memory deserves a look.\n' : list(advice);
  }

  allocatorReport(session: SessionPort): string {
    const { memory } = this.parts.picture(session);
    const { process } = memory;
    const lines: (readonly [string, string | number])[] = [
      ['used bytes', memory.usedBytes],
      ['peak bytes', memory.peakBytes],
    ];
    if (process !== undefined) {
      lines.push(
        ['bytes of blocks', process.allocatedBytes],
        ['bytes of segments', process.heldBytes],
        ['bytes of tables and heads', memory.overheadBytes],
        ['blocks used of segments', ratio(process.allocatedBytes, process.heldBytes).toFixed(3)],
        ['entries and blocks that wait to be freed', process.pendingFrees],
      );
    }
    return `portcullis-arena\n${lines.map(([name, value]) => `${name}: ${value}\n`).join('')}`;
  }
}

/** Below that there is nothing to say about memory: as in Redis. */
const SMALL_BYTES = 5 * 1024 * 1024;
const MUCH_HIGHER = 1.5;
const NEARLY_FULL = 0.9;

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function share(part: number, whole: number): number {
  return 100 * ratio(part, whole);
}

function list(advice: readonly string[]): string {
  return advice.map((text) => `- ${text}\n`).join('');
}
