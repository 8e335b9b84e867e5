/** Certificates, keys and revocation lists by their name in the certificates folder, read whole and with a bound. */
import { join } from 'node:path';
import { failure, type Result } from '../base/result.ts';
import { readText } from './bounded-file.ts';
import { stampOf } from './stamp.ts';

export class CertificateFiles {
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** The fault names the file. */
  read(name: string, bytesMax: number): Result<string> {
    const text = readText(join(this.folder, name), bytesMax);
    return text.ok ? text : failure(`${name}: ${text.fault}`);
  }

  /** Changes whenever one of these files does. */
  fingerprint(names: readonly string[]): string {
    return names.map((name) => `${name} ${stampOf(join(this.folder, name))}`).join('\n');
  }
}
