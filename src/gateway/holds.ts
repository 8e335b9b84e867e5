/** Why a connection is held, its socket not read: bits, as it may be for several reasons. */

/** Too many replies are on their way from other threads. */
export const HELD_BY_PLACES = 1;
/** Its reader does not keep up. */
export const HELD_BY_READER = 2;
export const HELD_BY_PAUSE = 4;
/** Its tenant has used up its bandwidth. */
export const HELD_BY_RATE = 8;
/** Its command waits. It is read on, as nothing else tells that its client is gone. */
export const HELD_BY_WAIT = 16;
/** Its turn was long enough: the others come first. */
export const HELD_BY_TURN = 32;
/** It is we who keep the client waiting. */
export const KEPT_WAITING = HELD_BY_PAUSE | HELD_BY_RATE | HELD_BY_WAIT;
