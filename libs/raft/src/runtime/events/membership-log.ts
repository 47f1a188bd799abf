import type { Configuration, ConfigurationInForce } from '../../core/base/configuration';
import { isJoint, isVoter } from '../../core/membership/membership';
import type { RaftLogger } from '../base/logger';

/** Writes a line for each membership that comes into force, and says what is new in it. */
export class MembershipLog {
  private before: Configuration | undefined;

  constructor(private readonly logger: RaftLogger) {}

  configurationChanged({ index, configuration }: ConfigurationInForce): void {
    const { before } = this;
    this.before = configuration;
    if (before === undefined) return;
    const moves = movesBetween(before, configuration);
    this.logger.log(`Membership of entry ${index}: ${describe(configuration)}${moves === '' ? '' : `; ${moves}`}.`);
  }
}

function describe(configuration: Configuration): string {
  const { members, target } = configuration;
  const named = (are: (id: number) => boolean): string =>
    members
      .filter(({ id }) => are(id))
      .map(({ name }) => name)
      .join(', ');
  const learners = named((id) => !isVoter(configuration, id));
  const parts = [`voters ${named((id) => configuration.voters.includes(id))}`];
  if (learners !== '') parts.push(`learners ${learners}`);
  if (isJoint(configuration))
    parts.push(`until the change is done also ${named((id) => configuration.outgoing.includes(id))} decide`);
  if (target !== null) parts.push(`${named((id) => target.voters.includes(id))} are to vote once they have caught up`);
  return parts.join('; ');
}

function movesBetween(before: Configuration, after: Configuration): string {
  return after.members
    .flatMap(({ id, name, peer, http }) => {
      const old = before.members.find((member) => member.id === id);
      if (old === undefined) return [`${name} is new, at ${peer}`];
      if (old.peer !== peer) return [`${name} is at ${peer} now, and was at ${old.peer}`];
      return old.http === http ? [] : [`${name} is reached by HTTP at ${http === '' ? 'no address' : http} now`];
    })
    .join('; ');
}
