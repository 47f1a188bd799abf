import {
  BadRequestException,
  Controller,
  Delete,
  Inject,
  NotFoundException,
  Put,
  Req,
  type Type,
} from '@nestjs/common';
import { getRaftAdminToken } from '../nest/services/get-raft-admin-token';
import type { RaftAdminService } from '../nest/services/raft-admin.service';
import type { MembershipView } from '../runtime/status/membership-view';
import { type AdminRequest, fieldsOf, hostPortOf } from './admin-request';
import { documentShortForms } from './api-documentation';
import { guarded } from './guarded';
import type { RaftAdminModuleOptions } from './raft-admin-module-options.interface';

/** Two routes for scripts: to hand the leadership over, and to remove a node by its HTTP address. */
export function shortFormsController(path: string, options: RaftAdminModuleOptions): Type<object> {
  @Controller(path)
  class RaftShortFormsController {
    constructor(@Inject(getRaftAdminToken(options.group)) private readonly admin: RaftAdminService) {}

    @Put('leadership_transfer')
    async transferLeadership(): Promise<{ readonly transferring: true }> {
      await this.admin.transfer();
      return { transferring: true };
    }

    @Put('remove_node')
    removeNode(@Req() request: AdminRequest): Promise<MembershipView> {
      return this.removeAt(request);
    }

    @Delete('remove_node')
    deleteNode(@Req() request: AdminRequest): Promise<MembershipView> {
      return this.removeAt(request);
    }

    private removeAt(request: AdminRequest): Promise<MembershipView> {
      const address = hostPortOf(fieldsOf(request));
      if (address === undefined)
        throw new BadRequestException('Say which node: hostname and port, as it is reached by HTTP.');
      const found = this.admin
        .members()
        .members.find(
          ({ http, name }) => http === `http://${address}` || http === `https://${address}` || name === address,
        );
      if (found === undefined) throw new NotFoundException(`No member is reached at ${address}.`);
      return this.admin.remove(found.name);
    }
  }
  documentShortForms(RaftShortFormsController);
  return guarded(RaftShortFormsController, options);
}
