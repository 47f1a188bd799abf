import { SortedList } from '../shared/sorted-list';

/** What is derived of one map: its keys in order, and which of its changes are kept. */
export class MapIndex {
  readonly keys = new SortedList<string>();
  /** The kept changes are numbered from here… */
  firstChange = 0;
  /** …to before here. */
  nextChange = 0;
  forgottenThrough = 0;
}
