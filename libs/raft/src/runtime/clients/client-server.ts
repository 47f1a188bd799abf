import { RaftError } from '../../errors/raft-error';
import type { GroupId } from '../../core/base/types';
import type { ClientChannel, ClientHost, Hello, RequestMessage } from '../../transport/contract';
import { admissionOfClient } from '../peers/admission';
import {
  CLIENT_STATUS,
  CLIENT_UNWATCH,
  CLIENT_WATCH,
  clusterStatus,
  decodeMachineName,
  encodeClusterStatus,
  encodeMachineEvent,
} from './client-calls';
import { ClientWatches } from './client-watches';
import { errorMessage } from '../base/error-message';
import { PendingRequest, type RequestResult } from '../requests/pending-request';
import type { RequestKind } from '../base/request-kind';
import type { MachineEventSource } from '../options/raft-node-options';
import type { RaftLogger } from '../base/logger';
import { decodeRequest, encodeResult } from '../requests/request-codec';
import { asRaftError, encodeError } from '../base/error-codec';
import type { Scheduler } from '../base/scheduler';
import type { RaftStatus } from '../status/status';

/** All that a client may ask of the cluster. What nodes ask of each other, votes, snapshots, joining, administration, isn't among it. */
const METHODS: ReadonlyMap<string, RequestKind> = new Map([
  ['propose', 'propose'],
  ['session', 'session'],
  ['query', 'query'],
]);
const LONGEST_TIMEOUT_MS = 3_600_000;
/** Of one client, so that it can't take all the space that calls have in this node. */
const MOST_CALLS = 2000;
const NOTHING = new Uint8Array(0);

export interface ClientServerPorts {
  readonly nodeName: string;
  readonly clusterName: string;
  readonly groupId: GroupId;
  readonly bootNonce: string;
  readonly logger: RaftLogger;
  readonly scheduler: Pick<Scheduler, 'setTimer' | 'clearTimer'>;
  readonly machineEvents: MachineEventSource | undefined;
  submit(request: PendingRequest): void;
  closed(): RaftError | undefined;
  status(): RaftStatus;
  onStatus(listener: (status: RaftStatus) => void): () => void;
}

interface Connected {
  calls: number;
  /** The call that asked to hear of the leader. */
  statusCall: number | undefined;
  lastSent: Uint8Array | undefined;
}

/**
 * Serves clients, which aren't members: their commands, sessions and queries go the way of this node's own callers, so any node
 * serves them, under every leader. They learn who the leader is, and what state machines report.
 */
export class ClientServer implements ClientHost {
  private readonly clients = new Map<ClientChannel, Connected>();
  private readonly watches: ClientWatches;
  private endings: (() => void)[] = [];
  /** What clients were told last, encoded once for all of them. */
  private latest: { readonly text: string; readonly body: Uint8Array } | undefined;

  constructor(private readonly ports: ClientServerPorts) {
    this.watches = new ClientWatches(ports);
  }

  admit(client: Hello): string | undefined {
    const { clusterName, nodeName } = this.ports;
    return this.ports.closed()?.message ?? admissionOfClient(client, { clusterName, nodeName });
  }

  receive(request: RequestMessage, channel: ClientChannel): void {
    try {
      this.take(request, channel);
    } catch (error) {
      // Whatever a client sends, it is the client's trouble.
      this.ports.logger.warn(`A call of the client ${channel.client.nodeName} failed: ${errorMessage(error)}`);
      this.refuse(request, channel, asRaftError(error));
    }
  }

  ended(channel: ClientChannel): void {
    this.clients.delete(channel);
    this.watches.ended(channel);
    if (this.clients.size > 0) return;
    for (const end of this.endings) end();
    this.endings = [];
  }

  private take(request: RequestMessage, channel: ClientChannel): void {
    const { groupId } = this.ports;
    if (request.groupId !== groupId) return this.refuse(request, channel, otherGroup(request.groupId, groupId));
    const client = this.connected(channel);
    switch (request.method) {
      case CLIENT_STATUS:
        client.statusCall = request.id;
        client.lastSent = undefined;
        return this.sendStatus(channel, client, this.ports.status());
      case CLIENT_WATCH:
        return this.watch(request, channel);
      case CLIENT_UNWATCH:
        this.watches.remove(channel, decodeMachineName(request.body));
        return this.answer(request, channel, NOTHING);
      default:
        return this.serve(request, channel, client);
    }
  }

  private serve(message: RequestMessage, channel: ClientChannel, client: Connected): void {
    const kind = METHODS.get(message.method);
    if (kind === undefined) return this.refuse(message, channel, forbidden(message.method));
    const call = decodeRequest(message.body);
    if (call?.bootNonce !== this.ports.bootNonce) return this.refuse(message, channel, notForThisBoot());
    if (client.calls >= MOST_CALLS) return this.refuse(message, channel, tooManyCalls());
    client.calls++;
    const request = new PendingRequest(
      {
        kind,
        body: call.body,
        schemaVersion: call.schemaVersion,
        consistency: call.consistency,
        mayForward: true,
        timeoutMs: Math.min(LONGEST_TIMEOUT_MS, Math.max(0, message.timeoutMs)),
        maxLagMs: call.maxLagMs,
        after: call.after,
        isFromPeer: true,
        carrier: call.carrier,
        // What a client says of itself binds nobody: its address does.
        caller: `client at ${channel.remoteAddress}`,
      },
      (result) => {
        client.calls--;
        this.answerResult(message, channel, result);
      },
      (error) => {
        client.calls--;
        this.refuse(message, channel, error);
      },
    );
    this.ports.submit(request);
  }

  private watch(request: RequestMessage, channel: ClientChannel): void {
    if (this.ports.machineEvents === undefined) return this.refuse(request, channel, nothingToHear());
    this.watches.add(channel, decodeMachineName(request.body), request.id);
    // Everything behind this index will be told.
    const index = this.ports.status().appliedIndex;
    this.answer(request, channel, encodeMachineEvent({ kind: 'replaced', index }));
  }

  private connected(channel: ClientChannel): Connected {
    const known = this.clients.get(channel);
    if (known !== undefined) return known;
    if (this.clients.size === 0) this.listen();
    const client = { calls: 0, statusCall: undefined, lastSent: undefined };
    this.clients.set(channel, client);
    return client;
  }

  private listen(): void {
    const { machineEvents } = this.ports;
    this.endings.push(
      this.ports.onStatus((status) => {
        for (const [channel, client] of this.clients) this.sendStatus(channel, client, status);
      }),
    );
    if (machineEvents !== undefined)
      this.endings.push(machineEvents.listen((machine, event) => this.watches.onMessage(machine, event)));
  }

  private sendStatus(channel: ClientChannel, client: Connected, status: RaftStatus): void {
    if (client.statusCall === undefined) return;
    const body = this.encodedStatus(status);
    if (body === client.lastSent) return;
    client.lastSent = body;
    this.push(channel, client.statusCall, body);
  }

  /** The same bytes for as long as nothing of it changes. */
  private encodedStatus(status: RaftStatus): Uint8Array {
    const word = clusterStatus(status);
    const text = JSON.stringify(word);
    if (this.latest?.text !== text) this.latest = { text, body: encodeClusterStatus(word) };
    return this.latest.body;
  }

  /** What can't be pushed must not be missed in silence: the client that connects again hears that something may have been. */
  private push(channel: ClientChannel, id: number, body: Uint8Array): void {
    const { groupId } = this.ports;
    if (!channel.send({ kind: 'response', groupId, id, ok: true, body }))
      channel.close("the client doesn't read what it asked for");
  }

  private answerResult(message: RequestMessage, channel: ClientChannel, result: RequestResult): void {
    let body: Uint8Array;
    try {
      body = encodeResult(result);
    } catch (error) {
      // The command is applied; that its answer can't travel must not hurt this node.
      const sentence = `The answer can't be sent: ${errorMessage(error)}`;
      return this.refuse(message, channel, new RaftError('RAFT_INDETERMINATE', sentence));
    }
    this.answer(message, channel, body);
  }

  private answer({ groupId, id }: RequestMessage, channel: ClientChannel, body: Uint8Array): void {
    channel.send({ kind: 'response', groupId, id, ok: true, body });
  }

  private refuse({ groupId, id }: RequestMessage, channel: ClientChannel, error: RaftError): void {
    channel.send({ kind: 'response', groupId, id, ok: false, body: encodeError(error) });
  }
}

function forbidden(method: string): RaftError {
  return new RaftError(
    'RAFT_FORBIDDEN',
    `A client may not call '${method}', and nothing was done: clients propose, query, open sessions and watch. Administration goes through a node.`,
  );
}

function otherGroup(asked: GroupId, served: GroupId): RaftError {
  return new RaftError(
    'RAFT_FORBIDDEN',
    `This node serves the group '${served}', and the client asks for '${asked}': give the client the group, or the addresses of the other group's nodes.`,
  );
}

/** It was sent to the process that was here before. */
function notForThisBoot(): RaftError {
  return new RaftError('RAFT_NO_LEADER', 'The call was meant for this node before its restart; nothing was applied.');
}

function tooManyCalls(): RaftError {
  return new RaftError(
    'RAFT_BUSY',
    `${MOST_CALLS} calls of this client wait in this node already; nothing was applied. Slow down and try again.`,
    { retryAfterMs: 200 },
  );
}

function nothingToHear(): RaftError {
  return new RaftError(
    'RAFT_FORBIDDEN',
    'This node tells clients of no changes: it was made without `machineEvents`, which the Nest module gives it. Poll instead.',
  );
}
