import type { Configuration, ConfigurationInForce } from '../../../core/base/configuration';
import { encodeConfiguration } from '../../../core/membership/configuration-codec';
import { wasRemoved } from '../../../core/membership/membership';
import type { ReplicaId } from '../../../core/base/types';
import type { CommitLedger } from './commit-ledger';
import { configurationsOf } from './election-rules';
import type { ReplicaDisks } from './replica-disks';
import { lastIndexOf } from '../simulated/simulated-disk';
import type { World } from '../base/world';

/** Watches how the membership changes, and what nodes hold as it. */
export class MembershipRules {
  private joint = false;
  private founders = 0;
  /** Called once, when a joint configuration is committed. */
  onJoint: (() => void) | undefined;
  /** Called when a membership is committed that a change goes on from. */
  onStep: (() => void) | undefined;

  constructor(
    private readonly world: World,
    private readonly disks: ReplicaDisks,
    private readonly appliedBy: (id: ReplicaId) => number,
    private readonly ledger: () => CommitLedger,
  ) {}

  /** Whether the one that is committed is a joint one. */
  get isJoint(): boolean {
    return this.joint;
  }

  /** Another is committed. */
  changed(configuration: Configuration): void {
    const { voters, outgoing } = configuration;
    const { paths } = this.world;
    const ledger = this.ledger();
    // The one that was in force until now: the ledger has taken the new one in already.
    const before = ledger.membershipAt(ledger.membership!.index - 1);
    this.founders ||= before?.configuration.members.length ?? 0;
    if (before !== undefined) this.checkStep(before.configuration, configuration);
    if (before !== undefined && moved(before.configuration, configuration)) paths.count('followed a move');
    const isJoint = outgoing.length > 0;
    if (isJoint) paths.count('entered a joint configuration');
    else if (this.joint) paths.count('left a joint configuration');
    for (const id of isJoint ? voters.filter((voter) => !outgoing.includes(voter)) : [])
      this.checkCaughtUp(id, this.stageBegan(before));
    this.joint = isJoint;
    if (isJoint || configuration.target !== null) this.onStep?.();
    const { onJoint } = this;
    if (!isJoint || onJoint === undefined) return;
    this.onJoint = undefined;
    onJoint();
  }

  /**
   * Nobody's vote is given or taken but through a joint configuration, which is left to one of its halves (thesis §4.3): so no
   * two memberships in a row have majorities that have nobody in common.
   */
  private checkStep(before: Configuration, after: Configuration): void {
    const same = (left: readonly ReplicaId[], right: readonly ReplicaId[]): boolean => left.join() === right.join();
    const staysAsItIs = same(before.voters, after.voters) && same(before.outgoing, after.outgoing);
    const enters = before.outgoing.length === 0 && same(before.voters, after.outgoing);
    const isLeft = before.outgoing.length > 0 && after.outgoing.length === 0;
    const goesOn = isLeft && same(after.voters, before.voters);
    const goesBack = isLeft && same(after.voters, before.outgoing);
    this.world.verdict.check(
      staysAsItIs || enters || goesOn || goesBack,
      'votes change through a joint configuration only',
      () => `${JSON.stringify(before)} is followed by ${JSON.stringify(after)}`,
    );
    const { paths } = this.world;
    if (goesBack) paths.count('left a joint configuration to where it came from');
    if (staysAsItIs && before.target !== null && after.target === null)
      paths.count('took back a change before votes changed');
  }

  /** What a node holds as the membership at this index is what was committed as such. */
  check(who: string, { index, configuration }: ConfigurationInForce, at: number): void {
    // A node that joined begins with the membership that it was told, as if it were its genesis.
    if (index === 0) return;
    const expected = this.ledger().membershipAt(at);
    this.world.verdict.check(
      expected?.index === index && isSame(expected.configuration, configuration),
      'the membership is what was committed',
      () => `${who} holds that of ${index} as the one in force at ${at}, which is that of ${expected?.index}`,
    );
  }

  /** A node says that it was removed: then it was, for good. */
  saysRemoved(who: string, replica: ReplicaId): void {
    // A node may know that it is committed before any disk says so; but the entry is on some disk.
    const ledger = this.ledger();
    const { configuration } = ledger.membership!;
    const written = this.disks.groups.flatMap((group) =>
      configurationsOf(group, (index) => ledger.membershipAt(index)),
    );
    this.world.verdict.check(
      [configuration, ...written].some((each) => wasRemoved(each, replica)),
      'only what was removed says so',
      () => `${who} is replica ${replica} of ${JSON.stringify(configuration)}`,
    );
    this.world.paths.count('a removed node said so');
  }

  /** With which entry the change began to wait for those that shall vote: others since moved its deadline, or members. */
  private stageBegan(inForce: ConfigurationInForce | undefined): number {
    let since = inForce;
    while (since !== undefined) {
      const before = this.ledger().membershipAt(since.index - 1);
      if (before === undefined) break;
      if (whoIsWaitedFor(before.configuration) !== whoIsWaitedFor(since.configuration)) break;
      since = before;
    }
    return since?.index ?? 0;
  }

  private checkCaughtUp(id: ReplicaId, since: number): void {
    const log = this.disks.logOf(id);
    this.world.verdict.check(
      log !== undefined && lastIndexOf(log) >= since,
      'a vote is given only to who has caught up',
      () => `replica ${id} ends at ${log && lastIndexOf(log)}, its change began at ${since}`,
    );
    this.world.verdict.check(
      this.appliedBy(id) >= since,
      'a vote is given only to who has applied what its change began with',
      () => `replica ${id} has applied ${this.appliedBy(id)}, its change began at ${since}`,
    );
    if (id > this.founders) this.world.paths.count('a joined node became a voter');
  }
}

/** The fields may stand in any order: bytes are compared, which have one. */
function isSame(left: Configuration, right: Configuration): boolean {
  return Buffer.compare(encodeConfiguration(left), encodeConfiguration(right)) === 0;
}

function moved(before: Configuration, after: Configuration): boolean {
  return after.members.some(({ id, peer }) =>
    before.members.some((member) => member.id === id && member.peer !== peer),
  );
}

function whoIsWaitedFor({ voters, outgoing, target }: Configuration): string {
  return JSON.stringify([voters, outgoing, target?.voters ?? null]);
}
