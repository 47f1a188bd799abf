import type { DynamicModule, Provider } from '@nestjs/common';
import type { RaftModuleExtras, RaftModuleOptions } from '../../nest/common/raft-module-options.interface';
import { RaftModule } from '../../nest/module/raft.module';
import { raftSettings } from '../../nest/common/raft-settings';
import { RAFT_NODE_FACTORY, RAFT_SETTINGS_FACTORY } from '../../nest/common/raft.tokens';
import { createLeadingNode } from './leading-node';

/** What a node under test leaves out: where it is, with whom, and on what. @publicApi */
export type RaftPlacementOption =
  | 'members'
  | 'peers'
  | 'storage'
  | 'transport'
  | 'election'
  | 'join'
  | 'joinAs'
  | 'http'
  | 'forceBootstrap'
  | 'onEmptyStore';

/** The options of `RaftModule.forRoot()` that mean something to a node alone. @publicApi */
export type RaftTestingOptions = Omit<RaftModuleOptions, RaftPlacementOption> & RaftModuleExtras;

/** What `override` needs of the `TestingModuleBuilder` of @nestjs/testing. @publicApi */
export interface OverridesProviders {
  overrideProvider(token: symbol): { useValue(value: unknown): unknown };
}

/** `Record` makes a forgotten name a compile error. */
const PLACEMENT: Readonly<Record<RaftPlacementOption, undefined>> = {
  members: undefined,
  peers: undefined,
  storage: undefined,
  transport: undefined,
  election: undefined,
  join: undefined,
  joinAs: undefined,
  http: undefined,
  forceBootstrap: undefined,
  onEmptyStore: undefined,
};

const OVERRIDES: ReadonlyMap<symbol, unknown> = new Map<symbol, unknown>([
  [
    RAFT_SETTINGS_FACTORY,
    ((options, group) => raftSettings({ ...options, ...PLACEMENT }, group)) satisfies typeof raftSettings,
  ],
  [RAFT_NODE_FACTORY, createLeadingNode],
]);

/**
 * The cluster of an application under test: one node, in memory, which leads when the application has started. It needs no
 * database and opens no port; nothing of it keeps the process alive, so Jest ends by itself, even where a test forgets
 * `app.close()`. Fake timers don't stop it.
 *
 * State machines are named as ever, by `RaftModule.forFeature`.
 *
 * @publicApi
 */
export class RaftTestingModule {
  /**
   * In the place of `RaftModule.forRoot()`, where a test puts its module together by itself.
   *
   * @param options those of `RaftModule.forRoot()` that mean something to a node alone. Default: none
   * @throws RaftError `RAFT_CONFIGURATION`, when the application is made
   * @example
   * ```ts
   * const module = await Test.createTestingModule({
   *   imports: [RaftTestingModule.forRoot(), RaftModule.forFeature([Counters])],
   * }).compile();
   * ```
   */
  static forRoot(options: RaftTestingOptions = {}): DynamicModule {
    const definition = RaftModule.forRoot(options);
    const kept = (definition.providers ?? []).filter((provider) => !OVERRIDES.has(tokenOf(provider)));
    const own = [...OVERRIDES].map(([provide, useValue]): Provider => ({ provide, useValue }));
    return { ...definition, providers: [...kept, ...own] };
  }

  /**
   * For a test of an existing application: every `RaftModule.forRoot()` or `forRootAsync()` in it becomes one node in memory,
   * of whatever group. Its other options stay in force. An options factory still runs.
   *
   * `overrideModule(RaftModule)` wouldn't do: it doesn't match a module with options.
   *
   * @param builder of `Test.createTestingModule(…)`
   * @returns the builder
   * @example
   * ```ts
   * const module = await RaftTestingModule.override(Test.createTestingModule({ imports: [AppModule] })).compile();
   * ```
   */
  static override<B extends OverridesProviders>(builder: B): B {
    for (const [token, value] of OVERRIDES) builder.overrideProvider(token).useValue(value);
    return builder;
  }
}

function tokenOf(provider: Provider): symbol {
  return (typeof provider === 'function' ? provider : provider.provide) as symbol;
}
