/** What went wrong, for programs. The message says it for people, with what to do about it. */
export type EmbeddedPostgresErrorCode =
  | 'PACKAGE_MISSING'
  | 'LIBRARY_LINKS_MISSING'
  | 'BINARY_UNUSABLE'
  | 'ROOT_UNSUPPORTED'
  | 'DATA_DIR_INVALID'
  | 'DATA_DIR_IN_USE'
  | 'VERSION_MISMATCH'
  | 'PORT_BUSY'
  | 'DISK_FULL'
  | 'INIT_FAILED'
  | 'START_FAILED'
  | 'START_TIMEOUT'
  | 'STOP_FAILED';

export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';

  constructor(
    readonly code: EmbeddedPostgresErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export const diskFullError = (where: string, cause?: unknown): EmbeddedPostgresError =>
  new EmbeddedPostgresError(
    'DISK_FULL',
    `The disk that holds ${where} is full, so the database can't be written. Free some space (a new database takes about 40 MB, its log up to 1 GB more) or choose another folder with --data-dir.`,
    { cause },
  );

/** Turns what the file system refuses into a sentence; any other error stays as it is. */
export function explainFileError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  switch (error.code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case '53100': // Postgres's own word for it
      return diskFullError(path, error);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'EBUSY':
    case 'EXDEV':
    case 'ENOTDIR':
      return new EmbeddedPostgresError(
        'DATA_DIR_INVALID',
        `The database folder ${path} can't be written (${error.message}). Choose a folder that belongs to this user, and not a mount point itself, with --data-dir.`,
        { cause: error },
      );
    default:
      return error;
  }
}
