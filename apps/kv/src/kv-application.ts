import type { IncomingMessage } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { LogLevel } from '@nestjs/common';
import { originForm } from './access/request-target';
import { ApiDocument } from './docs/api-document.service';
import type { NodeSettings } from './command-line';
import { MAX_VALUE_BYTES } from './key-value.request';
import { KvModule } from './kv.module';

/** The route of the keys. */
const ANY_KEY = '/*';
const LEVELS: LogLevel[] = ['fatal', 'error', 'warn', 'log'];

/** Makes the application and opens its ports. It answers at once; until there is a leader, with 503. */
export async function startKvApplication(
  settings: NodeSettings,
  databaseUrl: string | undefined,
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: MAX_VALUE_BYTES,
    // A stop closes those that wait for nothing; what is under way is answered, with the code that says what became of it.
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    rewriteUrl: (request: IncomingMessage) => originForm(request.url ?? '/'),
    routerOptions: { maxParamLength: 16_384 },
  });
  takeEveryBodyAsBytes(adapter);
  const application = await NestFactory.create<NestFastifyApplication>(
    KvModule.register(settings, databaseUrl),
    adapter,
    {
      bodyParser: false,
      logger: settings.debug ? [...LEVELS, 'debug'] : LEVELS,
      abortOnError: false,
    },
  );
  application.get(ApiDocument).describe(application);
  try {
    await application.listen(settings.listen.port, settings.listen.host.replace(/^\[(.*)\]$/, '$1'));
  } catch (error) {
    await application.close();
    throw error;
  }
  return application;
}

/**
 * The Content-Type that curl sends on its own says nothing about a value, and one that is no media type would be a 415. Paths of the
 * application keep it: there it says whether a form of another site may have sent the body.
 */
function takeEveryBodyAsBytes(adapter: FastifyAdapter): void {
  const fastify = adapter.getInstance();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { headers } = request;
    const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    const isKey = request.routeOptions.url === ANY_KEY;
    // A DELETE without a type would lose its body.
    if (headers['content-type'] === undefined ? hasBody : isKey) headers['content-type'] = 'application/octet-stream';
    done();
  });
}
