import type { Configuration, Member, MembershipTarget } from '../../core/base/configuration';
import type { ReplicaId } from '../../core/base/types';
import type { FounderMessage } from '../contract';
import type { ByteReader } from './byte-reader';
import { textBound, type ByteWriter } from './byte-writer';

export function founderBound(message: FounderMessage): number {
  const { groupId, founder, incarnation, initialCluster } = message;
  const names = textBound(groupId) + textBound(founder) + textBound(incarnation);
  if (initialCluster === null) return names + 1;
  const { configuration } = initialCluster;
  const { members, voters, outgoing, learners, learnersNext, target } = configuration;
  let bound = names + 1 + textBound(initialCluster.clusterId) + 20 + 1 + 8 + 1 + 16;
  for (const member of members) bound += memberBound(member);
  for (const ids of [voters, outgoing, learners, learnersNext, target?.voters ?? [], target?.learners ?? []])
    bound += 8 * ids.length;
  return bound;
}

function memberBound(member: Member): number {
  return 8 + textBound(member.name) + textBound(member.peer) + textBound(member.http) + textBound(member.incarnation);
}

export function writeFounder(writer: ByteWriter, message: FounderMessage): void {
  writer.text(message.groupId);
  writer.text(message.founder);
  writer.text(message.incarnation);
  writer.flag(message.initialCluster !== null);
  if (message.initialCluster === null) return;
  writer.text(message.initialCluster.clusterId);
  writeConfiguration(writer, message.initialCluster.configuration);
}

export function readFounder(reader: ByteReader): FounderMessage {
  const groupId = reader.text();
  const founder = reader.text();
  const incarnation = reader.text();
  const initialCluster = reader.flag() ? { clusterId: reader.text(), configuration: readConfiguration(reader) } : null;
  return { kind: 'founder', groupId, founder, incarnation, initialCluster };
}

/** A genesis is settled: no change is under way in it, so there are no deadlines and no members of a change to write. */
function writeConfiguration(writer: ByteWriter, configuration: Configuration): void {
  writer.u32(configuration.members.length);
  for (const { id, name, peer, http, incarnation } of configuration.members) {
    writer.safeInteger(id);
    writer.text(name);
    writer.text(peer);
    writer.text(http);
    writer.text(incarnation);
  }
  writeIds(writer, configuration.voters);
  writeIds(writer, configuration.outgoing);
  writeIds(writer, configuration.learners);
  writeIds(writer, configuration.learnersNext);
  writer.flag(configuration.autoLeave);
  writeTarget(writer, configuration.target);
  writer.safeInteger(configuration.nextReplicaId);
}

function readConfiguration(reader: ByteReader): Configuration {
  const members: Member[] = [];
  for (let count = reader.u32(); count > 0; count--) {
    const id = reader.safeInteger();
    const name = reader.text();
    const peer = reader.text();
    const http = reader.text();
    const incarnation = reader.text();
    members.push({ id, name, peer, http, incarnation });
  }
  const voters = readIds(reader);
  const outgoing = readIds(reader);
  const learners = readIds(reader);
  const learnersNext = readIds(reader);
  const autoLeave = reader.flag();
  const target = readTarget(reader);
  const nextReplicaId = reader.safeInteger();
  return {
    members,
    voters,
    outgoing,
    learners,
    learnersNext,
    autoLeave,
    target,
    added: [],
    nextReplicaId,
  };
}

function writeTarget(writer: ByteWriter, target: MembershipTarget | null): void {
  writer.flag(target !== null);
  if (target === null) return;
  writeIds(writer, target.voters);
  writeIds(writer, target.learners);
  writer.f64(target.catchUpTimeoutMs);
}

function readTarget(reader: ByteReader): MembershipTarget | null {
  if (!reader.flag()) return null;
  const voters = readIds(reader);
  const learners = readIds(reader);
  return { voters, learners, catchUpTimeoutMs: reader.f64(), deadlineMs: null, endsMs: null };
}

function writeIds(writer: ByteWriter, ids: readonly ReplicaId[]): void {
  writer.u32(ids.length);
  for (const id of ids) writer.safeInteger(id);
}

function readIds(reader: ByteReader): ReplicaId[] {
  const ids: ReplicaId[] = [];
  for (let count = reader.u32(); count > 0; count--) ids.push(reader.safeInteger());
  return ids;
}
