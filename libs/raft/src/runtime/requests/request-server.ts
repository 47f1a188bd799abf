import { RaftError } from '../../errors/raft-error';
import type { GroupId } from '../../core/base/types';
import type { Hello, RequestMessage, ResponseMessage } from '../../transport/contract';
import { errorMessage } from '../base/error-message';
import { PendingRequest, type RequestResult } from './pending-request';
import type { RequestKind } from '../base/request-kind';
import { decodeRequest, encodeResult, type ForwardedRequest } from './request-codec';
import { encodeError } from '../base/error-codec';

const METHODS: ReadonlyMap<string, RequestKind> = new Map([
  ['propose', 'propose'],
  ['session', 'session'],
  ['query', 'query'],
  ['readIndex', 'readIndex'],
]);
const LONGEST_TIMEOUT_MS = 3_600_000;
const REMEMBERED_IDS = 8192;
const REMEMBERED_BOOTS = 64;

/** The calls of one boot of a peer that were accepted. */
interface Taken {
  /** Everything up to here counts as taken. */
  floor: number;
  ids: Set<number>;
}

export interface RequestServerPorts {
  readonly groupId: GroupId;
  readonly bootNonce: string;
  /** Empty before genesis. */
  clusterId(): string;
  submit(request: PendingRequest): void;
  answer(peer: Hello, response: ResponseMessage): void;
}

/**
 * Serves the calls that other nodes send on to this one because it leads. A repeated message must not become a second
 * command, so each call is taken once, and only by the life of this node that it was meant for.
 */
export class RequestServer {
  private readonly lives = new Map<string, Taken>();

  constructor(private readonly ports: RequestServerPorts) {}

  receive(message: RequestMessage, sender: Hello): void {
    const kind = METHODS.get(message.method);
    const forwarded = decodeRequest(message.body);
    if (message.groupId !== this.ports.groupId || forwarded?.bootNonce !== this.ports.bootNonce) return;
    if (sender.clusterId === '' || sender.clusterId !== this.ports.clusterId()) return;
    if (!this.isFirst(message.id, sender)) return;
    if (kind === undefined) this.refuse(message, sender, unknownMethod(message.method));
    else this.serve(kind, message, forwarded, sender);
  }

  private serve(kind: RequestKind, message: RequestMessage, forwarded: ForwardedRequest, sender: Hello): void {
    const request = new PendingRequest(
      {
        kind,
        body: forwarded.body,
        schemaVersion: forwarded.schemaVersion,
        consistency: forwarded.consistency,
        mayForward: false,
        timeoutMs: Math.min(LONGEST_TIMEOUT_MS, Math.max(0, message.timeoutMs)),
        isFromPeer: true,
        carrier: forwarded.carrier,
        caller: forwarded.caller,
      },
      (result) => this.answer(message, sender, result),
      (error) => this.refuse(message, sender, error),
    );
    this.ports.submit(request);
  }

  private answer(message: RequestMessage, sender: Hello, result: RequestResult): void {
    const { groupId, id } = message;
    let body: Uint8Array;
    try {
      body = encodeResult(result);
    } catch (error) {
      // The command is applied; that its answer can't travel must not hurt this node.
      this.refuse(
        message,
        sender,
        new RaftError('RAFT_INDETERMINATE', `The answer can't be sent: ${errorMessage(error)}`),
      );
      return;
    }
    this.ports.answer(sender, { kind: 'response', groupId, id, ok: true, body });
  }

  private refuse(message: RequestMessage, sender: Hello, error: RaftError): void {
    const { groupId, id } = message;
    this.ports.answer(sender, { kind: 'response', groupId, id, ok: false, body: encodeError(error) });
  }

  /** A repeat is dropped without an answer: the first may still be under way, and has the only answer that is true. */
  private isFirst(id: number, sender: Hello): boolean {
    const taken = this.takenOf(sender);
    if (id <= taken.floor || taken.ids.has(id)) return false;
    taken.ids.add(id);
    if (taken.ids.size > REMEMBERED_IDS) {
      const ascending = [...taken.ids].sort((left, right) => left - right);
      taken.floor = ascending[REMEMBERED_IDS / 2]!;
      taken.ids = new Set(ascending.slice(REMEMBERED_IDS / 2 + 1));
    }
    return true;
  }

  private takenOf(sender: Hello): Taken {
    const known = this.lives.get(sender.bootNonce);
    if (known !== undefined) return known;
    const taken = { floor: 0, ids: new Set<number>() };
    this.lives.set(sender.bootNonce, taken);
    if (this.lives.size > REMEMBERED_BOOTS) this.forgetOldestBoot();
    return taken;
  }

  private forgetOldestBoot(): void {
    const [oldest] = this.lives.keys();
    if (oldest !== undefined) this.lives.delete(oldest);
  }
}

function unknownMethod(method: string): RaftError {
  return new RaftError(
    'RAFT_FORBIDDEN',
    `This node doesn't know the call '${method}': it runs an older version. Bring all nodes to one version.`,
  );
}
