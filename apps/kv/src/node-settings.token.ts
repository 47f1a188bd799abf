/** Token of this node's {@link NodeSettings}. */
export const NODE_SETTINGS = Symbol('NODE_SETTINGS');
