import type { Configuration } from '../../../core/base/configuration';
import { configurationOf } from '../../../core/membership/configuration-codec';
import { StoreCorruptError } from '../../contract';

/**
 * Reads a membership as an earlier version wrote it, too: what it didn't have yet is filled in.
 *
 * @throws StoreCorruptError it is none
 */
export function storedConfiguration(group: string, text: string): Configuration {
  try {
    return configurationOf(JSON.parse(text));
  } catch (error) {
    throw new StoreCorruptError(`The membership that is stored for group '${group}' can't be read: ${String(error)}`, {
      cause: error,
    });
  }
}
