import {
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Inject,
  NotFoundException,
  Param,
  Patch,
  Post,
  Req,
  Res,
  type Type,
} from '@nestjs/common';
import { getRaftAdminToken } from '../nest/services/get-raft-admin-token';
import { getRaftEventsToken } from '../nest/services/get-raft-events-token';
import { getRaftToken } from '../nest/services/get-raft-token';
import type { RaftAdminService } from '../nest/services/raft-admin.service';
import type { RaftEventsService } from '../nest/services/raft-events.service';
import type { RaftService } from '../nest/services/raft.service';
import type { MembershipView } from '../runtime/status/membership-view';
import type { RepairResult } from '../runtime/node/repairing';
import type { ClientSessionView } from '../runtime/clients/session-list';
import type { SnapshotInfo } from '../runtime/status/snapshot-status';
import type { RaftStatus } from '../runtime/status/status';
import { type AdminRequest, changeOptionsOf, fieldsOf, memberOf, newAddressOf, textOf } from './admin-request';
import { documentAdmin } from './api-documentation';
import { DASHBOARD, DASHBOARD_POLICY } from './dashboard/page';
import { beginEventStream } from './events/begin-event-stream';
import { NodeEventFeed } from './events/node-event-feed';
import { guarded } from './guarded';
import { whileConnected } from './while-connected';
import type { RaftAdminModuleOptions } from './raft-admin-module-options.interface';

/** A class for each registration, as the path, the guard and the group are part of it. */
export function adminController(options: RaftAdminModuleOptions): Type<object> {
  const { path = '_raft', group, dashboard = true, peerOf } = options;

  @Controller(path)
  class RaftAdminController {
    private readonly nodeEvents: NodeEventFeed;

    constructor(
      @Inject(getRaftToken(group)) private readonly raft: RaftService,
      @Inject(getRaftAdminToken(group)) private readonly admin: RaftAdminService,
      @Inject(getRaftEventsToken(group)) nodeEvents: RaftEventsService,
    ) {
      this.nodeEvents = new NodeEventFeed(nodeEvents);
    }

    @Get('status')
    @Header('cache-control', 'no-store')
    status(): RaftStatus {
      return this.raft.status();
    }

    @Get('members')
    @Header('cache-control', 'no-store')
    members(): MembershipView {
      return this.admin.members();
    }

    @Post('members')
    @HttpCode(200)
    add(@Req() request: AdminRequest): Promise<MembershipView> {
      const fields = fieldsOf(request);
      const member = memberOf(fields, peerOf);
      const options = changeOptionsOf(fields);
      return whileConnected(request, (signal) => this.admin.add(member, { ...options, signal }));
    }

    @Patch('members/:name')
    update(@Param('name') name: string, @Req() request: AdminRequest): Promise<MembershipView> {
      const fields = fieldsOf(request);
      return this.admin.updateAddress(name, newAddressOf(fields), changeOptionsOf(fields));
    }

    @Delete('members/:name')
    remove(@Param('name') name: string, @Req() request: AdminRequest): Promise<MembershipView> {
      const options = changeOptionsOf(fieldsOf(request));
      return whileConnected(request, (signal) => this.admin.remove(name, { ...options, signal }));
    }

    @Delete('change')
    cancel(@Req() request: AdminRequest): Promise<MembershipView> {
      const { timeoutMs } = changeOptionsOf(fieldsOf(request));
      return whileConnected(request, (signal) =>
        this.admin.cancelChange({ signal, ...(timeoutMs !== undefined && { timeoutMs }) }),
      );
    }

    @Post('members/:name/promote')
    @HttpCode(200)
    promote(@Param('name') name: string, @Req() request: AdminRequest): Promise<MembershipView> {
      const options = changeOptionsOf(fieldsOf(request));
      return whileConnected(request, (signal) => this.admin.promote(name, { ...options, signal }));
    }

    @Post('transfer')
    @HttpCode(200)
    transfer(@Req() request: AdminRequest): Promise<{ readonly leader: string }> {
      return this.admin.transfer(textOf(fieldsOf(request), 'to'));
    }

    @Post('snapshot')
    @HttpCode(200)
    snapshot(): Promise<SnapshotInfo> {
      return this.admin.snapshot();
    }

    @Post('repair')
    @HttpCode(200)
    repair(): Promise<RepairResult> {
      return this.admin.repair();
    }

    @Get('sessions')
    @Header('cache-control', 'no-store')
    sessions(): { readonly sessions: readonly ClientSessionView[] } {
      return { sessions: this.admin.sessions() };
    }

    @Delete('sessions/:id')
    async closeSession(@Param('id') id: string): Promise<{ readonly closed: string }> {
      await this.admin.closeSession(id);
      return { closed: id };
    }

    @Get('events')
    events(@Req() request: AdminRequest, @Res() reply: object): void {
      this.nodeEvents.refuseWhereFull();
      const response = beginEventStream(request, reply);
      if (response !== undefined) this.nodeEvents.add(response);
    }

    @Get('ui')
    @Header('content-type', 'text/html; charset=utf-8')
    @Header('content-security-policy', DASHBOARD_POLICY)
    @Header('cache-control', 'no-cache')
    @Header('x-content-type-options', 'nosniff')
    ui(): string {
      if (!dashboard) throw new NotFoundException('The dashboard is switched off here.');
      return DASHBOARD;
    }
  }
  documentAdmin(RaftAdminController);
  return guarded(RaftAdminController, options);
}
