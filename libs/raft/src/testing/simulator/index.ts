export { PATHS, PathCounts, LEAST_PER_THOUSAND, type Path } from './paths';
export { CALLS_OF_A_SEED, drawSettings, LEAST_OF_A_SEED, type SeedSettings } from './seed-settings';
export { simulate, tell, type SeedResult, type SimulationOptions } from './simulation';
export type { Script, ScriptedStep } from './script';
export { shrink, type Shrunk, type ShrinkOptions } from './shrink';
