/** The folder of policy files and that of passwords, on a disk. Everything is read whole and with a bound. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { IDENTITY_FILE_BYTES_MAX, POLICY_FILE_BYTES_MAX, POLICY_FILES_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import { readText, reasonOf } from './bounded-file.ts';
import { CertificateFiles } from './certificate-files.ts';
import { stampOf } from './stamp.ts';

const GATEWAY_FILE = 'gateway.yaml';
const TENANTS_FOLDER = 'tenants';
const PASSWORD_BYTES_MAX = 4096;

export class DiskPolicyFiles {
  private readonly folder: string;
  private readonly passwordsFolder: string;
  private readonly certificates: CertificateFiles;
  /** Files of the certificates folder that a policy has named: a change of them is a change of the policy. */
  private readonly besides: Set<string>;

  /** Absolute paths: where the policies are, and where password files are looked for. */
  constructor(folder: string, passwordsFolder: string) {
    this.folder = folder;
    this.passwordsFolder = passwordsFolder;
    this.certificates = new CertificateFiles(passwordsFolder);
    this.besides = new Set();
  }

  /** `gateway.yaml` if there is one, then every `tenants/*.yaml`, sorted. Names that begin with a dot are left out. */
  list(): Result<readonly string[]> {
    const top = namesIn(this.folder);
    if (!top.ok) return top;
    const found = top.value.includes(GATEWAY_FILE) ? [GATEWAY_FILE] : [];
    const hasTenants = top.value.includes(TENANTS_FOLDER);
    const names = hasTenants ? namesIn(join(this.folder, TENANTS_FOLDER)) : success([]);
    if (!names.ok) return names;
    const misnamed = [...top.value, ...names.value].find((name) => name.endsWith('.yml'));
    if (misnamed !== undefined) return failure(`${misnamed}: policy files end in .yaml, this one would be overlooked`);
    for (const name of names.value) if (name.endsWith('.yaml')) found.push(`${TENANTS_FOLDER}/${name}`);
    if (found.length > POLICY_FILES_MAX) return failure(`more than ${POLICY_FILES_MAX} policy files`);
    return success(found);
  }

  /** `path` as `list` gave it. */
  read(path: string): Result<string> {
    return readText(join(this.folder, path), POLICY_FILE_BYTES_MAX);
  }

  /** Blanks and newlines around the password do not count. */
  readPassword(name: string): Result<string> {
    const text = readText(join(this.passwordsFolder, name), PASSWORD_BYTES_MAX);
    if (!text.ok) return failure(`password file ${name}: ${text.fault}`);
    const password = text.value.trim();
    return password === '' ? failure(`password file ${name}: is empty`) : success(password);
  }

  /** A file of the certificates folder. */
  readBeside(name: string): Result<string> {
    if (this.besides.size < POLICY_FILES_MAX) this.besides.add(name);
    return this.certificates.read(name, IDENTITY_FILE_BYTES_MAX);
  }

  hasPassword(name: string): boolean {
    return existsSync(join(this.passwordsFolder, name));
  }

  /** Changes whenever a file is added, replaced or written; costs no reading. For polling. */
  fingerprint(): string {
    const paths = this.list();
    if (!paths.ok) return paths.fault;
    const beside = this.certificates.fingerprint(Array.from(this.besides));
    return [...paths.value.map((path) => `${path} ${stampOf(join(this.folder, path))}`), beside].join('\n');
  }

  /** Folders whose events tell of a change. */
  watchedFolders(): readonly string[] {
    return [this.folder, join(this.folder, TENANTS_FOLDER)];
  }
}

function namesIn(folder: string): Result<readonly string[]> {
  try {
    return success(
      readdirSync(folder)
        .filter((name) => !name.startsWith('.'))
        .toSorted(),
    );
  } catch (error) {
    return failure(`${folder} cannot be read: ${reasonOf(error)}`);
  }
}
