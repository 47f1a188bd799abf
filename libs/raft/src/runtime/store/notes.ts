import type { ReplicaId } from '../../core/base/types';
import type { KnownBoot, Boot } from '../../transport/contract';
import { fromWireBoot, toWireBoot, type WireBoot } from './wire-boot';

const FORMAT = 1;

/** What stands in a store's notes. */
export interface Notes {
  /** The lives of this store that said who they are, and this one, newest first. */
  readonly lives: readonly Boot[];
  readonly known: readonly KnownBoot[];
  /** Why this store must no longer take part; null while it may. */
  readonly quarantine: string | null;
  /** Where members were heard last that weren't where the membership said. Absent: none was. */
  readonly places?: readonly KnownPlace[] | undefined;
  /** Where HTTP clients reached this node when the membership last said so, too. Absent: never noted. */
  readonly http?: string | undefined;
  /** The id of a cluster with which a listed peer answered this store while it was empty. Absent: none did. */
  readonly metCluster?: string | undefined;
  /** When a member was replaced last, in milliseconds since 1970. Absent: none was, as far as this node has seen. */
  readonly replacedAtMs?: number | undefined;
  /** This store took the place of one that was set aside. Absent: it didn't. */
  readonly repair?: RepairNote | undefined;
}

export interface KnownPlace {
  readonly replicaId: ReplicaId;
  readonly address: string;
}

/** What a node that is its own replacement needs to go on after a crash. */
export interface RepairNote {
  readonly clusterId: string;
  /** Tells it from other times; a part of the names under which the old store and its tables are kept. */
  readonly label: string;
  /** Where members were. */
  readonly through: readonly string[];
}

/** As they are stored: these names, and their order, never change. */
interface WireNotes {
  readonly format: number;
  readonly lives: readonly WireBoot[];
  readonly known: readonly WireKnownBoot[];
  readonly quarantine: string | null;
  readonly places?: readonly WirePlace[];
  readonly http?: string;
  readonly metCluster?: string;
  readonly replacedAtMs?: number;
  readonly repair?: WireRepair;
}

interface WireKnownBoot extends WireBoot {
  readonly replicaId: number;
}

interface WirePlace {
  readonly replicaId: number;
  readonly address: string;
}

interface WireRepair {
  readonly clusterId: string;
  readonly label: string;
  readonly through: readonly string[];
}

export const NO_NOTES: Notes = { lives: [], known: [], quarantine: null };

/** @returns JSON */
export function encodeNotes(notes: Notes): string {
  const { lives, known, quarantine, places, http, metCluster, replacedAtMs, repair } = notes;
  const wire: WireNotes = {
    format: FORMAT,
    lives: lives.map(toWireBoot),
    known: known.map(toWireKnownBoot),
    quarantine,
    ...(places !== undefined && places.length > 0 && { places: places.map(toWirePlace) }),
    ...(http !== undefined && { http }),
    ...(metCluster !== undefined && { metCluster }),
    ...(replacedAtMs !== undefined && { replacedAtMs }),
    ...(repair !== undefined && { repair: toWireRepair(repair) }),
  };
  return JSON.stringify(wire);
}

/** @throws Error where a later version wrote them: what they say can't be passed over */
export function decodeNotes(text: string): Notes {
  if (text === '') return NO_NOTES;
  const { format, ...wire } = JSON.parse(text) as WireNotes;
  if (format !== FORMAT)
    throw new Error(
      `the notes in the store are of format ${format}, this version knows ${FORMAT}: start the newer version`,
    );
  const { lives, known, quarantine, places, http, metCluster, replacedAtMs, repair } = wire;
  return {
    lives: lives.map(fromWireBoot),
    known: known.map(fromWireKnownBoot),
    quarantine,
    places: places?.map(fromWirePlace),
    http,
    metCluster,
    replacedAtMs,
    repair: repair && fromWireRepair(repair),
  };
}

function toWireKnownBoot({ replicaId, number, nonce }: KnownBoot): WireKnownBoot {
  return { replicaId, number, nonce };
}

function fromWireKnownBoot({ replicaId, number, nonce }: WireKnownBoot): KnownBoot {
  return { replicaId, number, nonce };
}

function toWirePlace({ replicaId, address }: KnownPlace): WirePlace {
  return { replicaId, address };
}

function fromWirePlace({ replicaId, address }: WirePlace): KnownPlace {
  return { replicaId, address };
}

function toWireRepair({ clusterId, label, through }: RepairNote): WireRepair {
  return { clusterId, label, through };
}

function fromWireRepair({ clusterId, label, through }: WireRepair): RepairNote {
  return { clusterId, label, through };
}
