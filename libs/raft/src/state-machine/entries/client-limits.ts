/**
 * What a group keeps of its clients. These are part of the format: each node must refuse alike, so they change with a format
 * only, and no option sets them.
 */
export const MAX_SESSIONS = 8192;

/** Answers that one session may have kept at a time, and their bytes. */
export const MAX_SESSION_ANSWERS = 16_384;
export const MAX_SESSION_BYTES = 16 * 1024 * 1024;

/** And all sessions of the group together: a capture copies a reference to each in one go. */
export const MAX_ANSWERS = 131_072;
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export const MIN_SESSION_TTL_MS = 1000;
export const MAX_SESSION_TTL_MS = 7 * 24 * 3_600_000;

export const MAX_KEYS = 131_072;
export const MAX_KEY_BYTES = 64 * 1024 * 1024;

/** How long a key counts, in cluster time. */
export const KEY_TTL_MS = 600_000;

/** Keys end together in steps of this, so that an idle cluster needs few entries to let go of many. */
export const KEY_EXPIRY_STEP_MS = 60_000;

/** A result of a command of a backed machine has at most so many bytes: what a batch of them leaves to be kept is bounded. */
export const MAX_RESULT_BYTES = 128 * 1024;

/** What an answer is counted with beside its bytes. */
export const ANSWER_OVERHEAD_BYTES = 64;
