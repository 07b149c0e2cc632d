/** Numbers of PostgreSQL's advisory locks: of a kind of work that one process of a server does at a time. */
export const ADVISORY_LOCK = {
  /** To the end of a transaction that appends events: their numbers are in the order of commits. */
  events: 0x6f746101,
  /** As long as a process runs the jobs. */
  scheduler: 0x6f746102,
  /** The same of telemetry. */
  telemetry: 0x6f746103,
  /** While the first token is made. */
  firstStart: 0x6f746104,
} as const;
