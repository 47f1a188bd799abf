import type { InstallSnapshotReply } from '../messages';
import type { KernelState } from '../state';

export function onInstallSnapshotReply(state: KernelState, message: InstallSnapshotReply): void {
  const progress = state.progress.get(message.from);
  if (progress === undefined) return;
  progress.active = true;
}
