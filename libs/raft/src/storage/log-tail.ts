import { entrySizeBytes, type Entry } from '../core/base/entry';
import type { LogTail } from './contract';

/** Measures the end of a log that is kept in memory; see `RaftStorage.tail`. @param entries those after `originIndex` */
export function tailOf(
  entries: readonly Entry[],
  originIndex: number,
  from: number,
  to: number,
  maxBytes: number,
): LogTail {
  let firstIndex = to + 1;
  let sizeBytes = 0;
  for (let index = to; index >= from; index--) {
    const entry = entries[index - originIndex - 1];
    if (!entry || sizeBytes + entrySizeBytes(entry) > maxBytes) break;
    sizeBytes += entrySizeBytes(entry);
    firstIndex = index;
  }
  return { firstIndex, sizeBytes };
}
