import { type INestApplication, Injectable } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { KEY_ROUTES } from './key-routes';

/** The description of this node's API. */
@Injectable()
export class ApiDocument {
  private document: OpenAPIObject | undefined;
  private application: INestApplication | undefined;

  /** Described when it is first asked for: a start doesn't wait for it. */
  describe(application: INestApplication): void {
    this.application = application;
  }

  get(): OpenAPIObject {
    return (this.document ??= this.created());
  }

  private created(): OpenAPIObject {
    if (this.application === undefined) throw new Error('the application has not said what to describe');
    const config = new DocumentBuilder()
      .setTitle('Key-value store')
      .setDescription('A replicated key-value store: any path is a key, any JSON body a value.')
      .setVersion('1')
      .addBearerAuth()
      .build();
    const document = SwaggerModule.createDocument(this.application, config);
    return { ...document, paths: { ...KEY_ROUTES, ...document.paths } };
  }
}
