/** Every command of places. */
import type { Declaration } from '../../command/spec.ts';
import { geoadd } from './add.ts';
import { geodist, geohash, geopos } from './read.ts';
import { georadius, georadiusbymember, georadiusbymemberRo, georadiusRo, geosearch, geosearchstore } from './search.ts';

export const geoDeclarations: readonly Declaration[] = [
  geoadd,
  geodist,
  geohash,
  geopos,
  georadius,
  georadiusRo,
  georadiusbymember,
  georadiusbymemberRo,
  geosearch,
  geosearchstore,
];
