import type { RaftStorage } from '../../storage/contract';

/**
 * What the suite needs of whoever runs it: stores on data of its own, and the mishaps that a store has to stand.
 *
 * @publicApi
 */
export interface StorageUnderTest {
  /** A storage on new, empty data. It isn't open yet. */
  readonly storage: RaftStorage;

  /** Makes another storage on the same data, as another process would. It isn't open yet. */
  readonly another: () => RaftStorage | Promise<RaftStorage>;

  /** Ends the process that has `storage` open as SIGKILL would: without `close`, and losing what isn't durable. */
  readonly kill: (storage: RaftStorage) => void | Promise<void>;

  /**
   * Makes the next `persist` of `storage` fail as a lost connection does, after its writes have landed or before they do.
   * Left out: the cases about such failures are skipped.
   */
  readonly failNextPersist?: (storage: RaftStorage, landed: boolean) => void | Promise<void>;

  /**
   * Changes a stored entry of group `alpha` behind the back of every storage. Left out: the cases about damage are skipped.
   */
  readonly damage?: (index: number, what: 'kind' | 'format' | 'data' | 'missing') => void | Promise<void>;

  /**
   * Changes what is stored of group `alpha` beside its entries, behind the back of every storage: the replica that got the vote,
   * the commit index, the configuration in force; or takes its snapshot away, or one chunk of it. Left out: the cases about
   * such damage are skipped.
   */
  readonly damageState?: (what: 'vote' | 'commit' | 'configuration' | 'snapshot' | 'chunk') => void | Promise<void>;

  /** Ends everything and removes the data. */
  readonly dispose: () => void | Promise<void>;
}

/** @publicApi */
export interface StorageConformanceCase {
  /** A sentence about behaviour. */
  readonly name: string;
  /** Which optional part of {@link StorageUnderTest} it needs. */
  readonly needs?: 'failNextPersist' | 'damage' | 'damageState';
  /** Rejects where the storage doesn't keep its promise. */
  readonly run: (under: StorageUnderTest) => Promise<void>;
}
