import type { Member } from '../../../core/base/configuration';
import { isJoint } from '../../../core/membership/membership';
import { isRaftError } from '../../../errors/raft-error';
import type { Chance } from '../base/chance';
import type { FaultScene } from './fault-scene';
import type { NodeFaults } from './node-faults';
import type { Path } from '../base/paths';
import type { NodeLifecycle, SimulatedNode } from '../simulated/simulated-node';

/** A change that was asked for may still be on its way for so much longer than its caller waits. */
const MAY_STILL_COME_MS = 8000;
/** How often whoever runs the cluster looks at its members, once everything is healed. */
const OPERATOR_MS = 2500;

/** Who is a member, who votes and who leads changes while everything else goes on. */
export class MembershipWalks {
  /** Until then a change that somebody asked for may be taken in. */
  private busyUntilMs = 0;

  constructor(
    private readonly scene: FaultScene,
    private readonly onNodes: NodeFaults,
  ) {}

  /** Some voters become learners, some learners voters, and now and then a member goes: by one joint configuration. */
  revote(asked: SimulatedNode): boolean {
    const life = runningLife(asked);
    const members = this.scene.oracle.membership?.configuration.members ?? [];
    if (life === undefined || members.length < 2) return false;
    const { chance } = this.scene;
    const kept = members.filter(() => !chance.happens(0.1));
    const target = kept.map(({ name, peer }) => ({ name, peer, voter: chance.happens(0.7) }));
    if (!target.some(({ voter }) => voter)) return false;
    const voters = target.filter(({ voter }) => voter).map(({ name }) => name);
    if (!this.keepsQuorum(voters)) return false;
    this.scene.note('revote', () => `${asked.name} asks for the voters ${voters.join(', ')} of ${kept.length}`);
    const force = chance.happens(0.2) && this.isSettled();
    this.ask(life, (timeoutMs) => life.raft.changeMembership(target, { timeoutMs, force }), 'changed who votes');
    return true;
  }

  remove(asked: SimulatedNode): boolean {
    const life = runningLife(asked);
    const members = this.scene.oracle.membership?.configuration.members ?? [];
    if (life === undefined || members.length < 2) return false;
    const { chance, nodes } = this.scene;
    const leader = nodes.find((node) => node.isLeading);
    const ofLeader = leader !== undefined && chance.happens(0.5);
    const name = ofLeader ? leader.name : chance.pick(members).name;
    if (!this.keepsQuorum(this.votersBut(name))) return false;
    this.scene.note('remove', () => `${asked.name} asks for the removal of ${name}`);
    this.ask(
      life,
      (timeoutMs) => life.raft.remove(name, { timeoutMs }),
      ofLeader ? 'removed the leader' : 'removed a member',
    );
    return true;
  }

  /** A node that is no member, or no more, comes with an empty store and joins through some of those that are. */
  join(): boolean {
    const { chance, nodes } = this.scene;
    const free = nodes.filter((node) => node.isDormant || node.current?.raft.status().phase === 'removed');
    if (free.length === 0) return false;
    const node = chance.pick(free);
    if (!node.isDormant && !this.isSettled()) return false;
    const through = this.membersBut(node);
    if (through.length === 0) return false;
    this.scene.meet(node.isDormant ? 'a new node asked to join' : 'a removed node came back as another replica', node);
    node.replaceDisk(through, chance.happens(0.25) ? 'learner' : 'voter');
    this.scene.lasts(50, 1500, () => node.start());
    return true;
  }

  /** A member loses its disk for good, and its name comes back with another. */
  replace(node: SimulatedNode): boolean {
    const { membership } = this.scene.oracle;
    const through = this.membersBut(node);
    const isVoter = membership?.configuration.members.some(
      ({ id, name }) => name === node.name && membership.configuration.voters.includes(id),
    );
    if (!isVoter || membership!.configuration.voters.length < 3 || node.isDormant || !this.isSettled()) return false;
    this.scene.meet('a member came back with an empty disk', node);
    node.replaceDisk(through, 'voter');
    this.scene.lasts(100, 2500, () => node.start());
    return true;
  }

  /** Where members are whose disk is there. */
  get memberAddresses(): readonly string[] {
    const { oracle, nodes } = this.scene;
    const members = oracle.membership?.configuration.members.filter(({ id }) => oracle.diskOf(id) !== undefined) ?? [];
    return members.map(({ name, peer }) => nodes.find((node) => node.name === name)?.address ?? peer);
  }

  /**
   * As an operator would: a replacement that was given up before it had caught up is asked for again; where it was
   * removed, as a cancel does, one more empty disk takes its place; where too few are left to vouch for one that has moved, its
   * address is said by hand, since a newcomer at its old one can't join before that; and a node that was told to join through
   * others, who were removed since, is told of those who are there.
   */
  tendMembers(): void {
    const { world, nodes, oracle } = this.scene;
    world.time.after(OPERATOR_MS, () => {
      for (const node of nodes) if (node.joinThrough(this.memberAddresses)) node.start();
      const configuration = oracle.membership?.configuration;
      const leader = nodes.find((node) => node.isLeading)?.current;
      const lost = this.lostNames(configuration?.members ?? []);
      if (leader !== undefined && configuration?.target === null && !isJoint(configuration))
        for (const name of lost) this.replaceAgain(name, leader);
      if (leader !== undefined && lost.length > 0) this.sayAddresses(leader, configuration!.members);
      this.tendMembers();
    });
  }

  /** Members whose disk is gone for good. */
  private lostNames(members: readonly Member[]): readonly string[] {
    return members.filter(({ id }) => this.scene.oracle.diskOf(id) === undefined).map(({ name }) => name);
  }

  private sayAddresses({ raft, process }: NodeLifecycle, members: readonly Member[]): void {
    const { oracle, nodes, world } = this.scene;
    for (const { id, name, peer } of members) {
      const address = nodes.find((node) => node.name === name)?.address;
      if (address === undefined || address === peer || oracle.diskOf(id) === undefined) continue;
      process.input(0, () => {
        raft.updateAddress(name, { peer: address }, { timeoutMs: OPERATOR_MS }).catch((error: unknown) => {
          if (!isRaftError(error))
            world.verdict.keep('a change of the membership ends or is refused with a code', String(error));
        });
      });
    }
  }

  private replaceAgain(name: string, leader: NodeLifecycle): void {
    const { oracle, nodes } = this.scene;
    const members = oracle.membership?.configuration.members ?? [];
    if (members.some((member) => member.name === name && oracle.diskOf(member.id) !== undefined)) {
      this.ask(leader, (timeoutMs) => leader.raft.promote(name, { timeoutMs }), 'changed who votes');
      return;
    }
    const node = nodes.find((each) => each.name === name);
    if (node?.current?.raft.status().phase !== 'removed') return;
    this.scene.meet('a removed node came back as another replica', node);
    node.replaceDisk(this.memberAddresses, 'voter');
    node.start();
  }

  transfer(node: SimulatedNode): boolean {
    const life = runningLife(node);
    if (life === undefined) return false;
    const { chance, nodes, world } = this.scene;
    const to = chance.happens(0.5) ? undefined : chance.pick(nodes).name;
    this.scene.note('transfer', () => `${node.name} asks for ${to ?? 'anybody'} to lead`);
    life.process.input(0, () => {
      life.raft.transferLeadership(to).catch((error: unknown) => {
        if (!isRaftError(error)) world.verdict.keep('a transfer ends or is refused with a code', String(error));
      });
    });
    return true;
  }

  private ask(life: NodeLifecycle, change: (timeoutMs: number) => Promise<unknown>, path: Path): void {
    const { world, chance, oracle } = this.scene;
    const { time, paths, verdict } = world;
    const timeoutMs = chance.pick([1000, 8000]);
    const untilMs = time.nowMs + timeoutMs + MAY_STILL_COME_MS;
    this.busyUntilMs = Math.max(this.busyUntilMs, untilMs);
    if (chance.happens(0.35)) oracle.onJoint = () => this.crashLeader();
    // Right behind the change, where it was asked for: the cancel waits for the entry, be it the joint configuration's.
    const cancelAfterMs = chance.happens(0.3) ? chance.pick([0, 1, 5]) : undefined;
    if (cancelAfterMs !== undefined) time.after(cancelAfterMs, () => this.cancel(life, chance));
    const settled = (): void => {
      if (this.busyUntilMs === untilMs) this.busyUntilMs = time.nowMs;
    };
    life.process.input(0, () => {
      change(timeoutMs).then(
        () => {
          settled();
          paths.count(path);
        },
        (error: unknown) => {
          if (!isRaftError(error)) {
            verdict.keep('a change of the membership ends or is refused with a code', String(error));
            return;
          }
          if (error.notApplied || error.code === 'RAFT_REJECTED' || error.code === 'RAFT_CONFLICT') settled();
          paths.count('refused or gave up a change of the membership');
        },
      );
    });
  }

  /** A step of a change is committed: now and then somebody changes their mind. */
  stepCommitted(chance: Chance): void {
    const { world, nodes } = this.scene;
    if (!chance.happens(0.3)) return;
    world.time.after(chance.pick([0, 0, 1, 30, 300]), () => {
      const asked = chance.happens(0.7) ? nodes.find((node) => node.isLeading) : chance.pick(nodes);
      const life = asked && runningLife(asked);
      if (life !== undefined) this.cancel(life, chance);
    });
  }

  /** At whatever stage the change is by now, or after its end. */
  private cancel(life: NodeLifecycle, chance: Chance): void {
    const { world, oracle, isHealed } = this.scene;
    if (isHealed || !life.process.isRunning) return;
    this.scene.note('cancel', () => 'somebody asks for an end of the change that is under way');
    const known = oracle.membership?.configuration;
    const wasUnderWay = known !== undefined && (known.target !== null || isJoint(known));
    const timeoutMs = chance.pick([300, 3000]);
    this.busyUntilMs = Math.max(this.busyUntilMs, world.time.nowMs + timeoutMs + MAY_STILL_COME_MS);
    life.process.input(0, () => {
      life.raft.cancelMembershipChange({ timeoutMs }).then(
        () => world.paths.count(wasUnderWay ? 'cancelled a change' : 'cancelled a change that was not committed yet'),
        (error: unknown) => {
          if (!isRaftError(error))
            world.verdict.keep('a change of the membership ends or is refused with a code', String(error));
          else if (error.reason === 'CHANGE_DECIDED') world.paths.count('a cancel came too late');
        },
      );
    });
  }

  /** The leader dies between entering the joint configuration and leaving it: the next one has to leave it. */
  private crashLeader(): void {
    this.scene.world.time.after(0, () => {
      const leader = this.scene.nodes.find((node) => node.isLeading);
      if (leader === undefined || this.scene.isHealed) return;
      this.scene.meet('crashed the leader in a joint configuration', leader);
      this.onNodes.kill(leader);
    });
  }

  private votersBut(removed: string): readonly string[] {
    const configuration = this.scene.oracle.membership?.configuration;
    const voters = configuration?.members.filter(({ id }) => configuration.voters.includes(id)) ?? [];
    return voters.map(({ name }) => name).filter((name) => name !== removed);
  }

  /** Whether these are a quorum without those whose disk is gone for good, which nobody may know of yet. */
  private keepsQuorum(voters: readonly string[]): boolean {
    const { oracle } = this.scene;
    const members = oracle.membership?.configuration.members ?? [];
    const isThere = (name: string): boolean => {
      const member = members.find((each) => each.name === name);
      return member !== undefined && oracle.diskOf(member.id) !== undefined;
    };
    return 2 * voters.filter(isThere).length > voters.length;
  }

  private membersBut(node: SimulatedNode): readonly string[] {
    const members = this.scene.oracle.membership?.configuration.members ?? [];
    const { chance } = this.scene;
    return chance
      .shuffled(members.filter(({ name }) => name !== node.name).map(({ peer }) => peer))
      .slice(0, chance.between(1, 3));
  }

  /**
   * Whether a disk may go for good: no change is under way, and all who vote know who does. Whoever takes a disk away earlier
   * may take the last one that a quorum needs, as docs/membership.md says.
   */
  private isSettled(): boolean {
    const { oracle, world } = this.scene;
    const { membership } = oracle;
    if (membership === undefined || world.time.nowMs < this.busyUntilMs) return false;
    const { configuration, index } = membership;
    if (isJoint(configuration) || configuration.target !== null) return false;
    return configuration.voters.every((id) => {
      const disk = oracle.diskOf(id);
      if (disk === undefined || disk.configuration.index < index) return false;
      return disk.entries.every((entry) => entry.kind !== 'configuration' || entry.index <= index);
    });
  }
}

function runningLife({ current }: SimulatedNode): NodeLifecycle | undefined {
  return current?.process.isRunning === true && current.raft.status().phase === 'running' ? current : undefined;
}
