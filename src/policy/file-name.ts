/** Files that policies name: they lie in the certificates folder, and their names show no way out of it. */
import { z } from 'zod';

export const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

export const fileName = z.string().regex(FILE_NAME, 'must be the name of a file in the certificates folder');
