import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { RaftModuleExtras, RaftModuleOptions } from '../common/raft-module-options.interface';
import { RAFT_OPTIONS } from '../common/raft.tokens';

export const { ConfigurableModuleClass, ASYNC_OPTIONS_TYPE, OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<RaftModuleOptions>({ optionsInjectionToken: RAFT_OPTIONS })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createRaftOptions')
    // What is said here is known before a factory has run: scope and tokens depend on it.
    .setExtras<RaftModuleExtras>({ isGlobal: true, group: undefined }, (definition, { isGlobal }) => ({
      ...definition,
      global: isGlobal !== false,
    }))
    .build();
