/** What a connection may send: one set before it has authenticated, one of the policy afterwards. */
import {
  BULK_BYTES_MAX_DEFAULT,
  MULTIBULK_MAX,
  QUERY_BUFFER_BYTES_MAX,
  UNAUTHENTICATED_BULK_BYTES_MAX,
  UNAUTHENTICATED_MULTIBULK_MAX,
  UNAUTHENTICATED_QUERY_BUFFER_BYTES_MAX,
} from '../base/limits.ts';

export interface DecoderLimits {
  readonly multibulkMax: number;
  readonly bulkBytesMax: number;
  readonly queryBufferBytesMax: number;
  /** False for a stranger: only changes which error text a length past the limit gets. Absent means true. */
  readonly authenticated?: boolean;
}

export const STRANGER_LIMITS: DecoderLimits = {
  multibulkMax: UNAUTHENTICATED_MULTIBULK_MAX,
  bulkBytesMax: UNAUTHENTICATED_BULK_BYTES_MAX,
  queryBufferBytesMax: UNAUTHENTICATED_QUERY_BUFFER_BYTES_MAX,
  authenticated: false,
};

export const REDIS_LIMITS: DecoderLimits = {
  multibulkMax: MULTIBULK_MAX,
  bulkBytesMax: BULK_BYTES_MAX_DEFAULT,
  queryBufferBytesMax: QUERY_BUFFER_BYTES_MAX,
  authenticated: true,
};
