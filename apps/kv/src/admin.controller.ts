import {
  BadRequestException,
  Controller,
  Delete,
  Get,
  HttpCode,
  NotFoundException,
  Param,
  Post,
  Put,
  Req,
  UseGuards,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { type MembershipView, RaftAdminService, type SnapshotInfo } from 'nestjs-raft';
import { AdminGuard } from './admin.guard';
import { fieldsOf, flagOf, hostPortOf, memberOf, textOf } from './admin.request';

/** Members, leadership and snapshots. Each route works on any node. */
@Controller()
@UseGuards(AdminGuard)
export class AdminController {
  constructor(private readonly admin: RaftAdminService) {}

  @Get('_raft/members')
  members(): MembershipView {
    return this.admin.members();
  }

  @Post('_raft/members')
  @HttpCode(200)
  add(@Req() request: FastifyRequest): Promise<MembershipView> {
    return this.admin.add(memberOf(fieldsOf(request)));
  }

  @Delete('_raft/members/:id')
  remove(@Param('id') id: string, @Req() request: FastifyRequest): Promise<MembershipView> {
    return this.admin.remove(id, { force: flagOf(fieldsOf(request), 'force') ?? false });
  }

  @Post('_raft/transfer')
  @HttpCode(200)
  transfer(@Req() request: FastifyRequest): Promise<{ readonly leader: string }> {
    return this.admin.transfer(textOf(fieldsOf(request), 'to'));
  }

  @Post('_raft/snapshot')
  @HttpCode(200)
  snapshot(): Promise<SnapshotInfo> {
    return this.admin.snapshot();
  }

  @Put('_praft/leadership_transfer')
  async transferLeadership(): Promise<{ readonly transferring: true }> {
    await this.admin.transfer();
    return { transferring: true };
  }

  @Put('_praft/remove_node')
  removeNode(@Req() request: FastifyRequest): Promise<MembershipView> {
    return this.removeAt(request);
  }

  @Delete('_praft/remove_node')
  deleteNode(@Req() request: FastifyRequest): Promise<MembershipView> {
    return this.removeAt(request);
  }

  private removeAt(request: FastifyRequest): Promise<MembershipView> {
    const address = hostPortOf(fieldsOf(request));
    if (address === undefined)
      throw new BadRequestException('Say which node: hostname and port, as it is reached by HTTP');
    const found = this.admin
      .members()
      .members.find(({ http, name }) => http === `http://${address}` || name === address);
    if (found === undefined) throw new NotFoundException(`No member is reached at ${address}`);
    return this.admin.remove(found.name);
  }
}
