import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { RaftClientModuleExtras, RaftClientModuleOptions } from './raft-client-module-options.interface';
import { RAFT_CLIENT_OPTIONS } from './raft-client.tokens';

export const { ConfigurableModuleClass, ASYNC_OPTIONS_TYPE, OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<RaftClientModuleOptions>({ optionsInjectionToken: RAFT_CLIENT_OPTIONS })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createRaftClientOptions')
    .setExtras<RaftClientModuleExtras>({ isGlobal: true, group: undefined }, (definition, { isGlobal }) => ({
      ...definition,
      global: isGlobal !== false,
    }))
    .build();
