export { PATHS, PathCounts, LEAST_PER_THOUSAND, type Path } from './base/paths';
export { CALLS_OF_A_SEED, drawSettings, LEAST_OF_A_SEED, type SeedSettings } from './simulated/seed-settings';
export { simulate, tell, type SeedResult, type SimulationOptions } from './simulation';
export type { Script, ScriptedStep } from './base/script';
export { shrink, type Shrunk, type ShrinkOptions } from './shrink';
