import { MetadataScanner, type ApplicationConfig, type DiscoveryService, type HttpAdapterHost } from '@nestjs/core';
import { attachedFilters, globalFilters, isForeign } from './chosen-filter';
import { RaftErrorInterceptor } from './raft-error.interceptor';

/**
 * Adds the interceptor where the application has filters of its own, which may be chosen before ours. Where it has none, every
 * request of every route is spared it.
 */
export function interceptHttpErrors(
  config: ApplicationConfig,
  discovery: DiscoveryService,
  adapterHost: HttpAdapterHost,
): void {
  const isThere = config.getGlobalInterceptors().some((each) => each instanceof RaftErrorInterceptor);
  if (!isThere && (globalFilters(config).some(isForeign) || hasAttachedFilters(discovery)))
    config.useGlobalInterceptors(new RaftErrorInterceptor(adapterHost, config));
}

function hasAttachedFilters(discovery: DiscoveryService): boolean {
  const scanner = new MetadataScanner();
  return discovery.getControllers().some(({ metatype }) => {
    if (typeof metatype !== 'function') return false;
    const prototype = metatype.prototype as Readonly<Record<string, object>>;
    const targets = [metatype, ...scanner.getAllMethodNames(prototype).map((name) => prototype[name]!)];
    return targets.some((target) => attachedFilters(target).some(isForeign));
  });
}
