/** Tenants whose names have a meaning of their own. */

/** Its users are operators; it holds no data. */
export const SYSTEM_TENANT = 'system';
/** Behaves like a plain Redis; there unless a file says otherwise. */
export const DEFAULT_TENANT = 'default';
