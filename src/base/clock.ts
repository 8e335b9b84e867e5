/** Time as a parameter: tests and the simulator move it by hand. */
export interface Clock {
  /** Wall clock, whole milliseconds since the epoch. Expiry and what people see use it. */
  nowMs(): number;
  /** Never runs backwards, fractions allowed. Limiters, timeouts and durations use only this one. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** For engines that nobody is served from: nothing expires in them. */
export const STILL_CLOCK: Clock = { nowMs: () => 0, monotonicMs: () => 0 };
