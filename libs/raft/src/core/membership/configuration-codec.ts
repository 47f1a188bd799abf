import type { Configuration } from '../base/configuration';
import { InvariantError } from '../base/invariant';
import { checkConfiguration } from './membership';
import { fromWireConfiguration, isWireConfiguration, toWireConfiguration, withDefaults } from './wire-configuration';

/** The data of a configuration entry: JSON, as it is rare, small, and read by administrators. */
export function encodeConfiguration(configuration: Configuration): Uint8Array {
  return new TextEncoder().encode(configurationJson(configuration));
}

/** @returns the membership as it is stored and sent, as JSON */
export function configurationJson(configuration: Configuration): string {
  return JSON.stringify(toWireConfiguration(configuration));
}

/** @throws InvariantError where the data is no configuration */
export function decodeConfiguration(data: Uint8Array): Configuration {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  } catch (error) {
    throw new InvariantError(`a configuration entry can't be read: ${String(error)}`);
  }
  return configurationOf(parsed);
}

/**
 * @param value the parsed JSON of a membership, from a store or a peer
 * @throws InvariantError where it isn't a whole configuration
 */
export function configurationOf(value: unknown): Configuration {
  const completed = withDefaults(value);
  if (!isWireConfiguration(completed)) throw new InvariantError(`not a configuration: ${JSON.stringify(value)}`);
  const configuration = fromWireConfiguration(completed);
  checkConfiguration(configuration);
  return configuration;
}
