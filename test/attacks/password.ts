/** The password of every user that the suite makes. */
export const PASSWORD = 'a password for tests';
