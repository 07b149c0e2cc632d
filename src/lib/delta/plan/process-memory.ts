const MIB = 1024 * 1024;

/** A thread that makes patches, with what the compiler and the allocator hold for it. */
const THREAD_BYTES = 32 * MIB;

/**
 * What `ota` takes before it works on a delta, bytes: Node, the command, its thread, what the compiler holds, and
 * what the allocator keeps of memory that was given back. Measured on Linux with Node 26 and rounded up; of it Node
 * itself (`node -e 0`) has 42 MiB, and 51 MiB are pages of its executable, which the system can take away.
 */
export const PROCESS_BYTES = 104 * MIB;

/** The same without a thread: what several deltas that are made at the same time share. */
export const SHARED_BYTES = PROCESS_BYTES - THREAD_BYTES;
