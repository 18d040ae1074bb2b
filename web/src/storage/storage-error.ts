import { MurmurationError } from '../../../shared/errors/index.ts';

/** Turns what IndexedDB throws into an error a person can act on; errors that have a name keep it. */
export async function storageError(thrown: unknown): Promise<MurmurationError> {
  if (thrown instanceof MurmurationError) return thrown;
  const name = thrown instanceof Error ? thrown.name : '';
  if (name === 'QuotaExceededError') {
    return new MurmurationError('storage.full', 'The browser has no room left for this page.', {
      received: await describeRoom(),
      remedy: 'Delete data sets on the Data page, or free space on the device, and try again.',
      cause: thrown,
    });
  }
  if (name === 'NotReadableError' || name === 'DataError') {
    return new MurmurationError('storage.corrupt', 'Something stored on this device cannot be read.', {
      remedy: 'Delete the data set and import it again.',
      cause: thrown,
    });
  }
  if (!(thrown instanceof DOMException)) {
    return new MurmurationError('internal', 'A storage operation failed.', {
      received: name || typeof thrown,
      cause: thrown,
    });
  }
  return unavailable(name, thrown);
}

/** For a browser without IndexedDB, or one that refuses to open it. */
export function unavailable(received: string, cause?: unknown): MurmurationError {
  return new MurmurationError('storage.unavailable', 'The browser does not let this page store anything.', {
    expected: 'IndexedDB',
    received,
    remedy: 'Leave private browsing, or allow this site to store data, and reload.',
    cause,
  });
}

/** Runs a storage operation, naming its errors. */
export async function stored<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw await storageError(error);
  }
}

/**
 * Runs `work` in a transaction and waits until it is committed. Both are awaited together, or a transaction
 * that fails while `work` does would be a rejection that nobody handles.
 */
export async function committed<T>(
  transaction: { readonly done: Promise<void> },
  work: () => Promise<T>,
): Promise<T> {
  const [result] = await Promise.all([work(), transaction.done]);
  return result;
}

async function describeRoom(): Promise<string> {
  const { usage, quota } = await estimateStorage();
  if (usage === undefined || quota === undefined) return 'an unknown amount of free space';
  // The quota does not know how full the disk is.
  return `at most ${megabytes(Math.max(0, quota - usage))} free of the ${megabytes(quota)} that the browser allows`;
}

export async function estimateStorage(): Promise<{ usage?: number; quota?: number }> {
  // Absent outside secure contexts, such as a plain-HTTP address in the local network.
  return (await navigator.storage?.estimate?.()) ?? {};
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
