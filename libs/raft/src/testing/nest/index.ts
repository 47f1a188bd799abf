export {
  RaftTestingModule,
  type OverridesProviders,
  type RaftPlacementOption,
  type RaftTestingOptions,
} from './raft-testing.module';
