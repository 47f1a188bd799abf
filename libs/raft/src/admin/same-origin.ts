/** What of a request says where it comes from. Header names are in lower case, as Node gives them. */
export interface RequestOrigin {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Types that an HTML form can send to another site without asking it first. */
const FORM_TYPES = new Set(['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']);
/** What browsers add, and programs such as curl don't. */
const SIGNS_OF_A_BROWSER = ['origin', 'referer', 'cookie', 'sec-fetch-site', 'sec-fetch-mode'];

/**
 * Whether a page of another site had a browser send this request. Browsers say it in `Sec-Fetch-Site`, which no script can write;
 * where that is missing (old browsers, and plain HTTP to another machine), in `Origin`, and for what changes something in `Referer`.
 * A link to a page may be followed from anywhere: its answer stays out of reach of the site with the link.
 *
 * @param allowedOrigins further origins, such as `https://ops.example.com`
 * @returns the site that it comes from; undefined where it comes from this origin, or from no page
 */
export function otherSiteOf({ method, headers }: RequestOrigin, allowedOrigins: readonly string[]): string | undefined {
  const isRead = method === 'GET' || method === 'HEAD';
  const origin = textOf(headers['origin']) ?? (isRead ? undefined : originOf(textOf(headers['referer'])));
  if (origin !== undefined && allowedOrigins.includes(origin)) return undefined;
  const site = textOf(headers['sec-fetch-site']);
  if (site === 'same-origin' || site === 'none') return undefined;
  if (site !== undefined) return isRead && isNavigation(headers) ? undefined : (origin ?? `another site (${site})`);
  return origin === undefined || hostOf(origin) === plainHost(textOf(headers['host'] ?? headers[':authority']) ?? '')
    ? undefined
    : origin;
}

/**
 * Whether a browser may have sent this body for a page without asking this server first, as it does for forms.
 * @returns the Content-Type that says so
 */
export function formTypeOf({ headers }: RequestOrigin): string | undefined {
  const type = textOf(headers['content-type'])?.split(';')[0]!.trim().toLowerCase();
  if (type === undefined || !FORM_TYPES.has(type)) return undefined;
  return SIGNS_OF_A_BROWSER.some((name) => headers[name] !== undefined) ? type : undefined;
}

function isNavigation(headers: RequestOrigin['headers']): boolean {
  return headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}

function textOf(header: string | readonly string[] | undefined): string | undefined {
  // Said twice, it is of nobody's origin.
  return typeof header === 'object' ? header.join(', ') : header;
}

function originOf(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  return URL.canParse(address) ? new URL(address).origin : 'null';
}

/** Schemes aren't compared: a proxy that ends TLS in front of this server hands on plain HTTP. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? plainHost(new URL(origin).host) : undefined;
}

function plainHost(host: string): string {
  return host.toLowerCase().replace(/:(80|443)$/, '');
}
