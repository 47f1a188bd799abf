import {
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  UnsupportedMediaTypeException,
} from '@nestjs/common';
import { formTypeOf, otherSiteOf, type RequestOrigin } from './same-origin';

/**
 * Refuses what a browser sends on behalf of another site's page: with 403 by `Sec-Fetch-Site`, `Origin` or `Referer`, and with 415
 * the bodies of HTML forms. Programs such as curl send none of these headers and pass. `RaftAdminModule` puts it before each of its
 * routes; an application may put it before routes of its own.
 *
 * It says who didn't ask, not who did: it stands beside a guard that asks for a credential, and doesn't replace it.
 *
 * @example
 * ```ts
 * @UseGuards(new SameOriginGuard(), OperatorGuard)
 * ```
 * @publicApi
 */
export class SameOriginGuard implements CanActivate {
  /** @param allowedOrigins further origins whose pages may call, such as `https://ops.example.com` */
  constructor(private readonly allowedOrigins: readonly string[] = []) {}

  /** @throws ForbiddenException, UnsupportedMediaTypeException */
  canActivate(context: ExecutionContext): true {
    const request = context.switchToHttp().getRequest<RequestOrigin>();
    const site = otherSiteOf(request, this.allowedOrigins);
    if (site !== undefined)
      throw new ForbiddenException(
        `The request was sent by a page of another origin (${site}), and nothing was done. Only pages of this origin may call this path: add theirs to allowedOrigins of RaftAdminModule.register(), if you trust it.`,
      );
    const type = formTypeOf(request);
    if (type !== undefined)
      throw new UnsupportedMediaTypeException(
        `A browser sent a body of the type ${type}, which any site's form could send. Nothing was done: send application/json.`,
      );
    return true;
  }
}
