/** PORTCULLIS.BACKUP: how the tool `backup` asks a running server for one. */
import { after, bytes } from '../../command/args.ts';
import { sessionCommand } from '../../command/spec.ts';
import { backupFailed } from '../../resp/refusals.ts';

/** The connection stands still until the backup is whole; nobody else does. */
export const backup = sessionCommand({
  name: 'PORTCULLIS.BACKUP',
  summary: 'Writes a backup into the folder of backups and answers when it has been read back.',
  since: '7.2.0',
  complexity: 'O(N) where N is the total number of keys in all databases',
  group: 'server',
  flags: ['admin', 'noscript', 'no_async_loading', 'no_multi'],
  ceiling: 'operator',
  args: { name: bytes, tenant: after('TENANT', bytes) },
  run({ name, tenant }, { server, session, request }, out) {
    const whose = tenant === undefined ? undefined : request.text(tenant);
    const taking = server.backups.take(request.text(name), whose);
    if (!(taking instanceof Promise)) return out.error(taking);
    const place = session.block(() => {});
    void taking.then((taken) => {
      place.settle((to) => {
        if (!taken.ok) return to.error(backupFailed(taken.fault));
        const { folder, files, keys, bytes: size } = taken.value;
        to.map(4);
        to.bulkText('folder');
        to.bulkText(folder);
        to.bulkText('files');
        to.integer(files);
        to.bulkText('keys');
        to.integer(keys);
        to.bulkText('bytes');
        to.integer(size);
      });
    });
  },
});
