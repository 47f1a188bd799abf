import type { GroupWrite } from '../../../storage/contract';

/** One line of a trace. */
export function describeWrite(write: GroupWrite): string {
  const parts = [`batch ${write.number}`, `commit ${write.commitIndex}`];
  if (write.hardState) parts.push(`term ${write.hardState.term}`, `vote ${write.hardState.votedFor}`);
  if (write.truncateFrom !== undefined) parts.push(`truncate from ${write.truncateFrom}`);
  if (write.entries.length > 0) {
    const ids = write.entries.map((entry) => `${entry.index}@${entry.term}#${entry.checksum.toString(16)}`);
    parts.push(ids.length > 6 ? `${ids[0]} … ${ids.at(-1)} (${ids.length})` : ids.join(' '));
  }
  if (write.configuration) parts.push(`configuration ${write.configuration.index}`);
  return parts.join(', ');
}
