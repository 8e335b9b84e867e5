/**
 * A disk in memory that behaves as `real-disk.ts` does, for tests of what goes wrong:
 *
 * - every call is an event; `crashAt(event, choice)` gives the disk that a power cut after so many events leaves, `kill` the
 *   one that the death of the process leaves (`disk-model.ts` says what may be lost);
 * - `failAt` makes a call of one's choice fail, `capacityBytes` makes the disk full, and free again;
 * - syncs complete by themselves on a microtask, or with `manualSyncs` when `completeSyncs` is called; each covers what was
 *   written before it was asked for.
 *
 * A disk that `crashAt` or `kill` made is a disk like any other; the one it came from lives on beside it.
 */
import { posix } from 'node:path';
import { Prng } from '../../src/base/prng.ts';
import { failure, success } from '../../src/base/result.ts';
import type {
  Disk,
  DiskEntry,
  DiskFault,
  DiskReader,
  DiskResult,
  DiskStatus,
  DiskWriter,
} from '../../src/disk/disk.ts';
import { Chance, type Change, DiskModel, FileNode, FolderNode, ROOT } from './disk-model.ts';
import { FakeReader, FakeWriter, type Handle } from './fake-files.ts';

export type Operation =
  | 'create'
  | 'append'
  | 'open'
  | 'write'
  | 'sync'
  | 'synced'
  | 'syncNow'
  | 'truncate'
  | 'close'
  | 'read'
  | 'rename'
  | 'remove'
  | 'removeFolder'
  | 'makeFolder'
  | 'list'
  | 'status'
  | 'syncFolder';

export interface DiskEvent {
  readonly operation: Operation;
  readonly path: string;
  /** `synced` is the completion of a `sync`, and has its fault. */
  readonly fault: string | undefined;
  readonly changes: readonly Change[];
}

export interface FailureOptions {
  /** All later calls fail, too, until `heal`. */
  readonly fromThenOn?: boolean;
  /** A write takes so many bytes and says so; the one after it fails. */
  readonly partialBytes?: number;
}

interface Failure {
  readonly code: string;
  readonly operations: readonly Operation[] | undefined;
  readonly fromThenOn: boolean;
  partialBytes: number;
  left: number;
}

export interface Crash {
  readonly disk: FakeDisk;
  readonly event: number;
  readonly choice: number;
}

interface PendingSync {
  readonly path: string;
  readonly node: number;
  readonly upTo: number;
  readonly fault: DiskFault | undefined;
  readonly done: (fault: DiskFault | undefined) => void;
}

export class FakeDisk implements Disk {
  readonly events: DiskEvent[];
  /** Bytes that all files may have together. */
  capacityBytes: number;
  manualSyncs: boolean;
  private readonly before: DiskModel;
  private readonly model: DiskModel;
  private readonly openFiles: Map<number, number>;
  private failures: Failure[];
  private pending: PendingSync[];
  private changesOfCall: Change[];

  constructor(model = new DiskModel()) {
    this.events = [];
    this.capacityBytes = Number.POSITIVE_INFINITY;
    this.manualSyncs = false;
    this.before = model.clone();
    this.model = model;
    this.openFiles = new Map();
    this.failures = [];
    this.pending = [];
    this.changesOfCall = [];
  }

  // -- What goes wrong -------------------------------------------------------------------------------------------------

  /** The nth call from now on fails, 1 being the next: of these operations, or of all. `synced` is the end of a `sync`. */
  failAt(n: number, code: string, operation?: Operation | readonly Operation[], options: FailureOptions = {}): void {
    const operations = typeof operation === 'string' ? [operation] : operation;
    const { fromThenOn = false, partialBytes = 0 } = options;
    this.failures.push({ code, operations, fromThenOn, partialBytes, left: n });
  }

  /** No call fails any more but for want of room. */
  heal(): void {
    this.failures = [];
  }

  get syncsPending(): number {
    return this.pending.length;
  }

  /** Oldest first. */
  completeSyncs(count = this.pending.length): void {
    for (const { path, node, upTo, fault, done } of this.pending.splice(0, count)) {
      const said = fault ?? this.faultOf('synced', path);
      this.record('synced', path, said, { kind: said === undefined ? 'synced' : 'unsynced', node, upTo });
      done(said);
    }
  }

  /**
   * The disk after a power cut when so many events had happened. Choice 0: only what is certain survived; 1: everything
   * did; any other number draws, always the same.
   */
  crashAt(event: number, choice: number): FakeDisk {
    const chance = new Chance(new Prng(Math.imul(choice, 0x9e3779b1) + event), choice);
    return new FakeDisk(this.modelAt(event).afterPowerCut(chance));
  }

  /** Power cuts at any time, at least one of them at the end. */
  crashStates(prng: Prng, count: number): Crash[] {
    return Array.from({ length: count }, (_, index) => {
      const event = index === 0 ? this.events.length : prng.below(this.events.length + 1);
      const choice = prng.below(8) < 2 ? prng.below(2) : prng.uint32();
      return { disk: this.crashAt(event, choice), event, choice };
    });
  }

  /** The disk as the next process finds it: all that was written is there, and no safer than before. */
  kill(event = this.events.length): FakeDisk {
    return new FakeDisk(this.modelAt(event));
  }

  // -- For tests to look and to prepare --------------------------------------------------------------------------------

  /** A file that has always been there, with the folders above it. No event. */
  put(path: string, bytes: Uint8Array): void {
    for (const model of [this.before, this.model]) {
      let folder = model.folder(ROOT);
      const names = partsOf(path);
      const name = names.pop() ?? '';
      for (const part of names) {
        const known = folder.entries.get(part);
        const id = known ?? model.newNode();
        if (known === undefined) model.nodes.set(id, new FolderNode());
        folder.entries.set(part, id);
        folder.certain.set(part, id);
        folder = model.folder(id);
      }
      const id = model.newNode();
      model.nodes.set(id, new FileNode(bytes));
      folder.entries.set(name, id);
      folder.certain.set(name, id);
    }
  }

  /** Undefined where there is no file. */
  bytesOf(path: string): Uint8Array | undefined {
    const node = this.nodeAt(path);
    return node.ok && node.value !== undefined && !this.isFolder(node.value)
      ? this.model.file(node.value).view().slice()
      : undefined;
  }

  /** Bytes of all files that have a name or are open. */
  get usedBytes(): number {
    const alive = new Set(this.openFiles.keys());
    for (const node of this.model.nodes.values()) {
      if (node instanceof FolderNode) for (const id of node.entries.values()) alive.add(id);
    }
    let used = 0;
    for (const id of alive) {
      const node = this.model.nodes.get(id);
      if (node instanceof FileNode) used += node.length;
    }
    return used;
  }

  // -- Disk ------------------------------------------------------------------------------------------------------------

  create(path: string): DiskResult<DiskWriter> {
    return this.call('create', path, () => {
      const place = this.placeOf(path);
      if (!place.ok) return place;
      if (place.value.node !== undefined) return failure(faultAt('EEXIST', path));
      const node = this.model.newNode();
      this.change({ kind: 'make', folder: place.value.folder, name: place.value.name, node, isFolder: false });
      return success(this.writer(path, node));
    });
  }

  append(path: string): DiskResult<DiskWriter> {
    return this.call('append', path, () => {
      const node = this.fileAt(path);
      return node.ok ? success(this.writer(path, node.value)) : node;
    });
  }

  open(path: string): DiskResult<DiskReader> {
    return this.call('open', path, () => {
      const node = this.fileAt(path);
      if (!node.ok) return node;
      return success(new FakeReader(path, this.handle(path, node.value), this.model.file(node.value).length));
    });
  }

  rename(from: string, to: string): DiskResult<void> {
    return this.call('rename', to, () => {
      const source = this.placeOf(from);
      if (!source.ok) return source;
      const target = this.placeOf(to);
      if (!target.ok) return target;
      const { node } = source.value;
      const replaced = target.value.node;
      if (node === undefined) return failure(faultAt('ENOENT', to));
      if (replaced === node) return success(undefined);
      if (replaced !== undefined && this.isFolder(replaced)) {
        if (!this.isFolder(node)) return failure(faultAt('EISDIR', to));
        if (this.model.folder(replaced).entries.size > 0) return failure(faultAt('ENOTEMPTY', to));
      } else if (replaced !== undefined && this.isFolder(node)) return failure(faultAt('ENOTDIR', to));
      const { folder, name } = source.value;
      this.change({ kind: 'rename', folder, name, toFolder: target.value.folder, toName: target.value.name });
      return success(undefined);
    });
  }

  remove(path: string): DiskResult<void> {
    return this.call('remove', path, () => {
      const place = this.placeOf(path);
      if (!place.ok) return place.fault.code === 'ENOENT' ? success(undefined) : place;
      const { folder, name, node } = place.value;
      if (node === undefined) return success(undefined);
      if (this.isFolder(node)) return failure(faultAt('EISDIR', path));
      this.change({ kind: 'unlink', folder, name });
      return success(undefined);
    });
  }

  removeFolder(path: string): DiskResult<void> {
    return this.call('removeFolder', path, () => {
      const place = this.placeOf(path);
      if (!place.ok) return place.fault.code === 'ENOENT' ? success(undefined) : place;
      const { folder, name, node } = place.value;
      if (node !== undefined) this.unlinkTree(folder, name, node);
      return success(undefined);
    });
  }

  makeFolder(path: string): DiskResult<void> {
    return this.call('makeFolder', path, () => {
      let folder = ROOT;
      const names = partsOf(path);
      for (const [index, name] of names.entries()) {
        const known = this.model.folder(folder).entries.get(name);
        if (known !== undefined && !this.isFolder(known)) {
          return failure(faultAt(index === names.length - 1 ? 'EEXIST' : 'ENOTDIR', path));
        }
        const node = known ?? this.model.newNode();
        if (known === undefined) this.change({ kind: 'make', folder, name, node, isFolder: true });
        folder = node;
      }
      return success(undefined);
    });
  }

  list(folder: string): DiskResult<readonly DiskEntry[]> {
    return this.call('list', folder, () => {
      const node = this.nodeAt(folder);
      if (!node.ok) return node;
      if (node.value === undefined) return failure(faultAt('ENOENT', folder));
      if (!this.isFolder(node.value)) return failure(faultAt('ENOTDIR', folder));
      const entries = Array.from(this.model.folder(node.value).entries, ([name, id]) => {
        return { name, isFolder: this.isFolder(id) };
      });
      return success(entries.sort((a, b) => (a.name < b.name ? -1 : 1)));
    });
  }

  status(path: string): DiskResult<DiskStatus | undefined> {
    return this.call('status', path, (): DiskResult<DiskStatus | undefined> => {
      const node = this.nodeAt(path);
      if (!node.ok) return node.fault.code === 'ENOENT' ? success(undefined) : node;
      if (node.value === undefined) return success(undefined);
      const found = this.model.nodes.get(node.value);
      if (found instanceof FileNode) return success({ isFolder: false, length: found.length });
      return success({ isFolder: true, length: 0 });
    });
  }

  syncFolder(path: string): DiskResult<void> {
    return this.call('syncFolder', path, () => {
      const node = this.nodeAt(path);
      if (!node.ok) return node;
      if (node.value === undefined) return failure(faultAt('ENOENT', path));
      if (this.isFolder(node.value)) this.change({ kind: 'folderSynced', folder: node.value });
      return success(undefined);
    });
  }

  // -- Inside ----------------------------------------------------------------------------------------------------------

  private call<Value>(operation: Operation, path: string, work: () => DiskResult<Value>): DiskResult<Value> {
    this.changesOfCall = [];
    const fault = this.faultOf(operation, path);
    const result = fault === undefined ? work() : failure(fault);
    const changes = this.changesOfCall;
    this.events.push({ operation, path, fault: result.ok ? undefined : result.fault.code, changes });
    return result;
  }

  private change(change: Change): void {
    this.model.apply(change);
    this.changesOfCall.push(change);
  }

  private record(operation: Operation, path: string, fault: DiskFault | undefined, change: Change): void {
    this.model.apply(change);
    this.events.push({ operation, path, fault: fault?.code, changes: [change] });
  }

  private faultOf(operation: Operation, path: string): DiskFault | undefined {
    const failing = this.dueFailure(operation);
    return failing === undefined ? undefined : faultAt(failing.code, path);
  }

  /** Every failure that waits for this operation counts the call. */
  private dueFailure(operation: Operation): Failure | undefined {
    let due: Failure | undefined;
    for (const failing of this.failures) {
      if (failing.operations !== undefined && !failing.operations.includes(operation)) continue;
      if (failing.left > 0) failing.left--;
      if (failing.left === 0) due ??= failing;
    }
    if (due !== undefined && !due.fromThenOn) this.failures = this.failures.filter((one) => one !== due);
    return due;
  }

  private modelAt(event: number): DiskModel {
    const model = this.before.clone();
    for (const { changes } of this.events.slice(0, event)) for (const change of changes) model.apply(change);
    return model;
  }

  private isFolder(node: number): boolean {
    return this.model.nodes.get(node) instanceof FolderNode;
  }

  /** Undefined when only the last name is missing. */
  private nodeAt(path: string): DiskResult<number | undefined> {
    if (partsOf(path).length === 0) return success(ROOT);
    const place = this.placeOf(path);
    return place.ok ? success(place.value.node) : place;
  }

  private fileAt(path: string): DiskResult<number> {
    const node = this.nodeAt(path);
    if (!node.ok) return node;
    if (node.value === undefined) return failure(faultAt('ENOENT', path));
    return this.isFolder(node.value) ? failure(faultAt('EISDIR', path)) : success(node.value);
  }

  private placeOf(path: string): DiskResult<{ folder: number; name: string; node: number | undefined }> {
    const names = partsOf(path);
    const name = names.pop() ?? '';
    let folder = ROOT;
    for (const part of names) {
      const node = this.model.folder(folder).entries.get(part);
      if (node === undefined) return failure(faultAt('ENOENT', path));
      if (!this.isFolder(node)) return failure(faultAt('ENOTDIR', path));
      folder = node;
    }
    return success({ folder, name, node: this.model.folder(folder).entries.get(name) });
  }

  private unlinkTree(folder: number, name: string, node: number): void {
    const found = this.model.nodes.get(node);
    if (found instanceof FolderNode)
      for (const [inner, id] of Array.from(found.entries)) this.unlinkTree(node, inner, id);
    this.change({ kind: 'unlink', folder, name });
  }

  private writer(path: string, node: number): DiskWriter {
    return new FakeWriter(path, this.handle(path, node), this.model.file(node).length);
  }

  private handle(path: string, node: number): Handle {
    this.openFiles.set(node, (this.openFiles.get(node) ?? 0) + 1);
    let isOpen = true;
    return {
      node: () => this.model.file(node),
      close: () => {
        const left = (this.openFiles.get(node) ?? 1) - 1;
        if (isOpen && left === 0) this.openFiles.delete(node);
        else if (isOpen) this.openFiles.set(node, left);
        isOpen = false;
      },
      call: (operation, work) => {
        const closed = () => failure(faultAt('EBADF', path));
        return this.call(operation, path, isOpen || operation === 'close' ? work : closed);
      },
      write: (bytes) => {
        if (!isOpen) return this.call('write', path, () => failure(faultAt('EBADF', path)));
        return this.write(path, node, bytes);
      },
      truncate: (length) => this.change({ kind: 'truncate', node, length }),
      syncNow: () => this.syncNow(path, node, isOpen),
      sync: (done) => this.startSync(path, node, isOpen, done),
    };
  }

  private syncNow(path: string, node: number, isOpen: boolean): DiskResult<void> {
    const failing = this.faultOf('syncNow', path);
    const fault = isOpen ? failing : faultAt('EBADF', path);
    const kind = fault === undefined ? 'synced' : 'unsynced';
    this.record('syncNow', path, fault, { kind, node, upTo: this.model.file(node).stepCount });
    return fault === undefined ? success(undefined) : failure(fault);
  }

  private write(path: string, node: number, bytes: Uint8Array): DiskResult<number> {
    const failing = this.dueFailure('write');
    const isBounded = this.capacityBytes !== Number.POSITIVE_INFINITY;
    const room = isBounded ? Math.max(0, this.capacityBytes - this.usedBytes) : bytes.length;
    const taken = Math.min(bytes.length, room, failing === undefined ? bytes.length : failing.partialBytes);
    this.changesOfCall = [];
    // A Buffer's own slice would be a view of memory that goes on changing.
    if (taken > 0) this.change({ kind: 'write', node, bytes: new Uint8Array(bytes.subarray(0, taken)) });
    if (failing !== undefined && failing.partialBytes > 0) {
      if (failing.fromThenOn) failing.partialBytes = 0;
      else this.failAt(1, failing.code, 'write');
    }
    const code = failing?.code ?? 'ENOSPC';
    const fault = taken === 0 && bytes.length > 0 ? faultAt(code, path) : undefined;
    this.events.push({ operation: 'write', path, fault: fault?.code, changes: this.changesOfCall });
    return fault === undefined ? success(taken) : failure(fault);
  }

  /** The change comes with the completion; what it covers is decided now. */
  private startSync(path: string, node: number, isOpen: boolean, done: PendingSync['done']): void {
    const failing = this.faultOf('sync', path);
    const fault = isOpen ? failing : faultAt('EBADF', path);
    this.events.push({ operation: 'sync', path, fault: undefined, changes: [] });
    this.pending.push({ path, node, upTo: this.model.file(node).stepCount, fault, done });
    if (!this.manualSyncs) queueMicrotask(() => this.completeSyncs(1));
  }
}

/** The parts of an absolute path. */
function partsOf(path: string): string[] {
  return posix
    .normalize(path)
    .split('/')
    .filter((part) => part !== '');
}

function faultAt(code: string, path: string): DiskFault {
  return { code, message: `${code}: as the test wished, '${path}'` };
}
