import type { Configuration } from '../../core/base/configuration';
import { configurationJson, configurationOf } from '../../core/membership/configuration-codec';
import { decodeValue, encodeValue } from '../../state-machine/codec/value-codec';

/** Asks to become a member. Any member passes it on to the leader. */
export const JOIN = 'cluster.join';

/** A node that wants to join says this of itself. */
export interface JoinRequest {
  readonly name: string;
  readonly peer: string;
  readonly http: string;
  readonly incarnation: string;
  readonly voter: boolean;
  /** It was a founder, its store is empty, and it asks for the place of its old replica. */
  readonly rejoin?: boolean | undefined;
  /** Its store is damaged, and it comes back as its own replacement: it asks whether it may, or does so. */
  readonly repair?: 'ask' | 'join' | undefined;
}

/** What a node that joins is told: the cluster, and whether it is a member by now. */
export interface JoinAnswer {
  readonly clusterId: string;
  /** As JSON, as it is stored and sent: {@link membershipIn} reads it. */
  readonly configuration: string;
}

/** As they are sent: these names never change. */
interface WireJoin {
  readonly name: string;
  readonly peer: string;
  readonly http: string;
  readonly incarnation: string;
  readonly voter: boolean;
  readonly rejoin?: boolean;
  readonly repair?: 'ask' | 'join';
}

interface WireJoinAnswer {
  readonly clusterId: string;
  readonly configuration: string;
}

export function encodeJoin({ name, peer, http, incarnation, voter, rejoin, repair }: JoinRequest): Uint8Array {
  const wire: WireJoin = {
    name,
    peer,
    http,
    incarnation,
    voter,
    ...(rejoin !== undefined && { rejoin }),
    ...(repair !== undefined && { repair }),
  };
  return encodeValue(wire);
}

export function decodeJoin(bytes: Uint8Array): JoinRequest {
  const { name, peer, http, incarnation, voter, rejoin, repair } = decodeValue(bytes) as WireJoin;
  return { name, peer, http, incarnation, voter, rejoin, repair };
}

export function joinAnswer(clusterId: string, configuration: Configuration): JoinAnswer {
  return { clusterId, configuration: configurationJson(configuration) };
}

/** @throws InvariantError where it holds no membership */
export function membershipIn({ configuration }: JoinAnswer): Configuration {
  return configurationOf(JSON.parse(configuration));
}

export function encodeJoinAnswer({ clusterId, configuration }: JoinAnswer): Uint8Array {
  const wire: WireJoinAnswer = { clusterId, configuration };
  return encodeValue(wire);
}

export function decodeJoinAnswer(bytes: Uint8Array): JoinAnswer {
  const { clusterId, configuration } = decodeValue(bytes) as WireJoinAnswer;
  return { clusterId, configuration };
}
