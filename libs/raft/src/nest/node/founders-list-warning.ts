import type { LoggerService } from '@nestjs/common';
import type { RaftStatus } from '../../runtime/status/status';
import type { RaftSettings } from '../common/raft-settings';

/**
 * Says, once the membership is known, whom the founders' list names in vain: a name that is added to it later adds no member, and
 * without this line nobody would hear of it.
 */
export class FoundersListWarning {
  private isChecked = false;

  constructor(
    private readonly settings: Pick<RaftSettings, 'members' | 'join'>,
    private readonly logger: Pick<LoggerService, 'warn'>,
  ) {}

  changed({ phase, clusterName, members }: RaftStatus): void {
    if (this.isChecked || phase !== 'running' || members.length === 0) return;
    this.isChecked = true;
    const isThere = new Set(members.map(({ name }) => name));
    const inVain = this.settings.members.filter(({ id }) => !isThere.has(id)).map(({ id }) => id);
    if (this.settings.join.length > 0 || inVain.length === 0) return;
    const present = members.map(({ name }) => name).join(', ');
    this.logger.warn(
      `members names ${inVain.join(', ')}, and the cluster '${clusterName}' has no such member: its members are ${present}. The list founds a cluster; from then on it is addresses only, and adds nobody. To add ${inVain[0]!}, start it with join: ['${members[0]!.peer}'] in place of members; where it was removed, take it off the list.`,
    );
  }
}
