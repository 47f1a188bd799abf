// What a person can try; each line works on every node, as it is printed.

/**
 * @param {string} url a node's
 * @returns {Array<{does: string, command: string}>}
 */
export function curlLines(url) {
  return [
    { does: 'write', command: `curl -L -X PUT -d '{"hello":"world"}' ${url}/greeting` },
    { does: 'read', command: `curl -L ${url}/greeting` },
    { does: 'read on this node, however old', command: `curl '${url}/greeting?consistency=stale'` },
    { does: 'create only if it is absent', command: `curl -L -X PUT -H 'If-None-Match: *' -d 1 ${url}/once` },
    { does: 'delete', command: `curl -L -X DELETE ${url}/greeting` },
    { does: 'the leader, and how far the logs are', command: `curl ${url}/_raft/status` },
  ];
}
