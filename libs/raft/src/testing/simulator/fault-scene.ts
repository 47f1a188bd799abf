import type { Chance } from './chance';
import type { ClusterOracle } from './cluster-oracle';
import type { Path } from './paths';
import type { SeedSettings } from './seed-settings';
import type { SimulatedNetwork } from './simulated-network';
import type { SimulatedNode } from './simulated-node';
import type { World } from './world';

/** What each kind of fault needs from the plan that it belongs to. */
export interface FaultScene {
  readonly world: World;
  readonly nodes: readonly SimulatedNode[];
  readonly network: SimulatedNetwork;
  readonly oracle: ClusterOracle;
  readonly settings: SeedSettings;
  readonly isHealed: boolean;
  /** Of the fault that begins just now. What is drawn later on needs to have taken it. */
  readonly chance: Chance;
  /** A fault begins, or another path is met. */
  meet(path: Path, node?: SimulatedNode): void;
  note(what: string, where: () => string): void;
  /** Clients call whoever leads, many at once. */
  rush(): void;
  /** Ends a fault after a while drawn from this range, unless everything is healed before. */
  lasts(fromMs: number, toMs: number, end: () => void): void;
}
