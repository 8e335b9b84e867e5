/**
 * What is on a disk, and what of it would survive: the model behind `fake-disk.ts`. It is moved by changes, which are plain
 * data, so that any moment of a run can be built again from its beginning.
 *
 * Of each file it keeps what is certain (synced) and the writes and cuts since; of the folders likewise which entries are
 * certain and which creations, renames and removals are not. `afterPowerCut` decides for each uncertain thing:
 * - a write may be there, may not be, or in part: cut at any byte or sector, or page by page in any order, with zeros where
 *   the length arrived and the bytes did not;
 * - of the entries that changed any part may be there, or those up to some moment; a rename is there or is not;
 * - what a sync failed on stays uncertain for ever, however many later ones succeed, as Linux forgets that it was dirty.
 */
import type { Prng } from '../../src/base/prng.ts';

const SECTOR_BYTES = 512;
const PAGE_BYTES = 4096;

export type Change =
  | {
      readonly kind: 'make';
      readonly folder: number;
      readonly name: string;
      readonly node: number;
      readonly isFolder: boolean;
    }
  | { readonly kind: 'unlink'; readonly folder: number; readonly name: string }
  | {
      readonly kind: 'rename';
      readonly folder: number;
      readonly name: string;
      readonly toFolder: number;
      readonly toName: string;
    }
  | { readonly kind: 'write'; readonly node: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly node: number; readonly length: number }
  | { readonly kind: 'synced' | 'unsynced'; readonly node: number; readonly upTo: number }
  | { readonly kind: 'folderSynced'; readonly folder: number };

/** A write or a cut of a file. */
interface Step {
  readonly at: number;
  /** Undefined for a cut at `at`. */
  readonly bytes: Uint8Array | undefined;
  state: 'open' | 'certain' | 'doomed';
}

/** Bytes that are written anywhere and cut anywhere; what was never written is zero. */
class Bytes {
  length: number;
  private room: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.room = bytes.slice();
    this.length = bytes.length;
  }

  view(): Uint8Array {
    return this.room.subarray(0, this.length);
  }

  take({ at, bytes }: Step): void {
    if (bytes === undefined) this.resize(at);
    else {
      if (at + bytes.length > this.length) this.resize(at + bytes.length);
      this.room.set(bytes, at);
    }
  }

  private resize(length: number): void {
    if (length > this.room.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.room.length));
      grown.set(this.view());
      this.room = grown;
    }
    if (length < this.length) this.room.fill(0, length, this.length);
    this.length = length;
  }
}

export class FileNode {
  readonly isFolder = false;
  /** As every process sees it. */
  private readonly content: Bytes;
  private readonly certain: Bytes;
  /** Since `certain`, oldest first; `stepsFolded` came before them. */
  private steps: Step[];
  private stepsFolded: number;

  constructor(content: Uint8Array, certain = content) {
    this.content = new Bytes(content);
    this.certain = new Bytes(certain);
    this.steps = [];
    this.stepsFolded = 0;
  }

  clone(): FileNode {
    const clone = new FileNode(this.content.view(), this.certain.view());
    clone.steps = this.steps.map((step) => ({ ...step }));
    clone.stepsFolded = this.stepsFolded;
    return clone;
  }

  get length(): number {
    return this.content.length;
  }

  /** Valid until the next change. */
  view(): Uint8Array {
    return this.content.view();
  }

  get stepCount(): number {
    return this.stepsFolded + this.steps.length;
  }

  write(bytes: Uint8Array): void {
    this.take({ at: this.length, bytes, state: 'open' });
  }

  truncate(length: number): void {
    this.take({ at: length, bytes: undefined, state: 'open' });
  }

  private take(step: Step): void {
    this.steps.push(step);
    this.content.take(step);
  }

  settle(upTo: number, isCertain: boolean): void {
    const { steps } = this;
    const count = Math.max(0, upTo - this.stepsFolded);
    for (let index = 0; index < count; index++) {
      const step = steps[index] as Step;
      if (step.state === 'open') step.state = isCertain ? 'certain' : 'doomed';
    }
    const open = steps.findIndex(({ state }) => state !== 'certain');
    const folded = steps.splice(0, open < 0 ? steps.length : open);
    for (const step of folded) this.certain.take(step);
    this.stepsFolded += folded.length;
  }

  /** What a power cut leaves of it. */
  survivor(chance: Chance): Uint8Array {
    const { steps } = this;
    if (steps.length === 0) return this.certain.view();
    const upTo = (count: number) => (step: Step, index: number) => step.state === 'certain' || index < count;
    switch (chance.manner()) {
      case 'nothing':
        return replayed(this.certain, steps, upTo(0));
      case 'all':
        return replayed(this.certain, steps, upTo(steps.length));
      case 'torn': {
        // In order, and the one after the last is there in part.
        const count = chance.below(steps.length);
        const torn = steps[count] as Step;
        if (torn.bytes === undefined || torn.state === 'certain') return replayed(this.certain, steps, upTo(count));
        let end = chance.below(torn.bytes.length + 1);
        if (chance.below(2) === 0)
          end = Math.max(0, Math.floor((torn.at + end) / SECTOR_BYTES) * SECTOR_BYTES - torn.at);
        const part: Step = { ...torn, bytes: torn.bytes.subarray(0, end) };
        return replayed(this.certain, steps.with(count, part), upTo(count + 1));
      }
      case 'pages':
        return this.scattered(chance);
    }
  }

  /** The length of one moment, and each page as it was at a moment of its own. */
  private scattered(chance: Chance): Uint8Array {
    const { steps, certain } = this;
    const count = steps.length;
    const momentOf = (moment: number) => {
      return replayed(certain, steps, (step, index) => step.state === 'certain' || index < moment);
    };
    const lengthAt = chance.below(3) === 0 ? chance.below(count + 1) : count;
    const survivor = new Uint8Array(momentOf(lengthAt).length);
    // A few moments are enough to mix from: each costs a replay.
    const moments = [
      momentOf(0),
      momentOf(count),
      momentOf(chance.below(count + 1)),
      momentOf(chance.below(count + 1)),
    ];
    const unit = chance.below(4) === 0 ? SECTOR_BYTES : PAGE_BYTES;
    for (let at = 0; at < survivor.length; at += unit) {
      const page = (moments[chance.below(moments.length)] as Uint8Array).subarray(at, at + unit);
      survivor.set(page.subarray(0, survivor.length - at), at);
    }
    return survivor;
  }
}

function replayed(base: Bytes, steps: readonly Step[], isThere: (step: Step, index: number) => boolean): Uint8Array {
  const content = new Bytes(base.view());
  for (const [index, step] of steps.entries()) if (isThere(step, index)) content.take(step);
  return content.view();
}

export class FolderNode {
  readonly isFolder = true;
  readonly entries: Map<string, number>;
  certain: Map<string, number>;

  constructor(entries: ReadonlyMap<string, number> = new Map(), certain: ReadonlyMap<string, number> = entries) {
    this.entries = new Map(entries);
    this.certain = new Map(certain);
  }

  clone(): FolderNode {
    return new FolderNode(this.entries, this.certain);
  }
}

type EntryChange = Change & { readonly kind: 'make' | 'unlink' | 'rename' };
/** With the node that was under the name at that moment. */
interface EntryStep {
  readonly change: EntryChange;
  readonly node: number | undefined;
}

export const ROOT = 0;

export class DiskModel {
  readonly nodes: Map<number, FileNode | FolderNode>;
  private uncertain: EntryStep[];
  private nextNode: number;

  constructor() {
    this.nodes = new Map([[ROOT, new FolderNode()]]);
    this.uncertain = [];
    this.nextNode = ROOT + 1;
  }

  clone(): DiskModel {
    const clone = new DiskModel();
    for (const [id, node] of this.nodes) clone.nodes.set(id, node.clone());
    clone.uncertain = [...this.uncertain];
    clone.nextNode = this.nextNode;
    return clone;
  }

  newNode(): number {
    return this.nextNode++;
  }

  folder(id: number): FolderNode {
    const node = this.nodes.get(id);
    if (!(node instanceof FolderNode)) throw new Error(`node ${id} is no folder`);
    return node;
  }

  file(id: number): FileNode {
    const node = this.nodes.get(id);
    if (!(node instanceof FileNode)) throw new Error(`node ${id} is no file`);
    return node;
  }

  apply(change: Change): void {
    switch (change.kind) {
      case 'make': {
        this.nodes.set(change.node, change.isFolder ? new FolderNode() : new FileNode(new Uint8Array(0)));
        this.nextNode = Math.max(this.nextNode, change.node + 1);
        this.changeEntry(change, change.node);
        return;
      }
      case 'unlink':
      case 'rename':
        this.changeEntry(change, this.folder(change.folder).entries.get(change.name));
        return;
      case 'write':
        this.file(change.node).write(change.bytes);
        return;
      case 'truncate':
        this.file(change.node).truncate(change.length);
        return;
      case 'synced':
      case 'unsynced':
        this.file(change.node).settle(change.upTo, change.kind === 'synced');
        return;
      case 'folderSynced':
        this.settleEntries(change.folder);
        return;
    }
  }

  /** The disk that a power cut leaves; all that is on it is certain. */
  afterPowerCut(chance: Chance): DiskModel {
    const survivor = this.clone();
    for (const node of survivor.nodes.values()) {
      if (!(node instanceof FolderNode)) continue;
      node.entries.clear();
      for (const [name, id] of node.certain) node.entries.set(name, id);
    }
    const steps = survivor.uncertain;
    survivor.uncertain = [];
    const manner = chance.manner();
    const moment = manner === 'all' ? steps.length : manner === 'torn' ? chance.below(steps.length + 1) : 0;
    for (const [index, step] of steps.entries()) {
      if (manner === 'pages' ? chance.below(2) === 0 : index < moment) survivor.move('entries', step);
    }
    for (const [id, node] of survivor.nodes) {
      if (node instanceof FolderNode) node.certain = new Map(node.entries);
      else survivor.nodes.set(id, new FileNode(node.survivor(chance)));
    }
    return survivor;
  }

  private changeEntry(change: EntryChange, node: number | undefined): void {
    const step = { change, node };
    this.uncertain.push(step);
    this.move('entries', step);
  }

  private move(which: 'entries' | 'certain', { change, node }: EntryStep): void {
    if (node === undefined) return;
    const from = this.folder(change.folder)[which];
    if (change.kind === 'make') from.set(change.name, node);
    // Of a name that is another file's by now nothing is taken away.
    else if (from.get(change.name) === node) from.delete(change.name);
    if (change.kind === 'rename') this.folder(change.toFolder)[which].set(change.toName, node);
  }

  /** A rename between two folders ties them together: what is certain of one is then certain of both. */
  private settleEntries(folder: number): void {
    const folders = new Set([folder]);
    for (let before = 0; before < folders.size; ) {
      before = folders.size;
      for (const { change } of this.uncertain) {
        if (change.kind !== 'rename' || !(folders.has(change.folder) || folders.has(change.toFolder))) continue;
        folders.add(change.folder).add(change.toFolder);
      }
    }
    const settled = this.uncertain.filter(({ change }) => folders.has(change.folder));
    this.uncertain = this.uncertain.filter(({ change }) => !folders.has(change.folder));
    for (const step of settled) this.move('certain', step);
  }
}

/** Decides what survives. The first two choices are the extremes; any other is a draw that can be repeated. */
export class Chance {
  private readonly prng: Prng;
  private readonly choice: number;

  constructor(prng: Prng, choice: number) {
    this.prng = prng;
    this.choice = choice;
  }

  manner(): 'nothing' | 'all' | 'torn' | 'pages' {
    if (this.choice === 0) return 'nothing';
    if (this.choice === 1) return 'all';
    const drawn = this.prng.below(8);
    return drawn === 0 ? 'nothing' : drawn === 1 ? 'all' : drawn < 5 ? 'torn' : 'pages';
  }

  below(bound: number): number {
    return this.prng.below(bound);
  }
}
