import { decodeValue, encodeValue } from '../../state-machine/codec/value-codec';
import type { PeerCalls } from '../peers/peer-calls';
import type { PeerLinks } from '../peers/peer-links';
import type { RaftLogger } from '../base/logger';
import type { Replica } from '../replica/replica';

const NOTICE = 'admin.notice';
const LONGEST_NOTICE = 1000;
const TIMEOUT_MS = 2000;

export interface AdminNoticesPorts {
  readonly links: PeerLinks;
  readonly calls: PeerCalls;
  readonly logger: RaftLogger;
  readonly nodeId: string;
  replica(): Replica | undefined;
}

/** What an administrator asked of one node stands in the log of every member that is reached. */
export class AdminNotices {
  constructor(private readonly ports: AdminNoticesPorts) {}

  serve(): void {
    const { calls, links, logger } = this.ports;
    calls.serve(NOTICE, async (body, { replicaId, incarnation, nodeName }) => {
      const what = decodeValue(body);
      if (typeof what === 'string' && links.routes.memberOf(replicaId)?.incarnation === incarnation)
        logger.log(`Administration, asked of '${nodeName}': ${what.slice(0, LONGEST_NOTICE)}.`);
      return encodeValue(true);
    });
  }

  /** @param what was asked for: no sentence, and without its end */
  emit(what: string): void {
    const { calls, links, logger, nodeId } = this.ports;
    const replica = this.ports.replica();
    // Names come from the caller: none of them makes a line of its own.
    const said = what.replaceAll(/\p{Cc}/gu, '?').slice(0, LONGEST_NOTICE);
    logger.log(`Administration, asked of '${nodeId}': ${said}.`);
    for (const { id } of replica?.kernel.configuration.configuration.members ?? []) {
      const route = id === replica!.replicaId ? undefined : links.routeTo(id);
      if (route === undefined) continue;
      calls.call(route.address, NOTICE, encodeValue(said), TIMEOUT_MS).catch((error: unknown) => {
        logger.debug(`'${route.name}' could not be told what an administrator asked for: ${String(error)}`);
      });
    }
  }
}
