import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Controller, Get, Header, NotFoundException, Param, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
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
const START = "SwaggerUIBundle({ url: '/_docs/json', dom_id: '#api', deepLinking: true });\n";

/** The API's description, with Swagger UI served from this node: nothing comes from elsewhere. */
@ApiExcludeController()
@Controller('_docs')
export class DocsController {
  private readonly assets = path.dirname(createRequire(__filename).resolve('swagger-ui-dist/package.json'));

  constructor(private readonly document: ApiDocument) {}

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:")
  page(): string {
    return PAGE;
  }

  @Get('json')
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
