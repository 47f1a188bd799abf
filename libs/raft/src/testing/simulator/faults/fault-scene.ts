import type { Chance } from '../base/chance';
import type { ClusterOracle } from '../rules/cluster-oracle';
import type { Path } from '../base/paths';
import type { SeedSettings } from '../simulated/seed-settings';
import type { SimulatedNetwork } from '../simulated/simulated-network';
import type { SimulatedNode } from '../simulated/simulated-node';
import type { World } from '../base/world';

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
