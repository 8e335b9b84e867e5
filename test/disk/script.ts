/** One script of calls that touches every corner of a disk, and what each call said: two disks can be held side by side. */
import { join } from 'node:path';
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import type { Disk, DiskReader, DiskResult, DiskWriter } from '../../src/disk/disk.ts';

/** `root` is an empty folder. Every line is one call; a fault is its code. */
export async function runScript(disk: Disk, root: string): Promise<string[]> {
  const lines: string[] = [];
  const at = (name: string) => join(root, name);
  const say = <Value>(
    what: string,
    result: DiskResult<Value>,
    shown?: (value: Value) => unknown,
  ): Value | undefined => {
    const outcome = result.ok
      ? shown === undefined
        ? 'done'
        : JSON.stringify(shown(result.value))
      : result.fault.code;
    if (!result.ok && !result.fault.message.includes(root)) lines.push(`${what}: the message names no path`);
    lines.push(`${what}: ${outcome}`);
    return result.ok ? result.value : undefined;
  };
  const script = new Script(disk, at, say);
  script.folders();
  await script.writing();
  script.reading();
  script.renaming();
  script.removing();
  return lines;
}

type Say = <Value>(what: string, result: DiskResult<Value>, shown?: (value: Value) => unknown) => Value | undefined;

class Script {
  private readonly disk: Disk;
  private readonly at: (name: string) => string;
  private readonly say: Say;

  constructor(disk: Disk, at: (name: string) => string, say: Say) {
    this.disk = disk;
    this.at = at;
    this.say = say;
  }

  folders(): void {
    const { disk, at, say } = this;
    say('list nothing', disk.list(at('none')));
    say('make deep', disk.makeFolder(at('a/b/c')));
    say('make again', disk.makeFolder(at('a/b/c')));
    say('status folder', disk.status(at('a/b')), (found) => found?.isFolder);
    say('status nothing', disk.status(at('none/at/all')), (found) => found ?? 'none');
    say('sync folder', disk.syncFolder(at('a')));
    say('sync nothing', disk.syncFolder(at('none')));
    say('create without folder', disk.create(at('none/file')));
    say('create over folder', disk.create(at('a')));
    say('append nothing', disk.append(at('none')));
    say('append folder', disk.append(at('a')));
    say('open folder', disk.open(at('a')));
    say('open nothing', disk.open(at('none')));
  }

  async writing(): Promise<void> {
    const { disk, at, say } = this;
    const file = say('create', disk.create(at('file')));
    if (file === undefined) return;
    say('create twice', disk.create(at('file')));
    this.write(file, '0123456789', 2, 6);
    this.write(file, 'abc');
    this.write(file, '', 0, 0);
    say('sync now', file.syncNow());
    await this.sync(file);
    say('cut', file.truncate(5));
    this.write(file, 'de');
    say('stretch', file.truncate(9));
    this.write(file, '!');
    say('path', { ok: true, value: file.path === at('file') }, (same) => same);
    await this.sync(file);
    say('close', file.close());
    say('close twice', file.close());
    const more = say('append', disk.append(at('file')));
    if (more === undefined) return;
    this.write(more, '?');
    say('close', more.close());
    say('make folder over file', disk.makeFolder(at('file')));
    say('make folder under file', disk.makeFolder(at('file/under')));
    say('create under file', disk.create(at('file/under')));
    say('list file', disk.list(at('file')));
    say('status under file', disk.status(at('file/under')), (found) => found ?? 'none');
    say('remove under file', disk.remove(at('file/under')));
    say('status file', disk.status(at('file')), (found) => found);
    say('sync folder that is a file', disk.syncFolder(at('file')));
  }

  reading(): void {
    const { disk, at, say } = this;
    const file = say('open', disk.open(at('file')), ({ length }) => length);
    if (file === undefined) return;
    this.read(file, 0, 100);
    this.read(file, 3, 4);
    this.read(file, 11, 4);
    this.read(file, 500, 4);
    const writer = say('append', disk.append(at('file')));
    if (writer !== undefined) this.write(writer, 'more');
    say('length as opened', { ok: true, value: file.length }, (length) => length);
    this.read(file, 9, 100);
    say('cut while read', writer?.truncate(2) ?? { ok: true, value: undefined });
    this.read(file, 0, 100);
    say('remove while open', disk.remove(at('file')));
    this.read(file, 0, 100);
    if (writer !== undefined) this.write(writer, 'unseen');
    writer?.close();
    this.read(file, 0, 100);
    file.close();
  }

  renaming(): void {
    const { disk, at, say } = this;
    this.file('one', '1');
    this.file('two', '22');
    say('rename nothing', disk.rename(at('none'), at('three')));
    say('rename nowhere', disk.rename(at('one'), at('none/three')));
    say('rename onto', disk.rename(at('one'), at('two')));
    say('rename onto itself', disk.rename(at('two'), at('two')));
    say('rename away', disk.rename(at('two'), at('a/b/three')));
    say('rename onto folder', disk.rename(at('a/b/three'), at('a/b/c')));
    this.file('four', '4444');
    say('rename folder onto file', disk.rename(at('a/b'), at('four')));
    say('rename folder onto full folder', disk.rename(at('a/b/c'), at('a')));
    say('rename folder', disk.rename(at('a/b'), at('moved')));
    say('list root', disk.list(at('.')), (entries) => entries);
    say('list moved', disk.list(at('moved')), (entries) => entries);
    say('status', disk.status(at('moved/three')), (found) => found?.length);
  }

  removing(): void {
    const { disk, at, say } = this;
    say('remove', disk.remove(at('four')));
    say('remove twice', disk.remove(at('four')));
    say('remove folder as file', disk.remove(at('moved')));
    say('remove in no folder', disk.remove(at('none/file')));
    say('remove folder', disk.removeFolder(at('moved')));
    say('remove folder twice', disk.removeFolder(at('moved')));
    this.file('five', '5');
    say('remove file as folder', disk.removeFolder(at('five')));
    for (const name of ['b', 'B', 'a1', 'ä', 'a10']) this.file(name, name);
    say('list root', disk.list(at('.')), (entries) => entries.map(({ name }) => name));
  }

  private file(name: string, text: string): void {
    const file = this.say(`create ${name}`, this.disk.create(this.at(name)));
    if (file === undefined) return;
    this.write(file, text);
    file.close();
  }

  private write(file: DiskWriter, text: string, start = 0, end = text.length): void {
    const taken = file.write(bytesOfLatin1(text), start, end);
    this.say(`write, ${file.length} bytes`, taken, (bytes) => bytes);
  }

  private async sync(file: DiskWriter): Promise<void> {
    let isWithin = true;
    const fault = await new Promise<string>((resolve) => {
      file.sync((said) => resolve(`${said?.code}${isWithin ? ' within the call' : ''}`));
      isWithin = false;
    });
    this.say('sync', { ok: true, value: fault }, (said) => said);
  }

  private read(file: DiskReader, at: number, length: number): void {
    const into = new Uint8Array(length + 2).fill(0x2e);
    const read = file.read(at, into, 1, 1 + length);
    this.say(`read ${at}+${length}`, read, (bytes) => [bytes, latin1(into, 0, Math.min(20, into.length))]);
  }
}
