/** When a job is due. Every node that has the same schedule has the same due times: they depend on nothing else. */
export interface JobSchedule {
  /** `interval 5000 ms`; what differs is another schedule. */
  readonly label: string;
  /** @returns the first due time behind `afterMs`, in milliseconds since 1970; null where none is */
  next(afterMs: number): number | null;
}

/** Due at each multiple of the interval since 1970, under every leader. */
export class IntervalSchedule implements JobSchedule {
  readonly label: string;

  constructor(private readonly intervalMs: number) {
    this.label = `interval ${intervalMs} ms`;
  }

  next(afterMs: number): number {
    return (Math.floor(afterMs / this.intervalMs) + 1) * this.intervalMs;
  }
}
