/**
 * Every failure that a person or a script can meet, with its exit status.
 * docs/exit-status.md is generated from this map, and a test keeps them equal.
 * A code is part of the interface: it may be added, never renamed or moved to another status.
 */
export const EXIT_STATUS = {
  // 2: usage or configuration
  USAGE: 2,
  CONFIG_INVALID: 2,
  RUNTIME_UNSUPPORTED: 2,
  SECRET_IN_ARGV: 2,
  TOOL_MISSING: 2,
  LAYOUT_INVALID: 2,
  SIMULATION_INVALID: 2,
  STORE_MISMATCH: 2,

  // 3: signature or trust
  SIGNATURE_MISSING: 3,
  SIGNATURE_INVALID: 3,
  SIGNATURE_THRESHOLD: 3,
  KEY_MISSING: 3,
  KEY_INVALID: 3,
  KEY_UNTRUSTED: 3,
  KEY_EXPIRED: 3,
  KEY_IS_TEST: 3,
  KEY_PASSPHRASE: 3,
  ROLE_UNTRUSTED: 3,
  ROOT_INVALID: 3,
  ROOT_EXPIRED: 3,
  ROOT_ROTATION: 3,
  SIGNER_FAILED: 3,

  // 4: malformed package, metadata, patch or message
  JSON_INVALID: 4,
  CONTAINER_INVALID: 4,
  METADATA_INVALID: 4,
  METADATA_CRITICAL: 4,
  SIGNATURE_FILE_INVALID: 4,
  PAYLOAD_MISMATCH: 4,
  PATCH_INVALID: 4,
  TARGET_MISMATCH: 4,
  DEVICE_STATE_INVALID: 4,
  SIGNING_REQUEST_INVALID: 4,
  PLAN_INVALID: 4,
  MESSAGE_INVALID: 4,
  STORE_DAMAGED: 4,
  AUDIT_BROKEN: 4,

  // 5: policy refuses
  PRODUCT_MISMATCH: 5,
  MODEL_INCOMPATIBLE: 5,
  HARDWARE_INCOMPATIBLE: 5,
  SEQUENCE_ROLLBACK: 5,
  SEQUENCE_CONFLICT: 5,
  COUNTER_ROLLBACK: 5,
  PACKAGE_EXPIRED: 5,
  BASE_MISMATCH: 5,
  FULL_FALLBACK_FORBIDDEN: 5,
  COMPONENT_MISSING: 5,
  DEPENDENCY_UNMET: 5,
  ROLLBACK_FORBIDDEN: 5,
  DOES_NOT_FIT: 5,
  NOT_REPRODUCIBLE: 5,
  DEVICE_STATE_LOST: 5,
  DEVICE_STATE_ROLLED_BACK: 5,
  CONFIRM_REFUSED: 5,
  NO_ROLLBACK_TARGET: 5,

  // 6: local input and output
  IO_FAILED: 6,
  NO_SPACE: 6,
  OUTPUT_SYMLINK: 6,
  TOOL_FAILED: 6,
  DEVICE_UNBOOTABLE: 6,

  // 7: network or server
  NETWORK_FAILED: 7,
  HTTP_STATUS: 7,
  TLS_FAILED: 7,
  DOWNLOAD_TRUNCATED: 7,
  REDIRECT_REFUSED: 7,
  BROKER_REFUSED: 7,

  // 8: locked or conflicting
  LOCKED: 8,
  OUTPUT_EXISTS: 8,
  UPDATE_PENDING: 8,
  CHECKPOINT_MISMATCH: 8,
  MESSAGE_CONFLICT: 8,
  CONFLICT: 8,

  // 9: limit exceeded
  LIMIT_EXCEEDED: 9,
  SIZE_BUDGET: 9,

  // 10 to 13: how a rollout ended, or why it stands still
  GATE_FAILED: 10,
  ROLLOUT_ABORTED: 11,
  ROLLED_BACK: 12,
  ROLLBACK_FAILED: 13,

  // 14: still going on when the wait ended
  WAIT_ENDED: 14,

  // 15, 16, 17
  PERMISSION_DENIED: 15,
  AUTHENTICATION_FAILED: 15,
  NOT_FOUND: 16,
  DIFFERENT: 17,

  // 20: a simulation found a broken invariant
  SIMULATION_VIOLATION: 20,

  // ended by a signal
  INTERRUPTED: 130,
  TERMINATED: 143,
} as const;

export type ErrorCode = keyof typeof EXIT_STATUS;
export type ExitStatus = (typeof EXIT_STATUS)[ErrorCode];

/** A failure the user can act on. Anything else that escapes a command is a bug (status 1). */
export class OtaError extends Error {
  override readonly name = 'OtaError';
  readonly code: ErrorCode;
  /** oclif reads this one under --json … */
  readonly exitCode: ExitStatus;
  /** … and this one otherwise. */
  readonly oclif: { exit: ExitStatus };
  readonly suggestions: string[];

  /**
   * @param code        stable, part of the interface
   * @param message     one sentence: the fact, got against expected; no trailing stack, no secrets
   * @param suggestions what to type or check next
   */
  constructor(code: ErrorCode, message: string, suggestions: string[] = [], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.exitCode = EXIT_STATUS[code];
    this.oclif = { exit: EXIT_STATUS[code] };
    this.suggestions = suggestions;
  }
}
