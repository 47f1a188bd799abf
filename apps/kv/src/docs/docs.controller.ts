import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Controller, Get, Header, Inject, NotFoundException, Param, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { hasToken } from '../access/admin-token';
import { TokenGuard } from '../access/admin.guard';
import type { NodeSettings } from '../command-line';
import { NODE_SETTINGS } from '../node-settings.token';
import { ApiDocument } from './api-document.service';

const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Key-value store: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/_docs/swagger-ui.css">
</head>
<body>
<main id="api"></main>
<script src="/_docs/swagger-ui-bundle.js"></script>
<script src="/_docs/start.js"></script>
</body>
</html>
`;
/** The token stays in the browser's tab, where the dashboard finds and leaves it too. */
const START = `'use strict';
(async () => {
  const asked = (token) => fetch('/_docs/json', { headers: token ? { authorization: 'Bearer ' + token } : {} });
  let token = sessionStorage.getItem('raft-token') || '';
  let answer = await asked(token);
  while (answer.status === 401) {
    token = (prompt('Administrators’ token') || '').trim();
    if (token === '') return;
    answer = await asked(token);
  }
  if (token !== '') sessionStorage.setItem('raft-token', token);
  SwaggerUIBundle({ spec: await answer.json(), dom_id: '#api', deepLinking: true });
})();
`;

/** The API's description, with Swagger UI served from this node: nothing comes from elsewhere. */
@ApiExcludeController()
@Controller('_docs')
export class DocsController {
  private readonly assets = path.dirname(createRequire(__filename).resolve('swagger-ui-dist/package.json'));

  constructor(
    private readonly document: ApiDocument,
    @Inject(NODE_SETTINGS) private readonly settings: Pick<NodeSettings, 'adminToken'>,
  ) {}

  /** A browser sends no token with a link: its answer is 401, and a page that says nothing and asks its reader for the token. */
  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:")
  page(@Req() { headers }: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): string {
    const { adminToken } = this.settings;
    if (adminToken !== undefined && !hasToken(headers.authorization, adminToken))
      reply.code(401).header('www-authenticate', 'Bearer realm="admin"');
    return PAGE;
  }

  @Get('json')
  @UseGuards(TokenGuard)
  json(): object {
    return this.document.get();
  }

  @Get('start.js')
  @Header('content-type', 'text/javascript; charset=utf-8')
  start(): string {
    return START;
  }

  @Get(':asset')
  async asset(@Param('asset') asset: string, @Res() reply: FastifyReply): Promise<void> {
    const type = Object.hasOwn(ASSETS, asset) ? ASSETS[asset] : undefined;
    if (type === undefined) throw new NotFoundException(`There is no /_docs/${asset}`);
    reply.header('content-type', type).header('cache-control', 'public, max-age=86400');
    await reply.send(createReadStream(path.join(this.assets, asset)));
  }
}
