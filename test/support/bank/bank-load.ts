import { setTimeout as sleep } from 'node:timers/promises';
import { NoAnswerError } from '../http-client';
import { isNotApplied } from '../load/write-load';
import type { TransferRequest } from './bank-app';
import type { BankCluster } from './bank-cluster';

const PAUSE_AFTER_FAILURE_MS = 50;
const LARGEST_CENTS = 60_00;

export interface BankLoadOptions {
  /** Of the accounts. */
  readonly owners: readonly string[];
  readonly clients: number;
  /** Of the references; different for each load on one cluster. */
  readonly prefix: string;
}

/** Clients that move money, each transfer under a reference of its own, and remember what they were told. */
export class BankLoad {
  /** The id that each transfer was answered with. */
  readonly acknowledged = new Map<string, number>();
  /** Those of which a node said that they aren't and won't be applied, and those that the bank refused. */
  readonly refused = new Set<string>();
  /** No answer, or one that says that it isn't known. */
  readonly unknown = new Set<string>();
  private stopping = false;
  private abandoned = false;
  private readonly clients: readonly Promise<void>[];

  private constructor(
    private readonly cluster: BankCluster,
    private readonly options: BankLoadOptions,
  ) {
    const { clients } = options;
    this.clients = Array.from({ length: clients }, (_, client) => this.work(client));
  }

  /** Every other client repeats a transfer, under a key, until it knows what became of it. */
  static start(cluster: BankCluster, options: BankLoadOptions): BankLoad {
    return new BankLoad(cluster, options);
  }

  /** Whether a transfer is of this load. */
  isOwn(reference: string): boolean {
    return reference.startsWith(`${this.options.prefix}/`);
  }

  /** Lets the requests under way end. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.clients);
  }

  /** Ends it where a test has failed: nobody waits any more to know what became of the last ones. */
  abandon(): void {
    this.stopping = true;
    this.abandoned = true;
  }

  async moreAcknowledged(count: number): Promise<void> {
    const wanted = this.acknowledged.size + count;
    while (this.acknowledged.size < wanted && !this.stopping) await sleep(20);
  }

  private async work(client: number): Promise<void> {
    const { owners, prefix } = this.options;
    const insists = client % 2 === 0;
    for (let serial = 0; !this.stopping; serial++) {
      const reference = `${prefix}/${client}/${serial}`;
      // The larger ones are refused now and then.
      const cents = 1 + ((serial * 7919 + client * 104_729) % LARGEST_CENTS);
      const at = (serial + client) % owners.length;
      const step = 1 + (serial % (owners.length - 1));
      const request = { from: owners[at]!, to: owners[(at + step) % owners.length]!, cents, reference };
      for (let attempt = 0; ; attempt++) {
        const isKnown = await this.attempt(
          request,
          client + serial + attempt,
          insists ? `key ${reference}` : undefined,
        );
        if (!isKnown) await sleep(PAUSE_AFTER_FAILURE_MS);
        if (isKnown || !insists || this.abandoned) break;
        this.unknown.delete(reference);
        this.refused.delete(reference);
      }
    }
  }

  /** @returns whether it was decided */
  private async attempt(request: TransferRequest, turn: number, key: string | undefined): Promise<boolean> {
    const { reference } = request;
    const running = this.cluster.nodes.filter(({ isRunning }) => isRunning);
    const node = running[turn % running.length];
    if (node === undefined) return false;
    try {
      const answer = await this.cluster.transfer(node, request, key);
      if (answer.status === 201) {
        this.acknowledged.set(reference, (JSON.parse(answer.body) as { id: number }).id);
        return true;
      }
      const isRefused = answer.body.includes('INSUFFICIENT_FUNDS');
      if (isRefused || isNotApplied(answer)) this.refused.add(reference);
      else this.unknown.add(reference);
      return isRefused;
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      if (error.sent) this.unknown.add(reference);
      else this.refused.add(reference);
      return false;
    }
  }
}
