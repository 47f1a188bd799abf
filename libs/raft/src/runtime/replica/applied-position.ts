import type { LogId } from '../../core/base/types';

/** Up to which entry the state machine of this replica is. */
export class AppliedPosition implements LogId {
  constructor(
    private indexNow: number,
    private termNow: number,
  ) {}

  get index(): number {
    return this.indexNow;
  }

  get term(): number {
    return this.termNow;
  }

  moveTo({ index, term }: LogId): void {
    this.indexNow = index;
    this.termNow = term;
  }
}
