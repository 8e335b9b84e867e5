/** Open files of `fake-disk.ts`: each call goes through the disk, which records it and may make it fail. */
import { success } from '../../src/base/result.ts';
import type { DiskFault, DiskReader, DiskResult, DiskWriter } from '../../src/disk/disk.ts';
import type { FileNode } from './disk-model.ts';
import type { Operation } from './fake-disk.ts';

export interface Handle {
  node(): FileNode;
  close(): void;
  call<Value>(operation: Operation, work: () => DiskResult<Value>): DiskResult<Value>;
  write(bytes: Uint8Array): DiskResult<number>;
  truncate(length: number): void;
  syncNow(): DiskResult<void>;
  sync(done: (fault: DiskFault | undefined) => void): void;
}

export class FakeWriter implements DiskWriter {
  readonly path: string;
  length: number;
  private readonly handle: Handle;

  constructor(path: string, handle: Handle, length: number) {
    this.path = path;
    this.handle = handle;
    this.length = length;
  }

  write(bytes: Uint8Array, start: number, end: number): DiskResult<number> {
    if (start >= end) return success(0);
    const taken = this.handle.write(bytes.subarray(start, end));
    if (taken.ok) this.length += taken.value;
    return taken;
  }

  sync(done: (fault: DiskFault | undefined) => void): void {
    this.handle.sync(done);
  }

  syncNow(): DiskResult<void> {
    return this.handle.syncNow();
  }

  truncate(length: number): DiskResult<void> {
    const cut = this.handle.call('truncate', () => success(this.handle.truncate(length)));
    if (cut.ok) this.length = length;
    return cut;
  }

  close(): DiskResult<void> {
    const closed = this.handle.call('close', () => success(undefined));
    this.handle.close();
    return closed;
  }
}

export class FakeReader implements DiskReader {
  readonly path: string;
  readonly length: number;
  private readonly handle: Handle;

  constructor(path: string, handle: Handle, length: number) {
    this.path = path;
    this.handle = handle;
    this.length = length;
  }

  read(at: number, into: Uint8Array, start: number, end: number): DiskResult<number> {
    return this.handle.call('read', () => {
      const file = this.handle.node();
      const taken = Math.max(0, Math.min(end - start, file.length - at));
      into.set(file.view().subarray(at, at + taken), start);
      return success(taken);
    });
  }

  close(): void {
    this.handle.call('close', () => success(undefined));
    this.handle.close();
  }
}
