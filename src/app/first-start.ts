/** What a first start makes in the certificates folder: certificates, and the passwords of the two users. */
import { join } from 'node:path';
import { failure, type Result, success } from '../base/result.ts';
import { type DevelopmentCertificates, ensureDevelopmentCertificates, ensurePassword } from './certificates.ts';
import type { Passwords } from './users.ts';

export interface FirstStart {
  readonly certificates: DevelopmentCertificates;
  readonly passwords: Passwords;
  readonly appPasswordPath: string;
}

/** The fault is one line for a person. */
export async function ensureFirstStart(folder: string): Promise<Result<FirstStart>> {
  try {
    const certificates = await ensureDevelopmentCertificates(folder);
    const appPasswordPath = join(folder, 'app.password');
    const passwords = { app: ensurePassword(appPasswordPath), admin: ensurePassword(join(folder, 'admin.password')) };
    return success({ certificates, passwords, appPasswordPath });
  } catch (error) {
    return failure(error instanceof Error ? error.message : String(error));
  }
}
