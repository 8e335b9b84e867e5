/** Passwords of people in the policy files: slow hashes, as `portcullis hash-password` prints them. */
import { z } from 'zod';
import { SLOW_HASHES_PER_USER_MAX } from '../base/limits.ts';
import { parseSlowHash } from '../identity/password.ts';

const one = z.string().refine((text) => parseSlowHash(text) !== undefined, {
  message: 'must be a hash as "hash-password" prints it: $scrypt$ln=15,r=8,p=3$…',
});

/** One, or a list while a password is being changed. */
export const slowHashes = z
  .preprocess(
    (value) => (typeof value === 'string' ? [value] : (value ?? [])),
    z.array(one).max(SLOW_HASHES_PER_USER_MAX),
  )
  .prefault([]);
